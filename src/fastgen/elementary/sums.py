"""Sums and norms."""

from __future__ import annotations

from fastgen._ops import OPS
from fastgen._registry import operation
from fastgen._typing import Array, ArrayLike, Axis

__all__ = ["logsumexp", "norm", "squared_norm", "total"]

_logsumexp = OPS["elementary.logsumexp"]
_norm = OPS["elementary.norm"]
_squared_norm = OPS["elementary.squared_norm"]
_total = OPS["elementary.total"]


@operation("elementary.logsumexp")
def logsumexp(
    x: ArrayLike,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
    out: Array | None = None,
) -> Array:
    r"""Logarithm of the sum of exponentials, the normaliser of a softmax.

    .. math:: \log \sum_i e^{x_i} = m + \log \sum_i e^{x_i - m}, \qquad m = \max_i x_i

    Parameters
    ----------
    x : array_like
        Logarithms, or logits.
    {axis}
    {keepdims}
    {out}

    Returns
    -------
    ndarray or scalar
        Of the batch shape and of the float type of `x`. inf where an element is inf. -inf where all
        elements are -inf, or there are none.

    Raises
    ------
    {raises_of_one_input}

    Notes
    -----
    Max error: 2 ULP of the larger of :math:`|m|` and 1. The derivative is softmax.

    Examples
    --------
    >>> import fastgen
    >>> float(fastgen.elementary.logsumexp([1000.0, 1000.0]))
    1000.6931471805599
    """
    return _logsumexp((x,), axis, keepdims, out)


@operation("elementary.norm")
def norm(
    x: ArrayLike,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
    out: Array | None = None,
) -> Array:
    r"""Euclidean norm, which overflows only where the norm itself is too large.

    .. math:: \|x\|_2 = \sqrt{\sum_i x_i^2}

    Parameters
    ----------
    x : array_like
        The vectors.
    axis : int, tuple of int, or None, default -1
        The axes of a vector. None stands for all axes.
    {keepdims}
    {out}

    Returns
    -------
    ndarray or scalar
        Of the batch shape and of the float type of `x`. 0 for no elements.

    Raises
    ------
    {raises_of_one_input}

    Notes
    -----
    Max error: 1.5 ULP. Elements are scaled by a power of 2 where their squares would overflow or
    underflow. The derivative is the unit vector, within 2 ULP, and 0 where the norm is 0.

    Examples
    --------
    >>> import fastgen
    >>> float(fastgen.elementary.norm([3e300, 4e300]))
    5e+300
    """
    return _norm((x,), axis, keepdims, out)


@operation("elementary.squared_norm")
def squared_norm(
    x: ArrayLike,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
    out: Array | None = None,
) -> Array:
    r"""Square of the Euclidean norm: the sum of squares.

    .. math:: \sum_i x_i^2

    Parameters
    ----------
    x : array_like
        The vectors.
    {axis}
    {keepdims}
    {out}

    Returns
    -------
    ndarray or scalar
        Of the batch shape and of the float type of `x`. Never negative.

    Raises
    ------
    {raises_of_one_input}

    Notes
    -----
    Each square is rounded once, and the squares are added as in `total`. In float32, squares
    overflow for elements beyond 1e19 and lose digits for elements below 1e-19.

    Examples
    --------
    >>> import fastgen
    >>> float(fastgen.elementary.squared_norm([3.0, 4.0]))
    25.0
    """
    return _squared_norm((x,), axis, keepdims, out)


@operation("elementary.total")
def total(
    x: ArrayLike,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
    out: Array | None = None,
) -> Array:
    r"""Sum in a fixed order: the same bits for any layout, thread count and batch.

    .. math:: \sum_i x_i

    Parameters
    ----------
    x : array_like
        The terms.
    {axis}
    {keepdims}
    {out}

    Returns
    -------
    ndarray or scalar
        Of the batch shape and of the float type of `x`. 0 for no elements.

    Raises
    ------
    {raises_of_one_input}

    Notes
    -----
    The terms are accumulated in float64, in sixteen interleaved partial sums per 1024 terms. The
    totals of the blocks are added with compensation, so the error does not grow with the number of
    terms. A float32 result is the exact sum rounded once, unless terms of both signs cancel.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> float(fastgen.elementary.total(np.full(10, 0.1)))
    1.0
    """
    return _total((x,), axis, keepdims, out)
