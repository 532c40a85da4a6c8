"""Elementary functions of generative models, elementwise: fast, and right in their tails."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from fastgen._ops import OPS

__all__ = [
    "exp",
    "expm1",
    "expm1_minus_x",
    "log",
    "log1p",
    "sigmoid",
    "softplus",
    "squared_norm",
    "tanh",
    "total",
]

_exp = OPS["elementary.exp"]
_expm1 = OPS["elementary.expm1"]
_expm1_minus_x = OPS["elementary.expm1_minus_x"]
_log = OPS["elementary.log"]
_log1p = OPS["elementary.log1p"]
_sigmoid = OPS["elementary.sigmoid"]
_softplus = OPS["elementary.softplus"]
_squared_norm = OPS["elementary.squared_norm"]
_tanh = OPS["elementary.tanh"]
_total = OPS["elementary.total"]


def exp(x: ArrayLike, /, *, out: Any = None) -> Any:
    r"""Exponential.

    .. math:: e^x

    Parameters
    ----------
    x : array_like
        Of any shape.
    out : ndarray, optional
        Where to put the result; it may be `x`.

    Returns
    -------
    ndarray or scalar
        Of the shape and float type of `x`.

    Raises
    ------
    ValueError
        If `out` does not fit.
    TypeError
        If `x` is complex, longdouble, object or masked.

    Notes
    -----
    Max error: 1 ULP, in float32 and float64, over the whole range.
    ``exp(-inf)`` is +0; subnormal results are right to their last bit, not flushed to 0.

    Examples
    --------
    >>> import fastgen
    >>> float(fastgen.elementary.exp(0.0))
    1.0
    """
    return _exp((x,), -1, False, out)


def expm1(x: ArrayLike, /, *, out: Any = None) -> Any:
    r"""Exponential minus 1, right also near 0.

    .. math:: e^x - 1

    Parameters
    ----------
    x : array_like
        Of any shape.
    out : ndarray, optional
        Where to put the result; it may be `x`.

    Returns
    -------
    ndarray or scalar
        Of the shape and float type of `x`.

    Raises
    ------
    ValueError
        If `out` does not fit.
    TypeError
        If `x` is complex, longdouble, object or masked.

    Notes
    -----
    Max error: 1 ULP, in float32 and float64, over the whole range.
    ``expm1(-inf)`` is -1 and ``expm1(-0.0)`` is -0.0.

    Examples
    --------
    >>> import fastgen
    >>> float(fastgen.elementary.expm1(1e-20))
    1e-20
    """
    return _expm1((x,), -1, False, out)


def expm1_minus_x(x: ArrayLike, /, *, out: Any = None) -> Any:
    r"""Exponential minus its tangent at 0: the part of a normal KL divergence that cancels.

    .. math:: e^x - 1 - x

    Parameters
    ----------
    x : array_like
        Of any shape.
    out : ndarray, optional
        Where to put the result; it may be `x`.

    Returns
    -------
    ndarray or scalar
        Of the shape and float type of `x`.

    Raises
    ------
    ValueError
        If `out` does not fit.
    TypeError
        If `x` is complex, longdouble, object or masked.

    Notes
    -----
    Max error: 2 ULP, in float32 and float64, over the whole range.
    Never negative; exactly 0 at 0.

    Examples
    --------
    >>> import fastgen
    >>> float(fastgen.elementary.expm1_minus_x(1e-8))
    5.000000016666667e-17
    """
    return _expm1_minus_x((x,), -1, False, out)


def log(x: ArrayLike, /, *, out: Any = None) -> Any:
    r"""Natural logarithm.

    .. math:: \log x

    Parameters
    ----------
    x : array_like
        Of any shape.
    out : ndarray, optional
        Where to put the result; it may be `x`.

    Returns
    -------
    ndarray or scalar
        Of the shape and float type of `x`.

    Raises
    ------
    ValueError
        If `out` does not fit.
    TypeError
        If `x` is complex, longdouble, object or masked.

    Notes
    -----
    Max error: 1 ULP, in float32 and float64, over the whole range.
    ``log(0)`` is -inf and the logarithm of a negative number NaN, without a warning.

    Examples
    --------
    >>> import fastgen
    >>> float(fastgen.elementary.log(1.0))
    0.0
    """
    return _log((x,), -1, False, out)


def log1p(x: ArrayLike, /, *, out: Any = None) -> Any:
    r"""Natural logarithm of 1 plus x, right also near 0.

    .. math:: \log(1 + x)

    Parameters
    ----------
    x : array_like
        Of any shape.
    out : ndarray, optional
        Where to put the result; it may be `x`.

    Returns
    -------
    ndarray or scalar
        Of the shape and float type of `x`.

    Raises
    ------
    ValueError
        If `out` does not fit.
    TypeError
        If `x` is complex, longdouble, object or masked.

    Notes
    -----
    Max error: 1 ULP, in float32 and float64, over the whole range.
    ``log1p(-1)`` is -inf and ``log1p(-0.0)`` is -0.0.

    Examples
    --------
    >>> import fastgen
    >>> float(fastgen.elementary.log1p(1e-20))
    1e-20
    """
    return _log1p((x,), -1, False, out)


def sigmoid(x: ArrayLike, /, *, out: Any = None) -> Any:
    r"""Logistic function.

    .. math:: \frac{1}{1 + e^{-x}}

    Parameters
    ----------
    x : array_like
        Of any shape.
    out : ndarray, optional
        Where to put the result; it may be `x`.

    Returns
    -------
    ndarray or scalar
        Of the shape and float type of `x`.

    Raises
    ------
    ValueError
        If `out` does not fit.
    TypeError
        If `x` is complex, longdouble, object or masked.

    Notes
    -----
    Max error: 2 ULP, in float32 and float64, over the whole range.
    The tail is right down to the smallest subnormal number. ``1 - sigmoid(x)`` is ``sigmoid(-x)``.

    Examples
    --------
    >>> import fastgen
    >>> float(fastgen.elementary.sigmoid(0.0))
    0.5
    """
    return _sigmoid((x,), -1, False, out)


def softplus(x: ArrayLike, /, *, out: Any = None) -> Any:
    r"""Smooth maximum of x and 0, the negative log-likelihood of a logit.

    .. math:: \log(1 + e^x)

    Parameters
    ----------
    x : array_like
        Of any shape.
    out : ndarray, optional
        Where to put the result; it may be `x`.

    Returns
    -------
    ndarray or scalar
        Of the shape and float type of `x`.

    Raises
    ------
    ValueError
        If `out` does not fit.
    TypeError
        If `x` is complex, longdouble, object or masked.

    Notes
    -----
    Max error: 2 ULP, in float32 and float64, over the whole range.
    No threshold beyond which it turns linear: the tails are right too. ``softplus(-inf)`` is +0.

    Examples
    --------
    >>> import fastgen
    >>> float(fastgen.elementary.softplus(-40.0))
    4.248354255291589e-18
    """
    return _softplus((x,), -1, False, out)


def tanh(x: ArrayLike, /, *, out: Any = None) -> Any:
    r"""Hyperbolic tangent.

    .. math:: \tanh x

    Parameters
    ----------
    x : array_like
        Of any shape.
    out : ndarray, optional
        Where to put the result; it may be `x`.

    Returns
    -------
    ndarray or scalar
        Of the shape and float type of `x`.

    Raises
    ------
    ValueError
        If `out` does not fit.
    TypeError
        If `x` is complex, longdouble, object or masked.

    Notes
    -----
    Max error: 2 ULP, in float32 and float64, over the whole range.
    Odd, ``tanh(-0.0)`` is -0.0; ``tanh(inf)`` is 1.

    Examples
    --------
    >>> import fastgen
    >>> float(fastgen.elementary.tanh(0.0))
    0.0
    """
    return _tanh((x,), -1, False, out)


def squared_norm(
    x: ArrayLike,
    /,
    *,
    axis: int | tuple[int, ...] | None = -1,
    keepdims: bool = False,
    out: Any = None,
) -> Any:
    r"""Square of the Euclidean norm: the sum of squares.

    .. math:: \sum_i x_i^2

    Parameters
    ----------
    x : array_like
        The vectors.
    axis : int, tuple of int, or None, default -1
        The axes to sum over. None sums over all.
    keepdims : bool, default False
        Keep the summed axes, with length 1.
    out : ndarray, optional
        Where to put the result.

    Returns
    -------
    ndarray or scalar
        Of the batch shape and of the float type of `x`. Never negative.

    Raises
    ------
    ValueError
        If `axis` is out of range, or `out` does not fit.
    TypeError
        If `x` is complex, longdouble, object or masked.

    Notes
    -----
    Each square is rounded once; the sum is that of `total`. float32 squares overflow beyond 1e19,
    and lose digits below 1e-19.

    Examples
    --------
    >>> import fastgen
    >>> float(fastgen.elementary.squared_norm([3.0, 4.0]))
    25.0
    """
    return _squared_norm((x,), axis, keepdims, out)


def total(
    x: ArrayLike,
    /,
    *,
    axis: int | tuple[int, ...] | None = -1,
    keepdims: bool = False,
    out: Any = None,
) -> Any:
    r"""Sum in a fixed order: the same bits for any layout, thread count and batch.

    .. math:: \sum_i x_i

    Parameters
    ----------
    x : array_like
        The terms.
    axis : int, tuple of int, or None, default -1
        The axes to sum over. None sums over all.
    keepdims : bool, default False
        Keep the summed axes, with length 1.
    out : ndarray, optional
        Where to put the result.

    Returns
    -------
    ndarray or scalar
        Of the batch shape and of the float type of `x`; 0 where there is nothing to sum.

    Raises
    ------
    ValueError
        If `axis` is out of range, or `out` does not fit.
    TypeError
        If `x` is complex, longdouble, object or masked.

    Notes
    -----
    Accumulated in float64 in sixteen interleaved partial sums per 1024 terms; their totals are
    added with compensation, so the error does not grow with the number of terms: float32 sums are
    the exact sum rounded once, unless terms of both signs cancel.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> float(fastgen.elementary.total(np.full(10, 0.1)))
    1.0
    """
    return _total((x,), axis, keepdims, out)
