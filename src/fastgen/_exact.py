"""Sums that are exact, and rounded once: the same bits for any order, chunks and workers."""

from __future__ import annotations

import importlib
import math
from functools import partial
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from fastgen._abstract import is_dask
from fastgen._arrays import array_of
from fastgen._messages import FLOATS, check_shape_is_known, holds_numbers
from fastgen._typing import Array, ArrayLike, Axis

BITS = 32  # of a digit
PIECE = 1 << 20  # terms whose digits are added in float64: 20 + 32 bits, and the sign
LEAST = -1088 // BITS  # the digits of the least float64 end above 2^-1088


class Digits:
    """The exact sum of finite numbers in digits of base 2^32, and what the others add up to.

    ``digits[j]`` counts multiples of ``2^(32 (low + j))``, in int64. The digits have signs.
    """

    __slots__ = ("digits", "low", "others")

    def __init__(self, digits: Array, low: int, others: Array) -> None:
        self.digits, self.low, self.others = digits, low, others

    def __reduce__(self) -> tuple[Any, ...]:
        return Digits, (self.digits, self.low, self.others)


def _digits(x: Array) -> Digits:
    """Return the digits of the sums over the first axis."""
    finite = np.isfinite(x)
    others = np.zeros(x.shape[1:])
    if not finite.all():
        with np.errstate(invalid="ignore"):
            others = np.where(finite, 0.0, x).sum(0)
        x = np.where(finite, x, 0.0)
    largest = float(np.abs(x).max(initial=0.0))
    high = (math.frexp(largest)[1] - 1) // BITS
    found = []
    for place in range(high, LEAST - 1, -1):
        digit = np.trunc(np.ldexp(x, -BITS * place))
        found.append(digit.sum(0).astype(np.int64))
        x = x - np.ldexp(digit, BITS * place)
        if not x.any():
            break
    return Digits(np.stack(found[::-1]), high + 1 - len(found), others)


def _merged(parts: list[Digits]) -> Digits:
    """Return the sum of sums."""
    low = min([p.low for p in parts])
    high = max([p.low + len(p.digits) for p in parts]) + 1  # one more, for what is carried
    total = np.zeros((high - low, *parts[0].digits.shape[1:]), np.int64)
    for p in parts:
        total[p.low - low : p.low - low + len(p.digits)] += p.digits
        for j in range(len(total) - 1):
            carried = total[j] >> BITS
            total[j] -= carried << BITS
            total[j + 1] += carried
    with np.errstate(invalid="ignore"):
        others = sum([p.others for p in parts], np.zeros(total.shape[1:]))
    return Digits(total, low, np.asarray(others))


def _rounded(sums: Digits, count: int) -> Array:
    """Return the sums divided by `count`, in float64, each rounded once."""
    digits = sums.digits.reshape(len(sums.digits), -1)
    found = np.array([_ratio(column.tolist(), sums.low, count) for column in digits.T], np.float64)
    finite = found.reshape(sums.others.shape)
    return np.asarray(np.where(sums.others == 0, finite, sums.others))


def _ratio(digits: list[int], low: int, count: int) -> float:
    """Return digits of base 2^32, the lowest first, divided by `count`. Python rounds once."""
    total = sum([d << BITS * j for j, d in enumerate(digits)])
    above, below = (total << BITS * low, count) if low > 0 else (total, count << -BITS * low)
    try:
        return above / below if count else math.nan
    except OverflowError:
        return math.copysign(math.inf, total)


def _sums(x: Any, axes: tuple[int, ...]) -> Digits:
    """Return the digits of the sums over some axes, which stay with length 1."""
    kept = [1 if d in axes else n for d, n in enumerate(x.shape)]
    rows = np.moveaxis(x, axes, range(len(axes)))
    rows = rows.reshape(math.prod(rows.shape[: len(axes)]), *rows.shape[len(axes) :])
    each = [_digits(rows[k : k + PIECE].astype(np.float64)) for k in range(0, len(rows), PIECE)]
    found = _merged(each or [_digits(np.zeros((1, *rows.shape[1:])))])
    return Digits(found.digits.reshape(-1, *kept), found.low, found.others.reshape(kept))


def _closed(sums: Digits, axes: tuple[int, ...], keepdims: bool, count: int) -> Array:
    found = _rounded(sums, count)
    return found if keepdims else found.squeeze(axes)


# The steps of a tree in dask. Each node is an array of one element: the digits so far.


def _of_block(x: Any, axis: Any, keepdims: bool) -> Array:
    return _node(_sums(x, axis), x.ndim)


