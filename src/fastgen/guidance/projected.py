"""Guidance with sums over whole samples: norms, projections, directions."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastgen._abstract import is_dask
from fastgen._arrays import array_of
from fastgen._compose import composed
from fastgen._core import empty, result_dtype
from fastgen._ops import OPS
from fastgen._registry import operation
from fastgen._typing import Array, ArrayLike, Axis
from fastgen.guidance._samples import axes_of_sample, whole

__all__ = ["apg", "cfg_zero_star", "magnitude_aware", "perp_neg", "tangential"]

_apg = OPS["guidance.apg"]
_cfg_zero_star = OPS["guidance.cfg_zero_star"]
_magnitude_aware = OPS["guidance.magnitude_aware"]
_perp_neg = OPS["guidance.perp_neg"]
_tangential = OPS["guidance.tangential"]


@operation("guidance.apg", also=("average", "momentum", "eta", "norm_threshold"))
def apg(
    uncond: ArrayLike,
    cond: ArrayLike,
    scale: ArrayLike,
    *,
    average: Array | None = None,
    momentum: ArrayLike = 0.0,
    eta: ArrayLike = 0.0,
    norm_threshold: ArrayLike | None = None,
    axis: Axis = None,
    out: Array | None = None,
) -> Array:
    r"""Adaptive projected guidance, which weakens the part of the step along `cond`.

    .. math:: u + s \, (d_\perp + \eta \, d_\parallel), \qquad
              d = \min(1, r / \|d'\|) \, d', \qquad d' = c - u + m \, a

    where :math:`d_\parallel` is the part of :math:`d` along :math:`c`.

    Parameters
    ----------
    {uncond_and_cond}
    {scale_of_guidance}
    average : ndarray, optional
        The running average :math:`a` of earlier steps, zeros before the first step. The function
        overwrites it with :math:`d'`. Without it there is no momentum.
    momentum : array_like, default 0
        The momentum :math:`m` from -1 to 1: a number, or one per sample. The paper takes negative
        values. Beyond 1 the average would grow without bound.
    eta : array_like, default 0
        The factor :math:`\eta` of the parallel part: a number, or one per sample. 1 gives `cfg`.
    norm_threshold : array_like, optional
        The largest length :math:`r` of a sample's step: a number, or one per sample.
    {axis_of_sample}
    {out}

    Returns
    -------
    {returns_like_predictions}

    Raises
    ------
    ValueError
        If `momentum` is beyond -1 or 1 or has no `average`, `norm_threshold` is not positive, or
        shapes do not fit.
    TypeError
        If an input is complex, longdouble, object or masked.

    Notes
    -----
    Max error: 8 ULP of the sample's largest term. Lengths and products are accumulated in float64.
    A float32 `average` keeps its digits from step to step, also with predictions of half precision.
    The function has no derivative: it changes `average`.
    Source: Sadat et al., "Eliminating Oversaturation and Artifacts of High Guidance Scales in
    Diffusion Models" (2024).

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> uncond, cond = np.zeros((1, 2)), np.array([[3.0, 4.0]])
    >>> fastgen.guidance.apg(uncond, cond, 2.0)  # all of the step is along cond
    array([[0., 0.]])
    >>> fastgen.guidance.apg(uncond, cond, 2.0, eta=1.0, norm_threshold=1.0)
    array([[1.2, 1.6]])
    """
    if is_dask(average):
        raise TypeError(
            "apg: average is changed in place, which a dask array is not; take NumPy arrays, or "
            "call apg for each block, as by dask.delayed"
        )
    if not np.all(np.abs(array_of(momentum, name="apg: momentum")) <= 1):
        raise ValueError(
            "apg: momentum must lie between -1 and 1, because the average diverges beyond; got "
            f"{momentum}"
        )
    if average is None and np.any(array_of(momentum) != 0):
        raise ValueError(
            "apg: momentum needs average, an array of zeros that is kept from step to step"
        )
    least = np.inf if norm_threshold is None else array_of(norm_threshold, name="norm_threshold")
    if not np.all(least > 0):
        raise ValueError(f"apg: norm_threshold must be positive, got {norm_threshold}")
    limit = np.inf if norm_threshold is None else norm_threshold
    axis = axes_of_sample(axis, (uncond, cond), ())
    inputs: tuple[Any, ...] = (uncond, cond, scale, average, momentum, eta, limit)
    if average is None:
        inputs = (uncond, cond, scale, 0.0, momentum, eta, limit)
        return _apg(inputs, axis, False, (out, None), wanted=1)[0]
    if out is None:  # the type of the predictions; that of `average` may differ
        shape = np.broadcast_shapes(*map(np.shape, inputs[:2]))
        out = empty(shape, result_dtype((uncond, cond)))
    return _apg(inputs, axis, False, (out, average))[0]


@operation("guidance.cfg_zero_star")
@composed(inputs=3)
def cfg_zero_star(
    uncond: ArrayLike,
    cond: ArrayLike,
    scale: ArrayLike,
    *,
    axis: Axis = None,
    out: Array | None = None,
) -> Array:
    r"""CFG-Zero*: guidance from the multiple of `uncond` that is nearest to `cond`, per sample.

    .. math:: a u + s \, (c - a u), \qquad a = \frac{\langle c, u \rangle}{\langle u, u \rangle}

    Parameters
    ----------
    {uncond_and_cond}
    {scale_of_guidance}
    {axis_of_sample}
    {out_or_prediction}

    Returns
    -------
    {returns_like_predictions}

    Raises
    ------
    {raises_elementwise}

    Notes
    -----
    Max error: 4 ULP of the sample's largest term. Where :math:`u = 0`, :math:`a` is 0. The method
    also replaces the prediction of its first steps by 0. The sampling loop has to do that. Source:
    Fan et al., "CFG-Zero*: Improved Classifier-Free Guidance for Flow Matching Models" (2025).

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> uncond, cond = np.array([[1.0, 0.0]]), np.array([[2.0, 2.0]])
    >>> fastgen.guidance.cfg_zero_star(uncond, cond, 3.0)
    array([[2., 6.]])
    """
    return whole(_cfg_zero_star, (uncond, cond), (scale,), axis, out)


@operation("guidance.perp_neg", also=("negative_scale",))
@composed(inputs=4)
def perp_neg(
    uncond: ArrayLike,
    positive: ArrayLike,
    negative: ArrayLike,
    scale: ArrayLike,
    *,
    negative_scale: ArrayLike = 1.0,
    axis: Axis = None,
    out: Array | None = None,
) -> Array:
    r"""Perp-Neg: guidance away from the part of a negative prompt across the positive one.

    .. math:: u + s \left(p' - t \left(n' - \frac{\langle n', p' \rangle}{\langle p', p' \rangle}
              \, p'\right)\right), \qquad p' = p - u, \quad n' = n - u

    Parameters
    ----------
    uncond, positive, negative : array_like
        The predictions without a prompt, with the positive and with the negative one, of shape
        (B, ...).
    scale, negative_scale : array_like
        The scales :math:`s` and :math:`t`: numbers, or one per sample, of shape (B,).
    {axis_of_sample}
    {out_or_prediction}

    Returns
    -------
    {returns_like_predictions}

    Raises
    ------
    {raises_elementwise}

    Notes
    -----
    Max error: 6 ULP of the sample's largest term. Source: Armandpour et al., "Re-imagine the
    Negative Prompt Algorithm" (2023).

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> uncond, p, n = np.zeros((1, 2)), np.array([[1.0, 0.0]]), np.array([[1.0, 1.0]])
    >>> fastgen.guidance.perp_neg(uncond, p, n, 2.0)
    array([[ 2., -2.]])
    """
    return whole(_perp_neg, (uncond, positive, negative), (scale, negative_scale), axis, out)


@operation("guidance.tangential")
@composed(inputs=3)
def tangential(
    uncond: ArrayLike,
    cond: ArrayLike,
    scale: ArrayLike,
    *,
    axis: Axis = None,
    out: Array | None = None,
) -> Array:
    r"""Tangential damping: guidance from the part of `uncond` along the main direction of the pair.

    .. math:: v + s \, (c - v), \qquad v = \langle u, e \rangle \, e

    where :math:`e` is the first right singular vector of the matrix of rows :math:`c` and
    :math:`u`, per sample.

    Parameters
    ----------
    {uncond_and_cond}
    {scale_of_guidance}
    {axis_of_sample}
    {out_or_prediction}

    Returns
    -------
    {returns_like_predictions}

    Raises
    ------
    {raises_elementwise}

    Notes
    -----
    Max error: 6 ULP of the sample's largest term. The vector :math:`e` comes from three inner
    products, accumulated in float64, without a singular value decomposition. Where both singular
    values are equal, the direction is that of :math:`c + u`. Source: Kwon et al., "TCFG: Tangential
    Damping Classifier-free Guidance" (2025).

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> uncond, cond = np.array([[1.0, 1.0]]), np.array([[2.0, 2.0]])
    >>> fastgen.guidance.tangential(uncond, cond, 3.0)
    array([[4., 4.]])
    """
    return whole(_tangential, (uncond, cond), (scale,), axis, out)


@operation("guidance.magnitude_aware", also=("damping",))
@composed(inputs=3)
def magnitude_aware(
    uncond: ArrayLike,
    cond: ArrayLike,
    scale: ArrayLike,
    *,
    damping: ArrayLike = 8.0,
    axis: Axis = None,
    out: Array | None = None,
) -> Array:
    r"""Guidance that is weaker where the predictions of a sample are farther apart.

    .. math:: u + s' (c - u), \qquad s' = 1 + (s - 1) \, e^{-k \|c - u\| / \|u\|}

    Parameters
    ----------
    {uncond_and_cond}
    {scale_of_guidance}
    damping : array_like, default 8
        The damping :math:`k`: a number, or one per sample.
    {axis_of_sample}
    {out_or_prediction}

    Returns
    -------
    {returns_like_predictions}

    Raises
    ------
    {raises_elementwise}

    Notes
    -----
    Max error: 6 ULP of the sample's largest term. Where :math:`u = 0` and :math:`c` is not, the
    result is `cond`. Source: Zhu et al., "MAMBO-G: Magnitude-Aware Mitigation for Boosted Guidance"
    (2025).

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> uncond, cond = np.array([[1.0, 0.0]]), np.array([[1.0, 0.25]])
    >>> fastgen.guidance.magnitude_aware(uncond, cond, 5.0).round(4)
    array([[1.    , 0.3853]])
    """
    return whole(_magnitude_aware, (uncond, cond), (scale, damping), axis, out)
