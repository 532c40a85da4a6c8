"""Error messages: each names the function, the argument, what was expected and what came.

A function that returns `str` returns the message, for the caller to raise.
"""

from __future__ import annotations

import inspect
import operator
import re
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.exceptions import AxisError

from fastgen._arrays import array_of
from fastgen._registry import ENTRIES, entry_of

FLOATS = "float16, bfloat16, float32, float64, or integers and bool (taken as float64)"


PLAIN: dict[str, tuple[str, ...]] = {}
"""The names of the inputs of functions that are not made of rows."""


def holds_numbers(dtype: np.dtype[Any]) -> bool:
    """Whether a type is taken as an input: a float of at most 64 bits, an integer, or bool."""
    return (dtype.kind in "biuf" or dtype.name == "bfloat16") and dtype.itemsize <= 8


def check_numbers(op: str, k: int, x: Any) -> None:
    """Raise if input `k` has a mask, or does not hold real numbers."""
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError(masked(op, k))
    found = x.dtype if isinstance(getattr(x, "dtype", None), np.dtype) else array_of(x).dtype
    if not holds_numbers(found):
        raise TypeError(dtype(op, k, found))


def check_real(function: str, **options: Any) -> None:
    """Raise if an option that is one number is complex, or an array of several numbers."""
    for option, got in options.items():
        if isinstance(got, (complex, np.complexfloating)) or (
            isinstance(got, np.ndarray) and (got.ndim > 0 or got.dtype.kind == "c")
        ):
            raise TypeError(f"{function}: {option} must be a real number, got {got!r}")


def _function(op: str) -> str:
    """Return the name of the public function of a row, or the name of a function itself."""
    entry = ENTRIES.get(op.removesuffix("_derivative"))
    return entry.function.__name__ if entry else op.partition(".")[2]


def argument(op: str, k: int) -> str:
    """Return the name of input `k` in the public function."""
    names = PLAIN[op] if op in PLAIN else entry_of(op).names
    return names[k] if k < len(names) else "cotangent"


def no_derivative(op: str) -> str:
    """Say that an operation has no derivative."""
    entry = ENTRIES.get(op.removesuffix("_derivative"))
    why = why_no_derivative(entry.function) if entry else None
    return why or f"{_function(op)}: it has no derivative"


_REASON = re.compile(r"has no derivative: (.*?)\.(?:\s|$)")


def why_no_derivative(f: Any) -> str | None:
    """Say that a public function of fastgen has no derivative, and why; None for other objects.

    The reason is that of its docstring. Without arrays there is nothing to differentiate by.
    """
    if not inspect.isfunction(f) or hasattr(f, "__fastgen_door__"):
        return None
    name, place = f.__name__, f.__module__.split(".")
    if place[0] != "fastgen" or place[1:2] == ["reference"] or name[0] == "_":
        return None
    known = re.search(_REASON, " ".join((f.__doc__ or "").split()))
    if known:
        return f"{name}: it has no derivative: {known[1]}"
    types = [str(t) for p, t in f.__annotations__.items() if p != "return"]
    if not any("ArrayLike" in t for t in types):
        return f"{name}: it has no derivative: it takes no arrays"
    return f"{name}: it has no derivative"


def choice(function: str, option: str, choices: Iterable[str], got: object) -> str:
    """Say that the value of an option is none of its choices."""
    return f"{function}: {option} must be one of {', '.join(map(repr, choices))}; got {got!r}"


def count(op: str, expected: int, got: int) -> str:
    """Say that the number of inputs is wrong."""
    return f"{_function(op)}: expected {expected} inputs, got {got}"


def cotangents(op: str, expected: int, got: int) -> str:
    """Say that the number of cotangents is wrong."""
    return f"{_function(op)}: expected {expected} cotangents, one per result, got {got}"


def check_cotangent(function: str, got: Any, shape: tuple[int, ...]) -> None:
    """Raise where a cotangent does not suit a result of this shape."""
    array = got if hasattr(got, "ndim") else np.asarray(got)
    if not holds_numbers(array.dtype):
        raise TypeError(f"{function}: cotangent must hold {FLOATS}; got {array.dtype}") from None
    ndim = array.ndim
    pairs = zip(array.shape, shape[len(shape) - ndim :], strict=False)
    if ndim > len(shape) or any(m not in (1, n) for m, n in pairs):
        raise ValueError(
            f"{function}: cotangent must broadcast to the shape {shape} of the result, "
            f"got {array.shape}"
        ) from None


