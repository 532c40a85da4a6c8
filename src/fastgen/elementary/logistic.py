"""The logistic function, softplus and the hyperbolic tangent."""

from __future__ import annotations

from fastgen._ops import OPS
from fastgen._registry import operation
from fastgen._typing import Array, ArrayLike

__all__ = ["sigmoid", "softplus", "tanh"]

_sigmoid = OPS["elementary.sigmoid"]
_softplus = OPS["elementary.softplus"]
_tanh = OPS["elementary.tanh"]


@operation("elementary.sigmoid")
def sigmoid(x: ArrayLike, *, out: Array | None = None) -> Array:
    r"""Logistic function.

    .. math:: \frac{1}{1 + e^{-x}}

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
    The tail is right down to the smallest subnormal number. ``1 - sigmoid(x)`` is ``sigmoid(-x)``.

    Examples
    --------
    >>> import fastgen
    >>> float(fastgen.elementary.sigmoid(0.0))
    0.5
    """
    return _sigmoid((x,), -1, False, out)


@operation("elementary.softplus")
def softplus(x: ArrayLike, *, out: Array | None = None) -> Array:
    r"""Smooth maximum of x and 0: the negative log-likelihood of a logit.

    .. math:: \log(1 + e^x)

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
    Max error: 2 ULP, in float32 and float64, over the whole range. There is no threshold beyond
    which the function is linear: the tails are right too. ``softplus(-inf)`` is +0.

    Examples
    --------
    >>> import fastgen
    >>> float(fastgen.elementary.softplus(-40.0))
    4.248354255291589e-18
    """
    return _softplus((x,), -1, False, out)


@operation("elementary.tanh")
def tanh(x: ArrayLike, *, out: Array | None = None) -> Array:
    r"""Hyperbolic tangent.

    .. math:: \tanh x

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
    Max error: 2 ULP, in float32 and float64, over the whole range. The function is odd:
    ``tanh(-0.0)`` is -0.0. ``tanh(inf)`` is 1.

    Examples
    --------
    >>> import fastgen
    >>> float(fastgen.elementary.tanh(0.0))
    0.0
    """
    return _tanh((x,), -1, False, out)
