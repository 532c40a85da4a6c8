"""Guidance, in plain NumPy. An index of the first axis selects one sample."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple


def _axes(x: Any, axis: Any) -> tuple[int, ...]:
    """Return the axes of a sample: all but the first. An array of one axis is one sample."""
    ndim = np.ndim(x)
    if axis is None:
        return tuple(range(1, ndim)) or (0,)
    return normalize_axis_tuple(axis, ndim)


def _spread(numbers: Any, like: Any, axis: Any) -> Any:
    """Give numbers per sample the axes of a sample, with length 1."""
    return np.expand_dims(numbers, _axes(like, axis)) if np.ndim(numbers) else numbers


def _dot(x: Any, y: Any, axis: Any) -> Any:
    return np.sum(x * y, axis=_axes(x, axis), keepdims=True)


def _ratio(x: Any, y: Any, where_zero: float) -> Any:
    return np.where(y == 0, where_zero, x / np.where(y == 0, 1, y))


def cfg(uncond: Any, cond: Any, scale: Any, *, axis: Any = None) -> Any:
    """Classifier-free guidance."""
    return uncond + _spread(scale, cond, axis) * (cond - uncond)


def combine(
    base: Any, predictions: Any, scales: Any, *, start: Any = None, axis: Any = None
) -> Any:
    """Guidance by any number of conditions."""
    pairs = zip(predictions, scales, strict=True)
    return (base if start is None else start) + sum(
        _spread(s, base, axis) * (p - base) for p, s in pairs
    )


def cfg_rescale(uncond: Any, cond: Any, scale: Any, *, rescale: Any = 0.7, axis: Any = None) -> Any:
    """Classifier-free guidance, rescaled to the deviation of the conditional prediction."""
    guided = cfg(uncond, cond, scale, axis=axis)
    if guided.size == 0:
        return guided
    before, after = (np.std(x, axis=_axes(x, axis), keepdims=True) for x in (cond, guided))
    return guided * (1 + _spread(rescale, cond, axis) * (_ratio(before, after, 1) - 1))


def deviation_ratio(uncond: Any, cond: Any, scale: Any, *, axis: Any = None) -> Any:
    """Deviation of the conditional prediction, divided by that of the guided prediction."""
    axes, guided = _axes(cond, axis), cfg(uncond, cond, scale, axis=axis)
    if guided.size == 0:
        return np.ones(np.sum(guided, axis=axes).shape, guided.dtype)
    return _ratio(np.std(cond, axis=axes), np.std(guided, axis=axes), 1)


def apg(
    uncond: Any,
    cond: Any,
    scale: Any,
    *,
    average: Any = 0.0,
    momentum: Any = 0.0,
    eta: Any = 0.0,
    norm_threshold: Any = np.inf,
    axis: Any = None,
) -> Any:
    """Adaptive projected guidance: the result and the new average."""
    step = cond - uncond + _spread(momentum, cond, axis) * average
    length = np.sqrt(_dot(step, step, axis))
    limit = _spread(norm_threshold, cond, axis)
    limited = step * np.where(length > limit, _ratio(limit, length, 1), 1)
    parallel = _ratio(_dot(limited, cond, axis), _dot(cond, cond, axis), 0) * cond
    along = _spread(eta, cond, axis) * parallel
    return uncond + _spread(scale, cond, axis) * (limited - parallel + along), step


def cfg_zero_star(uncond: Any, cond: Any, scale: Any, *, axis: Any = None) -> Any:
    """Guidance from the multiple of the unconditional prediction nearest to the conditional."""
    return cfg(
        _ratio(_dot(cond, uncond, axis), _dot(uncond, uncond, axis), 0) * uncond,
        cond,
        scale,
        axis=axis,
    )


def perp_neg(
    uncond: Any,
    positive: Any,
    negative: Any,
    scale: Any,
    *,
    negative_scale: Any = 1.0,
    axis: Any = None,
) -> Any:
    """Guidance away from the part of the negative prompt orthogonal to the positive one."""
    toward, away = positive - uncond, negative - uncond
    away = away - _ratio(_dot(away, toward, axis), _dot(toward, toward, axis), 0) * toward
    return uncond + _spread(scale, uncond, axis) * (
        toward - _spread(negative_scale, uncond, axis) * away
    )


def tangential(uncond: Any, cond: Any, scale: Any, *, axis: Any = None) -> Any:
    """Guidance from the part of the unconditional prediction along the main direction."""
    if np.size(cond) == 0:
        return uncond + cond
    axes = _axes(cond, axis)
    u, c = (np.moveaxis(x, axes, range(-len(axes), 0)) for x in (uncond, cond))
    rows = np.stack([x.reshape(*x.shape[: x.ndim - len(axes)], -1) for x in (c, u)], axis=-2)
    direction = np.linalg.svd(rows, full_matrices=False)[2][..., 0, :]
    along = np.sum(rows[..., 1, :] * direction, axis=-1, keepdims=True) * direction
    along = np.moveaxis(along.reshape(u.shape), range(-len(axes), 0), axes)
    return cfg(along, cond, scale, axis=axis)


def magnitude_aware(
    uncond: Any, cond: Any, scale: Any, *, damping: Any = 8.0, axis: Any = None
) -> Any:
    """Guidance that is weaker where predictions lie far apart."""
    apart = _dot(cond - uncond, cond - uncond, axis)
    ratio = np.sqrt(np.where(apart == 0, 0, _ratio(apart, _dot(uncond, uncond, axis), np.inf)))
    damped = 1 + (_spread(scale, cond, axis) - 1) * np.exp(-_spread(damping, cond, axis) * ratio)
    return uncond + damped * (cond - uncond)


def scale_to_limit(x: Any, limit: Any, *, axis: Any = None) -> Any:
    """Clip at a limit, and divide by it."""
    limit = _spread(limit, x, axis)
    return np.clip(x, -limit, limit) / limit


def dynamic_threshold(
    x0: Any, *, quantile: float = 0.995, max_limit: float = np.inf, axis: Any = None
) -> Any:
    """Clip at a quantile of the sample's magnitudes, and divide by it."""
    limit = np.quantile(np.abs(x0), quantile, axis=_axes(x0, axis))
    return scale_to_limit(x0, np.clip(limit, 1, max_limit), axis=axis)


def classifier_mean(
    mean: Any, variance: Any, grad: Any, *, scale: Any = 1.0, axis: Any = None
) -> Any:
    """Mean of the reverse process, moved along the gradient of a classifier."""
    return mean + _spread(scale, mean, axis) * variance * grad


def classifier_epsilon(
    epsilon: Any, grad: Any, sigma: Any, *, scale: Any = 1.0, axis: Any = None
) -> Any:
    """Predicted noise, moved against the gradient of a classifier."""
    return epsilon - _spread(scale, epsilon, axis) * _spread(sigma, epsilon, axis) * grad


def interval(step: int, steps: int, *, start: float = 0.0, stop: float = 1.0) -> bool:
    """Return whether guidance is on at a step."""
    return step in range(int(start * steps), int(stop * steps))
