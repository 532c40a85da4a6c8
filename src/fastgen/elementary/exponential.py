"""Exponentials and logarithms, and their differences from a line near 0."""

from __future__ import annotations

from fastgen._ops import OPS
from fastgen._registry import operation
from fastgen._typing import Array, ArrayLike

__all__ = ["exp", "expm1", "expm1_minus_x", "log", "log1p", "x_minus_log1p"]

_exp = OPS["elementary.exp"]
_expm1 = OPS["elementary.expm1"]
_expm1_minus_x = OPS["elementary.expm1_minus_x"]
_log = OPS["elementary.log"]
_log1p = OPS["elementary.log1p"]
_x_minus_log1p = OPS["elementary.x_minus_log1p"]


@operation("elementary.exp")
def exp(x: ArrayLike, *, out: Array | None = None) -> Array:
    r"""Exponential.

    .. math:: e^x

    Parameters
    ----------
    {x_of_any_shape}
    {out_or_x}

    Returns
    -------
    {returns_like_x}

    Raises
    ------
    {raises_elementwise_of_one_input}

    Notes
    -----
    Max error: 1 ULP, in float32 and float64, over the whole range. ``exp(-inf)`` is +0. Subnormal
    results are right to their last bit and are not flushed to 0.

    Examples
    --------
    >>> import fastgen
    >>> float(fastgen.elementary.exp(0.0))
    1.0
    """
    return _exp((x,), -1, False, out)


@operation("elementary.expm1")
def expm1(x: ArrayLike, *, out: Array | None = None) -> Array:
    r"""Exponential minus 1, right also near 0.

    .. math:: e^x - 1

    Parameters
    ----------
    {x_of_any_shape}
    {out_or_x}

    Returns
    -------
    {returns_like_x}

    Raises
    ------
    {raises_elementwise_of_one_input}

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
def expm1_minus_x(x: ArrayLike, *, out: Array | None = None) -> Array:
    r"""Exponential minus its tangent at 0: the part of a normal KL divergence that cancels.

    .. math:: e^x - 1 - x

    Parameters
    ----------
    {x_of_any_shape}
    {out_or_x}

    Returns
    -------
    {returns_like_x}

    Raises
    ------
    {raises_elementwise_of_one_input}

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
def log(x: ArrayLike, *, out: Array | None = None) -> Array:
    r"""Natural logarithm.

    .. math:: \log x

    Parameters
    ----------
    {x_of_any_shape}
    {out_or_x}

    Returns
    -------
    {returns_like_x}

    Raises
    ------
    {raises_elementwise_of_one_input}

    Notes
    -----
    Max error: 1 ULP, in float32 and float64, over the whole range. ``log(0)`` is -inf, and the
    logarithm of a negative number is NaN. There is no warning.

    Examples
    --------
    >>> import fastgen
    >>> float(fastgen.elementary.log(1.0))
    0.0
    """
    return _log((x,), -1, False, out)


@operation("elementary.log1p")
def log1p(x: ArrayLike, *, out: Array | None = None) -> Array:
    r"""Natural logarithm of 1 plus x, right also near 0.

    .. math:: \log(1 + x)

    Parameters
    ----------
    {x_of_any_shape}
    {out_or_x}

    Returns
    -------
    {returns_like_x}

    Raises
    ------
    {raises_elementwise_of_one_input}

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
def x_minus_log1p(x: ArrayLike, *, out: Array | None = None) -> Array:
    r"""The difference of x and log1p(x): the part of a divergence between scales that cancels.

    .. math:: x - \log(1 + x)

    Parameters
    ----------
    {x_of_any_shape}
    {out_or_x}

    Returns
    -------
    {returns_like_x}

    Raises
    ------
    {raises_elementwise_of_one_input}

    Notes
    -----
    Max error: 2.5 ULP, in float32 and float64, over the whole range. The result is never negative,
    and exactly 0 at 0. It is +inf at -1 and NaN below -1.

    Examples
    --------
    >>> import fastgen
    >>> float(fastgen.elementary.x_minus_log1p(1e-8))
    4.999999966666667e-17
    """
    return _x_minus_log1p((x,), -1, False, out)
