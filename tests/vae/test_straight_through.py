"""Straight-through gradients, the loss of codes, finite-scalar and lookup-free quantisation."""

import itertools

import dask.array as da
import ml_dtypes
import mpmath
import numpy as np
import pytest

import fastgen
from fastgen import vae

DTYPES = [np.float16, ml_dtypes.bfloat16, np.float32, np.float64]
LEVELS = [(8, 5, 5, 5), (2, 3, 4), (7,), (2, 2)]


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_gradient_passes_as_it_is(dtype, rng):
    x, codes = rng.normal(size=(2, 6, 3)).astype(dtype)
    cotangent = rng.normal(size=(6, 3)).astype(dtype)
    value, found = fastgen.value_and_grad(vae.straight_through)(x, codes, cotangent=cotangent)
    assert value.dtype == dtype and value.tobytes() == codes.tobytes()
    assert found[0].tobytes() == cotangent.tobytes() and not np.any(found[1])
    assert vae.straight_through(x, codes) is not codes  # a result of its own


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("axis", [-1, (0, 1), None, ()])
def test_the_loss_has_two_weights(dtype, axis, rng):
    x, codes = rng.normal(size=(2, 6, 3)).astype(dtype)
    wide = x.astype(float) - codes.astype(float)
    n = {-1: 3, (): 1}.get(axis, 18)
    call = fastgen.value_and_grad(vae.quantization_loss)
    value, (d_x, d_codes) = call(x, codes, commitment=0.75, axis=axis, cotangent=2.0)
    unit = 8 * float(ml_dtypes.finfo(dtype).eps)
    assert value.dtype == d_x.dtype == d_codes.dtype == dtype
    wanted = np.sum(wide**2, axis=axis) * 1.75 / n
    np.testing.assert_allclose(np.asarray(value, float), wanted, rtol=unit)
    np.testing.assert_allclose(d_x.astype(float), wide * 3 / n, rtol=unit, atol=unit * 1e-2)
    np.testing.assert_allclose(d_codes.astype(float), wide * -4 / n, rtol=unit, atol=unit * 1e-2)
    again, (alone,) = fastgen.value_and_grad(vae.quantization_loss, argnums=1)(
        x, codes, commitment=0.75, axis=axis, cotangent=2.0
    )
    np.testing.assert_array_equal(alone, d_codes)
    np.testing.assert_array_equal(again, value)


def test_a_codebook_learns_from_the_sums_of_its_gradients(rng):
    x, codebook = rng.normal(size=(40, 2)), rng.normal(size=(5, 2))
    indices = vae.nearest_code(x, codebook)
    d_codes = fastgen.value_and_grad(vae.quantization_loss)(x, codebook[indices])[1][1]
    counts, of_code = vae.code_sums(d_codes, indices, 5)
    # Newton's step of a quadratic: the means of the vectors.
    means = vae.code_sums(x, indices, 5)[1][counts > 0] / counts[counts > 0, None]
    step = of_code[counts > 0] / counts[counts > 0, None]
    np.testing.assert_allclose(codebook[counts > 0] - step, means)


@pytest.mark.parametrize("levels", LEVELS)
def test_finite_scalars_are_those_of_the_formula(levels, rng):
    x = 2 * rng.normal(size=(300, len(levels)))
    codes, (slope,) = fastgen.value_and_grad(vae.finite_scalar)(x, levels)
    for row, channel in itertools.product(range(0, 300, 17), range(len(levels))):
        number, v = levels[channel], mpmath.mpf(float(x[row, channel]))
        half = mpmath.mpf("0.999") * (number - 1) / 2
        offset = mpmath.mpf(1 - number % 2) / 2
        bounded = half * mpmath.tanh(v + mpmath.tan(offset / half)) - offset
        assert codes[row, channel] == mpmath.nint(bounded) / (number // 2)
        wanted = half * mpmath.sech(v + mpmath.tan(offset / half)) ** 2 / (number // 2)
        assert slope[row, channel] == pytest.approx(float(wanted), rel=1e-11)
    for k, number in enumerate(levels):
        assert len(np.unique(codes[:, k])) == number
    whole = np.arange(np.prod(levels))
    every = vae.finite_scalar_codes(whole, levels)
    assert np.abs(every).max() == 1 and len(np.unique(every, axis=0)) == len(whole)
    np.testing.assert_array_equal(vae.finite_scalar_indices(every, levels), whole)
    for dtype in DTYPES:
        few = vae.finite_scalar(x.astype(dtype), levels)
        indices = vae.finite_scalar_indices(few, levels)
        again = vae.finite_scalar_codes(indices, levels).astype(dtype)
        assert few.dtype == dtype
        np.testing.assert_array_equal(again, few)


@pytest.mark.parametrize("dtype", DTYPES)
def test_signs(dtype):
    x = np.array([[0.5, -0.0, -np.inf], [np.inf, 1e-7, -2]], dtype)
    codes, (slope,) = fastgen.value_and_grad(vae.lookup_free)(x, cotangent=3.0)
    assert codes.dtype == slope.dtype == dtype
    assert codes.tolist() == [[1, -1, -1], [1, 1, -1]] and np.all(slope == dtype(3))
    assert vae.lookup_free_indices(x).tolist() == vae.lookup_free_indices(codes).tolist() == [1, 3]
    assert np.isnan(vae.lookup_free(dtype(np.nan)))


def test_dask_arrays_stay_lazy(rng):
    x = rng.normal(size=(6, 4))
    lazy = da.from_array(x, chunks=(2, 4))
    calls = [
        (lambda y: vae.straight_through(y, np.rint(x)), None),
        (lambda y: vae.quantization_loss(y, np.rint(x)), None),
        (lambda y: vae.finite_scalar(y, (8, 5, 5, 5)), None),
        (vae.lookup_free, None),
    ]
    for f, _ in calls:
        found = f(lazy)
        assert isinstance(found, da.Array)
        np.testing.assert_array_equal(found.compute(), f(x))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: vae.straight_through(np.zeros(3), np.zeros((2, 3))), "must have one shape"),
        (lambda: vae.quantization_loss(1.0, 1.0, commitment=-1), "commitment must be at least 0"),
        (lambda: vae.finite_scalar(np.zeros((2, 3)), (3, 3)), r"shape \(\.\.\., 2\)"),
        (lambda: vae.finite_scalar(np.zeros(2), (1, 3)), "levels must be at least 2"),
        (lambda: vae.finite_scalar(np.zeros(2), (2.5, 3)), "levels must hold an integer"),
        (lambda: vae.finite_scalar_indices([0.3], (4,)), "codes must be those of finite_scalar"),
        (lambda: vae.finite_scalar_codes([4], (4,)), "indices must lie in 0 to 3"),
        (lambda: vae.lookup_free_indices(np.zeros(63)), "at most 62"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
    with pytest.raises(TypeError, match="quantization_loss: x"):
        vae.quantization_loss(np.ones(2, complex), 1.0)
    with pytest.raises(TypeError, match="lookup_free: x must be an array without a mask"):
        vae.lookup_free(np.ma.zeros(3))
