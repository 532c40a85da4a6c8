"""Times from 0 to 1, where 1 is noise: those of flow matching and of schedules in time."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from fastgen import elementary
from fastgen._typing import Array, Rng
from fastgen.diffusion.times._draws import drawn, normal_quantile

__all__ = ["cosmap", "logit_normal", "mode", "power", "uniform"]

STEEPEST = 2 / (math.pi - 2)  # the scale of `mode` up to which its map is monotone


def check_positive(function: str, **numbers: float) -> None:
    """Raise if a number is not positive and finite."""
    for name, x in numbers.items():
        if not 0 < x < math.inf:
            raise ValueError(f"{function}: {name} must be > 0 and finite, got {x!r}")


def check_finite(function: str, **numbers: float) -> None:
    """Raise if a number is not finite."""
    for name, x in numbers.items():
        if not math.isfinite(x):
            raise ValueError(f"{function}: {name} must be finite, got {x!r}")


def shifted(t: Any, shift: float) -> Any:
    """Return times whose odds are `shift` times as large."""
    return t if shift == 1 else shift * t / (1 + (shift - 1) * t)


def _uniform(u: Any, low: float, high: float, shift: float) -> Any:
    return shifted(np.clip(low + (high - low) * u, low, high), shift)


def uniform(
    shape: int | tuple[int, ...],
    *,
    low: float = 0.0,
    high: float = 1.0,
    shift: float = 1.0,
    strata: int | None = None,
    key: int | None = None,
    rng: Rng = None,
    counter: int = 0,
    dtype: DTypeLike | None = None,
    chunks: Any = None,
) -> Array:
    r"""Uniform times.

    .. math:: t = l + (h - l) u, \quad \text{then } t \leftarrow \frac{s t}{1 + (s - 1) t}

    Parameters
    ----------
    {shape_of_times}
    low, high : float
        The range of the times, before the shift.
    {shift_of_times}
    {strata_key_and_type}

    Returns
    -------
    ndarray or scalar
        Times of the given shape and type.

    Raises
    ------
    {raises_of_times}
    ValueError
        If the range is empty or not finite, or `shift` is given and the range leaves [0, 1].

    Notes
    -----
    Number :math:`u_i` is element :math:`2^{127} + i` of ``noise.uniform`` in float64 of the same
    key, plus :math:`2^{-65}`. So one key serves for the times and for the noise of a step. With
    strata, it is :math:`(k + u_i) / K`, where K is their number and k is i modulo K: any K
    consecutive elements have one time in each K-th of the distribution (stratified draws, of less
    variance). A worker that draws a part of the batch with its `counter` has the times of the whole
    batch at its place. Times are computed in float64, and rounded once; this may round to an end.

    References
    ----------
    .. [1] Kingma et al., "Variational Diffusion Models", NeurIPS 2021, appendix I.1: times that
       cover the batch evenly.

    Examples
    --------
    >>> from fastgen.diffusion import times
    >>> times.uniform(4, strata=4, key=0).round(2)
    array([0.15, 0.33, 0.72, 0.98])
    """
    check_positive("uniform", shift=shift)
    check_finite("uniform", low=low, high=high)
    if not low < high:
        raise ValueError(f"uniform: low must be < high, got {low!r} and {high!r}")
    if shift != 1 and not 0 <= low < high <= 1:
        raise ValueError(
            f"uniform: a shift is that of times in [0, 1], got low={low!r} and high={high!r}"
        )
    quantile = partial(_uniform, low=low, high=high, shift=shift)
    return drawn("uniform", quantile, shape, strata, key, rng, counter, dtype, chunks)


def _logit_normal(u: Any, mean: float, std: float) -> Any:
    return elementary.sigmoid(mean + std * normal_quantile(u))


def logit_normal(
    shape: int | tuple[int, ...],
    *,
    mean: float = 0.0,
    std: float = 1.0,
    shift: float = 1.0,
    strata: int | None = None,
    key: int | None = None,
    rng: Rng = None,
    counter: int = 0,
    dtype: DTypeLike | None = None,
    chunks: Any = None,
) -> Array:
    r"""Times whose log-odds are normal, as in Stable Diffusion 3.

    .. math:: \log\frac{t}{1 - t} = m + \log s + \sigma z

    Parameters
    ----------
    {shape_of_times}
    mean, std : float
        The mean m and the standard deviation :math:`\sigma` of the log-odds.
    {shift_of_times}
    {strata_key_and_type}

    Returns
    -------
    ndarray or scalar
        Times of the given shape and type.

    Raises
    ------
    {raises_of_times}
    ValueError
        If `std` or `shift` is not positive, or a number is not finite.

    Notes
    -----
    Draws are as in `uniform`. The shift adds :math:`\log s` to the log-odds. `logit_normal_weight`
    is the density, to weight uniform times in place of these draws.

    References
    ----------
    .. [1] Esser et al., "Scaling Rectified Flow Transformers for High-Resolution Image Synthesis",
       ICML 2024, section 3.1 and equation 23.

    Examples
    --------
    >>> from fastgen.diffusion import times
    >>> times.logit_normal(4, strata=4, key=0, shift=3.0).round(2)
    array([0.52, 0.66, 0.84, 0.96])
    """
    check_finite("logit_normal", mean=mean)
    check_positive("logit_normal", std=std, shift=shift)
    quantile = partial(_logit_normal, mean=mean + math.log(shift), std=std)
    return drawn("logit_normal", quantile, shape, strata, key, rng, counter, dtype, chunks)


def _mode(u: Any, scale: float, shift: float) -> Any:
    rest = 1 - u
    t = rest + scale * (np.sin(np.pi / 2 * u) ** 2 - u)
    return shifted(np.clip(t, 0, 1), shift)


def mode(
    shape: int | tuple[int, ...],
    *,
    scale: float = 1.29,
    shift: float = 1.0,
    strata: int | None = None,
    key: int | None = None,
    rng: Rng = None,
    counter: int = 0,
    dtype: DTypeLike | None = None,
    chunks: Any = None,
) -> Array:
    r"""Times with a heavy middle and heavy tails, as in Stable Diffusion 3.

    .. math:: t = 1 - u - c \left(\cos^2\left(\frac\pi2 u\right) - 1 + u\right)

    Parameters
    ----------
    {shape_of_times}
    scale : float, default 1.29
        The scale c, from -1 to :math:`2 / (\pi - 2) = 1.75`. Positive ones favour the middle,
        negative ones the ends, and 0 gives uniform times.
    {shift_of_times}
    {strata_key_and_type}

    Returns
    -------
    ndarray or scalar
        Times of the given shape and type.

    Raises
    ------
    {raises_of_times}
    ValueError
        If `scale` is out of range, where times would not be monotone in u, or `shift` is not
        positive.

    Notes
    -----
    Draws are as in `uniform`. Strata run from the noise to the data, because t falls with u.

    References
    ----------
    .. [1] Esser et al., "Scaling Rectified Flow Transformers for High-Resolution Image Synthesis",
       ICML 2024, equation 20.

    Examples
    --------
    >>> from fastgen.diffusion import times
    >>> times.mode(4, strata=4, key=0).round(2)
    array([0.72, 0.56, 0.4 , 0.05])
    """
    check_positive("mode", shift=shift)
    if not -1 <= scale <= STEEPEST:
        raise ValueError(f"mode: scale must lie in [-1, 2 / (pi - 2)], got {scale!r}")
    quantile = partial(_mode, scale=scale, shift=shift)
    return drawn("mode", quantile, shape, strata, key, rng, counter, dtype, chunks)


def _cosmap(u: Any, shift: float) -> Any:
    sine, cosine = np.sin(np.pi / 2 * u), np.sin(np.pi / 2 * (1 - u))
    return shift * sine / (shift * sine + cosine)


def cosmap(
    shape: int | tuple[int, ...],
    *,
    shift: float = 1.0,
    strata: int | None = None,
    key: int | None = None,
    rng: Rng = None,
    counter: int = 0,
    dtype: DTypeLike | None = None,
    chunks: Any = None,
) -> Array:
    r"""Times that give a flow the noise levels of the cosine schedule.

    .. math:: t = 1 - \frac{1}{\tan(\frac\pi2 u) + 1}

    Parameters
    ----------
    {shape_of_times}
    {shift_of_times}
    {strata_key_and_type}

    Returns
    -------
    ndarray or scalar
        Times of the given shape and type.

    Raises
    ------
    {raises_of_times}
    ValueError
        If `shift` is not positive and finite.

    Notes
    -----
    Draws are as in `uniform`. `cosmap_weight` is the density.

    References
    ----------
    .. [1] Esser et al., "Scaling Rectified Flow Transformers for High-Resolution Image Synthesis",
       ICML 2024, equation 21.

    Examples
    --------
    >>> from fastgen.diffusion import times
    >>> times.cosmap(4, strata=4, key=0).round(2)
    array([0.2 , 0.37, 0.68, 0.97])
    """
    check_positive("cosmap", shift=shift)
    quantile = partial(_cosmap, shift=shift)
    return drawn("cosmap", quantile, shape, strata, key, rng, counter, dtype, chunks)


def _power(u: Any, exponent: float, shift: float) -> Any:
    return shifted(elementary.exp(elementary.log(u) / exponent), shift)


def power(
    shape: int | tuple[int, ...],
    *,
    exponent: float = 1.5,
    shift: float = 1.0,
    strata: int | None = None,
    key: int | None = None,
    rng: Rng = None,
    counter: int = 0,
    dtype: DTypeLike | None = None,
    chunks: Any = None,
) -> Array:
    r"""Times whose density is a power: the distribution Beta(a, 1).

    .. math:: t = u^{1/a}, \qquad p(t) = a t^{a - 1}

    Parameters
    ----------
    {shape_of_times}
    exponent : float, default 1.5
        The exponent a. More than 1 favours noise.
    {shift_of_times}
    {strata_key_and_type}

    Returns
    -------
    ndarray or scalar
        Times of the given shape and type.

    Raises
    ------
    {raises_of_times}
    ValueError
        If `exponent` or `shift` is not positive and finite.

    Notes
    -----
    Draws are as in `uniform`.

    References
    ----------
    .. [1] Black et al., "pi0: A Vision-Language-Action Flow Model for General Robot Control", 2024,
       appendix B, which has a = 1.5.

    Examples
    --------
    >>> from fastgen.diffusion import times
    >>> times.power(4, strata=4, key=0).round(2)
    array([0.28, 0.48, 0.81, 0.98])
    """
    check_positive("power", exponent=exponent, shift=shift)
    quantile = partial(_power, exponent=exponent, shift=shift)
    return drawn("power", quantile, shape, strata, key, rng, counter, dtype, chunks)
