"""Rows with coefficients per sample, which broadcast along the leading axes of a batch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from fastgen import _abstract as abstract
from fastgen._axes import axes_from
from fastgen._compose import row
from fastgen._core import Op, Stream
from fastgen._messages import FLOATS, beside_dask, check_shape_is_known, holds_numbers, named
from fastgen._plain import of_elements
from fastgen.diffusion._tables import STEP, Tables

FEW = 32  # up to so many steps, a look-up one by one is faster
FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


def coefficients(t: Any, schedule: Tables) -> tuple[Any, Any]:
    """Return alpha_t and sigma_t in double: floats if all samples share a step, else arrays."""
    if abstract.has_no_values(t):
        if abstract.is_dask(t):
            alpha_t, sigma_t = lazily(schedule.coefficients, "coefficients", t)
            return alpha_t, sigma_t
        return abstract.numbers(t), abstract.numbers(t)
    try:
        signal, sigma = schedule.lists
    except AttributeError:
        raise TypeError(
            f"schedule must be a fastgen.diffusion.Schedule, got {schedule!r}"
        ) from None
    in_steps = schedule.unit == STEP
    if in_steps and type(t) is np.ndarray and t.dtype.kind in "iu":
        if t.size > FEW:
            if t.min() >= 0 and t.max() < len(signal):
                return schedule.signal[t], schedule.sigma[t]
        elif t.size == 1:
            step = t.item()
            if 0 <= step < len(signal):
                return signal[step], sigma[step]
        elif t.ndim == 1 and t.size:
            steps = t.tolist()
            if min(steps) >= 0 and max(steps) < len(signal):
                return schedule.signal[t], schedule.sigma[t]
    elif in_steps and type(t) is int and 0 <= t < len(signal):
        return signal[t], sigma[t]
    alpha_t, sigma_t = schedule.coefficients(t)
    if np.size(alpha_t) == 1:
        return float(np.ravel(alpha_t)[0]), float(np.ravel(sigma_t)[0])
    return alpha_t, sigma_t


def lazily(f: Callable[[Any], Any], name: str, t: Any, count: int = 2) -> tuple[Any, ...]:
    """Return what f makes of dask arrays of steps or the like: dask arrays in double."""
    found: tuple[Any, ...] = of_elements(f, f"diffusion.{name}", "t", t, count)
    return found


def steps(function: str, t: Any, schedule: Tables) -> Any:
    """Return steps of the schedule, or raise a TypeError or ValueError."""
    if abstract.has_no_values(t):
        return t.astype(np.intp)  # each block has values, and checks them
    try:
        return schedule.whole_steps(t)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{function}: {error}") from None


def as_array(function: str, name: str, x: Any) -> Any:
    """Return an array of real numbers, or raise a TypeError."""
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError(f"{function}: {name} must be an array without a mask, got a MaskedArray")
    array = abstract.as_array(x)
    if not holds_numbers(array.dtype):
        raise TypeError(f"{function}: {name} must hold {FLOATS}; got {array.dtype}")
    return array.astype(np.float64) if array.dtype.kind in "biu" else array


def _check_beside_dask(function: str, arrays: tuple[Any, ...]) -> None:
    """Raise if an array of another library stands beside dask arrays, or a shape is unknown."""
    name = f"diffusion.{function}"
    for k, x in enumerate(arrays):
        if abstract.is_dask(x):
            check_shape_is_known(named(name, k), x)
        elif not isinstance(x, (np.ndarray, np.generic, int, float, list, tuple, Stream)):
            raise TypeError(beside_dask(name, k, x))


def common(function: str, names: tuple[str, ...], arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return arrays of real numbers and of one shape, or Streams, or raise."""
    if any(map(abstract.is_dask, arrays)):
        _check_beside_dask(function, arrays)
    found: tuple[Any, ...] = tuple(
        x if type(x) is Stream else as_array(function, name, x)
        for name, x in zip(names, arrays, strict=True)
    )
    shapes = {name: x.shape for name, x in zip(names, found, strict=True) if type(x) is not Stream}
    if not shapes:
        raise TypeError(f"{function}: one of {', '.join(names)} must be an array")
    if len(set(shapes.values())) > 1:
        listed = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(f"{function}: the shapes must be equal, got {listed}")
    return found


