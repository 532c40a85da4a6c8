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

_squared_norm, _squared_loss = OPS["elementary.squared_norm"], OPS["gan.squared_loss"]
_CENTERED = {"wgan_gp": True, "dragan": True, "r1": False}
_Axis = int | tuple[int, ...] | EllipsisType | None


class _Samples:
    """Gradients, and for each sample the norm of its own, in float64."""

    def __init__(self, grad: Any, axis: _Axis) -> None:
        refuse_foreign("gradient_penalty", (grad,), "apply it to each block")
        shape = np.shape(grad)
        axes: Any = tuple(range(1, len(shape))) if axis is ... else axis
        listed = range(len(shape)) if axes is None else axes if isinstance(axes, tuple) else (axes,)
        # A wrong axis is for the operation to refuse.
        summed = {a % max(len(shape), 1) for a in listed if isinstance(a, int)}
        self.grad, self.axes = grad, axes
        self.events = tuple(sorted(summed))
        self.shape = tuple(n for d, n in enumerate(shape) if d not in summed)
        self.squared = _squared_norm((grad,), axes, False, np.empty(self.shape))
        self.norm = np.asarray(np.sqrt(self.squared))
        self.dtype = result_dtype((grad,))
        # Squares leave the range of numbers long before norms do. Few samples are ever affected.
        small = 1e-290 if self.dtype == np.float64 else 1e-25
        usual = (self.squared > small) & (self.squared < np.inf)
        self.extreme = None if usual.all() else ~(usual | np.isnan(self.squared))
        if self.extreme is not None:
            self._look_again(self.extreme)

    def _look_again(self, extreme: Any) -> None:
        """Take the extreme samples as rows times a power of 2, the largest element near 1."""
        moved = np.moveaxis(np.asarray(self.grad), self.events, range(-len(self.events), 0))
        rows = moved.reshape(*self.shape, -1)[extreme].astype(float)
        _, exponent = np.frexp(np.max(abs(rows), axis=1, initial=0))
        self.rows = np.ldexp(rows, -exponent[:, None])
        self.lengths = np.sqrt(_squared_norm((self.rows,), 1, False, np.empty(len(rows))))
        with np.errstate(over="ignore", under="ignore"):
            self.norm[extreme] = np.ldexp(self.lengths, exponent)
            self.squared[extreme] = self.norm[extreme] ** 2

    def penalty(self, centered: bool, center: float) -> Array:
        """The penalties, in the type of the result."""
        with np.errstate(over="ignore", under="ignore"):
            penalty = (self.norm - center) ** 2 if centered else 0.5 * self.squared
            return np.asarray(penalty).astype(self.dtype)

    def slope(self, cotangent: Any, centered: bool, center: float) -> Array:
        """Cotangent times the gradient: g, or 2 (1 - center / norm) g, taken as 0 at the norm 0."""
        if not centered:
            return self._times(np.broadcast_to(np.asarray(cotangent), self.shape))
        usual = (self.norm > 0) & (self.norm < np.inf)
        ratio = (self.norm - center) / np.where(usual, self.norm, 1)
        ratio = np.where(usual | np.isnan(self.norm), ratio, self.norm > 0)
        gradient = self._times(2 * cotangent * ratio)
        if self.extreme is not None:
            distance = np.broadcast_to(2 * cotangent * (self.norm - center), self.shape)
            lengths = np.where((self.lengths > 0) & (self.lengths < np.inf), self.lengths, 1)
            moved = np.moveaxis(gradient, self.events, range(-len(self.events), 0))
            with np.errstate(all="ignore"):
                rows = self.rows * (distance[self.extreme] / lengths)[:, None]
                moved[self.extreme] = rows.reshape(-1, *moved.shape[len(self.shape) :])
        return gradient

    def _times(self, factor: Any) -> Array:
        """The gradients times a factor for each sample."""
        if self.dtype != np.float64:
            with np.errstate(over="ignore", under="ignore"):
                factor = factor.astype(np.float32)
        assert _squared_loss.derivative is not None
        product = _squared_loss.derivative((self.grad, 0.0, factor), self.axes, False, None, 2)
        result: Array = product[1]
        return result


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
    samples = _Samples(grad, axis)
    if keepdims and np.ndim(cotangent):
        cotangent = np.squeeze(cotangent, samples.events)
    gradient = samples.slope(cotangent, centered, center)
    value = _result(samples, centered, center, keepdims) if with_value else None
    return value, tuple(as_input(gradient, grad) for _ in wanted)


def _result(samples: _Samples, centered: bool, center: float, keepdims: bool) -> Any:
    penalty = samples.penalty(centered, center)
    return (np.expand_dims(penalty, samples.events) if keepdims else penalty)[()]


@with_rule(_rule, nin=1)
def gradient_penalty(
    grad: ArrayLike,
    /,
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
    samples = _Samples(grad, axis)
    result = _result(samples, centered, center, keepdims)
    if out is None:
        return result
    check_out("gan.gradient_penalty", out, np.shape(result))
    np.copyto(out, result, casting="unsafe")
    return out
