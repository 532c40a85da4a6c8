"""Steps with coefficients per sample or token: thresholds, and different steps in a batch."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fastgen._abstract import is_dask
from fastgen._core import Op, Stream, empty, result_dtype
from fastgen.diffusion import solver_steps
from fastgen.diffusion.samplers._bound_step import LINEAR, NEXT, BoundStep
from fastgen.diffusion.samplers._checks import check_int
from fastgen.guidance.threshold import limits_of_samples
from fastgen.noise.draws import drawn

Array = np.ndarray[Any, np.dtype[Any]]
Coefficients = tuple[Any, ...]  # floats, or float64 of the leading axes, such as (batch,)
NOISE_PER_STEP = 2**64  # elements of the noise stream per step


def apply(
    op: Op,
    arrays: tuple[Any, ...],
    coefficients: Coefficients,
    out: Any = None,
    wanted: int = NEXT,
    predictions: int = 1,
) -> Any:
    """Run a row on arrays of shape (batch, ...). Coefficients have the leading axes of x.

    The first arrays, the sample and the predictions, determine the type of the results.
    Coefficients are rounded to the type of the arithmetic, never to half precision.
    """
    shape, stored = arrays[0].shape, result_dtype(arrays[: 1 + predictions])
    computed = np.float64 if stored == np.float64 else np.float32
    rounded = [c.astype(computed) if np.ndim(c) else c for c in coefficients]
    if computed is np.float32:  # noise may be wider than the samples
        arrays = tuple([y.astype(computed) if _is_double(y) else y for y in arrays])
    leading = max(1, *map(np.ndim, rounded))
    inputs, axes = (*arrays, *rounded), tuple(range(leading, len(shape)))
    if out is None and any(map(is_dask, inputs)):
        found = op(inputs, axes, False, None, wanted)
        each = found if type(found) is tuple else (found,)
        each = tuple([y if y is None else y.astype(stored) for y in each])
        return each[0] if op.nout == 1 else each
    outs = tuple(
        empty(shape, stored) if given is None and wanted >> k & 1 else given
        for k, given in enumerate((out, None)[: op.nout])
    )
    if op.nout == 1:
        return op(inputs, axes, False, outs[0])
    return op(inputs, axes, False, outs, wanted)


def differ_in_type(arrays: tuple[Any, ...]) -> bool:
    """Return whether the arrays of a step, noise among them, have different types."""
    return len({x.dtype for x in arrays if type(x) is not Stream}) > 1


def _is_double(x: Any) -> bool:
    return getattr(x, "dtype", None) == np.float64


def thresholded(
    x: Any, prediction: Any, coefficients: Coefficients, threshold: tuple[float, float]
) -> Coefficients:
    """Return coefficients that clip each x0 at a quantile of its magnitudes, and divide by it.

    a and b are divided by the quantile, so the limit is 1 for all samples. All tokens of a sample
    have one quantile.
    """
    a, b, _, *others = coefficients
    half = result_dtype((x, prediction)).itemsize == 2
    x0 = apply(LINEAR, tuple(y.astype(np.float32) if half else y for y in (x, prediction)), (a, b))
    limits = limits_of_samples(x0, *threshold)
    limits = limits.reshape(len(x0), *[1] * (np.ndim(a) - 1))
    return a / limits, b / limits, 1.0, *others


def table_of(steps: list[BoundStep]) -> Array:
    """Return a, b, limit, u, v, k and noise per step, for a sampler without memory."""
    rows = []
    for bound in steps:
        if bound.op is LINEAR:
            rows.append((0.0, 0.0, math.inf, *bound.coefficients, 0.0, 0.0))
        else:
            rows.append((*bound.coefficients, *(() if bound.noise else (0.0,))))
    return np.array(rows, np.float64)


def operation(rows: Array) -> tuple[Op, Coefficients]:
    """Return the cheapest row for these lines of a table, and its coefficients, arrays each."""
    a, b, limit, u, v, k, noise = np.moveaxis(rows, -1, 0)
    if noise.any():
        return solver_steps.ROWS[1], (a, b, limit, u, v, k, noise)
    if k.any():
        return solver_steps.ROWS[0], (a, b, limit, u, v, k)
    return LINEAR, (u, v)


def element_of(function: str, first: Any, shape: tuple[int, ...]) -> int:
    """Return the first element of a batch in the noise of a step, or raise.

    The noise of the next step begins after `NOISE_PER_STEP` elements.
    """
    number = first if type(first) is int else check_int(function, "first", first)
    before = number * math.prod(shape[1:])
    if number < 0 or before > NOISE_PER_STEP - math.prod(shape):  # False for unknown lengths
        raise ValueError(
            f"{function}: first must be >= 0, and the samples from it on must have at most 2**64 "
            f"elements; got {first!r} for the shape {shape}"
        )
    return before


def noise_of_each(
    steps: Array, shape: tuple[int, ...], dtype: Any, stream: Callable[[int, int], Stream]
) -> Array:
    """Return the noise of samples or tokens at different steps: parts of the noise of each step.

    `steps` has the leading axes of `shape`. `stream` gives the noise of a step from an element on.
    """
    noise, size = empty(shape, dtype), math.prod(shape[steps.ndim :])
    flat, start = noise.reshape(-1), 0
    for step, run in itertools.groupby(steps.ravel().tolist()):
        end = start + size * len(list(run))
        drawn(stream(step, start), flat[start:end])
        start = end
    return noise
