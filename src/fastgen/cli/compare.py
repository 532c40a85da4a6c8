"""How far a result is from the reference, and how far it may be."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from fastgen._ops import OPS
from fastgen.cases import CASES, reference

Array = np.ndarray[Any, np.dtype[Any]]


class Limits(NamedTuple):
    """What a float type can hold."""

    eps: float
    tiny: float
    max: float


def dtype_of(name: str) -> Any:
    """Return the float type of this name; ImportError where ml_dtypes is needed and missing."""
    if name == "bfloat16":
        return np.dtype(importlib.import_module("ml_dtypes").bfloat16)
    return np.dtype(name)


def limits(dtype: Any) -> Limits:
    """Return the limits of a float type."""
    dtype = np.dtype(dtype)
    finfo: Any = np.finfo
    if dtype.name == "bfloat16":
        finfo = importlib.import_module("ml_dtypes").finfo
    found = finfo(dtype)
    return Limits(float(found.eps), float(found.smallest_normal), float(found.max))


def has_rows(name: str) -> bool:
    """Return whether the last axis is one to an operation, and not only many elements."""
    return "(n)" in OPS[name].signature


def max_error(name: str, result: Any, expected: Any) -> float:
    """Return the largest relative error of a result; NaN and infinities must be where expected.

    Where terms may cancel, the error is relative to a typical result, the median. What rounding
    alone does to the terms of the reference, where they cancel, does not count.
    """
    top = limits(np.asarray(result).dtype)
    a, b = np.asarray(result, np.float64), np.asarray(expected, np.float64)
    if a.shape != b.shape:
        return float("inf")
    b = np.where(np.abs(b) > top.max, np.copysign(np.inf, b), b)
    finite = np.abs(b[np.isfinite(b)])
    typical = float(np.median(finite)) if finite.size else 0.0
    floor = top.tiny
    if has_rows(name) or CASES[name].scale is not None:
        floor = max(floor, typical)
    rounding = 16 * float(np.finfo(np.float64).eps) * typical
    error = np.maximum(np.abs(a - b) - rounding, 0) / np.maximum(np.abs(b), floor)
    error = np.where(np.isnan(a - b), np.nan, error)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    error = np.where(same, 0.0, np.where(np.isnan(error), np.inf, error))
    return float(np.max(error, initial=0.0))


def tolerance(name: str, dtype: Any) -> float:
    """Return the error beyond which a result is wrong.

    Generous, because the reference itself may cancel: in float64 half of its digits.
    """
    eps = limits(dtype).eps
    bound = max(16.0, 4 * CASES[name].ulp) * eps
    return max(bound, eps**0.5) if np.dtype(dtype) == np.float64 else bound


def slopes(
    function: Callable[..., Any], inputs: Sequence[Array], directions: Sequence[Array]
) -> Any:
    """Return the change of `function` along `directions`, by central differences in float64."""
    # Large enough for the rounding of the value, small enough for its curvature.
    step = 2.0**-20
    ahead = function(*(x + step * d for x, d in zip(inputs, directions, strict=True)))
    behind = function(*(x - step * d for x, d in zip(inputs, directions, strict=True)))
    return (ahead - behind) / (2 * step)


def gradient_error(name: str, gradients: Sequence[Any], inputs: Sequence[Any]) -> float:
    """Return how far gradients are from differences of the reference in one random direction."""
    wide = [np.asarray(x, np.float64) for x in inputs]
    random = np.random.default_rng(1)
    directions = [random.choice([-1.0, 1.0], x.shape) for x in wide]
    expected = slopes(reference(name), wide, directions)
    terms = [np.asarray(g, np.float64) * d for g, d in zip(gradients, directions, strict=True)]
    scale = [np.abs(term) for term in terms]
    if has_rows(name):
        terms, scale = [*map(_row_sums, terms)], [*map(_row_sums, scale)]
        expected = _row_sums(expected)
    total: Any = sum(scale)
    error = np.abs(sum(terms) - expected) / np.maximum(total, float(np.median(total)))
    # More than a small type can hold; the difference says only about how much that is.
    beyond = np.isinf(total) & (np.abs(expected) > limits(gradients[0].dtype).max / 2)
    error = np.where(beyond, 0.0, error)
    return float(np.max(np.where(np.isnan(error), np.inf, error), initial=0.0))


def _row_sums(terms: Any) -> Any:
    return np.sum(terms, axis=-1) if terms.ndim > 1 else terms


def gradient_tolerance(dtype: Any) -> float:
    """Return the error beyond which a gradient is wrong: differences are no better than this."""
    return max(1e-4, 16 * limits(dtype).eps)