def named(op: str, k: int) -> str:
    """Return the name of input `k`, with that of its function."""
    return f"{_function(op)}: {argument(op, k)}"


def masked(op: str, k: int) -> str:
    """Say that an input is a masked array."""
    return (
        f"{_function(op)}: {argument(op, k)} must be an array without a mask, got a MaskedArray; "
        "fill it, or select its valid elements, first"
    )


def dtype(op: str, k: int, got: np.dtype[Any]) -> str:
    """Say that the type of an input is not supported."""
    return f"{_function(op)}: {argument(op, k)} must hold {FLOATS}; got {got}"


def shapes(op: str, arrays: list[np.ndarray[Any, Any]], per_row: int) -> str:
    """Say that inputs do not broadcast. Scalars always broadcast, so they are left out."""
    named = [
        f"{argument(op, k)} {np.shape(array)}"
        for k, array in enumerate(arrays)
        if not per_row >> k & 1 and np.ndim(array)
    ]
    return f"{_function(op)}: the shapes must broadcast together, got {', '.join(named)}"


def named_shapes(op: str, named: Iterable[str], what: str = "shapes") -> str:
    """Say that shapes do not broadcast. `named` holds each shape with the name of its input."""
    return f"{_function(op)}: the {what} must broadcast together, got {', '.join(named)}"


def row_shape(op: str, k: int, got: tuple[int, ...], expected: tuple[int, ...]) -> str:
    """Say that an input with one value per row does not broadcast to the batch."""
    return (
        f"{_function(op)}: {argument(op, k)} must broadcast to the shape {expected} of the "
        f"result, got {got}"
    )


def core_ndim(op: str, k: int, signature: str, got: tuple[int, ...]) -> str:
    """Say that an input has too few dimensions for its part of the signature."""
    core = _core(signature, k)
    plural = "s" if len(core) > 1 else ""
    return (
        f"{_function(op)}: {argument(op, k)} must have at least {len(core)} dimension{plural}, "
        f"(..., {', '.join(core)}); got shape {got}"
    )


def core_size(op: str, k: int, owner: int, signature: str, arrays: list[Any]) -> str:
    """Say that a core dimension of an input differs from that of the input `owner`."""
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
    """Say that the batch dimensions of inputs do not broadcast."""
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
    """Say that noise is not available in a type."""
    return f"{_function(op)}: dtype must be float16, bfloat16, float32 or float64, got {got}"


def stream_refused(op: str, k: int) -> str:
    """Say that an input can't be a Stream: it has one value per row, or is a matrix."""
    return f"{_function(op)}: {argument(op, k)} must be an array, got a Stream"


def only_streams(op: str) -> str:
    """Say that all inputs are Streams, so no input has a shape."""
    return f"{_function(op)}: an input must be an array, because a Stream has no shape; got Streams"


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
    """Say that an axis is given twice."""
    return f"{_function(op)}: axis must name each axis once, got {axis!r}"


def out_type(op: str, got: object) -> str:
    """Say that `out` is no NumPy array."""
    lazy = (
        "; store a lazy result by dask.array.store(result, out)" if hasattr(got, "chunks") else ""
    )
    return f"{_function(op)}: out must be a NumPy array, got {type(got).__name__}{lazy}"


def out_count(op: str, expected: int, got: object) -> str:
    """Say that `out` does not hold one array or None per output."""
    came = f"a tuple of {len(got)}" if isinstance(got, tuple) else type(got).__name__
    return f"{_function(op)}: out must be a tuple of {expected} arrays or None, got {came}"


def out_read_only(op: str) -> str:
    """Say that `out` is read-only."""
    return f"{_function(op)}: out must be writeable, got a read-only array"


def out_shape(op: str, got: tuple[int, ...], expected: tuple[int, ...]) -> str:
    """Say that `out` has the wrong shape."""
    return f"{_function(op)}: out must have the shape {expected} of the result, got {got}"


