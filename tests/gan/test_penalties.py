"""Penalties on the gradient of the discriminator."""

import functools

import ml_dtypes
import mpmath
import numpy as np
import pytest

import fastgen
from fastgen import gan
from fastgen.reference import gan as reference

FLOATS = [np.float32, np.float64]
CENTER = {"wgan_gp": {"center": 0.75}, "dragan": {"center": 0.75}, "r1": {}}


@pytest.mark.parametrize("axis", [..., -1, (1, 2), None, 0])
@pytest.mark.parametrize("kind", ["wgan_gp", "dragan", "r1"])
def test_gradient_penalty_and_its_derivative(kind, axis, rng):
    grad = rng.normal(size=(4, 3, 5))
    options = {"kind": kind, "axis": axis} | CENTER[kind]
    f = functools.partial(gan.gradient_penalty, **options)
    value, (slope,) = fastgen.value_and_grad(f)(grad, cotangent=0.5)
    wanted = reference.gradient_penalty(grad, **options)
    np.testing.assert_allclose(value, wanted, rtol=1e-12)
    assert np.array_equal(value, f(grad))
    step = np.zeros(grad.shape)
    step[1, 2, 3] = 1e-6
    difference = np.sum(f(grad + step) - f(grad - step)) / 4e-6
    np.testing.assert_allclose(slope[1, 2, 3], difference, rtol=1e-6, atol=1e-8)
    per_sample = rng.normal(size=np.shape(value))
    weighted = fastgen.vjp(f, grad)[1](per_sample)[0]
    axes = (1, 2) if axis is ... else axis
    spread = np.expand_dims(per_sample, axes) if axes is not None else per_sample
    np.testing.assert_allclose(weighted, 2 * slope * spread, rtol=1e-14)


@pytest.mark.parametrize("kind", ["wgan_gp", "dragan", "r1"])
def test_gradient_penalty_at_norms_of_zero_and_infinity(kind):
    grad = np.array([[0.0, 0.0], [0.0, -0.0], [3.0, 4.0], [np.inf, 0.0], [np.nan, 0.0]], "f")
    with np.errstate(all="raise"):
        value, (slope,) = fastgen.value_and_grad(gan.gradient_penalty)(grad, kind=kind)
    assert value.dtype == slope.dtype == np.float32
    centered = kind != "r1"
    np.testing.assert_array_equal(value[:4], [centered, centered, 16 if centered else 12.5, np.inf])
    assert not slope[:2].any() and np.isnan(value[4]) and np.isnan(slope[4, 0])
    assert slope[3, 0] == np.inf
    np.testing.assert_allclose(slope[2], [4.8, 6.4] if centered else [3, 4], rtol=1e-6)


def test_gradient_penalty_of_norms_close_to_the_center(rng):
    grad = rng.normal(size=(200, 30)).astype("f")
    grad = grad / np.linalg.norm(grad, axis=1, keepdims=True)
    exact = (np.sqrt(np.sum(grad.astype(float) ** 2, 1)) - 1) ** 2
    assert np.abs(gan.gradient_penalty(grad) - exact).max() < 1e-14 < np.abs(exact).max()
    half = grad.astype(ml_dtypes.bfloat16)
    value, (slope,) = fastgen.value_and_grad(gan.gradient_penalty)(half)
    assert value.dtype == slope.dtype == half.dtype
    with pytest.raises(ValueError, match="gradient_penalty: kind must be one of 'wgan_gp'"):
        gan.gradient_penalty(grad, kind="r2")
    with pytest.raises(ValueError, match=r"kind 'r1' has no center, .*got center=5"):
        gan.gradient_penalty(grad, kind="r1", center=5.0)
    with pytest.raises(TypeError, match="complex"):
        gan.gradient_penalty(grad + 1j)
    with pytest.raises(ValueError, match="axis"):
        gan.gradient_penalty(grad, axis=2)


def exact_penalty(row, kind, center):
    """Return the penalty of one sample and its derivative, in 200 digits."""
    with mpmath.workdps(200):
        g = [mpmath.mpf(float(x)) for x in row.ravel()]
        norm = mpmath.sqrt(mpmath.fsum(x * x for x in g))
        if kind == "r1":
            return norm**2 / 2, g
        return (norm - center) ** 2, [2 * (1 - center / norm) * x if norm else norm for x in g]


