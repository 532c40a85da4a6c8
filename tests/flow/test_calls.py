"""Calls of `fastgen.flow` with tensors, foreign byte order and views, and its errors."""

import re

import numpy as np
import pytest

import fastgen
from fastgen import flow

COMPOSED = ["actnorm", "logdet_triangular", "slogdet_triangular", "logdet_lu"]


def assert_same(found, wanted, dtype):
    found, wanted = (r if isinstance(r, tuple) else (r,) for r in (found, wanted))
    for a, b in zip(found, wanted, strict=True):
        assert isinstance(a, np.ndarray) and a.dtype == dtype
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", COMPOSED)
def test_what_is_composed_takes_tensors_and_foreign_bytes(name, rng):
    torch = pytest.importorskip("torch")
    f = fastgen.value_and_grad(getattr(flow, name))
    inputs = list(rng.random((3, 4, 6) if name == "actnorm" else (1, 3, 4, 4)))
    wanted, gradients = f(*inputs)
    for given in ([torch.from_numpy(a) for a in inputs], [a.astype(">f8") for a in inputs]):
        value, found = f(*given)
        assert_same(value, wanted, np.float64)
        assert_same(found, gradients, np.float64)
        assert all(g.dtype.isnative for g in found)


def test_a_mask_and_its_arrays_may_be_tensors(rng):
    torch = pytest.importorskip("torch")
    x, mask = rng.random((4, 3)).astype(np.float32), np.array([True, False, True])
    t = torch.from_numpy(x)
    for given in (mask, torch.from_numpy(mask)):
        assert_same(flow.affine_coupling(t, t, t, given), flow.affine_coupling(x, x, x, mask), "f4")
        assert_same(flow.additive_coupling(x, x, given), flow.additive_coupling(x, x, mask), "f4")


@pytest.mark.parametrize("spline", [flow.rational_quadratic_spline, flow.linear_spline])
def test_what_is_outside_of_a_spline_is_refused_whatever_holds_it(spline):
    torch = pytest.importorskip("torch")
    count = 3 if "rational" in spline.__name__ else 1
    raw = [np.zeros(4), np.zeros(4), np.zeros(5)][:count]
    for x in (2.0, [0.5, -2.0], np.array([2.0]), torch.tensor([2.0]), (0.5, np.inf)):
        with pytest.raises(ValueError, match=r"x must be within the bound 1\.0"):
            spline(x, *raw, tails=None)
    for x in ("a", np.array([1j]), None, np.ma.array([0.5])):
        with pytest.raises(TypeError, match=f"{spline.__name__}: x must"):
            spline(x, *raw, tails=None)
    y, _ = spline(torch.tensor([0.5, np.nan], dtype=torch.float64), *raw, tails=None)
    np.testing.assert_array_equal(y, spline(np.array([0.5, np.nan]), *raw, tails=None)[0])


def interleaved(f, *inputs, **options):
    """Interleave the results in one array."""
    wanted = f(*inputs, **options)
    both = np.empty((*wanted[0].shape, 2))
    out = both[..., 0], both[..., 1]
    found = f(*inputs, **options, out=out)
    assert found[0] is out[0] and found[1] is out[1]
    assert_same(found, wanted, np.float64)
    shared = np.zeros((5, *wanted[0].shape[1:]))
    with pytest.raises(ValueError, match="the arrays in out must not share memory"):
        f(*inputs, **options, out=(shared[1:], shared[:-1]))
    assert not shared.any()


def test_results_may_lie_between_each_other(rng):
    x, *parameters = (rng.random((4, 6, n)) for n in (1, 5, 5, 4))
    interleaved(flow.rational_quadratic_spline, x[..., 0], *parameters)
    interleaved(flow.exp, x[..., 0], axis=())
    interleaved(flow.affine_coupling, *rng.random((3, 4, 6)), axis=())


def test_bits_per_dim_of_what_is_no_array(rng):
    nats, want = [-1.0, 2.0], flow.bits_per_dim(np.array([-1.0, 2.0]), dims=2)
    for given in (nats, np.array([-1, 2]), np.array(nats, ">f8")):
        assert_same(flow.bits_per_dim(given, dims=2), want, np.float64)
    torch = pytest.importorskip("torch")
    assert_same(flow.bits_per_dim(torch.tensor(nats, dtype=torch.float64), dims=2), want, "f8")


X, SQUARE = np.ones((4, 6)), np.eye(2)
REFUSED = [
    (flow.actnorm, (np.ones((2, 3, 4, 4)), np.ones(3), np.ones(3)), {"axis": (1, 2, 3)}, "actnorm:"
     " the shapes must broadcast together, got x (2, 3, 4, 4), log_scale (3,), shift (3,)"),
    (flow.actnorm, (X, X, "a"), {}, "actnorm: shift must hold"),
    (flow.actnorm, (X, X, X), {"inverse": True, "axis": 2}, "actnorm: axis must lie between"),
    (flow.planar, (X, X[0], X[0], X[:, :1]), {},
     "planar: b must broadcast to the shape (4,) of the result, got (4, 1)"),
    (flow.log_prob, (X, np.ones(3)), {"keepdims": True},
     "log_prob: logabsdet must broadcast to the shape (4, 1) of the result, got (3,)"),
    (flow.exp, (X,), {"out": (X,)}, "exp: out must be a tuple of 2 arrays or None, got a tuple of"),
    (flow.exp, (X,), {"out": X}, "exp: out must be a tuple of 2 arrays or None, got ndarray"),
    (flow.logdet_triangular, (SQUARE * 1j,), {}, "logdet_triangular: tril must hold"),
    (flow.logdet_triangular, (SQUARE,), {"out": X}, "logdet_triangular: out must have the shape"),
    (flow.slogdet_triangular, (SQUARE * 1j,), {}, "slogdet_triangular: tril must hold"),
    (flow.logdet_lu, (X,), {}, "logdet_lu: lu must have shape (..., n, n), got (4, 6)"),
    (flow.logdet_lu, (SQUARE * 1j,), {}, "logdet_lu: lu must hold"),
    (flow.logdet_lu, (SQUARE,), {"height": 1.5}, "logdet_lu: height and width must be ints, got"),
    (flow.bits_per_dim, (1.0,), {"dims": 2.5}, "bits_per_dim: dims and bins must be ints, got 2.5"),
    (flow.bits_per_dim, (1j,), {"dims": 2}, "bits_per_dim: log_prob must hold"),
    (flow.bits_per_dim, (np.ma.array([1.0]),), {"dims": 2}, "bits_per_dim: log_prob must be an"),
]  # fmt: skip


@pytest.mark.parametrize(("f", "inputs", "options", "said"), REFUSED)
def test_errors_name_the_function_and_its_argument(f, inputs, options, said):
    with pytest.raises((TypeError, ValueError), match=f"^{re.escape(said)}"):
        f(*inputs, **options)
    if "out" not in options:
        with pytest.raises((TypeError, ValueError), match=f"^{re.escape(said)}"):
            fastgen.value_and_grad(f)(*inputs, **options)


def test_split_parameters_refuses_an_axis_that_is_not_there():
    for axis, error in ((2, ValueError), (1.0, TypeError)):
        with pytest.raises(error, match=r"split_parameters: axis must"):
            flow.split_parameters(X, layout="scale_then_shift", axis=axis)
