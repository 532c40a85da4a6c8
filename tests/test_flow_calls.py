"""`fastgen.flow` called with what is at hand: tensors, foreign bytes, views; and refusing."""

import re

import numpy as np
import pytest

import fastgen
from fastgen import flow

BINS = 5
NAMES = [name for name in flow.__all__ if name not in ("split_parameters", "bits_per_dim")]


def inputs_of(name, rng, dtype=np.float64):
    """Of 4 samples with 6 dimensions."""
    x, channels, per_sample = rng.uniform(0.1, 0.9, (4, 6)), rng.random((4, 6)), rng.random((2, 4))
    inputs = {
        "actnorm": (x, *channels[:2]),
        "batch_norm": (x, *channels),
        "additive_coupling": (x, channels),
        "additive_coupling_inverse": (x, channels),
        "affine_coupling": (x, channels, x),
        "affine_coupling_inverse": (x, channels, x),
        "log_prob": (x, per_sample[0]),
        "planar": (x, *channels[:2], per_sample[0]),
        "radial": (x, channels[0], *per_sample),
        "rational_quadratic_spline": (x, *(rng.random((4, 6, k)) for k in (BINS, BINS, BINS - 1))),
    }
    if "det" in name and "diagonal" not in name:
        inputs[name] = (rng.random((3, 4, 4)),)
    return [a.astype(dtype) for a in inputs.get(name, (x,))]


def assert_same(found, wanted, dtype):
    found, wanted = (r if isinstance(r, tuple) else (r,) for r in (found, wanted))
    for a, b in zip(found, wanted, strict=True):
        assert isinstance(a, np.ndarray) and a.dtype == dtype
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", NAMES)
def test_tensors_are_taken_as_arrays(name, rng):
    torch = pytest.importorskip("torch")
    f, inputs = getattr(flow, name), inputs_of(name, rng, np.float32)
    wanted, gradients = fastgen.value_and_grad(f)(*inputs)
    tensors = [torch.from_numpy(a) for a in inputs]
    assert_same(f(*tensors), wanted, np.float32)
    for found in (
        fastgen.value_and_grad(f)(*tensors)[1],
        fastgen.vjp(f, *tensors)[1](torch.tensor(1.0)),
    ):
        assert_same(found, gradients, np.float32)


def test_a_mask_and_its_arrays_may_be_tensors(rng):
    torch = pytest.importorskip("torch")
    x, mask = rng.random((4, 3)).astype(np.float32), np.array([True, False, True])
    t = torch.from_numpy(x)
    for given in (mask, torch.from_numpy(mask)):
        assert_same(flow.affine_coupling(t, t, t, given), flow.affine_coupling(x, x, x, mask), "f4")
        assert_same(flow.additive_coupling(x, x, given), flow.additive_coupling(x, x, mask), "f4")


@pytest.mark.parametrize("name", NAMES)
def test_gradients_come_in_the_byte_order_of_the_machine(name, rng):
    f, inputs = getattr(flow, name), inputs_of(name, rng)
    wanted, gradients = fastgen.value_and_grad(f)(*inputs)
    value, found = fastgen.value_and_grad(f)(*(a.astype(">f8") for a in inputs))
    assert_same(value, wanted, np.float64)
    assert_same(found, gradients, np.float64)
    assert all(g.dtype.isnative for g in found)


@pytest.mark.parametrize("name", ["rational_quadratic_spline", "exp", "affine_coupling"])
def test_results_may_lie_between_each_other(name, rng):
    f, inputs = getattr(flow, name), inputs_of(name, rng)
    options = {} if "spline" in name else {"axis": ()}
    wanted, both = f(*inputs, **options), np.empty((4, 6, 2))
    out = both[..., 0], both[..., 1]
    found = f(*inputs, **options, out=out)
    assert found[0] is out[0] and found[1] is out[1]
    assert_same(found, wanted, np.float64)
    shared = np.zeros((5, 6))
    with pytest.raises(ValueError, match=f"{name}: the arrays in out must not share memory"):
        f(*inputs, **options, out=(shared[1:], shared[:-1]))
    assert not shared.any()


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
