"""The distribution function of the standard normal, and its logarithm."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from fastgen._ops import OPS
from fastgen._registry import operation

__all__ = ["log_ndtr", "ndtr"]

_log_ndtr = OPS["elementary.log_ndtr"]
_ndtr = OPS["elementary.ndtr"]


@operation("elementary.ndtr")
def ndtr(x: ArrayLike, *, out: Any = None) -> Any:
    r"""Distribution function of the standard normal, right also in its lower tail.

    .. math:: \Phi(x) = \frac{1}{\sqrt{2 \pi}} \int_{-\infty}^x e^{-t^2/2} \, dt

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
    Max error: 4 ULP (5 on CPUs without fused multiply-add), in float32 and float64, over the whole
    range, down to subnormal results. The upper tail is ``ndtr(-x)``.

    Examples
    --------
    >>> import fastgen
    >>> float(fastgen.elementary.ndtr(0.0))
    0.5
    """
    return _ndtr((x,), -1, False, out)


@operation("elementary.log_ndtr")
def log_ndtr(x: ArrayLike, *, out: Any = None) -> Any:
    r"""Logarithm of the distribution function of the standard normal, right in both tails.

    .. math:: \log \Phi(x) = \log \left(\frac{1}{\sqrt{2 \pi}}
              \int_{-\infty}^x e^{-t^2/2} \, dt\right)

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
    Max error: 5 ULP, in float32 and float64, over the whole range. ``log_ndtr(inf)`` is -0. Its
    derivative, :math:`\varphi(x) / \Phi(x)`, keeps its digits in both tails, too.

    Examples
    --------
    >>> import fastgen
    >>> float(fastgen.elementary.log_ndtr(-1e10))
    -5e+19
    """
    return _log_ndtr((x,), -1, False, out)
