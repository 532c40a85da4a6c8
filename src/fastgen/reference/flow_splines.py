"""Normalizing flows: splines, in plain NumPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def _sizes(raw: Any, bound: float, least: float, min_derivative: float, convention: str) -> Any:
    """Widths or heights of the bins. Their sum is 2 bound."""
    if convention == "tfp":
        return raw
    if convention == "zuko":
        raw = raw / (1 + np.abs(2 * raw / np.log(min_derivative)))
    shares = np.exp(raw - np.max(raw, axis=-1, keepdims=True))
    shares = shares / np.sum(shares, axis=-1, keepdims=True)
    bins = raw.shape[-1]
    if convention == "nflows":
        return 2 * bound * (least + (1 - bins * least) * shares)
    if convention == "distrax":
        return least + (2 * bound - bins * least) * shares
    return 2 * bound * shares


def _slopes(raw: Any, min_derivative: float, convention: str) -> Any:
    """Slopes of knots."""
    if convention == "tfp":
        return raw
    if convention == "zuko":
        return np.exp(raw / (1 + np.abs(raw / np.log(min_derivative))))
    offset = math.log(math.expm1(1 - min_derivative)) if convention == "distrax" else 0.0
    return np.logaddexp(raw + offset, 0) + min_derivative


def _at_all_knots(slopes: Any, bins: int) -> Any:
    """Slopes at all knots: add 1 at both ends, or for circular tails the first slope at the end."""
    if slopes.shape[-1] == bins:
        return np.concatenate([slopes, slopes[..., :1]], axis=-1)
    if slopes.shape[-1] < bins:
        one = np.ones_like(slopes[..., :1])
        return np.concatenate([one, slopes, one], axis=-1)
    return slopes


def _knots(sizes: Any, bound: float) -> Any:
    zero = np.zeros_like(sizes[..., :1])
    return np.concatenate([zero, np.cumsum(sizes, axis=-1)], axis=-1) - bound


def rational_quadratic_spline(
    x: Any,
    widths: Any,
    heights: Any,
    derivatives: Any,
    *,
    inverse: bool = False,
    bound: float = 1.0,
    tails: str | None = "linear",
    min_bin_width: float = 1e-3,
    min_bin_height: float = 1e-3,
    min_derivative: float = 1e-3,
    convention: str = "nflows",
) -> Any:
    """Monotonic rational-quadratic spline of every element, with its log-derivative."""
    bins = widths.shape[-1]
    shift = 2 * bound * np.rint(x / (2 * bound)) if tails == "circular" else 0.0
    knots_x = _knots(_sizes(widths, bound, min_bin_width, min_derivative, convention), bound)
    knots_y = _knots(_sizes(heights, bound, min_bin_height, min_derivative, convention), bound)
    slopes = _at_all_knots(_slopes(derivatives, min_derivative, convention), bins)

    knots, point = knots_y if inverse else knots_x, x - shift
    inside = np.clip(point, knots[..., 0], knots[..., -1])
    bin_of = np.sum(inside[..., None] >= knots[..., 1:-1], axis=-1)[..., None]
    every = (bin_of, knots_x, knots_y, slopes)
    batch = np.broadcast_shapes(*(a.shape[:-1] for a in every))

    def pick(values: Any, k: Any) -> Any:
        whole = np.broadcast_to(values, (*batch, bins + 1))
        return np.take_along_axis(whole, np.broadcast_to(k, (*batch, 1)), axis=-1)[..., 0]

    x0, x1 = pick(knots_x, bin_of), pick(knots_x, bin_of + 1)
    y0, y1 = pick(knots_y, bin_of), pick(knots_y, bin_of + 1)
    d0, d1 = pick(slopes, bin_of), pick(slopes, bin_of + 1)
    w, h = x1 - x0, y1 - y0
    s = h / w
    if inverse:
        u = inside - y0
        a = h * (s - d0) + u * (d0 + d1 - 2 * s)
        b = h * d0 - u * (d0 + d1 - 2 * s)
        theta = 2 * s * u / (b + np.sqrt(np.maximum(b**2 + 4 * a * s * u, 0)))
    else:
        theta = (inside - x0) / w
    rest = 1 - theta
    below = s * (theta**2 + rest**2) + (d0 + d1) * theta * rest
    y = y0 + h * (s * theta**2 + d0 * theta * rest) / below
    slope = s**2 * (d1 * theta**2 + 2 * s * theta * rest + d0 * rest**2) / below**2
    if inverse:
        y, slope = x0 + w * theta, 1 / slope
    beyond = point - inside
    end = np.where(beyond < 0, d0, d1) ** (-1 if inverse else 1)
    outside = point if convention == "tfp" else y + beyond * end
    y = np.where(beyond == 0, y, outside)
    return y + shift, np.log(np.where(beyond == 0, slope, end))


def _cubic_slopes(w: Any, h: Any, derivatives: Any) -> Any:
    """Slopes at all knots: Steffen's between two bins, those of `derivatives` at the ends."""
    s = h / w
    left, right = s[..., :-1], s[..., 1:]
    mean = (w[..., 1:] * left + w[..., :-1] * right) / (w[..., :-1] + w[..., 1:])
    inner = np.minimum(2 * np.minimum(left, right), mean)
    ends = 3 / (1 + np.exp(-derivatives)) * s[..., [0, -1]]
    batch = np.broadcast_shapes(inner.shape[:-1], ends.shape[:-1])
    inner, ends = (np.broadcast_to(a, (*batch, a.shape[-1])) for a in (inner, ends))
    return np.concatenate([ends[..., :1], inner, ends[..., 1:]], axis=-1)