def out_dtype(op: str, got: np.dtype[Any]) -> str:
    """Say that the type of `out` is not supported."""
    return f"{_function(op)}: out must be of type float16, bfloat16, float32 or float64, got {got}"


def out_overlap(op: str) -> str:
    """Say that outputs share memory."""
    return f"{_function(op)}: the arrays in out must not share memory"


def out_of_dask(op: str, arrays: Iterable[Any]) -> str:
    """Say that dask arrays have no `out`."""
    kinds = sorted({type(x).__name__ for x in arrays if hasattr(x, "chunks")})
    return (
        f"{_function(op)}: out is for NumPy arrays; got {', '.join(kinds)} of dask. Give no out, "
        "and store the lazy result, as by dask.array.store(result, out)"
    )


def unknown_shape(named: str, x: Any) -> str | None:
    """Say that the shape of a dask array is unknown, or return None.

    `named` is the function and the argument, such as "cfg: uncond".
    """
    if any(n != n for n in x.shape):
        return f"{named} must have a known shape; call compute_chunk_sizes() first"
    return None


def check_shape_is_known(named: str, x: Any) -> None:
    """Raise if the shape of a dask array is unknown."""
    if (reason := unknown_shape(named, x)) is not None:
        raise ValueError(reason)


def chunked_axis(op: str, k: int, d: int, chunks: tuple[int, ...]) -> str:
    """Say that a dask array has several chunks along a core axis."""
    return (
        f"{_function(op)}: {argument(op, k)} must have one chunk along axis {d}, which the "
        f"function takes as a whole; call rechunk({{{d}: -1}}) first; got the chunks {chunks}"
    )


def chunked_noise(op: str, k: int, d: int, chunks: tuple[int, ...]) -> str:
    """Say that chunks would tear apart the noise of an event."""
    return (
        f"{_function(op)}: with drawn noise, {argument(op, k)} must have one chunk along axis {d}, "
        f"which comes behind an axis of the event; call rechunk({{{d}: -1}}) first; got the chunks "
        f"{chunks}"
    )


def shared_by_blocks(op: str, k: int) -> str:
    """Say that the gradient of an input is a sum over blocks."""
    return (
        f"{_function(op)}: {argument(op, k)} has no axis of the batch, and a gradient over several "
        "chunks of it; give it that axis, as by numpy.broadcast_to, or leave it out of argnums"
    )


def beside_dask(op: str, k: int, got: object) -> str:
    """Say that an input can't stand beside dask arrays."""
    kind = f"{type(got).__module__.partition('.')[0]}.{type(got).__name__}"
    return (
        f"{_function(op)}: {argument(op, k)} must be a dask array, a NumPy array or a number "
        f"beside dask arrays; got {kind}. Give numpy.asarray of it, or compute() the dask arrays"
    )


def check_out(op: str, out: Any, shape: tuple[int, ...]) -> None:
    """Raise if a composed function can't write its result to `out`."""
    if not isinstance(out, np.ndarray) or isinstance(out, np.ma.MaskedArray):
        raise TypeError(out_type(op, out))
    if not out.flags.writeable:
        raise ValueError(out_read_only(op))
    if out.shape != shape:
        raise ValueError(out_shape(op, out.shape, shape))
    if out.dtype.kind in "biu" or not holds_numbers(out.dtype):
        raise TypeError(out_dtype(op, out.dtype))


def single_axis(op: str, axis: Any) -> int:
    """Return the axis as an int, because a ufunc takes one axis only, or raise."""
    if isinstance(axis, tuple) and len(axis) == 1:
        axis = axis[0]
    if isinstance(axis, tuple) or axis is None:
        raise TypeError(
            f"{_function(op)}: axis must be a single int for arrays of libraries other than "
            f"NumPy, got {axis!r}; reshape the axes into one first"
        )
    return operator.index(axis)


def as_float(x: Any) -> Any:
    """Return an array of another library as float64, if it holds integers or bool."""
    kind = getattr(getattr(x, "dtype", None), "kind", "f")
    return x.astype(np.float64) if kind in "biu" and hasattr(x, "astype") else x
