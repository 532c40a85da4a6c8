"""Noise levels sigma for training, of variance-exploding schedules and of EDM."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from fastgen import elementary
from fastgen._typing import Array, Rng
from fastgen.diffusion.times._draws import drawn, logit, normal_quantile
from fastgen.diffusion.times.flow_times import check_finite, check_positive

__all__ = [
    "cosine_interpolated",
    "log_logistic",
    "log_normal",
    "log_uniform",
    "split_log_normal",
    "v_diffusion",
]


def _check_range(function: str, sigma_min: float, sigma_max: float) -> None:
    if not 0 <= sigma_min < sigma_max:
        raise ValueError(
            f"{function}: expected 0 <= sigma_min < sigma_max, "
            f"got sigma_min={sigma_min!r}, sigma_max={sigma_max!r}"
        )


def _log_normal(u: Any, mean: float, std: float) -> Any:
    return elementary.exp(mean + std * normal_quantile(u))


def log_normal(
    shape: int | tuple[int, ...],
    *,
    mean: float = -1.2,
    std: float = 1.2,
    strata: int | None = None,
    key: int | None = None,
    rng: Rng = None,
    counter: int = 0,
    dtype: DTypeLike | None = None,
    chunks: Any = None,
) -> Array:
    r"""Noise levels whose logarithm is normal, as in EDM.

    .. math:: \log\sigma = m + s z

    Parameters
    ----------
    {shape_of_times}
    mean, std : float
        The mean m and the standard deviation s of :math:`\log\sigma`. The defaults are those of
        EDM.
    {strata_key_and_type}

    Returns
    -------
    ndarray or scalar
        Noise levels of the given shape and type.

    Raises
    ------
    {raises_of_times}
    ValueError
        If `std` is not positive, or a number is not finite.

    Notes
    -----
    Draws are as in `uniform`.

    References
    ----------
    .. [1] Karras et al., "Elucidating the Design Space of Diffusion-Based Generative Models",
       NeurIPS 2022, table 1.

    Examples
    --------
    >>> from fastgen.diffusion import times
    >>> times.log_normal(4, strata=4, key=0).round(2)
    array([0.09, 0.18, 0.62, 3.34])
    """
    check_finite("log_normal", mean=mean)
    check_positive("log_normal", std=std)
    quantile = partial(_log_normal, mean=mean, std=std)
    return drawn("log_normal", quantile, shape, strata, key, rng, counter, dtype, chunks)


def _split_log_normal(u: Any, mean: float, std_low: float, std_high: float) -> Any:
    share = std_low / (std_low + std_high)
    below = u < share
    # Each half is half of a normal distribution, stretched to its share.
    part = np.where(below, u / share, (1 - u) / (1 - share)) / 2
    z = np.minimum(normal_quantile(np.clip(part, 2.0**-66, 0.5)), 0)
    return elementary.exp(mean + np.where(below, std_low * z, -std_high * z))


def split_log_normal(
    shape: int | tuple[int, ...],
    *,
    mean: float = -1.2,
    std_low: float = 1.2,
    std_high: float = 1.2,
    strata: int | None = None,
    key: int | None = None,
    rng: Rng = None,
    counter: int = 0,
    dtype: DTypeLike | None = None,
    chunks: Any = None,
) -> Array:
    r"""Noise levels whose logarithm has another normal distribution on each side of its mode.

    .. math:: p(\log\sigma) \propto \exp\left(-\frac{(\log\sigma - m)^2}{2 s^2}\right), \quad
              s = s_1 \text{ below } m, \; s_2 \text{ above}

    Parameters
    ----------
    {shape_of_times}
    mean : float
        The mode m of :math:`\log\sigma`.
    std_low, std_high : float
        The standard deviations below and above it.
    {strata_key_and_type}

    Returns
    -------
    ndarray or scalar
        Noise levels of the given shape and type.

    Raises
    ------
    {raises_of_times}
    ValueError
        If a standard deviation is not positive, or a number is not finite.

    Notes
    -----
    Draws are as in `uniform`. This is `rand_split_log_normal` of k-diffusion.

    Examples
    --------
    >>> from fastgen.diffusion import times
    >>> times.split_log_normal(4, strata=4, key=0, std_high=2.4).round(2)
    array([ 0.12,  0.3 ,  2.14, 49.12])
    """
    check_finite("split_log_normal", mean=mean)
    check_positive("split_log_normal", std_low=std_low, std_high=std_high)
    quantile = partial(_split_log_normal, mean=mean, std_low=std_low, std_high=std_high)
    return drawn("split_log_normal", quantile, shape, strata, key, rng, counter, dtype, chunks)


def _log_uniform(u: Any, sigma_min: float, sigma_max: float) -> Any:
    low, high = math.log(sigma_min), math.log(sigma_max)
    return np.clip(elementary.exp(low + (high - low) * u), sigma_min, sigma_max)


def log_uniform(
    shape: int | tuple[int, ...],
    *,
    sigma_min: float = 0.002,
    sigma_max: float = 80.0,
    strata: int | None = None,
    key: int | None = None,
    rng: Rng = None,
    counter: int = 0,
    dtype: DTypeLike | None = None,
    chunks: Any = None,
) -> Array:
    r"""Noise levels whose logarithm is uniform.

    .. math:: \log\sigma = (1 - u) \log\sigma_{\min} + u \log\sigma_{\max}

    Parameters
    ----------
    {shape_of_times}
    sigma_min, sigma_max : float
        The range.
    {strata_key_and_type}

    Returns
    -------
    ndarray or scalar
        Noise levels of the given shape and type.

    Raises
    ------
    {raises_of_times}
    ValueError
        If not 0 < `sigma_min` < `sigma_max` < inf.

    Notes
    -----
    Draws are as in `uniform`.

    Examples
    --------
    >>> from fastgen.diffusion import times
    >>> times.log_uniform(3, strata=3, key=0).round(2)
    array([2.000e-02, 2.200e-01, 5.561e+01])
    """
    check_positive("log_uniform", sigma_min=sigma_min, sigma_max=sigma_max)
    _check_range("log_uniform", sigma_min, sigma_max)
    quantile = partial(_log_uniform, sigma_min=sigma_min, sigma_max=sigma_max)
    return drawn("log_uniform", quantile, shape, strata, key, rng, counter, dtype, chunks)


def _share(sigma: float, mean: float, scale: float) -> float:
    """Return the share of levels of a log-logistic distribution that are smaller."""
    if sigma in (0, math.inf):
        return float(sigma > 0)
    return float(elementary.sigmoid((math.log(sigma) - mean) / scale))


def _log_logistic(u: Any, mean: float, scale: float, sigma_min: float, sigma_max: float) -> Any:
    low, high = _share(sigma_min, mean, scale), _share(sigma_max, mean, scale)
    sigma = elementary.exp(mean + scale * logit(low + (high - low) * u))
    return np.clip(sigma, sigma_min, sigma_max)


def log_logistic(
    shape: int | tuple[int, ...],
    *,
    mean: float = 0.0,
    scale: float = 1.0,
    sigma_min: float = 0.0,
    sigma_max: float = math.inf,
    strata: int | None = None,
    key: int | None = None,
    rng: Rng = None,
    counter: int = 0,
    dtype: DTypeLike | None = None,
    chunks: Any = None,
) -> Array:
    r"""Noise levels whose logarithm is logistic, in a range.

    .. math:: \log\sigma = m + s \log\frac{u}{1 - u}

    Parameters
    ----------
    {shape_of_times}
    mean, scale : float
        The mean m and the scale s of :math:`\log\sigma`.
    sigma_min, sigma_max : float
        The range. The distribution is that of the levels within it.
    {strata_key_and_type}

    Returns
    -------
    ndarray or scalar
        Noise levels of the given shape and type.

    Raises
    ------
    {raises_of_times}
    ValueError
        If `scale` is not positive, `mean` is not finite, the range is empty, or it lies so far in a
        tail that float64 gives it no share.

    Notes
    -----
    Draws are as in `uniform`. This is `rand_log_logistic` of k-diffusion.

    Examples
    --------
    >>> from fastgen.diffusion import times
    >>> times.log_logistic(4, strata=4, key=0, sigma_max=80.0).round(2)
    array([ 0.18,  0.49,  2.51, 27.91])
    """
    check_finite("log_logistic", mean=mean)
    check_positive("log_logistic", scale=scale)
    _check_range("log_logistic", sigma_min, sigma_max)
    if not _share(sigma_min, mean, scale) < _share(sigma_max, mean, scale):
        raise ValueError(
            f"log_logistic: float64 gives the levels from sigma_min={sigma_min!r} to "
            f"sigma_max={sigma_max!r} no share of the distribution"
        )
    limits = {"sigma_min": sigma_min, "sigma_max": sigma_max}
    quantile = partial(_log_logistic, mean=mean, scale=scale, **limits)
    return drawn("log_logistic", quantile, shape, strata, key, rng, counter, dtype, chunks)


def _v_diffusion(u: Any, sigma_data: float, sigma_min: float, sigma_max: float) -> Any:
    low, high = math.atan(sigma_min / sigma_data), math.atan(sigma_max / sigma_data)
    return np.clip(sigma_data * np.tan(low + (high - low) * u), sigma_min, sigma_max)


def v_diffusion(
    shape: int | tuple[int, ...],
    *,
    sigma_data: float = 1.0,
    sigma_min: float = 0.0,
    sigma_max: float = math.inf,
    strata: int | None = None,
    key: int | None = None,
    rng: Rng = None,
    counter: int = 0,
    dtype: DTypeLike | None = None,
    chunks: Any = None,
) -> Array:
    r"""Noise levels of uniform angles: those of the cosine schedule.

    .. math:: \sigma = \sigma_d \tan\theta, \quad
              \theta \text{ uniform between } \arctan\frac{\sigma_{\min}}{\sigma_d}
              \text{ and } \arctan\frac{\sigma_{\max}}{\sigma_d}

    Parameters
    ----------
    {shape_of_times}
    sigma_data : float, default 1.0
        The standard deviation :math:`\sigma_d` of the data.
    sigma_min, sigma_max : float
        The range.
    {strata_key_and_type}

    Returns
    -------
    ndarray or scalar
        Noise levels of the given shape and type.

    Raises
    ------
    {raises_of_times}
    ValueError
        If `sigma_data` is not positive, the range is empty, or its ends have one angle in float64.

    Notes
    -----
    Draws are as in `uniform`. This is `rand_v_diffusion` of k-diffusion.

    References
    ----------
    .. [1] Salimans and Ho, "Progressive Distillation for Fast Sampling of Diffusion Models", ICLR
       2022, appendix D.

    Examples
    --------
    >>> from fastgen.diffusion import times
    >>> times.v_diffusion(4, strata=4, key=0).round(2)
    array([ 0.24,  0.58,  2.16, 28.25])
    """
    check_positive("v_diffusion", sigma_data=sigma_data)
    _check_range("v_diffusion", sigma_min, sigma_max)
    if not math.atan(sigma_min / sigma_data) < math.atan(sigma_max / sigma_data):
        raise ValueError(
            f"v_diffusion: sigma_min={sigma_min!r} and sigma_max={sigma_max!r} have one angle"
        )
    limits = {"sigma_min": sigma_min, "sigma_max": sigma_max}
    quantile = partial(_v_diffusion, sigma_data=sigma_data, **limits)
    return drawn("v_diffusion", quantile, shape, strata, key, rng, counter, dtype, chunks)


def _cosine_interpolated(
    u: Any, image: float, low: float, high: float, sigma_data: float, ends: tuple[float, float]
) -> Any:
    # log(sigma / sigma_data) of a cosine schedule, shifted from the noise's size to the image's.
    first, last = (math.atan(end / sigma_data) for end in ends)
    shift = (1 - u) * math.log(image / low) + u * math.log(image / high)
    with np.errstate(divide="ignore"):
        log_ratio = np.log(np.tan(first + u * (last - first)))
    return sigma_data * np.exp(log_ratio + shift)


def cosine_interpolated(
    shape: int | tuple[int, ...],
    *,
    image_size: float,
    noise_size_low: float,
    noise_size_high: float,
    sigma_data: float = 1.0,
    sigma_min: float = 0.001,
    sigma_max: float = 1000.0,
    strata: int | None = None,
    key: int | None = None,
    rng: Rng = None,
    counter: int = 0,
    dtype: DTypeLike | None = None,
    chunks: Any = None,
) -> Array:
    r"""Noise levels of the cosine schedule, shifted for large images (simple diffusion).

    .. math:: \sigma = \sigma_d \tan\theta(u) \left(\frac{d}{n_1}\right)^{1 - u}
              \left(\frac{d}{n_2}\right)^u

    Parameters
    ----------
    {shape_of_times}
    image_size : float
        The side length d of the images.
    noise_size_low, noise_size_high : float
        The side lengths at which the schedule is the cosine schedule, at low noise :math:`n_1` and
        at high noise :math:`n_2`.
    sigma_data : float, default 1.0
        The standard deviation :math:`\sigma_d` of the data.
    sigma_min, sigma_max : float
        The range of the noise levels before the shift: the angles :math:`\theta` are uniform from
        that of `sigma_min` to that of `sigma_max`.
    {strata_key_and_type}

    Returns
    -------
    ndarray or scalar
        Noise levels of the given shape and type.

    Raises
    ------
    {raises_of_times}
    ValueError
        If a size or `sigma_data` is not positive, or not 0 < `sigma_min` < `sigma_max` < inf.

    Notes
    -----
    Draws are as in `uniform`. This is `rand_cosine_interpolated` of k-diffusion.

    References
    ----------
    .. [1] Hoogeboom, Heek and Salimans, "simple diffusion: End-to-end diffusion for high resolution
       images", ICML 2023, section 3.1.

    Examples
    --------
    >>> from fastgen.diffusion import times
    >>> sizes = {"image_size": 256, "noise_size_low": 32, "noise_size_high": 256}
    >>> times.cosine_interpolated(4, strata=4, key=0, **sizes).round(2)
    array([ 1.42,  2.31,  3.83, 28.83])
    """
    sizes = {
        "image_size": image_size,
        "noise_size_low": noise_size_low,
        "noise_size_high": noise_size_high,
    }
    limits = {"sigma_min": sigma_min, "sigma_max": sigma_max}
    check_positive("cosine_interpolated", **sizes, sigma_data=sigma_data, **limits)
    _check_range("cosine_interpolated", sigma_min, sigma_max)
    quantile = partial(
        _cosine_interpolated,
        image=image_size,
        low=noise_size_low,
        high=noise_size_high,
        sigma_data=sigma_data,
        ends=(sigma_min, sigma_max),
    )
    return drawn("cosine_interpolated", quantile, shape, strata, key, rng, counter, dtype, chunks)
