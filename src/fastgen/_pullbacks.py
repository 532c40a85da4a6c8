"""The gradients of one row's inputs, each in the shape and type of its input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastgen import _messages
from fastgen._core import Op, Stream
from fastgen._ops import OPS

Array = np.ndarray[Any, np.dtype[Any]]

_total = OPS["elementary.total"]


def _sum_to_shape(gradient: Array, like: Any) -> Any:
    """Undo broadcasting: sum the gradient over the axes along which the input was repeated."""
    shape = like.shape if type(like) is np.ndarray else np.shape(like)
    if gradient.shape == shape:
        return gradient
    lead = gradient.ndim - len(shape)
    axes = [*range(lead), *(lead + d for d, n in enumerate(shape) if n != gradient.shape[lead + d])]
    return _total((gradient,), tuple(axes), True).reshape(shape)


def as_input(gradient: Any, like: Any) -> Any:
    """Return the gradient in the shape and float type of its input; None if the input is noise.

    The byte order is that of the machine, as for all results.
    """
    if gradient is None:
        return None
    if type(like) is np.ndarray and like.dtype is gradient.dtype and like.shape == gradient.shape:
        return gradient
    gradient = _sum_to_shape(gradient, like)
    dtype = getattr(like, "dtype", None)
    if dtype is not None and not isinstance(dtype, np.dtype):  # such as the type of a tensor
        dtype = np.asarray(like).dtype
    if dtype is None or dtype.kind in "biu" or dtype.newbyteorder("=") == gradient.dtype:
        return gradient
    with np.errstate(over="ignore", under="ignore"):
        return gradient.astype(dtype.newbyteorder("="))


def gradients_of(
    op: Op,
    wanted: Sequence[int],
    inputs: tuple[Any, ...],
    cotangent: Any,
    value: bool,
    axis: Any = -1,
    keepdims: bool = False,
) -> tuple[Any, tuple[Any, ...]]:
    """Return the value, or None if not `value`, and the wanted gradients, in one pass."""
    if op.derivative is None:
        raise TypeError(_messages.no_derivative(op.name))
    nout = op.nout
    if any([type(x) is Stream for x in inputs]):
        cotangent = _in_arithmetic(op.dtype(inputs), cotangent)
    outputs = (1 << nout) - 1 if value else 0
    for k in wanted:
        if type(inputs[k]) is not Stream:
            outputs |= 1 << nout + k
    if nout == 1:
        results = op.derivative((*inputs, cotangent), axis, keepdims, None, outputs)
        found = results[0]
        if value and not isinstance(cotangent, (int, float)):
            found = _in_type(op.dtype(inputs), found)
        return found, tuple([as_input(results[k + 1], inputs[k]) for k in wanted])
    cotangents = for_each_output(op.name, nout, cotangent)
    results = op.derivative((*inputs, *cotangents), axis, keepdims, None, outputs)
    gradients = tuple([as_input(results[nout + k], inputs[k]) for k in wanted])
    if not value:
        return None, gradients
    dtype = op.dtype(inputs)
    return tuple([_in_type(dtype, r) for r in results[:nout]]), gradients


def _in_arithmetic(dtype: np.dtype[Any], cotangent: Any) -> Any:
    """Return the cotangents in the type of the call's arithmetic, in which its noise is drawn.

    A float64 cotangent would widen the arithmetic, and a Stream would draw other noise.
    """
    if isinstance(cotangent, tuple):
        return tuple([None if c is None else _in_arithmetic(dtype, c) for c in cotangent])
    if dtype == np.float64 or isinstance(cotangent, (int, float)):
        return cotangent
    array = np.asarray(cotangent)
    if array.dtype.kind not in "biuf" or array.dtype.itemsize < 4 or array.dtype == np.float32:
        return cotangent  # the row refuses what holds no real numbers
    with np.errstate(over="ignore", under="ignore"):
        return array.astype(np.float32)


def _in_type(dtype: np.dtype[Any], value: Any) -> Any:
    """Return the value in the function's type, which a cotangent of more digits has widened."""
    if value.dtype == dtype:
        return value
    with np.errstate(over="ignore", under="ignore"):
        return value.astype(dtype)


def for_each_output(name: str, count: int, cotangent: Any) -> tuple[Any, ...]:
    """Return one cotangent per result. A tuple holds one per result; None in it stands for 0."""
    if not isinstance(cotangent, tuple):
        return (cotangent,) * count
    if len(cotangent) != count:
        raise ValueError(_messages.cotangents(name, count, len(cotangent)))
    return tuple([0.0 if c is None else c for c in cotangent])


def share_of(
    cotangent: Any,
    weight: float,
    batch: tuple[int, ...],
    own: tuple[int, ...],
    wide: np.dtype[Any],
) -> Any:
    """Return the cotangent of one term of a weighted sum.

    It is the cotangent of the sum, of the shape `batch`, times the term's weight, summed over the
    axes along which the term, of the shape `own`, was broadcast. It has the digits of `wide`, the
    type of the arithmetic, or more.
    """
    if batch == own and isinstance(cotangent, (int, float)):
        return cotangent * weight
    array = np.asarray(cotangent)
    if array.dtype.kind in "biu":
        array = array.astype(np.float64)
    elif array.dtype.kind not in "cSU" and array.dtype.itemsize < wide.itemsize:
        array = array.astype(wide)
    spread = np.broadcast_to(array, batch) * array.dtype.type(weight)
    return as_input(spread, np.broadcast_to(array.dtype.type(0), own))
