"""Penalties on the gradient of the discriminator, per sample."""

from __future__ import annotations

from types import EllipsisType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastgen._core import result_dtype
from fastgen._derivatives import as_input, with_rule
from fastgen._ops import OPS, chosen
from fastgen.gan._sums import Array, check_out, refuse_foreign

__all__ = ["gradient_penalty"]

_norm, _squared_loss = OPS["elementary.norm"], OPS["gan.squared_loss"]
_CENTERED = {"wgan_gp": True, "dragan": True, "r1": False}
_Axis = int | tuple[int, ...] | EllipsisType | None


def _axes(grad: Any, axis: _Axis) -> Any:
    """The axes of one sample, as an operation takes them."""
    refuse_foreign("gradient_penalty", (grad,), "apply it to each block")
    return tuple(range(1, np.ndim(grad))) if axis is ... else axis


def _penalty(grad: Any, centered: bool, center: float, axes: Any, keepdims: bool, out: Any) -> Any:
    if not centered:
        return _squared_loss((grad, 0.0), axes, keepdims, out)
    norm = _norms(grad, axes, keepdims)
    if out is not None:
        check_out("gan.gradient_penalty", out, norm.shape)
    with np.errstate(over="ignore", under="ignore"):
        norm -= center
        np.multiply(norm, norm, norm)
        if out is None:
            return norm.astype(result_dtype((grad,)))[()]
        np.copyto(out, norm, casting="unsafe")
    return out


def _norms(grad: Any, axes: Any, keepdims: bool) -> Array:
    """In float64, whatever the type of the gradients."""
    ndim = np.ndim(grad)
    listed = range(ndim) if axes is None else axes if isinstance(axes, tuple) else (axes,)
    # A wrong axis is for the operation to refuse.
    events = {a % max(ndim, 1) for a in listed if isinstance(a, int)}
    kept = [1] if keepdims else []
    shape = [m for d, n in enumerate(np.shape(grad)) for m in (kept if d in events else [n])]
    norm: Array = _norm((grad,), axes, keepdims, np.empty(shape))
    return norm


def _rule(
    wanted: list[int],
    inputs: tuple[Any, ...],
    cotangent: Any,
    with_value: bool,
    *,
    kind: str = "wgan_gp",
    center: float = 1.0,
    axis: _Axis = ...,
    keepdims: bool = False,
) -> tuple[Any, tuple[Any, ...]]:
    (grad,) = inputs
    centered = chosen("gradient_penalty", "kind", _CENTERED, kind)
    axes = _axes(grad, axis)
    row, operands = (_norm, (grad,)) if centered else (_squared_loss, (grad, 0.0))
    if centered:  # the derivative of a square, by the norm
        with np.errstate(over="ignore", under="ignore"):
            slope = 2 * cotangent * (_norms(grad, axes, keepdims) - center)
            wide = np.float64 if result_dtype((grad,)) == np.float64 else np.float32
            cotangent = np.asarray(slope).astype(wide)
    assert row.derivative is not None
    gradient = row.derivative((*operands, cotangent), axes, keepdims, None, 2)[1]
    value = _penalty(grad, centered, center, axes, keepdims, None) if with_value else None
    return value, tuple(as_input(gradient, grad) for _ in wanted)


@with_rule(_rule, nin=1)
def gradient_penalty(
    grad: ArrayLike,
    *,
    kind: str = "wgan_gp",
    center: float = 1.0,
    axis: _Axis = ...,
    keepdims: bool = False,
    out: Any = None,
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
    keepdims : bool, default False
        Keep the axes of a sample, with length 1.
    out : ndarray, optional
        Where to put the result.

    Returns
    -------
    ndarray or scalar
        One penalty per sample, without its weight (:math:`\lambda`, for "r1" :math:`\gamma`), of
        the float type of `grad`. Never negative.

    Raises
    ------
    ValueError
        If `kind` is unknown, `axis` is out of range, or `out` does not fit.
    TypeError
        If `grad` is complex, longdouble, object or masked, or no NumPy array.

    Notes
    -----
    Norms are accumulated in float64 and the penalty is rounded once. At a norm of 0 the derivative
    is taken as 0; elsewhere it is :math:`2 (1 - c / \|g\|) g`, or :math:`g`. Norms neither
    overflow nor underflow before the numbers themselves do.

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
    return _penalty(grad, centered, center, _axes(grad, axis), keepdims, out)