def _repeated(step: Any, state: tuple[Any, ...], times: int) -> tuple[Any, ...]:
    """Repeat a step, which returns the next state, and where nothing changes any more."""
    for _ in range(times):
        state, done = step(*state)
        if np.all(done):
            break
    return state


def _cubic_root(u: Any, p: Any, q: Any) -> Any:
    """Solve cubic(theta) = u. It rises from 0 to 1; its slopes there are p and q."""

    def step(theta: Any, low: Any, high: Any) -> tuple[Any, Any]:
        rest = 1 - theta
        error = theta * (p * rest**2 + theta * ((3 - q) * rest + theta)) - u
        low, high = np.where(error < 0, theta, low), np.where(error < 0, high, theta)
        slope = p * rest**2 + 2 * (3 - p - q) * theta * rest + q * theta**2
        last, theta = theta, theta - error / slope
        theta = np.where((theta >= low) & (theta <= high), theta, (low + high) / 2)
        return (theta, low, high), np.abs(theta - last) <= 1e-15

    theta = 0.5 + 0 * (u + p + q)
    return _repeated(step, (theta, np.zeros_like(theta), np.ones_like(theta)), 100)[0] + 0 * u


def cubic_spline(
    x: Any,
    widths: Any,
    heights: Any,
    derivatives: Any,
    *,
    inverse: bool = False,
    bound: float = 1.0,
    tails: str | None = "linear",
    min_bin_width: float = 1e-3,
    min_bin_height: float = 1e-3,
) -> Any:
    """Monotonic cubic spline of every element, with its log-derivative."""
    w, h = (
        _sizes(raw, bound, least, 0.0, "nflows")
        for raw, least in ((widths, min_bin_width), (heights, min_bin_height))
    )
    slopes, knots_x, knots_y = _cubic_slopes(w, h, derivatives), _knots(w, bound), _knots(h, bound)
    knots = knots_y if inverse else knots_x
    inside = np.clip(x, -bound, bound)
    bin_of = np.sum(inside[..., None] >= knots[..., 1:-1], axis=-1)[..., None]
    batch = np.broadcast_shapes(bin_of.shape[:-1], slopes.shape[:-1])

    def pick(values: Any, k: Any) -> Any:
        whole = np.broadcast_to(values, (*batch, values.shape[-1]))
        return np.take_along_axis(whole, np.broadcast_to(k, (*batch, 1)), axis=-1)[..., 0]

    w, h, x0, y0 = (pick(values, bin_of) for values in (w, h, knots_x, knots_y))
    p, q = (pick(slopes, bin_of + end) * w / h for end in (0, 1))
    theta = _cubic_root((inside - y0) / h, p, q) if inverse else (inside - x0) / w
    rest = 1 - theta
    y = y0 + h * theta * (p * rest**2 + theta * ((3 - q) * rest + theta))
    slope = h / w * (p * rest**2 + 2 * (3 - p - q) * theta * rest + q * theta**2)
    if inverse:
        y, slope = x0 + w * theta, 1 / slope
    outside = np.abs(x) > bound
    return np.where(outside, x, y), np.where(outside, 0, np.log(slope))


