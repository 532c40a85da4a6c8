"""Elementary functions of generative models, in plain NumPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def exp(x: Any) -> Any:
    """Exponential."""
    return np.exp(x)


def expm1(x: Any) -> Any:
    """Exponential minus 1."""
    return np.expm1(x)


def expm1_minus_x(x: Any) -> Any:
    """Exponential minus its tangent at 0."""
    return np.expm1(x) - x


def log(x: Any) -> Any:
    """Natural logarithm."""
    return np.log(x)


def log1p(x: Any) -> Any:
    """Natural logarithm of 1 plus x."""
    return np.log1p(x)


_erfc = np.vectorize(math.erfc, otypes=[float])  # NumPy has no erfc


def ndtr(x: Any) -> Any:
    """Distribution function of the standard normal."""
    return 0.5 * _erfc(-x * math.sqrt(0.5))


def log_ndtr(x: Any) -> Any:
    """Logarithm of the distribution function of the standard normal."""
    far = np.minimum(x, -20.0)
    series = np.log1p(-1 / far**2 + 3 / far**4 - 15 / far**6 + 105 / far**8)
    tail = -(far**2) / 2 - np.log(-far * math.sqrt(2 * math.pi)) + series
    return np.where(x < -20, tail, np.log(ndtr(np.maximum(x, -20.0))))


def sigmoid(x: Any) -> Any:
    """Logistic function."""
    return 1 / (1 + np.exp(-x))


def softplus(x: Any) -> Any:
    """Smooth maximum of x and 0."""
    return np.logaddexp(x, 0)


def tanh(x: Any) -> Any:
    """Hyperbolic tangent."""
    return np.tanh(x)


def x_minus_log1p(x: Any) -> Any:
    """x - log(1 + x)."""
    return x - np.log1p(x)


def lerp(
    x: Any,
    y: Any,
    t: Any,
    *,
    axis: int | tuple[int, ...] | None = -1,
    keepdims: bool = False,
) -> Any:
    """Linear interpolation between two arrays."""
    if not keepdims and np.ndim(t) > 0:
        t = np.expand_dims(t, tuple(range(np.ndim(x))) if axis is None else axis)
    return (1 - t) * x + t * y


def logsumexp(x: Any, *, axis: int | tuple[int, ...] | None = -1, keepdims: bool = False) -> Any:
    """Logarithm of the sum of exponentials."""
    largest = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    with np.errstate(divide="ignore"):
        total = np.sum(np.exp(x - largest), axis=axis, keepdims=True)
        value = largest + np.log(total)
    return value if keepdims else np.squeeze(value, axis)


def norm(x: Any, *, axis: int | tuple[int, ...] | None = -1, keepdims: bool = False) -> Any:
    """Euclidean norm."""
    return np.sqrt(np.sum(x**2, axis=axis, keepdims=keepdims))


def squared_norm(x: Any, *, axis: int | tuple[int, ...] | None = -1, keepdims: bool = False) -> Any:
    """Square of the Euclidean norm."""
    return np.sum(x**2, axis=axis, keepdims=keepdims)


def total(x: Any, *, axis: int | tuple[int, ...] | None = -1, keepdims: bool = False) -> Any:
    """Sum."""
    return np.sum(x, axis=axis, keepdims=keepdims)
