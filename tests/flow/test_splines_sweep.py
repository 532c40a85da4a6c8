"""Splines at many points, edges of bins included. FASTGEN_DRAWS is the number of points."""

import os

import numpy as np
import pytest

from fastgen import flow

DRAWS, PART, POINTS = int(os.environ.get("FASTGEN_DRAWS", 320_000)), 20_000, 20
BINS, BOUNDS = 8, (0.5, 1.0, 3.0, 10.0)
# Raw parameters of polynomial splines.
SIZES = {
    "linear_spline": [(BINS,)],
    "quadratic_spline": [(BINS, BINS - 1), (BINS, BINS + 1)],
    "cubic_spline": [(BINS, BINS, 2)],
}
spline = flow.rational_quadratic_spline


def drawn(rng, bound, sd, dtype, sizes=(BINS, BINS, BINS - 1)):
    """Return raw parameters and rising points: random ones, the ends, knots with neighbours."""
    n = PART // POINTS
    raw = [(sd * rng.standard_normal((n, 1, k))).astype(dtype) for k in sizes]
    shares = np.exp(raw[0].astype(float) - raw[0].max(-1, keepdims=True))
    shares = 1e-3 + (1 - 1e-3 * BINS) * shares / shares.sum(-1, keepdims=True)
    if len(sizes) == 1:  # the bins of a linear spline are equal
        shares = np.full((n, 1, BINS), 1 / BINS)
    knots = (bound * (2 * np.cumsum(shares, -1)[:, 0, :5] - 1)).astype(dtype)
    ends = np.full((n, 1), bound, dtype)
    somewhere = rng.uniform(-1.2 * bound, 1.2 * bound, (n, POINTS - 17)).astype(dtype)
    beside = [np.nextafter(knots, side * ends) for side in (-1, 1)]
    return np.sort(np.concatenate([somewhere, -ends, ends, knots, *beside], axis=-1)), raw


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_splines_everywhere(dtype, rng):
    unit = np.finfo(dtype).eps
    for part in range(DRAWS // PART):
        bound, sd = BOUNDS[part % 4], (0.1, 1.0, 2.5, 5.0)[part // 4 % 4]
        x, raw = drawn(rng, bound, sd, dtype)
        y, log = spline(x, *raw, bound=bound)
        back, log_back = spline(y, *raw, bound=bound, inverse=True)
        assert all(np.isfinite(a).all() for a in (y, log, back, log_back)), part
        assert np.all(np.diff(y, axis=-1) >= (0 if dtype == np.float32 else -4 * unit * bound))
        steep = np.exp(np.maximum(-log.astype(float), log_back))  # 1 / slope, the larger one
        limit = 2 * unit * bound * steep * (1 if dtype == np.float32 else 64)
        assert np.all(np.abs(back - x) <= limit + unit * np.abs(x)), part
        if dtype == np.float32:
            judge = [a.astype(float) for a in (x, *raw)]
            exact, exact_log = spline(*judge, bound=bound)
            assert np.max(np.abs(y - exact)) <= unit * bound * 1.2, part
            assert np.max(np.abs(log - exact_log)) <= 2e-5, part


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", SIZES)
def test_polynomial_splines_everywhere(name, dtype, rng):
    """y lies between the values of the spline at the neighbours of the inverse."""
    unit, one = np.finfo(dtype).eps, getattr(flow, name)
    for part in range(DRAWS // PART):
        bound, sd = BOUNDS[part % 4], (0.1, 1.0, 2.5, 5.0)[part // 4 % 4]
        x, raw = drawn(rng, bound, sd, dtype, SIZES[name][part % len(SIZES[name])])
        y, log = one(x, *raw, bound=bound)
        back, log_back = one(x, *raw, bound=bound, inverse=True)
        assert all(np.isfinite(a).all() for a in (y, log, back, log_back)), part
        assert np.all(np.diff(y, axis=-1) >= (0 if dtype == np.float32 else -4 * unit * bound))
        judge = [a.astype(float) for a in raw]
        near = 2 * unit * np.abs(back.astype(float))
        below, above = (one(back + side * near, *judge, bound=bound)[0] for side in (-1, 1))
        slack = 4e-15 * np.maximum(bound, np.abs(x))
        assert np.all(below - slack <= x) and np.all(x <= above + slack), part
        if dtype == np.float32:
            exact, exact_log = one(x.astype(float), *judge, bound=bound)
            ends = np.maximum(bound, np.abs(exact))
            assert np.max(np.abs(y - exact) / ends) <= unit * 1.2, part
            assert np.max(np.abs(log - exact_log)) <= 2e-5, part
