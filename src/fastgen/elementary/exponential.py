"""Exponentials and logarithms, and what is left of them near 0."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from fastgen._ops import OPS
from fastgen._registry import operation

__all__ = ["exp", "expm1", "expm1_minus_x", "log", "log1p", "x_minus_log1p"]

_exp = OPS["elementary.exp"]
_expm1 = OPS["elementary.expm1"]
_expm1_minus_x = OPS["elementary.expm1_minus_x"]
_log = OPS["elementary.log"]
_log1p = OPS["elementary.log1p"]
_x_minus_log1p = OPS["elementary.x_minus_log1p"]


@operation("elementary.exp")
def exp(x: ArrayLike, *, out: Any = None) -> Any:
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


@operation("elementary.expm1")
def expm1(x: ArrayLike, *, out: Any = None) -> Any:
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


@operation("elementary.expm1_minus_x")
def expm1_minus_x(x: ArrayLike, *, out: Any = None) -> Any:
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


@operation("elementary.log")
def log(x: ArrayLike, *, out: Any = None) -> Any:
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


@operation("elementary.log1p")
def log1p(x: ArrayLike, *, out: Any = None) -> Any:
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


@operation("elementary.x_minus_log1p")
def x_minus_log1p(x: ArrayLike, *, out: Any = None) -> Any:
    r"""What log1p lacks to x: the part of a divergence between scales that cancels.

    .. math:: x - \log(1 + x)

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
    Max error: 2.5 ULP, in float32 and float64, over the whole range.
    Never negative; exactly 0 at 0. ``x_minus_log1p(-1)`` is +inf, below -1 it is NaN.

    Examples
    --------
    >>> import fastgen
    >>> float(fastgen.elementary.x_minus_log1p(1e-8))
    4.999999966666667e-17
    """
    return _x_minus_log1p((x,), -1, False, out)
