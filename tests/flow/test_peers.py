"""Layouts, conventions and normalization of `fastgen.flow` against modules of nflows and zuko."""

import numpy as np
import pytest

import fastgen
from fastgen import flow

torch = pytest.importorskip("torch")


def assert_close(found, wanted):
    for got, want in zip(found, wanted, strict=True):
        np.testing.assert_allclose(got, np.asarray(want.detach()), rtol=1e-10, atol=1e-10)


def test_maf_of_nflows(rng):
    """Its scale is that of "softplus" without limit, and comes before the shift."""
    autoregressive = pytest.importorskip(
        "nflows.transforms.autoregressive", reason="pip install nflows"
    )
    torch.manual_seed(0)
    theirs = autoregressive.MaskedAffineAutoregressiveTransform(5, 16).double()
    x = torch.tensor(rng.normal(size=(11, 5)))
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.mul_(5)  # so that some scales are above 3
        params = theirs.autoregressive_net(x).numpy()
    u, shift = flow.split_parameters(params, layout="scale_shift_pairs")
    assert np.logaddexp(u, 0).max() > 3
    options = {"scale_map": "softplus", "limit": np.inf}
    y, logabsdet = flow.affine_coupling(x, u, shift, **options)
    assert_close((y, logabsdet), theirs(x))
    back, other = flow.affine_coupling_inverse(y, u, shift, **options)
    np.testing.assert_allclose(back, x, rtol=1e-9, atol=1e-9)
    assert np.array_equal(other, -logabsdet)


def test_maf_of_zuko(rng):
    flows = pytest.importorskip("zuko.flows", reason="pip install zuko")
    theirs = flows.MaskedAutoregressiveTransform(5, hidden_features=(16,)).double()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.mul_(3)
    x = torch.tensor(rng.normal(size=(11, 5)))
    params = theirs.hyper(x).detach().numpy()
    u, shift = flow.split_parameters(params, layout="shift_scale_pairs")
    assert_close(
        flow.affine_coupling(x, u, shift, scale_map="soft_clip"), theirs().call_and_ladj(x)
    )


@pytest.mark.parametrize("shape", [(50, 3), (6, 3, 5, 4)])
def test_actnorm_of_nflows(shape, rng):
    """The initialization from the first batch, as in the docstring; vectors and images."""
    normalization = pytest.importorskip(
        "nflows.transforms.normalization", reason="pip install nflows"
    )
    theirs, axis = normalization.ActNorm(3).double(), tuple(range(1, len(shape)))
    x = 2 * rng.normal(size=shape) + 5
    wanted = theirs(torch.tensor(x))
    others = tuple({*range(len(shape))} - {1})
    deviation = x.std(axis=others, ddof=1, keepdims=True)
    log_scale, shift = -np.log(deviation)[0], (-x.mean(axis=others, keepdims=True) / deviation)[0]
    y, logabsdet = flow.actnorm(x, log_scale, shift, axis=axis)
    assert_close((y, logabsdet), wanted)
    np.testing.assert_allclose(y.mean(axis=others), np.zeros(3), atol=1e-12)
    inverse = flow.actnorm(y, log_scale, shift, inverse=True, axis=axis)
    assert_close(inverse, theirs.inverse(torch.tensor(y)))
    gradients = fastgen.value_and_grad(flow.actnorm)(x, log_scale, shift, axis=axis)[1]
    y, logabsdet = theirs(torch.tensor(x))
    parameters = (theirs.log_scale, theirs.shift)
    theirs = torch.autograd.grad(y.sum() + logabsdet.sum(), parameters)
    assert_close([g.ravel() for g in gradients[1:]], theirs)


def test_batch_norm_of_nflows_in_training(rng):
    """Normalize by the moments of the batch. The gradient flows through the moments."""
    normalization = pytest.importorskip(
        "nflows.transforms.normalization", reason="pip install nflows"
    )
    theirs = normalization.BatchNorm(4).double()
    x = torch.tensor(rng.normal(size=(9, 4)), requires_grad=True)
    y, logabsdet = theirs(x)
    c, d = rng.normal(size=(9, 4)), rng.normal(size=9)
    total = (y * torch.tensor(c)).sum() + (logabsdet * torch.tensor(d)).sum()
    inputs = x.detach().numpy()
    log_gamma, beta = np.log(theirs.weight.detach().numpy()), theirs.bias.detach().numpy()
    mean, var = inputs.mean(axis=0), inputs.var(axis=0, ddof=1)
    value, gradients = fastgen.value_and_grad(flow.batch_norm)(
        inputs, log_gamma, beta, mean, var, cotangent=(c, d), eps=theirs.eps
    )
    assert_close(value, (y, logabsdet))
    d_x, _, d_beta, d_mean, d_var = gradients
    d_x = d_x + d_mean / 9 + d_var * 2 * (inputs - mean) / 8
    assert_close((d_x, d_beta), torch.autograd.grad(total, (x, theirs.bias)))
