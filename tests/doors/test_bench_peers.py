"""The peers of `fastgen bench --peers`: they compute what the reference does."""

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("jax")

from fastgen import cases
from fastgen._ops import OPS
from fastgen.cli import compare, peers, standing
from fastgen.cli.candidates import prepared
from fastgen.cli.measure import measure, value_of
from fastgen.cli.row import GRADIENT, VALUE, Setting, Step

pytestmark = pytest.mark.usefixtures("wide")  # peers give JAX 64-bit types; this takes them back

FLOAT64 = np.dtype(np.float64)
WITHOUT = {
    "torch": {"flow.cubic_spline_inverse", "guidance.apg"},
    "jax.jit": {"guidance.apg"},
}
"""Operations whose references read values, or are called in a form that takes arrays of NumPy."""


def setting(*names):
    found = peers.found()
    chosen = {name: found[name] for name in names if name in found}
    return Setting(FLOAT64, 32 << 20, 1e10, 1.0, chosen)


def small(name):
    return (4, 8) if cases.signature(name).has_rows else (16,)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", OPS)
def test_every_operation_has_peers(name):
    """Values of the reference. PyTorch's compiler takes seconds for each, so it is not tried."""
    inputs = cases.inputs(name, small(name), np.float64)
    expected = cases.reference(name)(*inputs)
    found = prepared(Step(name, VALUE, small(name)), inputs, setting("torch", "jax.jit"))
    for peer, without in WITHOUT.items():
        assert bool(found.peers[peer]) == (name not in without), found.failures
    for call in found.calls.values():
        value = tuple(np.asarray(x) for x in cases.each(value_of(call(), VALUE)))
        for a, b in zip(value, cases.each(expected), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9)


SOME = ["vae.gaussian_nll", "flow.slogdet"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SOME)
def test_compiled_peers(name):
    """Values and gradients; the faster of two ways counts, and the first call is timed."""
    kind = GRADIENT if name != "flow.slogdet" else VALUE
    chosen = setting("torch", "compile", "jax.jit", "numexpr")
    row = measure(Step(name, kind, small(name)), chosen, 0.0)
    assert {"torch", "compile", "jax.jit"} <= set(row.peer_seconds)
    assert set(row.peer_compile_seconds) == {"compile", "jax.jit"}
    for peer, error in row.peer_errors.items():
        assert error <= compare.tolerance(name, FLOAT64), peer
    ratio, peer = standing.best(row)
    assert ratio == min(s / row.fastgen_seconds for s in row.peer_seconds.values())
    assert row.peer_seconds[peer] == min(row.peer_seconds.values())


@pytest.mark.filterwarnings("ignore")
def test_gradients_of_peers():
    name, shape = "vae.kl_standard_normal", (4, 8)
    inputs = cases.inputs(name, shape, np.float64)
    mu, logvar = inputs
    found = prepared(Step(name, GRADIENT, shape), inputs, setting("torch", "jax.jit"))
    for call in found.calls.values():
        _, gradients = call()
        np.testing.assert_allclose(gradients[0], mu, rtol=1e-12)
        np.testing.assert_allclose(gradients[1], np.expm1(logvar) / 2, rtol=1e-9, atol=1e-15)
