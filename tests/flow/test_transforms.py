"""`fastgen.flow`: determinants, couplings and more, against NumPy and other libraries."""

import dask.array as da
import numpy as np
import pytest

import fastgen
from fastgen import flow
from fastgen.reference import flow as reference

MAPS = ["exp", "sigmoid", "softplus", "tanh", "soft_clip"]

# Log-determinants.


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 1), (5, 5), (3, 4, 4), (2, 3, 17, 17), (0, 3, 3), (2, 0, 0)])
def test_logdet_triangular_is_slogdet(shape, dtype, rng):
    tril = np.tril(rng.normal(size=shape)).astype(dtype)
    value = flow.logdet_triangular(tril)
    assert value.dtype == dtype and np.shape(value) == shape[:-2]
    wanted = np.linalg.slogdet(tril.astype(float))[1]
    np.testing.assert_allclose(value, wanted, rtol=1e-6, atol=1e-5)
    upper = np.swapaxes(tril, -1, -2)
    assert np.array_equal(flow.logdet_triangular(upper), value)
    assert np.array_equal(flow.logdet_triangular(np.asfortranarray(tril)), value)


def test_logdet_triangular_reads_only_the_diagonal():
    tril = np.full((3, 4, 4), np.nan)
    np.einsum("...ii->...i", tril)[...] = 2
    np.testing.assert_allclose(flow.logdet_triangular(tril), 4 * np.log(2))
    assert np.array_equal(flow.logdet_triangular(tril, unit_diagonal=True), np.zeros(3))
    for special, wanted in [(0.0, -np.inf), (np.nan, np.nan), (np.inf, np.inf)]:
        tril[1, 2, 2] = special
        np.testing.assert_array_equal(flow.logdet_triangular(tril)[1], wanted)


def test_slogdet_triangular_is_slogdet(rng):
    tril = np.tril(rng.normal(size=(40, 5, 5)))
    wanted = np.linalg.slogdet(tril)
    sign, logabsdet = flow.slogdet_triangular(tril)
    assert np.array_equal(sign, wanted.sign) and set(sign) == {-1, 1}
    np.testing.assert_allclose(logabsdet, wanted.logabsdet, rtol=1e-12)
    tril[3, 2, 2] = 0  # LAPACK, which swaps rows, gives a tiny number or 0: that depends on the CPU
    sign, logabsdet = flow.slogdet_triangular(tril)
    assert sign[3] == 0 and logabsdet[3] == -np.inf
    assert np.array_equal(logabsdet, flow.logdet_triangular(tril))
    f = fastgen.value_and_grad(flow.slogdet_triangular)
    gradient = f(tril[:3], cotangent=(5.0, 1.0))[1][0]
    assert np.array_equal(gradient, fastgen.value_and_grad(flow.logdet_triangular)(tril[:3])[1][0])


def test_logdet_lu_of_scipy(rng):
    linalg = pytest.importorskip("scipy.linalg")
    weight = rng.normal(size=(12, 12))
    value = flow.logdet_lu(linalg.lu_factor(weight)[0], height=7, width=5)
    np.testing.assert_allclose(value, 35 * np.linalg.slogdet(weight)[1])


def test_gradients_of_determinants_are_inverse_diagonals(rng):
    tril = np.tril(rng.normal(size=(3, 4, 4))).astype(np.float32)
    inverse = 1 / np.einsum("...ii->...i", tril)
    value, (gradient,) = fastgen.value_and_grad(flow.logdet_triangular)(tril)
    assert np.array_equal(value, flow.logdet_triangular(tril)) and gradient.dtype == np.float32
    assert np.array_equal(gradient, inverse[..., None] * np.eye(4, dtype=np.float32))
    value, pullback = fastgen.vjp(flow.logdet_lu, tril, height=2, width=3)
    assert np.array_equal(value, flow.logdet_lu(tril, height=2, width=3))
    weights = np.arange(3, dtype=np.float32)
    assert np.array_equal(pullback(weights)[0], 6 * (weights[:, None, None] * gradient))
    unit = fastgen.value_and_grad(flow.logdet_triangular)(tril, unit_diagonal=True)
    assert not np.any(unit[0]) and not np.any(unit[1][0])


