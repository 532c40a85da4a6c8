"""Penalties on the gradient of the discriminator, per sample."""

from __future__ import annotations

from types import EllipsisType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastgen._compose import composed, mapped, refuse_foreign, row
from fastgen._ops import OPS, chosen

__all__ = ["gradient_penalty"]

_norm, _squared_loss = OPS["elementary.norm"], OPS["gan.squared_loss"]
_CENTERED = {"wgan_gp": True, "dragan": True, "r1": False}
_Axis = int | tuple[int, ...] | EllipsisType | None


@composed(inputs=1)
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
    name = "gan.gradient_penalty"
    refuse_foreign(name, (grad,), "apply it to each block")
    axes = tuple(range(1, np.ndim(grad))) if axis is ... else axis
    if not centered:
        return row(_squared_loss, (grad, 0.0), axes, keepdims)
    return mapped(
        name,
        row(_norm, (grad,), axes, keepdims),
        lambda norm: (norm - center) ** 2,
        lambda norm: 2 * (norm - center),
    )