def check_leading(function: str, name: str, per_sample: str, c: Any, x: Any) -> int:
    """Return the number of leading axes that `c` has, or raise a ValueError."""
    shape = np.shape(c)
    ndim = len(shape)
    if x.shape[:ndim] != shape:
        raise ValueError(
            f"{function}: {per_sample} must be a number or have the shape of the leading axes of "
            f"{name} {x.shape}; got {shape}"
        )
    return ndim


def arithmetic(*arrays: Any) -> tuple[np.dtype[Any], np.dtype[Any]]:
    """Return the type of a result, and the type of its computation."""
    types = {
        x.dtype if x.dtype.isnative else x.dtype.newbyteorder("=")
        for x in arrays
        if type(x) is not Stream
    }
    stored = types.pop() if len(types) == 1 else FLOAT64 if FLOAT64 in types else FLOAT32
    return stored, FLOAT64 if stored == FLOAT64 else FLOAT32


def along_leading(
    op: Op,
    function: str,
    names: tuple[str, ...],
    inputs: tuple[Any, ...],
    per_sample: tuple[str, Any],
    coefficients: tuple[Any, ...],
    out: Any,
) -> Any:
    """Compute a row with inputs of one shape, and coefficients along their leading axes.

    `per_sample` holds the name and the value of the argument that the coefficients come from. The
    coefficients have its shape, or are single floats. They are doubles, and are rounded to the type
    of the arithmetic, never to half precision.
    """
    x = inputs[0]
    dtype = x.dtype if type(x) is np.ndarray else None
    alike = (dtype is FLOAT32 or dtype is FLOAT64) and _alike(inputs, dtype, x.shape)
    if not alike:
        inputs = common(function, names, inputs)
        k = next(k for k, y in enumerate(inputs) if type(y) is not Stream)
        names, x = names[k:], inputs[k]
    name, t = per_sample
    if type(coefficients[0]) is float:
        if type(t) is not float and type(t) is not int:
            check_leading(function, names[0], name, t, x)
        return row(op, inputs + coefficients, -1, False, out)
    ndim = check_leading(function, names[0], name, t, x)
    if (dtype if alike else arithmetic(*inputs)[1]) is FLOAT32:  # as C rounds them
        coefficients = tuple([c.astype(FLOAT32) for c in coefficients])
    return row(op, inputs + coefficients, axes_from(ndim, x.ndim), False, out)


def all_within(numbers: Any, low: float, high: float) -> bool:
    """Return whether all numbers lie in [low, high]. NaN does not.

    Numbers without values are not checked.
    """
    if abstract.has_no_values(numbers):
        return True
    if numbers.size == 1:
        number: float = numbers.item()
        return low <= number <= high
    if numbers.size <= FEW:
        return all(low <= x <= high for x in numbers.ravel().tolist())
    return bool(numbers.min() >= low and numbers.max() <= high)


def within(function: str, name: str, x: Any, low: float, high: float) -> Any:
    """Return numbers in double, or raise a ValueError if one lies outside [low, high].

    Blocks of a dask array raise it when they are computed.
    """
    if abstract.is_dask(x):
        checked = partial(_within, function, name, low, high)
        return of_elements(checked, f"diffusion.{function}", name, x)
    return _within(function, name, low, high, x)


def _within(function: str, name: str, low: float, high: float, x: Any) -> Any:
    found = abstract.numbers(x, f"{function}: {name}")
    if not all_within(found, low, high):
        limits = f"lie in [{low:g}, {high:g}]" if high < np.inf else f"be >= {low:g}"
        raise ValueError(f"{function}: {name} must {limits}, got {found}")
    return found


def _alike(inputs: tuple[Any, ...], dtype: Any, shape: tuple[int, ...]) -> bool:
    for y in inputs:
        if type(y) is not Stream and not (
            type(y) is np.ndarray and y.dtype is dtype and y.shape == shape
        ):
            return False
    return True
