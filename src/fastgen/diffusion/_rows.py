"""Coefficients per sample, laid along the leading axes of a batch of anything."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastgen._ops import OPS
from fastgen.diffusion._tables import Tables

FEW = 32  # steps that are quicker looked up one by one
FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)

_linear_combination = OPS["diffusion.linear_combination"]


def coefficients(t: Any, schedule: Tables) -> tuple[Any, Any]:
    """alpha_t and sigma_t in double: two floats where one step is that of all, else arrays."""
    if type(t) is np.ndarray and t.dtype.kind in "iu" and 0 < t.size <= FEW:
        steps = t.ravel().tolist()
        signal, sigma = schedule.lists
        if min(steps) >= 0 and max(steps) < len(signal):
            if len(steps) == 1:
                return signal[steps[0]], sigma[steps[0]]
            shape = t.shape
            return (
                np.array([signal[i] for i in steps]).reshape(shape),
                np.array([sigma[i] for i in steps]).reshape(shape),
            )
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
    """Arrays of real numbers and of one shape, or a TypeError or ValueError."""
    found = tuple(as_array(function, name, x) for name, x in zip(names, arrays, strict=True))
    if any(x.shape != found[0].shape for x in found):
        shapes = ", ".join(f"{name} {x.shape}" for name, x in zip(names, found, strict=True))
        raise ValueError(f"{function}: the shapes must be equal, got {shapes}")
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
    types = {x.dtype for x in arrays}
    stored = types.pop() if len(types) == 1 else FLOAT64 if FLOAT64 in types else FLOAT32
    return stored, FLOAT64 if stored == FLOAT64 else FLOAT32


def linear(
    function: str,
    names: tuple[str, str],
    inputs: tuple[Any, Any],
    t: Any,
    a: Any,
    b: Any,
    out: Any = None,
) -> Any:
    """a x + b y in one pass, with a and b of the shape of t, along the leading axes of x and y.

    They are doubles, rounded to the type of the arithmetic: never to half precision.
    """
    x, y = inputs
    if type(x) is np.ndarray and type(y) is np.ndarray and x.shape == y.shape:
        dtype = x.dtype
        if out is None and dtype is y.dtype and (dtype is FLOAT32 or dtype is FLOAT64):
            if type(a) is float:
                if type(t) is np.ndarray and t.ndim:
                    check_leading(function, names[0], "t", t, x)
                return _linear_combination((x, y, a, b))
            if x.size and x.flags.c_contiguous:
                check_leading(function, names[0], "t", t, x)
                rows = (a.size, x.size // a.size)
                operands = x.reshape(rows), y.reshape(rows), _of(a, dtype), _of(b, dtype)
                return _linear_combination(operands).reshape(x.shape)
    x, y = common(function, names, inputs)
    ndim = check_leading(function, names[0], "t", t, x)
    stored, computed = arithmetic(x, y)
    if type(a) is not float:
        a, b = a.astype(computed), b.astype(computed)
        if out is None:
            out = np.empty(x.shape, stored)
        return _linear_combination((x, y, a, b), tuple(range(ndim, x.ndim)), False, out)
    return _linear_combination((x, y, a, b), None if x.ndim else -1, False, out)


def _of(a: Any, dtype: Any) -> Any:
    return a.ravel() if dtype is FLOAT64 else a.ravel().astype(dtype)
