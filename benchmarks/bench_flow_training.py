"""Training steps of a spline flow of nflows, and of the same flow, accelerated.

    python -m pytest benchmarks/bench_flow_training.py --benchmark-enable

One step is zero_grad, log_prob, backward and Adam. "no spline" has no splines. Its time is a lower
bound: the time of a step if splines cost nothing.
"""

import contextlib

import numpy as np
import pytest

import fastgen
from fastgen._ops import ISA

torch = pytest.importorskip("torch", reason="torch missing: pip install torch")
pytest.importorskip("nflows", reason="nflows missing: pip install nflows")

from nflows.distributions.normal import StandardNormal  # noqa: E402
from nflows.flows.base import Flow  # noqa: E402
from nflows.nn.nets import ResidualNet  # noqa: E402
from nflows.transforms.base import CompositeTransform  # noqa: E402
from nflows.transforms.coupling import (  # noqa: E402
    PiecewiseRationalQuadraticCouplingTransform as NflowsCoupling,
)

from fastgen.torch import accelerate  # noqa: E402

DIMS, LAYERS, HIDDEN, BINS, BOUND = 16, 6, 64, 8, 3.0
BATCHES = [512, 4096]


class FreeCoupling(NflowsCoupling):
    """A coupling that only reads the parameters."""

    def _piecewise_cdf(self, inputs, transform_params, inverse=False):
        return inputs + transform_params[..., 0], transform_params[..., 1]


COUPLINGS = {"nflows": NflowsCoupling, "fastgen": NflowsCoupling, "no spline": FreeCoupling}


def run_by(library):
    """Return a context in which the library computes."""
    return accelerate("nflows") if library == "fastgen" else contextlib.nullcontext()


def network(inputs, outputs):
    return ResidualNet(inputs, outputs, hidden_features=HIDDEN)


def model(library, dtype=torch.float32):
    """Return a flow with the same weights for each library: dimensions move in turn, by 8 bins."""
    torch.manual_seed(0)
    couplings = [
        COUPLINGS[library](
            (torch.arange(DIMS) + layer) % 2, network, BINS, tails="linear", tail_bound=BOUND
        )
        for layer in range(LAYERS)
    ]
    return Flow(CompositeTransform(couplings), StandardNormal([DIMS])).to(dtype)


def data(batch):
    """Return points inside and outside the bins."""
    x = np.random.default_rng(0).normal(scale=1.5, size=(batch, DIMS))
    return torch.from_numpy(x.astype(np.float32))


def training(library, dtype, batch):
    """Return a function that makes one step and returns the loss."""
    flow, x = model(library, dtype), data(batch).to(dtype)
    optimizer = torch.optim.Adam(flow.parameters(), 1e-3)

    def step():
        optimizer.zero_grad()
        with run_by(library):
            loss = -flow.log_prob(x).mean()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def results(library, dtype, inverse):
    """Return the results for the data, and gradients of x and of every weight, in double."""
    flow, x = model(library, dtype), data(128).to(dtype).requires_grad_()
    with run_by(library):
        z, logabsdet = (flow._transform.inverse if inverse else flow._transform)(x)
    loss = (z**2).mean() - logabsdet.mean()
    gradients = torch.autograd.grad(loss, (x, *flow.parameters()))
    return [r.detach().double() for r in (z, logabsdet, *gradients)]


@pytest.mark.parametrize("inverse", [False, True])
def test_it_is_the_same_model(inverse):
    exact = results("nflows", torch.float64, inverse)

    def error(library, dtype):
        """Return the largest error, relative to the largest element of its array."""
        pairs = zip(results(library, dtype, inverse), exact, strict=True)
        return max(float(torch.max(abs(a - b)) / torch.max(abs(b))) for a, b in pairs)

    assert error("fastgen", torch.float64) < 1e-11
    ours = error("fastgen", torch.float32)
    assert ours < 5e-5
    assert ours < error("nflows", torch.float32)


def test_it_learns_the_same():
    """All losses agree, in double."""
    steps = [training(who, torch.float64, 128) for who in COUPLINGS]
    theirs, ours, _ = ([step() for _ in range(5)] for step in steps)
    np.testing.assert_allclose(ours, theirs, rtol=1e-10)
    assert np.all(np.diff(ours) < 0)


@pytest.mark.parametrize("library", COUPLINGS)
@pytest.mark.parametrize("batch", BATCHES)
def test_training_step(benchmark, batch, library):
    benchmark.group = f"training step, batch {batch} float32"
    threads = fastgen.get_num_threads()
    benchmark.extra_info.update(isa=ISA, threads=threads)
    torch.set_num_threads(threads)
    step = training(library, torch.float32, batch)
    with run_by(library):  # once, as a program does
        losses = [step() for _ in range(3)]
        assert np.all(np.diff(losses) < 0)
        benchmark(step)
