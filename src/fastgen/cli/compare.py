"""How far a result is from the reference, and how far it may be."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from fastgen._signature import Shape
from fastgen.cases import CASES, bounds, each, reference, signature

Array = np.ndarray[Any, np.dtype[Any]]


class Limits(NamedTuple):
    """The precision and the range of a float type."""

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


def max_error(name: str, result: Any, expected: Any) -> float:
    """Return the largest relative error of a result; NaN and infinities must be where expected.

    Where terms may cancel, the error is relative to the median result. The rounding error of the
    reference itself is subtracted.
    """
    pairs = zip(each(result), each(expected), strict=True)
    return max(_max_error(name, found, wanted) for found, wanted in pairs)


def _max_error(name: str, result: Any, expected: Any) -> float:
    top = limits(np.asarray(result).dtype)
    a, b = np.asarray(result, np.float64), np.asarray(expected, np.float64)
    if a.shape != b.shape:
        return float("inf")
    b = np.where(np.abs(b) > top.max, np.copysign(np.inf, b), b)
    finite = np.abs(b[np.isfinite(b)])
    typical = float(np.median(finite)) if finite.size else 0.0
    floor = top.tiny
    if signature(name).dims or CASES[name].scale is not None:
        floor = max(floor, typical)
    rounding = 16 * float(np.finfo(np.float64).eps) * typical
    error = np.maximum(np.abs(a - b) - rounding, 0) / np.maximum(np.abs(b), floor)
    error = np.where(np.isnan(a - b), np.nan, error)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    error = np.where(same, 0.0, np.where(np.isnan(error), np.inf, error))
    return float(np.max(error, initial=0.0))


def tolerance(name: str, dtype: Any) -> float:
    """Return the error beyond which a result is wrong.

    In float64 it is large, because the reference may lose half of its digits by cancellation.
    """
    eps = limits(dtype).eps
    bound = max(16.0, *(4 * ulp for ulp in bounds(CASES[name].ulp, 1))) * eps
    return max(bound, eps**0.5) if np.dtype(dtype) == np.float64 else bound


def weighted(values: Any, cotangents: Iterable[Any], batch_ndim: int) -> Any:
    """Return, for each of the batch, the sum of its values times their cotangents."""
    terms = [np.asarray(v, np.float64) * c for v, c in zip(each(values), cotangents, strict=True)]
    return sum(np.sum(term, axis=tuple(range(batch_ndim, term.ndim))) for term in terms)


def slope(
    function: Callable[..., Any],
    inputs: Sequence[Array],
    directions: Sequence[Array],
    # A smaller step has more rounding error, a larger one more curvature.
    step: float = 2.0**-20,
) -> Any:
    """Return the change of `function` along `directions`, by central differences in float64."""
    ahead = function(*(x + step * d for x, d in zip(inputs, directions, strict=True)))
    behind = function(*(x - step * d for x, d in zip(inputs, directions, strict=True)))
    return (ahead - behind) / (2 * step)


def gradient_error(
    name: str, gradients: Sequence[Any], inputs: Sequence[Any], shape: Shape
) -> float:
    """Return how far gradients are from differences of the reference in one random direction."""
    doubles = [np.asarray(x, np.float64) for x in inputs]
    random = np.random.default_rng(1)
    directions = [random.choice([-1.0, 1.0], x.shape) for x in doubles]
    batch = signature(name).batch_ndim(shape)
    ones = [1.0] * len(signature(name).outputs)
    function = reference(name)
    expected, coarse = (
        slope(lambda *x: weighted(function(*x), ones, batch), doubles, directions, step)
        for step in (2.0**-20, 2.0**-19)
    )
    total = weighted(tuple(gradients), directions, batch)
    scale = weighted(tuple(map(np.abs, gradients)), [1.0] * len(doubles), batch)
    # The differences of two steps show how inaccurate they are, as near a pole.
    error = np.maximum(np.abs(total - expected) - np.abs(expected - coarse), 0)
    # Gradients may be exactly 0, as of a logarithm with its log-determinant: both cancel.
    error /= np.maximum(scale, max(float(np.median(scale)), limits(np.float64).tiny))
    # A gradient beyond the range of the type is infinite; the difference shows only its size.
    beyond = np.isinf(scale) & (np.abs(expected) > limits(gradients[0].dtype).max / 2)
    error = np.where(beyond | _left(function, doubles, ones, batch, coarse, total), 0.0, error)
    return float(np.max(np.where(np.isnan(error), np.inf, error), initial=0.0))


def _left(
    function: Any, inputs: list[Array], ones: list[float], batch: int, slopes: Any, total: Any
) -> Any:
    """Return where a step leaves the domain, such as a probability above 1: there is no difference.

    The value and the gradient are numbers there.
    """
    missing = np.isnan(slopes) & ~np.isnan(total)
    if not np.any(missing):
        return missing
    return missing & ~np.isnan(weighted(function(*inputs), ones, batch))


def gradient_tolerance(dtype: Any) -> float:
    """Return the error beyond which a gradient is wrong: the accuracy of differences."""
    return max(1e-4, 16 * limits(dtype).eps)
