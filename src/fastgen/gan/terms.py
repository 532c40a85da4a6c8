"""The terms of adversarial losses: what a discriminator's output on a sample costs."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from fastgen._ops import OPS
from fastgen._registry import operation

__all__ = ["hinge_loss", "logistic_loss", "relativistic_loss", "squared_loss"]

_logistic_loss = OPS["gan.logistic_loss"]
_hinge_loss = OPS["gan.hinge_loss"]
_squared_loss = OPS["gan.squared_loss"]
_relativistic_loss = OPS["gan.relativistic_loss"]


@operation("gan.logistic_loss")
def logistic_loss(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    axis: int | tuple[int, ...] | None = -1,
    keepdims: bool = False,
    out: Any = None,
) -> Any:
    r"""Cross-entropy of logits with the probability of being real.

    .. math:: \sum_i \left(t_i\, \mathrm{softplus}(-x_i) + (1 - t_i)\, \mathrm{softplus}(x_i)\right)

    Parameters
    ----------
    logits : array_like
        The discriminator's outputs :math:`x`, before the sigmoid.
    target : array_like
        The probabilities :math:`t`: 1 for real samples, 0 for generated ones, or smoothed. Their
        shape broadcasts with the logits'.
    axis : int, tuple of int, or None, default -1
        The event axes, summed over; ``()`` leaves every term by itself.
    keepdims : bool, default False
        Keep the event axes, with length 1.
    out : ndarray, optional
        Where to put the result.

    Returns
    -------
    ndarray or scalar
        In nats, of the batch shape. Never negative.

    Raises
    ------
    ValueError
        If shapes do not broadcast, `axis` is out of range, or `out` does not fit.
    TypeError
        If an input is complex, longdouble, object or masked.

    Notes
    -----
    Nothing overflows, and each term is right within 2 ULP, in both tails. The derivative
    :math:`\mathrm{sigmoid}(x) - t` never vanishes before it underflows. Targets outside [0, 1] are
    not refused. Types and the order of the sum are as in `fastgen.vae.kl_standard_normal`.

    References
    ----------
    .. [1] Goodfellow et al., "Generative Adversarial Nets", NeurIPS 2014.

    Examples
    --------
    >>> import fastgen
    >>> float(fastgen.gan.logistic_loss([-1e4, 1e4], 1.0))
    10000.0
    """
    return _logistic_loss((logits, target), axis, keepdims, out)


@operation("gan.hinge_loss")
def hinge_loss(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    axis: int | tuple[int, ...] | None = -1,
    keepdims: bool = False,
    out: Any = None,
) -> Any:
    r"""Hinge loss of logits.

    .. math:: \sum_i \max(0, 1 - t_i x_i)

    Parameters
    ----------
    logits : array_like
        The discriminator's outputs :math:`x`.
    target : array_like
        The signs :math:`t`: 1 for real samples, -1 for generated ones. Their shape broadcasts with
        the logits'.
    axis : int, tuple of int, or None, default -1
        The event axes, summed over; ``()`` leaves every term by itself.
    keepdims : bool, default False
        Keep the event axes, with length 1.
    out : ndarray, optional
        Where to put the result.

    Returns
    -------
    ndarray or scalar
        Of the batch shape. Never negative.

    Raises
    ------
    ValueError
        If shapes do not broadcast, `axis` is out of range, or `out` does not fit.
    TypeError
        If an input is complex, longdouble, object or masked.

    Notes
    -----
    Each term is right within 2 ULP of the larger of 1 and :math:`|t x|`. The derivative is taken as
    0 at the hinge. Types and the order of the sum are as in `fastgen.vae.kl_standard_normal`.

    References
    ----------
    .. [1] Lim and Ye, "Geometric GAN", 2017.

    Examples
    --------
    >>> import fastgen
    >>> float(fastgen.gan.hinge_loss([0.25, 3.0], 1.0))
    0.75
    """
    return _hinge_loss((logits, target), axis, keepdims, out)


@operation("gan.squared_loss")
def squared_loss(
    output: ArrayLike,
    target: ArrayLike,
    *,
    axis: int | tuple[int, ...] | None = -1,
    keepdims: bool = False,
    out: Any = None,
) -> Any:
    r"""Half of the squared distance from a target.

    .. math:: \tfrac12 \sum_i (x_i - t_i)^2

    Parameters
    ----------
    output : array_like
        The discriminator's outputs :math:`x`.
    target : array_like
        What they should be. Its shape broadcasts with the outputs'.
    axis : int, tuple of int, or None, default -1
        The event axes, summed over; ``()`` leaves every term by itself.
    keepdims : bool, default False
        Keep the event axes, with length 1.
    out : ndarray, optional
        Where to put the result.

    Returns
    -------
    ndarray or scalar
        Of the batch shape. Never negative.

    Raises
    ------
    ValueError
        If shapes do not broadcast, `axis` is out of range, or `out` does not fit.
    TypeError
        If an input is complex, longdouble, object or masked.

    Notes
    -----
    Each term is right within 2 ULP. Types and the order of the sum are as in
    `fastgen.vae.kl_standard_normal`.

    References
    ----------
    .. [1] Mao et al., "Least Squares Generative Adversarial Networks", ICCV 2017.

    Examples
    --------
    >>> import fastgen
    >>> float(fastgen.gan.squared_loss([0.0, 3.0], 1.0))
    2.5
    """
    return _squared_loss((output, target), axis, keepdims, out)


@operation("gan.relativistic_loss")
def relativistic_loss(
    above: ArrayLike,
    below: ArrayLike,
    *,
    axis: int | tuple[int, ...] | None = -1,
    keepdims: bool = False,
    out: Any = None,
) -> Any:
    r"""Logistic loss of wanting one logit above another.

    .. math:: \sum_i \mathrm{softplus}(b_i - a_i)

    Parameters
    ----------
    above, below : array_like
        The logits :math:`a` that should be the higher ones, and :math:`b`. Their shapes broadcast
        together.
    axis : int, tuple of int, or None, default -1
        The event axes, summed over; ``()`` leaves every term by itself.
    keepdims : bool, default False
        Keep the event axes, with length 1.
    out : ndarray, optional
        Where to put the result.

    Returns
    -------
    ndarray or scalar
        In nats, of the batch shape. Never negative.

    Raises
    ------
    ValueError
        If shapes do not broadcast, `axis` is out of range, or `out` does not fit.
    TypeError
        If an input is complex, longdouble, object or masked.

    Notes
    -----
    Each term is right within 2 ULP, in both tails: what the difference loses to rounding is put
    back. Types and the order of the sum are as in `fastgen.vae.kl_standard_normal`.

    References
    ----------
    .. [1] Jolicoeur-Martineau, "The relativistic discriminator", ICLR 2019.

    Examples
    --------
    >>> import fastgen
    >>> float(fastgen.gan.relativistic_loss(-1e4, 0.0))
    10000.0
    """
    return _relativistic_loss((above, below), axis, keepdims, out)
