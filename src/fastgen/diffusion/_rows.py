"""Coefficients per sample, laid along the leading axes of a batch of anything."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastgen._core import Op, Stream
from fastgen._ops import OPS
from fastgen.diffusion._tables import Tables

FEW = 32  # steps that are quicker looked up one by one
FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)

_linear_combination = OPS["diffusion.linear_combination"]


def coefficients(t: Any, schedule: Tables) -> tuple[Any, Any]:
    """alpha_t and sigma_t in double: two floats where one step is that of all, else arrays."""
    signal, sigma = schedule.lists
    if type(t) is np.ndarray and t.dtype.kind in "iu":
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
                return np.array([signal[i] for i in steps]), np.array([sigma[i] for i in steps])
    elif type(t) is int and 0 <= t < len(signal):
        return signal[t], sigma[t]
    alpha_t, sigma_t = schedule.coefficients(t)
    if np.size(alpha_t) == 1:
        return float(np.ravel(alpha_t)[0]), float(np.ravel(sigma_t)[0])
    return alpha_t, sigma_t


def steps(function: str, t: Any, schedule: Tables) -> np.ndarray[Any, Any]:
    """Steps of the schedule, or a TypeError or ValueError."""
    found = np.asarray(t)
    if found.dtype.kind not in "iu":
        raise TypeError(
            f"{function}: t must hold integers, the steps of a schedule; got {found.dtype}"
        )
    schedule.coefficients(found)
    return found


def as_array(function: str, name: str, x: Any) -> np.ndarray[Any, Any]:
    """An array that holds real numbers, or a TypeError."""
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError(f"{function}: {name} must be an array without a mask, got a MaskedArray")
    array = np.asarray(x)
    if array.dtype.kind in "biu":
        return array.astype(np.float64)
    if array.dtype.char not in "efd" and array.dtype.name != "bfloat16":
        raise TypeError(
            f"{function}: {name} must hold float16, bfloat16, float32, float64, or integers and "
            f"bool (taken as float64); got {array.dtype}"
        )
    return array


def common(function: str, names: tuple[str, ...], arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    """Arrays of real numbers and of one shape, or Streams; or a TypeError or ValueError."""
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
    """How many leading axes a number per sample goes along, or a ValueError."""
    shape = np.shape(c)
    ndim = len(shape)
    if x.shape[:ndim] != shape:
        raise ValueError(
            f"{function}: {per_sample} must be a number or have the shape of the leading axes of "
            f"{name} {x.shape}; got {shape}"
        )
    return ndim


def arithmetic(*arrays: Any) -> tuple[np.dtype[Any], np.dtype[Any]]:
    """The type of a result of arrays, and the type in which it is computed."""
    types = {x.dtype for x in arrays if type(x) is not Stream}
    stored = types.pop() if len(types) == 1 else FLOAT64 if FLOAT64 in types else FLOAT32
    return stored, FLOAT64 if stored == FLOAT64 else FLOAT32


def along_leading(
    op: Op,
    function: str,
    names: tuple[str, ...],
    inputs: tuple[Any, ...],
    per_sample: tuple[str, Any],
    coefficients: tuple[Any, ...],
    out: Any = None,
) -> Any:
    """Apply an operation to inputs of one shape and to coefficients along their leading axes.

    `per_sample` is the name and the value of what the coefficients come from, and have the shape
    of, unless they are single floats. They are doubles, rounded to the type of the arithmetic:
    never to half precision. This is the short way, of contiguous arrays of one type; what it
    declines goes the general one.
    """
    x = inputs[0]
    if type(x) is np.ndarray and (out is None or type(out) is np.ndarray):
        dtype, shape = x.dtype, x.shape
        if (dtype is FLOAT32 or dtype is FLOAT64) and _alike(inputs, dtype, shape):
            name, t = per_sample
            c = coefficients[0]
            if type(c) is float:
                if type(t) is np.ndarray and t.ndim:
                    check_leading(function, names[0], name, t, x)
                return op((*inputs, *coefficients), -1, False, out)
            if x.size and x.flags.c_contiguous and (out is None or _fits(out, dtype, shape)):
                check_leading(function, names[0], name, t, x)
                rows = (c.size, x.size // c.size)
                flat = [y if type(y) is Stream else y.reshape(rows) for y in inputs]
                given = None if out is None else out.reshape(rows)
                results = op((*flat, *[_of(c, dtype) for c in coefficients]), -1, False, given)
                if out is not None:
                    return out
                if type(results) is tuple:
                    return tuple([result.reshape(shape) for result in results])
                return results.reshape(shape)
    return _generally(op, function, names, inputs, per_sample, coefficients, out)


def _of(c: Any, dtype: Any) -> Any:
    c = c if c.ndim == 1 else c.ravel()
    return c if dtype is FLOAT64 else c.astype(dtype)


def all_within(numbers: Any, low: float, high: float) -> bool:
    """Whether all lie in [low, high]; NaN does not."""
    if numbers.size <= FEW:
        return all(low <= x <= high for x in numbers.ravel().tolist())
    return bool(numbers.min() >= low and numbers.max() <= high)


def _fits(out: Any, dtype: Any, shape: tuple[int, ...]) -> bool:
    """Whether rows of the result are rows of `out`."""
    return out.dtype is dtype and out.shape == shape and out.flags.c_contiguous


def _alike(inputs: tuple[Any, ...], dtype: Any, shape: tuple[int, ...]) -> bool:
    for y in inputs:
        if type(y) is not Stream and not (
            type(y) is np.ndarray and y.dtype is dtype and y.shape == shape
        ):
            return False
    return True


def _generally(
    op: Op,
    function: str,
    names: tuple[str, ...],
    inputs: tuple[Any, ...],
    per_sample: tuple[str, Any],
    coefficients: tuple[Any, ...],
    out: Any,
) -> Any:
    arrays = common(function, names, inputs)
    k = next(k for k, x in enumerate(arrays) if type(x) is not Stream)
    shape = arrays[k].shape
    ndim = check_leading(function, names[k], *per_sample, arrays[k])
    if type(coefficients[0]) is float:
        return op((*arrays, *coefficients), None if shape else -1, False, out)
    stored, computed = arithmetic(*arrays)
    if out is None:
        out = tuple([np.empty(shape, stored) for _ in range(op.nout)])
        out = out if op.nout > 1 else out[0]
    operands = (*arrays, *[c.astype(computed, copy=False) for c in coefficients])
    return op(operands, tuple(range(ndim, len(shape))), False, out)