def test_determinants_agree_with_the_reference(rng):
    matrices = rng.normal(size=(6, 5, 5))
    for name, options in [
        ("logdet_triangular", {}),
        ("logdet_triangular", {"unit_diagonal": True}),
        ("logdet_lu", {"height": 4, "width": 3}),
    ]:
        wanted = getattr(reference, name)(matrices, **options)
        np.testing.assert_allclose(getattr(flow, name)(matrices, **options), wanted, rtol=1e-13)


def test_determinants_refuse_what_is_not_square():
    for function in (flow.logdet_triangular, flow.logdet_lu):
        for bad in (np.ones(3), np.ones((2, 3, 4)), 1.0):
            with pytest.raises(ValueError, match=r"\(\.\.\., n, n\), got"):
                function(bad)
    for size in ({"height": 0}, {"width": -1}):
        with pytest.raises(ValueError, match="height and width must be at least 1"):
            flow.logdet_lu(np.eye(2), **size)
    with pytest.raises(TypeError, match="complex"):
        flow.logdet_triangular(np.eye(2) * 1j)


def test_determinants_of_dask_arrays_stay_lazy(rng):
    matrices = rng.normal(size=(6, 5, 5))
    lazy = flow.logdet_triangular(da.from_array(matrices, chunks=(2, -1, -1)))
    assert isinstance(lazy, da.Array)
    np.testing.assert_array_equal(lazy.compute(), flow.logdet_triangular(matrices))


# Couplings.

COUPLINGS = [(flow.affine_coupling, flow.affine_coupling_inverse, {"scale_map": m}) for m in MAPS]
COUPLINGS += [(flow.additive_coupling, flow.additive_coupling_inverse, {})]


def call_coupling(function, x, log_scale, shift, **options):
    inputs = (x, shift) if "additive" in function.__name__ else (x, log_scale, shift)
    return function(*inputs, **options)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("forward", "inverse", "options"), COUPLINGS)
def test_couplings_undo_each_other(forward, inverse, options, dtype, rng):
    x, log_scale, shift = rng.normal(size=(3, 7, 33)).astype(dtype)
    for mask in (None, np.arange(33) % 2, np.arange(33) % 3 == 0):
        y, logabsdet = call_coupling(forward, x, log_scale, shift, mask=mask, **options)
        back, other = call_coupling(inverse, y, log_scale, shift, mask=mask, **options)
        assert y.dtype == back.dtype == dtype and logabsdet.shape == (7,)
        # Rounding of y moves x by that over the scale. The scale is at least sigmoid(-2).
        assert np.max(np.abs(back - x)) < 300 * np.finfo(dtype).eps
        assert np.array_equal(logabsdet, -other)
        if mask is not None:
            assert np.array_equal(y[:, mask == 1], x[:, mask == 1])


@pytest.mark.parametrize(("forward", "inverse", "options"), COUPLINGS)
def test_coupling_logabsdet_is_slogdet_of_the_jacobian(forward, inverse, options, rng):
    x, log_scale, shift = rng.normal(size=(3, 9))
    mask, h = np.arange(9) % 4 == 0, 1e-6

    for function in (forward, inverse):

        def transform(x, function=function):
            return call_coupling(function, x, log_scale, shift, mask=mask, **options)[0]

        jacobian = [(transform(x + h * e) - transform(x - h * e)) / (2 * h) for e in np.eye(9)]
        logabsdet = call_coupling(function, x, log_scale, shift, mask=mask, **options)[1]
        np.testing.assert_allclose(logabsdet, np.linalg.slogdet(jacobian)[1], atol=1e-8)


def torch_affine(torch, scale_map, x, u, shift, limit):
    """Return y and the elementwise log-scale, as other libraries compute them."""
    log_scale = {
        "exp": lambda: u,
        "sigmoid": lambda: torch.log(torch.sigmoid(u + 2) + 1e-3),
        "softplus": lambda: torch.log((torch.nn.functional.softplus(u) + 1e-3).clamp(max=limit)),
        "tanh": lambda: limit * torch.tanh(u),
        "soft_clip": lambda: u / (1 + abs(u / limit)),
    }[scale_map]()
    return x * torch.exp(log_scale) + shift, log_scale


