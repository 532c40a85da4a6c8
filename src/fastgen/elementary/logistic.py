"""The logistic function and its kin."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from fastgen._ops import OPS
from fastgen._registry import operation

__all__ = ["sigmoid", "softplus", "tanh"]

_sigmoid = OPS["elementary.sigmoid"]
_softplus = OPS["elementary.softplus"]
_tanh = OPS["elementary.tanh"]


@operation("elementary.sigmoid")
def sigmoid(x: ArrayLike, *, out: Any = None) -> Any:
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


@operation("elementary.softplus")
def softplus(x: ArrayLike, *, out: Any = None) -> Any:
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


@operation("elementary.tanh")
def tanh(x: ArrayLike, *, out: Any = None) -> Any:
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
