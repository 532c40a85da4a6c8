"""The terms of adversarial losses: functions of the discriminator's output on one sample."""

from __future__ import annotations

from fastgen._ops import OPS
from fastgen._registry import operation
from fastgen._typing import Array, ArrayLike, Axis

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
    axis: Axis = -1,
    keepdims: bool = False,
    out: Array | None = None,
) -> Array:
    r"""Cross-entropy of logits with the probability of being real.

    .. math:: \sum_i \left(t_i\, \mathrm{softplus}(-x_i) + (1 - t_i)\, \mathrm{softplus}(x_i)\right)

    Parameters
    ----------
    logits : array_like
        The discriminator's outputs :math:`x`, before the sigmoid.
    target : array_like
        The probabilities :math:`t`: 1 for real samples, 0 for generated ones, or smoothed ones.
        Their shape broadcasts with that of the logits.
    {axis}
    {keepdims}
    {out}

    Returns
    -------
    ndarray or scalar
        In nats, of the batch shape. Never negative.

    Raises
    ------
    {raises}

    Notes
    -----
    Nothing overflows, and each term is right within 2 ULP, in both tails. The derivative
    :math:`\mathrm{sigmoid}(x) - t` keeps its digits until it underflows. Targets outside [0, 1] are
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
    axis: Axis = -1,
    keepdims: bool = False,
    out: Array | None = None,
) -> Array:
    r"""Hinge loss of logits.

    .. math:: \sum_i \max(0, 1 - t_i x_i)

    Parameters
    ----------
    logits : array_like
        The discriminator's outputs :math:`x`.
    target : array_like
        The signs :math:`t`: 1 for real samples, -1 for generated ones. Their shape broadcasts with
        that of the logits.
    {axis}
    {keepdims}
    {out}

    Returns
    -------
    ndarray or scalar
        Of the batch shape. Never negative.

    Raises
    ------
    {raises}

    Notes
    -----
    Each term is right within 2 ULP of the larger of 1 and :math:`|t x|`. The derivative at the
    hinge is 0 by definition. Types and the order of the sum are as in
    `fastgen.vae.kl_standard_normal`.

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
    axis: Axis = -1,
    keepdims: bool = False,
    out: Array | None = None,
) -> Array:
    r"""Half of the squared distance from a target.

    .. math:: \tfrac12 \sum_i (x_i - t_i)^2

    Parameters
    ----------
    output : array_like
        The discriminator's outputs :math:`x`.
    target : array_like
        The target :math:`t` of the outputs. Its shape broadcasts with that of the outputs.
    {axis}
    {keepdims}
    {out}

    Returns
    -------
    ndarray or scalar
        Of the batch shape. Never negative.

    Raises
    ------
    {raises}

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
    axis: Axis = -1,
    keepdims: bool = False,
    out: Array | None = None,
) -> Array:
    r"""Logistic loss of a pair of logits, of which one should be the higher.

    .. math:: \sum_i \mathrm{softplus}(b_i - a_i)

    Parameters
    ----------
    above, below : array_like
        The logits :math:`a`, which should be the higher ones, and the logits :math:`b`. Their
        shapes broadcast together.
    {axis}
    {keepdims}
    {out}

    Returns
    -------
    ndarray or scalar
        In nats, of the batch shape. Never negative.

    Raises
    ------
    {raises}

    Notes
    -----
    Each term is right within 2 ULP, in both tails. The rounding error of the difference is added
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
