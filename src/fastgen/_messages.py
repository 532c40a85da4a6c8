"""The words of an error: the argument, what was expected, what came.

They are looked up only when a call is wrong, so a right call pays nothing for them.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.exceptions import AxisError

from fastgen._registry import ENTRIES, entry_of

_FLOATS = "float16, bfloat16, float32, float64, or integers and bool (taken as float64)"


def _function(op: str) -> str:
    """Return the function's own name. One without rows is named as it is."""
    entry = ENTRIES.get(op.removesuffix("_derivative"))
    return entry.function.__name__ if entry else op.partition(".")[2]


def argument(op: str, k: int) -> str:
    """Return the name of input `k`, as the public function has it."""
    names = entry_of(op).names
    return names[k] if k < len(names) else "cotangent"


def no_derivative(op: str) -> str:
    """A gradient of an operation that has none."""
    return f"{_function(op)}: it has no derivative"


def choice(function: str, option: str, choices: Iterable[str], got: object) -> str:
    """A keyword with a value that it does not have."""
    return f"{function}: {option} must be one of {', '.join(map(repr, choices))}; got {got!r}"


def count(op: str, expected: int, got: int) -> str:
    """A wrong number of inputs."""
    return f"{_function(op)}: expected {expected} inputs, got {got}"


def cotangents(op: str, expected: int, got: int) -> str:
    """A wrong number of cotangents."""
    return f"{_function(op)}: expected {expected} cotangents, one per result, got {got}"


def check_cotangent(function: str, got: Any, shape: tuple[int, ...]) -> None:
    """Raise where a cotangent does not suit a result of this shape."""
    array = np.asarray(got)
    if (array.dtype.kind not in "biuf" and array.dtype.name != "bfloat16") or array.itemsize > 8:
        raise TypeError(f"{function}: cotangent must hold {_FLOATS}; got {array.dtype}") from None
    ndim = array.ndim
    pairs = zip(array.shape, shape[len(shape) - ndim :], strict=False)
    if ndim > len(shape) or any(m not in (1, n) for m, n in pairs):
        raise ValueError(
            f"{function}: cotangent must broadcast to the shape {shape} of the result, "
            f"got {array.shape}"
        ) from None


def masked(op: str, k: int) -> str:
    """An input with a mask."""
    return (
        f"{_function(op)}: {argument(op, k)} must be an array without a mask, got a MaskedArray; "
        "fill it, or select its valid elements, first"
    )


def dtype(op: str, k: int, got: np.dtype[Any]) -> str:
    """An input that holds no supported numbers."""
    return f"{_function(op)}: {argument(op, k)} must hold {_FLOATS}; got {got}"


def shapes(op: str, arrays: list[np.ndarray[Any, Any]], per_row: int) -> str:
    """Inputs that do not broadcast. Numbers always do, so they are not named."""
    named = [
        f"{argument(op, k)} {np.shape(array)}"
        for k, array in enumerate(arrays)
        if not per_row >> k & 1 and np.ndim(array)
    ]
    return f"{_function(op)}: the shapes must broadcast together, got {', '.join(named)}"


def named_shapes(op: str, named: Iterable[str], what: str = "shapes") -> str:
    """Shapes of inputs, each told with its name, that do not broadcast."""
    return f"{_function(op)}: the {what} must broadcast together, got {', '.join(named)}"


def row_shape(op: str, k: int, got: tuple[int, ...], expected: tuple[int, ...]) -> str:
    """An input with one value per row, whose shape is not that of the rows."""
    return (
        f"{_function(op)}: {argument(op, k)} must broadcast to the shape {expected} of the "
        f"result, got {got}"
    )


def core_ndim(op: str, k: int, signature: str, got: tuple[int, ...]) -> str:
    """An input without the dimensions that one problem has."""
    core = _core(signature, k)
    plural = "s" if len(core) > 1 else ""
    return (
        f"{_function(op)}: {argument(op, k)} must have at least {len(core)} dimension{plural}, "
        f"(..., {', '.join(core)}); got shape {got}"
    )


def core_size(op: str, k: int, owner: int, signature: str, arrays: list[Any]) -> str:
    """An input that is of another size than one before."""
    core = {i: ", ".join(_core(signature, i)) for i in (k, owner)}
    if k == owner:
        return (
            f"{_function(op)}: {argument(op, k)} must be square, (..., {core[k]}); "
            f"got shape {np.shape(arrays[k])}"
        )
    return (
        f"{_function(op)}: {argument(op, owner)} of shape (..., {core[owner]}) and "
        f"{argument(op, k)} of shape (..., {core[k]}) must agree, "
        f"got {np.shape(arrays[owner])} and {np.shape(arrays[k])}"
    )


