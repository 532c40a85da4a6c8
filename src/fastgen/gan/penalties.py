"""Penalties on the gradient of the discriminator, per sample."""

from __future__ import annotations

from types import EllipsisType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastgen._derivatives import as_input, with_rule
from fastgen._ops import OPS, chosen
from fastgen.gan._sums import Array, float_type

__all__ = ["gradient_penalty"]

_squared_norm = OPS["elementary.squared_norm"]
_CENTERED = {"wgan_gp": True, "dragan": True, "r1": False}
_Axis = int | tuple[int, ...] | EllipsisType | None


def _norm(grad: Any, axis: _Axis) -> tuple[Any, Array]:
    """The axes of a sample, and the norm over them, in float64."""
    shape = np.shape(grad)
    axes: Any = tuple(range(1, len(shape))) if axis is ... else axis
    listed = range(len(shape)) if axes is None else axes if isinstance(axes, tuple) else (axes,)
    # A wrong axis is for the operation to refuse.
    summed = {a % max(len(shape), 1) for a in listed if isinstance(a, int)}
    batch = tuple(n for d, n in enumerate(shape) if d not in summed)
    squared = _squared_norm((grad,), axes, False, np.empty(batch))
    return axes, np.sqrt(squared)


def _value(norm: Array, grad: Any, centered: bool, center: float) -> Any:
    with np.errstate(over="ignore"):
        penalty = (norm - center) ** 2 if centered else 0.5 * norm**2
        return np.asarray(penalty).astype(float_type((grad,)))[()]


def _slope(norm: Array, centered: bool, center: float) -> Any:
    """The derivative by the squared norm; 0 at the norm 0, where there is none."""
    if not centered:
        return np.full(norm.shape, 0.5)
    usual = (norm > 0) & (norm < np.inf)
    slope = (norm - center) / np.where(usual, norm, 1)
    return np.where(usual | np.isnan(norm), slope, norm > 0)


def _rule(
    wanted: list[int],
    inputs: tuple[Any, ...],
    cotangent: Any,
    with_value: bool,
    *,
    kind: str = "wgan_gp",
    center: float = 1.0,
    axis: _Axis = ...,
) -> tuple[Any, tuple[Any, ...]]:
    (grad,) = inputs
    centered = chosen("gradient_penalty", "kind", _CENTERED, kind)
    axes, norm = _norm(grad, axis)
    scale = np.asarray(cotangent * _slope(norm, centered, center))
    if float_type(inputs) != np.float64:
        with np.errstate(over="ignore"):
            scale = scale.astype(np.float32)
    assert _squared_norm.derivative is not None
    _, gradient = _squared_norm.derivative((grad, scale), axes, False, None, 2)
    value = _value(norm, grad, centered, center) if with_value else None
    return value, tuple(as_input(gradient, grad) for _ in wanted)


@with_rule(_rule, nin=1)
def gradient_penalty(
    grad: ArrayLike, /, *, kind: str = "wgan_gp", center: float = 1.0, axis: _Axis = ...
) -> Any:
    r"""Penalty on the norm of the discriminator's gradient, per sample.

    .. math:: (\|g\|_2 - c)^2, \quad \text{or} \quad \tfrac12 \|g\|_2^2

    Parameters
    ----------
    grad : array_like
        The gradients :math:`g` of the discriminator's outputs by its inputs: usually a first axis
        that counts samples, and the shape of one sample.
    kind : {"wgan_gp", "dragan", "r1"}, default "wgan_gp"
        "wgan_gp" and "dragan" are the first formula, and differ in where gradients are taken:
        between real and fake samples, or around real ones. "r1" is the second, at real samples.
    center : float, default 1
        The norm :math:`c` that is not penalised; "r1" has none.
    axis : int, tuple of int, or None, default ...
        The axes of one sample, over which the norm is taken: by default all but the first. None
        takes one norm over all axes.

    Returns
    -------
    ndarray or scalar
        One penalty per sample, without its weight (:math:`\lambda`, for "r1" :math:`\gamma`), of
        the float type of `grad`. Never negative.

    Raises
    ------
    ValueError
        If `kind` is unknown, or `axis` is out of range.
    TypeError
        If `grad` is complex, longdouble, object or masked.

    Notes
    -----
    Norms are accumulated in float64 and the penalty is rounded once. At a norm of 0 the derivative
    is taken as 0; elsewhere it is :math:`2 (1 - c / \|g\|) g`, or :math:`g`. float32 gradients
    beyond 1e19 overflow, and those below 1e-19 lose digits.

    References
    ----------
    .. [1] Gulrajani et al., "Improved Training of Wasserstein GANs", NeurIPS 2017.
    .. [2] Kodali et al., "On Convergence and Stability of GANs" (DRAGAN), 2017.
    .. [3] Mescheder, Geiger and Nowozin, "Which Training Methods for GANs do actually Converge?",
       ICML 2018 (R1).

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> fastgen.gan.gradient_penalty(np.array([[3.0, 4.0], [0.0, 1.0]]))
    array([16.,  0.])
    """
    centered = chosen("gradient_penalty", "kind", _CENTERED, kind)
    return _value(_norm(grad, axis)[1], grad, centered, center)