@pytest.mark.parametrize("axis", [..., 1])
@pytest.mark.parametrize("dtype", [*FLOATS, np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("kind", ["wgan_gp", "r1"])
def test_gradient_penalty_over_the_range_of_numbers(kind, dtype, axis, rng):
    info = ml_dtypes.finfo(dtype)
    largest, eps = float(info.max), float(info.eps)
    top, bottom = int(np.log10(largest)) - 1, int(np.log10(float(info.tiny)))
    powers = np.arange(bottom, top, max(1, (top - bottom) // 40))
    grad = (rng.uniform(0.5, 2, (len(powers), 3, 1)) * 10.0 ** powers[:, None, None]).astype(dtype)
    f = functools.partial(gan.gradient_penalty, kind=kind, axis=axis, **CENTER[kind])
    with np.errstate(all="raise"):
        value, (slope,) = fastgen.value_and_grad(f)(grad)
    for k, row in enumerate(grad):
        penalty, derivative = exact_penalty(row, kind, 0.75)
        if penalty > largest:
            assert np.ravel(value)[k] == np.inf
        else:
            bound = eps * float(penalty) + float(info.smallest_subnormal)
            assert abs(float(np.ravel(value)[k]) - float(penalty)) <= bound, row
        for got, wanted in zip(slope[k].ravel(), derivative, strict=True):
            assert abs(float(got) - float(wanted)) <= 2 * eps * abs(float(wanted)) + float(
                info.smallest_subnormal
            ), row


def test_gradient_penalty_of_a_batch_with_one_extreme_sample(rng):
    grad = rng.normal(size=(5, 2, 3)).astype("f")
    whole = fastgen.value_and_grad(gan.gradient_penalty)
    value, (slope,) = whole(grad, axis=(2, 1), cotangent=np.arange(5.0))
    grad[3] *= np.float32(1e25)
    mixed, (d_mixed,) = whole(grad, axis=(2, 1), cotangent=np.arange(5.0))
    others = [0, 1, 2, 4]
    assert np.array_equal(mixed[others], value[others]) and mixed[3] == np.inf
    assert np.array_equal(d_mixed[others], slope[others])
    np.testing.assert_allclose(d_mixed[3], 6 * grad[3], rtol=1e-6)
    last, (d_last,) = whole(np.moveaxis(grad, 0, -1), axis=(1, 0), cotangent=np.arange(5.0))
    assert np.array_equal(last, mixed) and np.array_equal(np.moveaxis(d_last, -1, 0), d_mixed)
    for size in [1e30, 1e-30]:
        sample = np.array([[3, 4], [0, 0]], "f") * np.float32(size)
        _, (slope,) = whole(sample, axis=None)
        np.testing.assert_allclose(slope, 2 * (1 - 0.2 / size) * sample.astype(float), rtol=1e-6)


@pytest.mark.parametrize("axis", [..., 0, None])
def test_gradient_penalty_keepdims_and_out(axis, rng):
    grad = rng.normal(size=(4, 3, 5))
    f = functools.partial(gan.gradient_penalty, axis=axis)
    value = f(grad)
    axes = (1, 2) if axis is ... else (0, 1, 2) if axis is None else axis
    kept = f(grad, keepdims=True)
    assert np.array_equal(kept, np.expand_dims(value, axes))
    out = np.empty(np.shape(kept), np.float32)
    assert f(grad, keepdims=True, out=out) is out and np.array_equal(out, kept.astype("f"))
    weights = rng.normal(size=kept.shape)
    flat = np.squeeze(weights, axes)
    got = fastgen.vjp(f, grad, keepdims=True)[1](weights)[0]
    assert np.array_equal(got, fastgen.vjp(f, grad)[1](flat)[0])
    with pytest.raises(ValueError, match="gradient_penalty: out must have the shape"):
        f(grad, out=np.empty(7))


@pytest.mark.parametrize("dtype", FLOATS)
def test_norms_over_the_whole_range_of_numbers(dtype):
    info = np.finfo(dtype)
    for power in range(info.minexp - info.nmant, info.maxexp - 2, 3):
        x = np.ldexp(np.array([3, 0, -4, 12], dtype), power)
        value, (slope,) = fastgen.value_and_grad(fastgen.elementary.norm)(x)
        assert value == np.ldexp(dtype(13), power)
        np.testing.assert_allclose(slope, np.array([3, 0, -4, 12]) / 13, rtol=2 * info.eps)