def _core(signature: str, k: int) -> list[str]:
    return [name for name in re.findall(r"\((.*?)\)", signature)[k].split(",") if name]


def batches(op: str, signature: str, arrays: list[Any]) -> str:
    """Inputs whose batch dimensions do not broadcast."""
    named = [
        f"{argument(op, k)} {np.shape(x)} = (..., {', '.join(_core(signature, k))})"
        for k, x in enumerate(arrays)
    ]
    return (
        f"{_function(op)}: the batch dimensions of the shapes must broadcast together, got "
        f"{', '.join(named)}"
    )


def many_dimensions(op: str, most: int) -> str:
    """An input or a result with more dimensions than C can walk."""
    return f"{_function(op)}: inputs and results must have at most {most} dimensions"


def draw_dtype(op: str, got: np.dtype[Any]) -> str:
    """A type that noise does not come in."""
    return f"{_function(op)}: dtype must be float16, bfloat16, float32 or float64, got {got}"


def stream_refused(op: str, k: int) -> str:
    """A stream for an input with one value per row, or a matrix."""
    return f"{_function(op)}: {argument(op, k)} must be an array, got a Stream"


def only_streams(op: str) -> str:
    """No input that has a shape."""
    return f"{_function(op)}: an input must be an array, for a Stream has no shape; got Streams"


def checked_axis(op: str, axis: object, a: Any, ndim: int) -> int:
    """Return axis `a` counted from the front, or raise."""
    try:
        index = operator.index(a)
    except TypeError:
        raise TypeError(
            f"{_function(op)}: axis must be an int, a tuple of ints, or None; got {axis!r}"
        ) from None
    if isinstance(a, bool) or not -ndim <= index < ndim:
        raise AxisError(
            f"{_function(op)}: axis must lie between {-ndim} and {ndim - 1} for inputs that "
            f"broadcast to {ndim} dimensions, got {axis!r}"
        )
    return index % ndim


def repeated_axis(op: str, axis: object) -> str:
    """An axis given twice."""
    return f"{_function(op)}: axis must name each axis once, got {axis!r}"


def out_type(op: str, got: object) -> str:
    """An `out` that is no NumPy array."""
    return f"{_function(op)}: out must be a NumPy array, got {type(got).__name__}"


def out_count(op: str, expected: int, got: object) -> str:
    """An `out` that does not match the number of outputs."""
    came = f"a tuple of {len(got)}" if isinstance(got, tuple) else type(got).__name__
    return f"{_function(op)}: out must be a tuple of {expected} arrays or None, got {came}"


def out_read_only(op: str) -> str:
    """An `out` that can't be written."""
    return f"{_function(op)}: out must be writeable, got a read-only array"


def out_shape(op: str, got: tuple[int, ...], expected: tuple[int, ...]) -> str:
    """An `out` of the wrong shape."""
    return f"{_function(op)}: out must have the shape {expected} of the result, got {got}"


def out_dtype(op: str, got: np.dtype[Any]) -> str:
    """An `out` that can't hold the result."""
    return f"{_function(op)}: out must be of type float16, bfloat16, float32 or float64, got {got}"


def out_overlap(op: str) -> str:
    """Outputs that share memory."""
    return f"{_function(op)}: the arrays in out must not share memory"


def check_out(op: str, out: Any, shape: tuple[int, ...]) -> None:
    """Raise where a function that is put together from several can't put its result into `out`."""
    if not isinstance(out, np.ndarray) or isinstance(out, np.ma.MaskedArray):
        raise TypeError(out_type(op, out))
    if not out.flags.writeable:
        raise ValueError(out_read_only(op))
    if out.shape != shape:
        raise ValueError(out_shape(op, out.shape, shape))
    if (out.dtype.kind != "f" and out.dtype.name != "bfloat16") or out.dtype.itemsize > 8:
        raise TypeError(out_dtype(op, out.dtype))


def single_axis(op: str, axis: Any) -> int:
    """Return the one axis that a ufunc can take, or raise."""
    if isinstance(axis, tuple) and len(axis) == 1:
        axis = axis[0]
    if isinstance(axis, tuple) or axis is None:
        raise TypeError(
            f"{_function(op)}: axis must be a single int for arrays of other libraries than "
            f"NumPy, got {axis!r}; reshape the axes into one first"
        )
    return operator.index(axis)


def as_float(x: Any) -> Any:
    """Return an array of another library as float64, if it holds integers or bool."""
    kind = getattr(getattr(x, "dtype", None), "kind", "f")
    return x.astype(np.float64) if kind in "biu" and hasattr(x, "astype") else x
