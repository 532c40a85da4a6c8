"""Classifier guidance: along the gradient of a classifier's log-probability."""

from __future__ import annotations

from fastgen._compose import composed
from fastgen._ops import OPS
from fastgen._registry import operation
from fastgen._typing import Array, ArrayLike, Axis
from fastgen.guidance._samples import elementwise

__all__ = ["classifier_epsilon", "classifier_mean"]

_classifier_epsilon = OPS["guidance.classifier_epsilon"]
_classifier_mean = OPS["guidance.classifier_mean"]


@operation("guidance.classifier_mean", also=("scale",))
@composed(inputs=3)
def classifier_mean(
    mean: ArrayLike,
    variance: ArrayLike,
    grad: ArrayLike,
    *,
    scale: ArrayLike = 1.0,
    axis: Axis = None,
    out: Array | None = None,
) -> Array:
    r"""Classifier guidance of the mean of a reverse step.

    .. math:: m + s \, v \, g

    Parameters
    ----------
    mean, variance : array_like
        Mean :math:`m` and variance :math:`v` of the step :math:`p(x_{t-1} | x_t)`, of shape (B,
        ...).
    grad : array_like
        The gradient :math:`g` of :math:`\log p(y | x_t)` by :math:`x_t`, of the same shape.
    scale : array_like, default 1
        The strength :math:`s` of the guidance: a number, or one per sample, of shape (B,).
    {axis_of_sample}
    {out_or_input}

    Returns
    -------
    ndarray or scalar
        Of the shape that the inputs broadcast to, and of their float type.

    Raises
    ------
    {raises_elementwise}

    Notes
    -----
    Max error: 2 ULP of the terms together. Source: Dhariwal and Nichol, "Diffusion Models Beat GANs
    on Image Synthesis" (2021), algorithm 1.

    Examples
    --------
    >>> import fastgen
    >>> fastgen.guidance.classifier_mean([1.0, 2.0], [0.5, 0.5], [1.0, -1.0], scale=2.0)
    array([2., 1.])
    """
    return elementwise(_classifier_mean, (mean, variance, grad), (scale,), axis, out)


@operation("guidance.classifier_epsilon", also=("scale",))
@composed(inputs=3)
def classifier_epsilon(
    epsilon: ArrayLike,
    grad: ArrayLike,
    sigma: ArrayLike,
    *,
    scale: ArrayLike = 1.0,
    axis: Axis = None,
    out: Array | None = None,
) -> Array:
    r"""Classifier guidance of the predicted noise.

    .. math:: \epsilon - s \, \sigma \, g

    Parameters
    ----------
    epsilon : array_like
        The predicted noise, of shape (B, ...).
    grad : array_like
        The gradient :math:`g` of :math:`\log p(y | x_t)` by :math:`x_t`, of the same shape.
    sigma : array_like
        The noise level, :math:`\sqrt{1 - \bar\alpha_t}`: a number, or one per sample, of shape
        (B,).
    scale : array_like, default 1
        The strength :math:`s` of the guidance: a number, or one per sample, of shape (B,).
    {axis_of_sample}
    {out_or_input}

    Returns
    -------
    ndarray or scalar
        Of the shape that the inputs broadcast to, and of their float type.

    Raises
    ------
    {raises_elementwise}

    Notes
    -----
    Max error: 2 ULP of the terms together. Source: Dhariwal and Nichol, "Diffusion Models Beat GANs
    on Image Synthesis" (2021), algorithm 2.

    Examples
    --------
    >>> import fastgen
    >>> fastgen.guidance.classifier_epsilon([1.0, 2.0], [1.0, -1.0], 0.5)
    array([0.5, 2.5])
    """
    return elementwise(_classifier_epsilon, (epsilon, grad), (sigma, scale), axis, out)