def _of_nodes(nodes: Array, axis: Any, keepdims: bool) -> Array:
    return _node(_merged(nodes.ravel().tolist()), nodes.ndim)


def _root(nodes: Array, axis: Any, keepdims: bool, count: int) -> Array:
    return _closed(_merged(nodes.ravel().tolist()), axis, keepdims, count)


def _node(sums: Digits, ndim: int) -> Array:
    node = np.empty((1,) * ndim, object)
    node[...] = sums
    return node


def _checked(function: str, x: Any, axis: Any) -> tuple[Any, tuple[int, ...]]:
    """Return x as an array, and the axes of the sum from the front, or raise."""
    array = x if is_dask(x) else array_of(x, name=f"{function}: x")
    if isinstance(x, np.ma.MaskedArray) or not holds_numbers(array.dtype):
        raise TypeError(
            f"{function}: x must hold {FLOATS}; got {type(x).__name__} of {array.dtype}"
        )
    check_shape_is_known(f"{function}: x", array)
    if axis is None:
        return array, tuple(range(array.ndim))
    axes = axis if isinstance(axis, tuple) else (axis,)
    return array, normalize_axis_tuple(axes, array.ndim, "axis")


def _reduced(array: Any, axes: tuple[int, ...], count: int) -> Any:
    """Return the exact sums over some axes, divided by `count` and rounded once."""
    if not is_dask(array):
        return _closed(_sums(array, axes), axes, False, count)[()]
    da: Any = importlib.import_module("dask.array")
    if not axes:
        return array.astype(np.float64) / count
    meta = np.empty((0,) * (array.ndim - len(axes)), np.float64)
    options = {"axis": axes, "dtype": object, "meta": meta}  # nodes hold objects
    root = partial(_root, count=count)
    return da.reduction(array, _of_block, root, combine=_of_nodes, **options)


def exact_sum(x: ArrayLike, *, axis: Axis = None) -> Array:
    r"""Sum of all elements: exact, and rounded once.

    .. math:: \sum_i x_i

    The result has the same bits for any order of the elements, any chunks of a dask array, and any
    number of workers.

    Parameters
    ----------
    x : array_like or dask array
        The terms, such as one loss per sample.
    axis : int, tuple of int, or None, optional
        The axes of the sum. By default, all.

    Returns
    -------
    ndarray or scalar
        In float64. Of a dask array, a dask array: nothing is computed yet.

    Raises
    ------
    ValueError
        If `axis` is out of range, or the shape of a dask array is unknown.
    TypeError
        If `x` is complex, longdouble, object or masked.

    Notes
    -----
    The terms are split into digits of 32 bits, which are added as integers. So no partial sum is
    rounded, and they may be merged in any order. The sum is the float64 that is nearest to that of
    real numbers, as of `math.fsum`. It costs about 10 to 30 ns for each term: less than a loss of a
    sample, more than the sum of a row. For sums within samples, `fastgen.elementary.total` is
    faster.

    It has no derivative: it is for results, not for training.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> x = np.array([1e100, 1.0, -1e100, 0.5])
    >>> float(fastgen.exact_sum(x)), float(x.sum())
    (1.5, 0.5)
    """
    result: Array = _reduced(*_checked("exact_sum", x, axis), 1)
    return result


def exact_mean(x: ArrayLike, *, axis: Axis = None) -> Array:
    r"""Mean of all elements: the exact one, rounded once.

    .. math:: \frac1n \sum_{i=1}^n x_i

    The result has the same bits for any order of the elements, any chunks of a dask array, and any
    number of workers. So it is the loss over a data set in one process as on a cluster.

    Parameters
    ----------
    x : array_like or dask array
        The terms, such as one loss per sample.
    axis : int, tuple of int, or None, optional
        The axes of the mean. By default, all.

    Returns
    -------
    ndarray or scalar
        In float64. NaN for no elements. Of a dask array, a dask array: nothing is computed yet.

    Raises
    ------
    ValueError
        If `axis` is out of range, or the shape of a dask array is unknown.
    TypeError
        If `x` is complex, longdouble, object or masked.

    Notes
    -----
    The sum is that of `exact_sum` before it is rounded.

    It has no derivative: it is for results, not for training.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> losses = np.array([0.1, 0.2, 0.3])
    >>> float(fastgen.exact_mean(losses)), float(fastgen.exact_mean(losses[::-1]))
    (0.2, 0.2)
    """
    array, axes = _checked("exact_mean", x, axis)
    result: Array = _reduced(array, axes, math.prod([array.shape[d] for d in axes]))
    return result
