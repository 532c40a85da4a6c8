"""Scores (gradients of log-densities) and Langevin steps along them."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from fastgen._abstract import has_no_values, is_dask
from fastgen._arrays import array_of
from fastgen._axes import Axes, Labels
from fastgen._compose import Result, composed, lazy
from fastgen._core import Stream
from fastgen._ops import OPS
from fastgen._plain import Plain
from fastgen._registry import operation
from fastgen._typing import Array, ArrayLike, Axis, Rng
from fastgen.diffusion import _rows
from fastgen.diffusion.schedule import Schedule
from fastgen.noise.keys import noise_of

__all__ = ["gaussian_mixture_score", "gaussian_score", "langevin_step", "langevin_update"]

_gaussian_score = OPS["diffusion.gaussian_score"]
_langevin_update = OPS["diffusion.langevin_update"]
_langevin_step = _langevin_update.called("diffusion.langevin_step")


@operation("diffusion.gaussian_score")
def gaussian_score(
    x: ArrayLike, mu: ArrayLike, logvar: ArrayLike, *, out: Array | None = None
) -> Array:
    r"""Score of a diagonal normal distribution, elementwise.

    .. math:: \nabla_x \log N(x; \mu, \mathrm{diag}\, e^{\ell}) = (\mu - x) e^{-\ell}

    Parameters
    ----------
    x : array_like
        The points at which the score is evaluated.
    mu, logvar : array_like
        Means and log-variances. All three shapes broadcast together.
    {out}

    Returns
    -------
    ndarray or scalar
        Of the broadcast shape.

    Raises
    ------
    {raises_elementwise}

    Notes
    -----
    Types are kept as in `fastgen.vae.kl_standard_normal`. The result is right within 2 ULP for the
    rounded :math:`\mu - x`.

    References
    ----------
    .. [1] Hyvarinen, "Estimation of Non-Normalized Statistical Models by Score Matching", JMLR 6,
       2005.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> fastgen.diffusion.gaussian_score(np.array([0.0, 3.0]), 1.0, 0.0)
    array([ 1., -2.])
    """
    return _gaussian_score((x, mu, logvar), out=out)


@operation("diffusion.langevin_update")
def langevin_update(
    x: ArrayLike,
    score: ArrayLike,
    noise: ArrayLike,
    step_size: ArrayLike,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
    out: Array | None = None,
) -> Array:
    r"""Step along the score, with noise.

    .. math:: x + h s + \sqrt{2 h}\, z

    Parameters
    ----------
    x, score, noise : array_like
        Samples, their score s and standard normal noise z. Their shapes broadcast together, usually
        ``(batch, features)``.
    step_size : array_like
        The step size h, of the batch shape, without the event axes.
    axis : int, tuple of int, or None, default -1
        The event axes: one step size holds for all of them.
    keepdims : bool, default False
        The step sizes have the event axes too, with length 1.
    {out_or_input}

    Returns
    -------
    ndarray or scalar
        Of the shape of x, score and noise.

    Raises
    ------
    {raises}

    Notes
    -----
    `langevin_step` is this function with checks, and with step sizes along the leading axes. A
    negative step size gives NaN. The error is within 3 ULP of the largest of the three terms.

    References
    ----------
    .. [1] Song and Ermon, "Generative Modeling by Estimating Gradients of the Data Distribution",
       NeurIPS 2019, algorithm 1.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> x, noise = np.ones(2), np.array([1.0, -1.0])
    >>> fastgen.diffusion.langevin_update(x, -x, noise, 0.5)
    array([ 1.5, -0.5])
    """
    return _langevin_update((x, score, noise, step_size), axis, keepdims, out)


@composed(inputs=2, operands=("x", "score", "noise", "step_size"))
def langevin_step(
    x: ArrayLike,
    score: ArrayLike,
    step_size: ArrayLike,
    *,
    noise: ArrayLike | Stream | None = None,
    rng: Rng = None,
    key: int | None = None,
    counter: int = 0,
    out: Array | None = None,
) -> Array:
    r"""One step of unadjusted Langevin dynamics.

    .. math:: x + h s + \sqrt{2 h}\, z

    Parameters
    ----------
    x, score : array_like
        Samples and their score s, of one shape.
    step_size : float or array_like
        The step size h: one for all samples, or one each along the leading axes.
    noise : array_like or fastgen.noise.Stream, optional
        Standard normal noise z, of the shape of `x`. By default it is drawn.
    rng, key, counter : optional
        The source of noise that is drawn, as in `add_noise`. Drawn noise is never stored.
    {out_or_input}

    Returns
    -------
    ndarray
        Of the shape of `x`.

    Raises
    ------
    ValueError
        If shapes do not fit, a step size is negative, or the noise is given twice.
    {type_error}

    Notes
    -----
    The error is within 3 ULP of the largest of the three terms.

    References
    ----------
    .. [1] Song and Ermon, "Generative Modeling by Estimating Gradients of the Data Distribution",
       NeurIPS 2019, algorithm 1.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> x, noise = np.ones((2, 2)), np.zeros((2, 2))
    >>> fastgen.diffusion.langevin_step(x, -x, np.array([0.25, 0.5]), noise=noise)
    array([[0.75, 0.75],
           [0.5 , 0.5 ]])
    """
    names = ("x", "score", "noise")
    noise = noise_of("langevin_step", noise, rng, key, counter)
    sizes = _rows.within("langevin_step", "step_size", step_size, 0.0, np.inf)
    h = sizes if sizes.ndim or has_no_values(sizes) else float(sizes)
    call = ("langevin_step", names, (x, score, noise), ("step_size", sizes), (h,))
    return _rows.along_leading(_langevin_step, *call, out)


def gaussian_mixture_score(
    x: ArrayLike,
    t: ArrayLike,
    schedule: Schedule,
    means: ArrayLike,
    logvars: ArrayLike,
    logits: ArrayLike,
) -> Array:
    r"""Exact score of a mixture of normal distributions, diffused to step or time t.

    .. math:: \nabla_x \log \sum_k \pi_k N\left(x; \alpha_t \mu_k,
              \mathrm{diag}(\alpha_t^2 e^{\ell_k} + \sigma_t^2)\right)

    Parameters
    ----------
    x : array_like
        The points at which the score is evaluated, of shape ``(..., features)``.
    t, schedule
        As in `add_noise`: one step or time for all, or one each along the leading axes.
    means : array_like
        Of shape ``(components, features)``.
    logvars : array_like
        Log-variances, of shape ``(components, features)``, or ``(components,)`` where they are the
        same for all features.
    logits : array_like
        Logarithms of the weights :math:`\pi_k`, up to a constant; of shape ``(components,)``.

    Returns
    -------
    ndarray
        Of the shape of `x`, in float64.

    Raises
    ------
    ValueError
        If shapes do not fit, `t` lies outside the schedule, or a component has no variance there.
    {type_error_or_t}

    Notes
    -----
    All arithmetic is in float64. Nothing overflows far from every component, because the largest
    log-density is subtracted first. Tests of samplers can take the result as the truth. The
    function takes one component at a time, and needs memory for a few arrays of the shape of `x`.

    It has no derivative: it is plain NumPy, for tests of samplers.

    References
    ----------
    .. [1] Song et al., "Score-Based Generative Modeling through Stochastic Differential Equations",
       ICLR 2021, appendix C.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgen.diffusion import Schedule, gaussian_mixture_score
    >>> x, means, zeros = np.array([[0.0], [3.0]]), np.array([[-4.0], [4.0]]), np.zeros(2)
    >>> gaussian_mixture_score(x, 0.5, Schedule.flow(), means, zeros, zeros).round(4)
    array([[ 0.],
           [-2.]])
    """
    arrays = (x, t, means, logvars, logits)
    if any(map(is_dask, arrays)):
        return _lazy_mixture_score(arrays, schedule)
    names = ("x", "means", "logvars", "logits")
    found = [
        _rows.as_array("gaussian_mixture_score", name, value).astype(np.float64)
        for name, value in zip(names, (x, means, logvars, logits), strict=True)
    ]
    points, centres, spreads, weights = found
    spreads = spreads[:, None] if spreads.ndim == 1 else spreads
    features = centres.shape[1:]
    if not (
        (centres.ndim, spreads.ndim, weights.ndim) == (2, 2, 1)
        and points.shape[-1:] == features
        and spreads.shape[1:] in (features, (1,))
        and len(spreads) == len(weights) == len(centres) > 0
    ):
        shapes = ", ".join(
            f"{name} {value.shape}" for name, value in zip(names, found, strict=True)
        )
        raise ValueError(
            "gaussian_mixture_score: expected x (..., features), means (components, features), "
            "logvars (components, features) or (components,), and logits (components,); "
            f"got {shapes}"
        )
    alpha_t, sigma_t = map(np.asarray, schedule.coefficients(t))
    ndim = _rows.check_leading("gaussian_mixture_score", "x", "t", t, points)
    if ndim == points.ndim:
        raise ValueError("gaussian_mixture_score: t must not have the axis of the features of x")
    inner = (..., *[None] * (points.ndim - ndim))
    return _mixture_score(points, alpha_t[inner], sigma_t[inner], centres, spreads, weights)


def _lazy_mixture_score(arrays: tuple[Any, ...], schedule: Schedule) -> Any:
    """Return `gaussian_mixture_score` as a dask array."""
    arrays = tuple([x if is_dask(x) else array_of(x) for x in arrays])
    shape = arrays[0].shape
    batch = tuple(range(len(shape) - 1))
    labels: tuple[Labels, ...] = ((*batch, None), batch[: arrays[1].ndim])
    labels += tuple([(None,) * x.ndim for x in arrays[2:]])
    made = (Result(shape, np.dtype(np.float64)),)
    call = partial(_mixture_score_of_block, schedule=schedule)
    names = ("x", "t", "means", "logvars", "logits")
    name, axes = "diffusion.gaussian_mixture_score", Axes(labels, labels[:1])
    return lazy(Plain(name, names, call, arrays, axes, made), None)


def _mixture_score_of_block(x: Any, t: Any, *mixture: Any, schedule: Schedule) -> Any:
    """Return the score of a block. The order of NumPy's sums depends on the memory order."""
    return gaussian_mixture_score(np.ascontiguousarray(x), t, schedule, *mixture)


def _mixture_score(
    x: Any, alpha_t: Any, sigma_t: Any, means: Any, logvars: Any, logits: Any
) -> Any:
    """Return the mean of the components' scores, weighted by their responsibilities."""
    largest = np.full(x.shape[:-1], -np.inf)
    total, score = np.zeros(x.shape[:-1]), np.zeros(x.shape)
    for mean, logvar, logit in zip(means, logvars, logits, strict=True):
        variance = alpha_t**2 * np.exp(logvar) + sigma_t**2
        if not np.all(variance > 0):
            raise ValueError("gaussian_mixture_score: a component has no variance at this t")
        difference = alpha_t * mean - x
        of_component = difference / variance
        log_density = logit - 0.5 * np.sum(difference * of_component + np.log(variance), axis=-1)
        new = np.maximum(largest, log_density)
        with np.errstate(invalid="ignore"):
            old_scale = np.where(largest == -np.inf, 0.0, np.exp(largest - new))
            scale = np.where(log_density == -np.inf, 0.0, np.exp(log_density - new))
        total = total * old_scale + scale
        score = score * old_scale[..., None] + of_component * scale[..., None]
        largest = new
    return score / total[..., None]
