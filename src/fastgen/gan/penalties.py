"""Penalties on the gradient of the discriminator, per sample."""

from __future__ import annotations

from functools import partial
from types import EllipsisType
from typing import Any

import numpy as np

from fastgen._compose import Mapped, Row, composed, computed, row
from fastgen._messages import check_real
from fastgen._ops import OPS, chosen
from fastgen._typing import Array, ArrayLike, Penalty

__all__ = ["gradient_penalty"]

_norm = OPS["elementary.norm"].called("gan.gradient_penalty")
_squared_loss = OPS["gan.squared_loss"].called("gan.gradient_penalty")
_CENTERED = {"wgan_gp": True, "dragan": True, "r1": False}
_Axis = int | tuple[int, ...] | EllipsisType | None


def _penalty(norm: Any, center: float) -> Any:
    return (norm - center) ** 2


def _slope(norm: Any, center: float) -> Any:
    return 2 * (norm - center)


@composed(inputs=1, operands=("grad", "center"))
def gradient_penalty(
    grad: ArrayLike,
    *,
    kind: Penalty = "wgan_gp",
    center: float | None = None,
    axis: _Axis = ...,
    keepdims: bool = False,
    out: Array | None = None,
) -> Array:
    r"""Penalty on the norm of the discriminator's gradient, per sample.

    .. math:: (\|g\|_2 - c)^2, \quad \text{or} \quad \tfrac12 \|g\|_2^2

    Parameters
    ----------
    grad : array_like
        The gradients :math:`g` of the discriminator's outputs by its inputs, usually of shape
        ``(batch, ...)``.
    kind : {"wgan_gp", "dragan", "r1"}, default "wgan_gp"
        "wgan_gp" and "dragan" are the first formula. They differ in the points of the gradients:
        between real and fake samples, or around real samples. "r1" is the second formula, at real
        samples.
    center : float, optional
        The norm :math:`c` whose penalty is 0, by default 1. "r1" has none, and refuses it.
    axis : int, tuple of int, or None, default ...
        The axes of one sample. The norm is taken over them. The default is all axes but the first.
        None stands for all axes.
    keepdims : bool, default False
        Keep the axes of one sample, with length 1.
    {out}

    Returns
    -------
    ndarray or scalar
        One penalty per sample, in the float type of `grad`, without its weight :math:`\lambda` (for
        "r1", :math:`\gamma`). Never negative.

    Raises
    ------
    ValueError
        If `kind` is unknown, "r1" is given a `center`, `axis` is out of range, or `out` does not
        fit.
    TypeError
        If `grad` is complex, longdouble, object or masked, or no NumPy array.

    Notes
    -----
    Norms are accumulated in float64, and the penalty is rounded once. The derivative is :math:`2 (1
    - c / \|g\|) g`, and :math:`g` for "r1". At a norm of 0 it is 0 by definition. A norm overflows
    or underflows only where it is itself out of range.

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
    check_real("gradient_penalty", center=center)
    centered = chosen("gradient_penalty", "kind", _CENTERED, kind)
    name = "gan.gradient_penalty"
    gradients: Any = grad
    axes = tuple(range(1, np.ndim(gradients))) if axis is ... else axis
    if not centered:
        if center is not None:
            raise ValueError(
                f"gradient_penalty: kind {kind!r} has no center, the penalty of a norm of 0 is 0; "
                f"got center={center}"
            )
        return row(_squared_loss, (grad, 0.0), axes, keepdims, out)
    center = 1.0 if center is None else center
    norm = Row(_norm, (grad,), axes, keepdims)
    penalty, slope = partial(_penalty, center=center), partial(_slope, center=center)
    return computed(Mapped(name, norm, penalty, slope), out)
