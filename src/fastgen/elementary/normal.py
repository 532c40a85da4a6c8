"""The distribution function of the standard normal, and its logarithm."""

from __future__ import annotations

from fastgen._ops import OPS
from fastgen._registry import operation
from fastgen._typing import Array, ArrayLike

__all__ = ["log_ndtr", "ndtr"]

_log_ndtr = OPS["elementary.log_ndtr"]
_ndtr = OPS["elementary.ndtr"]


@operation("elementary.ndtr")
def ndtr(x: ArrayLike, *, out: Array | None = None) -> Array:
    r"""Distribution function of the standard normal, right also in its lower tail.

    .. math:: \Phi(x) = \frac{1}{\sqrt{2 \pi}} \int_{-\infty}^x e^{-t^2/2} \, dt

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
    Max error: 4 ULP (5 ULP on CPUs without fused multiply-add), in float32 and float64, over the
    whole range, down to subnormal results. The upper tail is ``ndtr(-x)``.

    Examples
    --------
    >>> import fastgen
    >>> float(fastgen.elementary.ndtr(0.0))
    0.5
    """
    return _ndtr((x,), -1, False, out)


@operation("elementary.log_ndtr")
def log_ndtr(x: ArrayLike, *, out: Array | None = None) -> Array:
    r"""Logarithm of the distribution function of the standard normal, right in both tails.

    .. math:: \log \Phi(x) = \log \left(\frac{1}{\sqrt{2 \pi}}
              \int_{-\infty}^x e^{-t^2/2} \, dt\right)

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
    Max error: 5 ULP, in float32 and float64, over the whole range. ``log_ndtr(inf)`` is -0. The
    derivative, :math:`\varphi(x) / \Phi(x)`, keeps its digits in both tails.

    Examples
    --------
    >>> import fastgen
    >>> float(fastgen.elementary.log_ndtr(-1e10))
    -5e+19
    """
    return _log_ndtr((x,), -1, False, out)