def linear_spline(
    x: Any,
    heights: Any,
    *,
    inverse: bool = False,
    bound: float = 1.0,
    tails: str | None = "linear",
) -> Any:
    """Monotonic piecewise linear spline of every element, with its log-derivative."""
    bins = heights.shape[-1]
    log_shares = heights - np.max(heights, axis=-1, keepdims=True)
    log_shares = log_shares - np.log(np.sum(np.exp(log_shares), axis=-1, keepdims=True))
    knots_x = bound * (2 * np.arange(bins + 1) - bins) / bins
    knots_y = _knots(2 * bound * np.exp(log_shares), bound)

    inside = np.clip(x, -bound, bound)
    knots = knots_y if inverse else knots_x
    bin_of = np.sum(inside[..., None] >= knots[..., 1:-1], axis=-1)[..., None]
    batch = np.broadcast_shapes(bin_of.shape[:-1], heights.shape[:-1])

    def pick(values: Any, k: Any) -> Any:
        whole = np.broadcast_to(values, (*batch, values.shape[-1]))
        return np.take_along_axis(whole, np.broadcast_to(k, (*batch, 1)), axis=-1)[..., 0]

    x0, y0 = pick(knots_x, bin_of), pick(knots_y, bin_of)
    log = pick(log_shares, bin_of) + np.log(bins)
    y = x0 + (inside - y0) / np.exp(log) if inverse else y0 + (inside - x0) * np.exp(log)
    outside = np.abs(x) > bound
    return np.where(outside, x, y), np.where(outside, 0.0, -log if inverse else log)


def _densities(heights: Any, widths: Any, bound: float, least: float) -> Any:
    """Densities at all knots, with mean 1, from raw heights. Missing ends have density 1."""
    raw = np.logaddexp(heights, 0) + 1e-3
    ends = 0.0
    if heights.shape[-1] < widths.shape[-1]:
        ends = (widths[..., :1] + widths[..., -1:]) / 2
        zero = np.zeros_like(raw[..., :1])
        raw = np.concatenate([zero, raw, zero], axis=-1)
    area = np.sum((raw[..., :-1] + raw[..., 1:]) / 2 * widths, axis=-1, keepdims=True)
    excess = (2 * bound - ends) / area * raw
    if heights.shape[-1] < widths.shape[-1]:
        one = np.ones_like(excess[..., :1])
        excess = np.concatenate([one, excess[..., 1:-1], one], axis=-1)
    return least + (1 - least) * excess


def quadratic_spline(
    x: Any,
    widths: Any,
    heights: Any,
    *,
    inverse: bool = False,
    bound: float = 1.0,
    tails: str | None = "linear",
    min_bin_width: float = 1e-3,
    min_bin_height: float = 1e-3,
) -> Any:
    """Monotonic piecewise quadratic spline of every element, with its log-derivative."""
    bins = widths.shape[-1]
    sizes = _sizes(widths, bound, min_bin_width, 0, "nflows")
    densities = _densities(heights, sizes, bound, min_bin_height)
    knots_x = _knots(sizes, bound)
    knots_y = _knots((densities[..., :-1] + densities[..., 1:]) / 2 * sizes, bound)

    inside = np.clip(x, -bound, bound)
    knots = knots_y if inverse else knots_x
    bin_of = np.sum(inside[..., None] >= knots[..., 1:-1], axis=-1)[..., None]
    every = (bin_of, knots_x, knots_y)
    batch = np.broadcast_shapes(*(a.shape[:-1] for a in every))

    def pick(values: Any, k: Any) -> Any:
        whole = np.broadcast_to(values, (*batch, bins + 1))
        return np.take_along_axis(whole, np.broadcast_to(k, (*batch, 1)), axis=-1)[..., 0]

    x0, x1 = pick(knots_x, bin_of), pick(knots_x, bin_of + 1)
    d0, d1 = pick(densities, bin_of), pick(densities, bin_of + 1)
    y0, w = pick(knots_y, bin_of), x1 - x0
    if inverse:
        rise = (inside - y0) / w
        theta = 2 * rise / (d0 + np.sqrt(np.maximum(d0**2 + 2 * (d1 - d0) * rise, 0)))
        y = x0 + w * theta
    else:
        theta = (inside - x0) / w
        y = y0 + w * theta * (d0 + theta * (d1 - d0) / 2)
    slope = d0 + theta * (d1 - d0)
    beyond = x - inside
    end = np.where(beyond < 0, d0, d1)
    y = np.where(beyond == 0, y, inside + beyond * end ** (-1 if inverse else 1))
    log = np.log(np.where(beyond == 0, slope, end))
    return y, -log if inverse else log