@pytest.mark.parametrize("scale_map", MAPS)
def test_gradients_of_couplings_are_those_of_autograd(scale_map, rng):
    torch = pytest.importorskip("torch")
    x, u, shift = rng.normal(size=(3, 6, 8))
    limited = () if scale_map in ("exp", "sigmoid") else (np.array(1.5),)
    mask = np.arange(8) < 3
    c, d = rng.normal(size=(6, 8)), rng.normal(size=6)
    inputs = [torch.tensor(a, requires_grad=True) for a in (x, u, shift, *limited)]
    y, log_scale = torch_affine(torch, scale_map, *inputs[:3], inputs[-1])
    y = torch.where(torch.tensor(mask), inputs[0], y)
    logabsdet = torch.where(torch.tensor(mask), 0.0, log_scale).sum(-1)
    total = (y * torch.tensor(c)).sum() + (logabsdet * torch.tensor(d)).sum()
    wanted = torch.autograd.grad(total, inputs)
    f = fastgen.value_and_grad(flow.affine_coupling)
    given = (x, u, shift, *((mask, *limited) if limited else ()))
    options = {} if limited else {"mask": mask}
    value, gradients = f(*given, cotangent=(c, d), scale_map=scale_map, **options)
    np.testing.assert_allclose(value[0], y.detach(), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(value[1], logabsdet.detach(), rtol=1e-12, atol=1e-12)
    if limited:
        assert gradients[3].shape == mask.shape and not np.any(gradients[3])
        gradients = (*gradients[:3], gradients[4])
    for got, want in zip(gradients, wanted, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("scale_map", ["sigmoid", "softplus"])
def test_couplings_of_nflows(scale_map, rng):
    torch = pytest.importorskip("torch")
    coupling = pytest.importorskip("nflows.transforms.coupling", reason="pip install nflows")
    mask = np.array([0.0, 1.0, 1.0, 0.0, 1.0])  # there, 1 marks dimensions that move
    params = rng.normal(size=(11, 6))

    class Network(torch.nn.Module):
        def forward(self, identity, context=None):
            return torch.tensor(params)

    options = {}
    if scale_map == "softplus":  # only in the version in their repository
        if not hasattr(coupling.AffineCouplingTransform, "GENERAL_SCALE_ACTIVATION"):
            pytest.skip("this version of nflows has no scale_activation")
        options["scale_activation"] = coupling.AffineCouplingTransform.GENERAL_SCALE_ACTIVATION
    theirs = coupling.AffineCouplingTransform(torch.tensor(mask), lambda *_: Network(), **options)
    x = rng.normal(size=(11, 5))
    u, shift = flow.split_parameters(params, layout="shift_then_scale")
    moves = mask > 0
    for ours, call in [
        (flow.affine_coupling, theirs.forward),
        (flow.affine_coupling_inverse, theirs.inverse),
    ]:
        wanted, wanted_logabsdet = call(torch.tensor(x))
        y, logabsdet = ours(x[:, moves], u, shift, scale_map=scale_map)
        np.testing.assert_allclose(y, wanted[:, moves], rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(logabsdet, wanted_logabsdet, rtol=1e-12, atol=1e-12)


def test_soft_clip_is_zuko(rng):
    torch = pytest.importorskip("torch")
    transforms = pytest.importorskip("zuko.transforms", reason="pip install zuko")
    x, shift, u = rng.normal(size=(3, 4, 6)) * 5
    theirs = transforms.MonotonicAffineTransform(torch.tensor(shift), torch.tensor(u))
    y, logabsdet = flow.affine_coupling(x, u, shift, scale_map="soft_clip")
    wanted, ladj = theirs.call_and_ladj(torch.tensor(x))
    np.testing.assert_allclose(y, wanted, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(logabsdet, ladj.sum(-1), rtol=1e-12)


def test_a_mask_does_not_change_the_type():
    x = np.ones((2, 3), np.float32)
    for mask in (None, True, [1, 0, 1], np.array([True, False, True]), np.ones(3, "i8"), 1.0):
        for y in (*flow.affine_coupling(x, x, x, mask), *flow.additive_coupling(x, x, mask)):
            assert y.dtype == np.float32
    assert flow.affine_coupling([1, 2], 0, 0, mask=[True, False])[0].dtype == np.float64


def test_couplings_in_place(rng):
    x, log_scale, shift = rng.normal(size=(3, 4, 20))
    y, logabsdet = flow.affine_coupling(x, log_scale, shift)
    out = (x.copy(), np.empty(4))
    found = flow.affine_coupling(out[0], log_scale, shift, out=out)
    assert found[0] is out[0] and found[1] is out[1]
    assert np.array_equal(out[0], y) and np.array_equal(out[1], logabsdet)


def test_couplings_refuse():
    x = np.ones((2, 3))
    for function in (flow.affine_coupling, flow.affine_coupling_inverse):
        with pytest.raises(ValueError, match=r"scale_map must be one of 'exp'.*got 'cubic'"):
            function(x, x, x, scale_map="cubic")
        with pytest.raises(ValueError, match=r"limit must be None except.*'softplus', 'tanh'"):
            function(x, x, x, limit=2.0)
        with pytest.raises(ValueError, match=r"mask.*\(4,\)"):
            function(x, x, x, mask=np.ones(4))


# Normalization and layouts.


@pytest.mark.parametrize("inverse", [False, True])
def test_normalization_of_images_counts_every_place(inverse, rng):
    images, axis = rng.normal(size=(2, 3, 5, 7)), (1, 2, 3)
    log_scale, shift, mean = rng.normal(size=(3, 3, 1, 1))
    var = rng.random((3, 1, 1)) + 0.1
    options = {"inverse": inverse, "axis": axis}
    y, logabsdet = flow.actnorm(images, log_scale, shift, **options)
    sign = -1 if inverse else 1
    np.testing.assert_allclose(logabsdet, sign * np.full(2, 35 * np.sum(log_scale)))
    z, normed = flow.batch_norm(images, log_scale, shift, mean, var, **options)
    each = log_scale - np.log(var + 1e-5) / 2
    np.testing.assert_allclose(normed, sign * np.full(2, 35 * np.sum(each)))
    options["inverse"] = not inverse
    np.testing.assert_allclose(flow.actnorm(y, log_scale, shift, **options)[0], images)
    np.testing.assert_allclose(
        flow.batch_norm(z, log_scale, shift, mean, var, **options)[0], images
    )


def test_normalization_agrees_with_the_reference(rng):
    x, log_scale, shift, mean = rng.normal(size=(4, 6, 5))
    var = rng.random(5)
    for options in ({}, {"inverse": True}, {"axis": 0, "keepdims": True}):
        for name, inputs in [("actnorm", ()), ("batch_norm", (mean, var))]:
            found = getattr(flow, name)(x, log_scale, shift, *inputs, **options)
            wanted = getattr(reference, name)(x, log_scale, shift, *inputs, **options)
            for a, b in zip(found, wanted, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def test_gradients_of_normalization_are_per_channel(rng):
    images, log_scale, shift = (
        rng.normal(size=(2, 3, 4, 4)),
        np.zeros((3, 1, 1)),
        np.zeros((3, 1, 1)),
    )
    f = fastgen.value_and_grad(flow.actnorm)
    (y, _), (d_x, d_log_scale, d_shift) = f(
        images, log_scale, shift, cotangent=(0.0, 1.0), axis=(1, 2, 3)
    )
    assert np.array_equal(y, images) and not np.any(d_x) and not np.any(d_shift)
    assert np.array_equal(d_log_scale, np.full((3, 1, 1), 2 * 16.0))
    (_, _), gradients = f(
        images, log_scale, shift, cotangent=(1.0, None), axis=(1, 2, 3), inverse=True
    )
    np.testing.assert_allclose(gradients[2], np.full((3, 1, 1), -32.0))
    ones, zeros = np.ones(3), np.zeros(3)
    f = fastgen.value_and_grad(flow.batch_norm)
    gradients = f(images[..., :3], zeros, zeros, zeros, ones, cotangent=(0.0, 1.0), eps=1.0)[1]
    assert len(gradients) == 5
    np.testing.assert_allclose(gradients[4], np.full(3, -24 / 4))


def test_batch_norm_of_nflows(rng):
    torch = pytest.importorskip("torch")
    normalization = pytest.importorskip(
        "nflows.transforms.normalization", reason="pip install nflows"
    )
    theirs = normalization.BatchNorm(4).double().eval()
    x = rng.normal(size=(5, 4))
    theirs.running_mean += torch.tensor(rng.normal(size=4))
    weight, bias = (p.detach().numpy() for p in (theirs.weight, theirs.bias))
    moments = [p.numpy() for p in (theirs.running_mean, theirs.running_var)]
    for inverse, call in [(False, theirs.forward), (True, theirs.inverse)]:
        y, logabsdet = flow.batch_norm(x, np.log(weight), bias, *moments, inverse=inverse)
        wanted, wanted_logabsdet = call(torch.tensor(x))
        np.testing.assert_allclose(y, wanted.detach(), rtol=1e-9)
        np.testing.assert_allclose(logabsdet, wanted_logabsdet.detach(), rtol=1e-9)


def test_split_parameters_gives_views():
    params = np.arange(12.0).reshape(2, 6)
    for layout, log_scale, shift in [
        ("shift_then_scale", [3, 4, 5], [0, 1, 2]),
        ("scale_then_shift", [0, 1, 2], [3, 4, 5]),
        ("shift_scale_pairs", [1, 3, 5], [0, 2, 4]),
        ("scale_shift_pairs", [0, 2, 4], [1, 3, 5]),
    ]:
        found = flow.split_parameters(params, layout=layout)
        for got, columns in zip(found, (log_scale, shift), strict=True):
            assert np.shares_memory(got, params) and np.array_equal(got, params[:, columns])
        for got, want in zip(
            flow.split_parameters(params.T, layout=layout, axis=0), found, strict=True
        ):
            assert np.array_equal(got.T, want)
    with pytest.raises(ValueError, match=r"layout must be one of.*got 'halves'"):
        flow.split_parameters(params, layout="halves")
    with pytest.raises(ValueError, match=r"even length along axis -1, got shape \(2, 5\)"):
        flow.split_parameters(params[:, 1:], layout="shift_then_scale")


# Planar and radial flows.


@pytest.mark.parametrize("name", ["planar", "radial"])
def test_logabsdet_of_bending_flows_is_slogdet_of_the_jacobian(name, rng):
    f, g, h = getattr(flow, name), getattr(reference, name), 1e-6
    for _ in range(20):
        x, w, u = 2 * rng.normal(size=(3, 6))
        given = (w, u, rng.normal()) if name == "planar" else (w, *rng.normal(size=2))
        ends = [(f(x + h * e, *given)[0], f(x - h * e, *given)[0]) for e in np.eye(6)]
        sign, wanted = np.linalg.slogdet([(a - b) / (2 * h) for a, b in ends])
        y, logabsdet = f(x, *given)
        assert sign == 1  # so it is invertible
        np.testing.assert_allclose(logabsdet, wanted, atol=1e-7)
        for got, want in zip((y, logabsdet), g(x, *given), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12)


def test_planar_where_the_plane_hardly_lets_through():
    # The formula 1 + u.w h' would cancel to 1 - 1 here.
    w = np.array([1.0, 0.0])
    y, logabsdet = flow.planar(np.zeros(2), w, -60 * w, 0.0)
    np.testing.assert_allclose(logabsdet, -60, rtol=1e-12)
    assert np.array_equal(y, np.zeros(2))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("axis", [-1, (0, 1), None])
def test_log_prob_of_no_dimensions_is_the_log_determinant(axis, dtype):
    z = np.zeros((0, 2) if axis == (0, 1) else (0,) if axis is None else (2, 0), dtype)
    logabsdet = np.array(1.5 if axis is None or axis == (0, 1) else [1.5, -2.0], dtype)
    z = np.zeros((0, 3), dtype) if axis == (0, 1) else z
    got = flow.log_prob(z, logabsdet, axis=axis)
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, logabsdet)
    _, gradients = fastgen.value_and_grad(flow.log_prob)(z, logabsdet, axis=axis)
    assert gradients[0].shape == z.shape
    np.testing.assert_array_equal(gradients[1], np.ones_like(logabsdet))
