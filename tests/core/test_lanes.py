"""Lane kernels: batches of small problems in any layout, and errors for wrong input."""

import signal
import threading
import time

import ml_dtypes
import numpy as np
import pytest
from layouts import LAYOUTS

import fastgen
from fastgen import vae
from fastgen._ops import OPS

OP = OPS["vae.kl_tril_normal"]


def problems(rng, batch=(), d=5, dtype=np.float64):
    tril = 0.25 * rng.normal(size=(2, *batch, d, d)) + 1.5 * np.eye(d)
    mu = rng.normal(size=(2, *batch, d))
    return tuple(x.astype(dtype) for x in (mu[0], tril[0], mu[1], tril[1]))


def rounded(x, half):
    """Round once to half precision. ml_dtypes would round twice, through float32."""
    if half is ml_dtypes.bfloat16:
        mantissa, exponent = np.frexp(x)
        x = np.ldexp(np.rint(mantissa * 2**8), exponent - 8)
    return np.asarray(x).astype(half)


@pytest.mark.parametrize("half", [np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("d", [1, 3, 4, 9, 70])
def test_every_size_in_every_type_and_layout(d, half, rng):
    """Include sizes that fill no block of a transposition, and half precision."""
    for batch in [(), (1,), (16,), (37,), (3, 5)]:
        arrays = problems(rng, batch, d, half)
        wide = tuple(x.astype(np.float64) for x in arrays)
        wanted = OP.derivative((*wide, 1.0))
        got = OP.derivative((*arrays, 1.0))
        for a, b in zip(got, wanted, strict=True):
            np.testing.assert_array_equal(a, rounded(b, half))
        for layout in LAYOUTS.values():
            again = OP.derivative((*map(layout, arrays), 1.0))
            for a, b in zip(again, got, strict=True):
                np.testing.assert_array_equal(a, b)


def test_matrices_stored_by_columns(rng):
    mu_q, tril_q, mu_p, tril_p = problems(rng, (33,))
    by_columns = [np.swapaxes(np.swapaxes(x, -1, -2).copy(), -1, -2) for x in (tril_q, tril_p)]
    outside = [np.moveaxis(np.moveaxis(x, 0, -1).copy(), -1, 0) for x in (tril_q, tril_p)]
    wanted = vae.kl_tril_normal(mu_q, tril_q, mu_p, tril_p)
    for q, p in (by_columns, outside):
        np.testing.assert_array_equal(vae.kl_tril_normal(mu_q, q, mu_p, p), wanted)


def test_of_no_dimension_and_of_no_problem():
    none = np.zeros((3, 0)), np.zeros((3, 0, 0))
    np.testing.assert_array_equal(vae.kl_tril_normal(*none, *none), np.zeros(3))
    empty = np.zeros((0, 4)), np.zeros((0, 4, 4))
    assert vae.kl_tril_normal(*empty, *empty).shape == (0,)


def test_sizes_that_do_not_fit(rng):
    mu_q, tril_q, mu_p, tril_p = problems(rng, (2,))
    for inputs, said in [
        ((1.0, tril_q, mu_p, tril_p), r"mu_q must have at least 1 dimension, .*got shape \(\)"),
        ((mu_q, mu_p[0], mu_p, tril_p), r"tril_q must have at least 2 dim.*got shape \(5,\)"),
        ((mu_q, tril_q[..., :4], mu_p, tril_p), r"mu_q.* and tril_q.*\(2, 5\) and \(2, 5, 4\)"),
        ((mu_q[:, :4], tril_q, mu_p, tril_p), r"mu_q.* and tril_q.*\(2, 4\) and \(2, 5, 5\)"),
        ((mu_q, tril_q, mu_p[..., :1], tril_p), r"mu_q.* and mu_p.*\(2, 5\) and \(2, 1\)"),
        ((mu_q, tril_q, mu_p, tril_p[[0, 1, 0]]), r"batch.*mu_q \(2, 5\).*tril_p \(3, 5, 5\)"),
    ]:
        with pytest.raises(ValueError, match=said):
            vae.kl_tril_normal(*inputs)
    with pytest.raises(ValueError, match=r"cotangent.*\(3, 2\)"):
        fastgen.vjp(vae.kl_tril_normal, mu_q, tril_q, mu_p, tril_p)[1](np.ones((3, 2)))


def test_an_output_may_lie_over_inputs(rng):
    arrays = problems(rng, (40,))
    wanted = OP.derivative((*arrays, 1.0))
    copies = [x.copy() for x in arrays]
    OP.derivative((*copies, 1.0), out=(None, *copies))  # every gradient overwrites its own input
    for a, b in zip(copies, wanted[1:], strict=True):
        np.testing.assert_array_equal(a, b)
    copies = [x.copy() for x in arrays]
    OP.derivative((*copies, 1.0), out=(None, None, copies[3], None, None))
    np.testing.assert_array_equal(copies[3], wanted[2])
    memory = np.zeros(40 + 40 * 25)
    tril = memory[: 40 * 25].reshape(40, 5, 5)
    tril[:] = arrays[1]
    value = vae.kl_tril_normal(arrays[0], tril, *arrays[2:], out=memory[20:60])
    np.testing.assert_array_equal(value, wanted[0])
    square = np.eye(2) + np.zeros((2, 2))  # of shape (d, d), as the result is
    mu = np.zeros((2, 2, 2))
    result = vae.kl_tril_normal(mu, square, mu, np.eye(2), out=square)
    np.testing.assert_array_equal(result, np.zeros((2, 2)))


def test_outputs_that_nobody_wants_are_not_computed(rng):
    arrays = problems(rng, (20,))
    value, (d_tril,) = fastgen.value_and_grad(vae.kl_tril_normal, argnums=1)(*arrays)
    whole = OP.derivative((*arrays, 1.0))
    np.testing.assert_array_equal(d_tril, whole[2])
    np.testing.assert_array_equal(value, whole[0])


@pytest.mark.usefixtures("interrupts")
def test_ctrl_c_ends_a_long_call(rng):
    arrays = [np.broadcast_to(x, (3_000_000, *x.shape)) for x in problems(rng, d=24)]
    timer = threading.Timer(0.2, signal.raise_signal, [signal.SIGINT])
    start = time.perf_counter()
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        vae.kl_tril_normal(*arrays)
    assert time.perf_counter() - start < 2
