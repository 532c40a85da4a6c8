"""Cubic splines: against nflows and mpmath, with vanishing slopes and multiple roots."""

import math

import mpmath
import numpy as np
import pytest

import fastgen
from fastgen import flow
from fastgen.cases.flow.cubic_splines import Spline

spline = flow.cubic_spline
both_ways = pytest.mark.parametrize("inverse", [False, True])


def parameters(rng, shape, bins, sd=1.5, dtype=np.float64):
    return [(sd * rng.normal(size=(*shape, k))).astype(dtype) for k in (bins, bins, 2)]


def nflows(x, widths, heights, raw, **options):
    peer = pytest.importorskip("nflows.transforms.splines.cubic")
    return peer.unconstrained_cubic_spline(
        x, widths, heights, raw[..., :1], raw[..., 1:], tail_bound=3.0, **options
    )


@both_ways
@pytest.mark.parametrize("bins", [2, 5, 8])
def test_against_nflows(bins, inverse, rng):
    """Compare values and gradients; for the inverse, only where nflows inverts itself."""
    torch = pytest.importorskip("torch")
    arrays = (rng.uniform(-4, 4, 500), *parameters(rng, (500,), bins, 1.0))
    options = {"inverse": inverse, "min_bin_width": 0.01, "min_bin_height": 0.002}
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    theirs = nflows(*tensors, **options)
    back, _ = nflows(theirs[0], *tensors[1:], **options | {"inverse": not inverse})
    right = np.abs((back - tensors[0]).detach().numpy()) < 1e-9
    assert right.mean() > (0.95 if bins > 2 else 0.9)
    cotangents = rng.normal(size=(2, 500)) * right
    total = sum((r * torch.tensor(c)).sum() for r, c in zip(theirs, cotangents, strict=True))
    expected = [r.detach() for r in theirs] + list(torch.autograd.grad(total, tensors))
    values, slopes = fastgen.value_and_grad(spline)(
        *arrays, cotangent=tuple(cotangents), bound=3.0, **options
    )
    for got, want in zip((*values, *slopes), expected, strict=True):
        np.testing.assert_allclose(got[right], want.numpy()[right], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equal_bins_and_slopes_of_1_are_the_identity(dtype):
    """All cubics are lines. nflows divides by their leading coefficient, which is 0."""
    x, zeros = np.linspace(-4, 4, 101).astype(dtype), np.zeros(8, dtype)
    ends = np.full(2, -math.log(2), dtype)
    for inverse in (False, True):
        y, log = spline(x, zeros, zeros, ends, bound=3.0, inverse=inverse)
        np.testing.assert_allclose(y, x, rtol=np.finfo(dtype).eps, atol=1e-15)
        np.testing.assert_allclose(log, 0, atol=4 * np.finfo(dtype).eps)


def extremes(rng, n):
    """Return two bins of any size, end slopes from 0 to 3 times the slope of the bin, and points.

    Without a least size, the slopes between the bins cover their whole range.
    """
    raw = [np.where(rng.random((n, 1)) < 0.5, s * rng.normal(size=(n, 2)), 0) for s in (9, 9)]
    ends = rng.choice([0.3, 3, 30], (n, 2)) * rng.normal(size=(n, 2))
    ends = np.where(rng.random((n, 2)) < 0.3, rng.choice([-math.inf, math.inf], (n, 2)), ends)
    near = 10 ** rng.uniform(-16, 0, n) * rng.choice([-1, 1], n)
    knots = 2 / (1 + np.exp(raw[1][:, 1] - raw[1][:, 0])) - 1
    y = np.choose(rng.integers(0, 4, n), [near, near - np.sign(near), knots + near, 2 * near - 1])
    return np.clip(y, -1, 1), (*raw, ends)


def test_root_of_every_shape(rng):
    """The inverse is exact up to rounding, at double and triple roots too.

    A point close to x on either side has a y on the same side.
    """
    y, raw = extremes(rng, 400_000)
    options = {"min_bin_width": 0.0, "min_bin_height": 0.0}
    x, log = spline(y, *raw, inverse=True, **options)
    near, slack = 4e-16 * np.abs(x), 2e-15
    below, above = (spline(x + side * near, *raw, **options)[0] for side in (-1, 1))
    assert np.all(below - slack <= y) and np.all(y <= above + slack)
    assert not np.isnan(log).any()


def test_shares_of_a_bin_near_its_ends(rng):
    """Close to a knot, the distance from the knot keeps its own last digits, not those of the bin.

    The knot between two equal bins is 0, so a point close to it equals the distance.
    """
    y = 10 ** rng.uniform(-200, 0, 300) * rng.choice([-1, 1], 300)
    raw = np.zeros((300, 2)), np.zeros((300, 2)), 3 * rng.normal(size=(300, 2))
    x, _ = spline(y, *raw, inverse=True)
    back, _ = spline(x, *raw)
    np.testing.assert_allclose(back, y, rtol=2e-15)


@both_ways
def test_against_mpmath_with_bins_of_extreme_sizes(inverse, rng):
    """Steep and flat bins, and sharp bends: slopes from 1e-5 to 1e5."""
    n = 60
    widths, heights = 4 * rng.normal(size=(2, n, 4))
    ends = 6 * rng.normal(size=(n, 2))
    x = rng.uniform(-1, 1, n)
    got = spline(x, widths, heights, ends, inverse=inverse)
    with mpmath.workprec(200):
        for i in range(n):
            point = [[mpmath.mpf(v) for v in a[i]] for a in (widths, heights, ends)]
            one = Spline(mpmath.mp, mpmath.mpf(x[i]), *point, inverse=inverse)
            for value, exact, size in zip(got, one.value(), one.scale(), strict=True):
                assert abs(value[i] - exact) <= 1e-13 * size, (i, value[i], exact)


@both_ways
def test_sharp_splines_in_float32(inverse, rng):
    """Compare with double. On these parameters the inverse of nflows is off by 0.4 of 3."""
    n = 200_000
    raw = parameters(rng, (n,), 8, 5, np.float32)
    x = rng.uniform(-3, 3, n).astype(np.float32)
    arrays, wide = (x, *raw), [a.astype(float) for a in (x, *raw)]
    y, log = spline(*arrays, bound=3.0, inverse=inverse)
    exact_y, exact_log = spline(*wide, bound=3.0, inverse=inverse)
    assert np.max(np.abs(y - exact_y)) <= 2**-23  # half an ULP of numbers from 2 to 4
    assert np.max(np.abs(log - exact_log)) <= 1e-6
    single, double = (
        fastgen.value_and_grad(spline)(*a, bound=3.0, inverse=inverse)[1] for a in (arrays, wide)
    )
    for got, want in zip(single, double, strict=True):
        error = np.abs(got - want).reshape(n, -1).max(-1)
        error /= np.maximum(1, np.abs(want).reshape(n, -1).max(-1))
        assert np.quantile(error, 0.999) <= 5e-6 and np.max(error) <= 1e-3


@both_ways
@pytest.mark.parametrize("sd", [0.7, 4])
def test_every_gradient_against_differences(sd, inverse, rng):
    """Include gradients of neighbouring bins, whose sizes move the slopes at the knots."""
    n = 2000
    arrays = (rng.uniform(-4, 4, n), *parameters(rng, (n,), 5, sd))
    options, c = {"inverse": inverse, "bound": 3.0}, rng.normal(size=(2, n))
    gradients = fastgen.value_and_grad(spline)(*arrays, cotangent=tuple(c), **options)[1]
    for k, a in enumerate(arrays):
        direction, rough = rng.normal(size=a.shape), []
        along = (gradients[k] * direction).reshape(n, -1).sum(-1)
        for h in (1e-5, 1e-6):
            ahead, behind = (
                sum(c * np.array(spline(*arrays[:k], a + s, *arrays[k + 1 :], **options)))
                for s in (h * direction, -h * direction)
            )
            rough.append(np.abs(along - (ahead - behind) / (2 * h)) / (1 + np.abs(along)))
        assert np.quantile(np.minimum(*rough), 0.98) < 2e-7  # a difference may cross a knot


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_slopes_of_the_ends(dtype):
    """They are 3 sigmoid(u) times the slope of the bin, without log -inf or NaN at the limits."""
    u = np.array([-math.inf, -1000.0, -100.0, 0.0, 100.0, math.inf], dtype)
    zeros = np.zeros((6, 4), dtype)
    ends = np.stack([u, u], axis=-1)
    for x in (np.full(6, -1, dtype), np.full(6, 1, dtype)):
        (y, log), gradients = fastgen.value_and_grad(spline)(x, zeros, zeros, ends)
        np.testing.assert_array_equal(y, x)
        assert np.isfinite(log).all() and not np.isnan(gradients[0]).any()
        assert all(np.isfinite(g).all() for g in gradients[1:])
        expected = [-100 + math.log(3), math.log(1.5), math.log(3), math.log(3)]
        np.testing.assert_allclose(log[2:], expected, rtol=1e-6)
        assert np.all(log[:2] < -130)


def test_bins_without_a_width():
    """Without a least size, knots coincide. No point is in a bin of width 0."""
    shares = np.array([0.0, -60.0, -200.0, 0.0, -1000.0])
    x = np.array([-1.0, -0.5, 0.25, 0.5, 1.0, 2.0])
    options = {"min_bin_width": 0.0, "min_bin_height": 0.0}
    for dtype in (np.float32, np.float64):
        for order in (slice(None), slice(None, None, -1)):
            raw = shares[order].astype(dtype), shares[order].astype(dtype), np.zeros(2, dtype)
            for inverse in (False, True):
                y, log = spline(x.astype(dtype), *raw, inverse=inverse, **options)
                assert np.isfinite(y).all() and np.isfinite(log).all()
                assert np.all(np.diff(y) > 0) and y[0] == -1 and y[-2:].tolist() == [1, 2]


def test_views_of_one_parameter_array(rng):
    """The output of a network, (..., 2K + 2), in three parts."""
    cut = rng.normal(size=(64, 16, 18)).astype(np.float32)
    x = rng.normal(size=(64, 16)).astype(np.float32)
    views = cut[..., :8], cut[..., 8:16], cut[..., 16:]
    for got, want in zip(spline(x, *views), spline(x, *(v.copy() for v in views)), strict=True):
        np.testing.assert_array_equal(got, want)


def test_what_is_refused(rng):
    raw, x = parameters(rng, (), 8), np.zeros(3)
    for wrong, said in [
        ({"min_bin_width": 0.125}, r"min_bin_width must be from 0 to below 1 / 8.*got 0.125"),
        ({"min_bin_height": -1.0}, r"min_bin_height.*got -1.0"),
        ({"bound": -2.0}, "bound must be positive and finite, got -2.0"),
    ]:
        with pytest.raises(ValueError, match=f"cubic_spline: {said}"):
            spline(x, *raw, **wrong)
    with pytest.raises(ValueError, match="widths must be of at least 2 bins, got 1"):
        spline(x, raw[0][:1], raw[1][:1], raw[2])
    with pytest.raises(ValueError, match=r"derivatives must be 2, of the left.*got 7"):
        spline(x, *raw[:2], np.zeros(7))
    with pytest.raises(ValueError, match=r"widths.*and heights.*must agree"):
        spline(x, raw[0], raw[1][:7], raw[2])
    with pytest.raises(ValueError, match="derivatives must be 2"):
        fastgen.value_and_grad(spline)(x, *raw[:2], np.zeros(3))
