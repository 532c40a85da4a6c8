"""The functions of a schedule that training uses, as in the papers, in plain NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np


def leading(c: Any, x: Any) -> Any:
    """Append axes to numbers per sample, so that they broadcast with x."""
    return np.reshape(c, np.shape(c) + (1,) * (np.ndim(x) - np.ndim(c)))


def snr(t: Any, schedule: Any) -> Any:
    """Signal-to-noise ratio."""
    alpha_t, sigma_t = schedule.coefficients(t)
    return np.square(alpha_t) / np.square(sigma_t)


def min_snr_weight(
    t: Any, schedule: Any, *, gamma: float = 5.0, prediction: str = "epsilon"
) -> Any:
    """Min-SNR weight of the squared error of a prediction."""
    ratio = snr(t, schedule)
    return np.minimum(ratio, gamma) / _against_x0(t, schedule, prediction)


def soft_min_snr_weight(
    t: Any, schedule: Any, *, gamma: float = 5.0, prediction: str = "epsilon"
) -> Any:
    """Soft min-SNR weight of the squared error of a prediction."""
    ratio = snr(t, schedule)
    return ratio * gamma / (ratio + gamma) / _against_x0(t, schedule, prediction)


def _against_x0(t: Any, schedule: Any, prediction: str) -> Any:
    """Squared error of a prediction over that of x0."""
    alpha_t, sigma_t = schedule.coefficients(t)
    ratio = snr(t, schedule)
    flow = np.square((alpha_t + sigma_t) / sigma_t)
    return {"epsilon": ratio, "x0": 1, "v": ratio + 1, "flow": flow}[prediction]


def p2_weight(t: Any, schedule: Any, *, k: float = 1.0, gamma: float = 1.0) -> Any:
    """P2 weight of the squared error of epsilon."""
    return 1 / (k + snr(t, schedule)) ** gamma


def edm_weight(sigma: Any, *, sigma_data: float = 0.5) -> Any:
    """Weight of the squared error of the denoised data, by Karras et al."""
    return (sigma**2 + sigma_data**2) / (sigma * sigma_data) ** 2


def inverse_variance_weight(t: Any, schedule: Any) -> Any:
    """Weight of the squared error of the noise-free flow, as in Stable Diffusion 3."""
    return 1 / np.square(schedule.coefficients(t)[1])


def logit_normal_weight(t: Any, *, mean: float = 0.0, std: float = 1.0) -> Any:
    """Density of logit-normal times, as a weight of uniform ones."""
    logit = np.log(t / (1 - t))
    density = np.exp(-((logit - mean) ** 2) / (2 * std**2)) / (std * np.sqrt(2 * np.pi))
    return density / (t * (1 - t))


def cosmap_weight(t: Any) -> Any:
    """Weight that turns uniform flow times into the noise levels of the cosine schedule."""
    return 2 / (np.pi - 2 * np.pi * t + 2 * np.pi * t**2)


def fourier_features(t: Any, frequencies: Any) -> tuple[Any, Any]:
    """Sines and cosines of times."""
    return np.sin(t * frequencies), np.cos(t * frequencies)


def timestep_embedding(
    t: Any,
    dim: int,
    *,
    layout: str = "sin_cos",
    max_period: float = 10000.0,
    downscale_freq_shift: float = 0.0,
    scale: float = 1.0,
    dtype: Any = np.float32,
) -> Any:
    """Sinusoidal embedding of timesteps."""
    half = dim // 2
    frequencies = max_period ** (-np.arange(half) / (half - downscale_freq_shift))
    angles = scale * np.asarray(t, float)[..., None] * frequencies
    parts = [np.sin(angles), np.cos(angles)]
    parts = parts if layout == "sin_cos" else parts[::-1]
    padding = np.zeros((*angles.shape[:-1], dim - 2 * half))
    return np.concatenate([*parts, padding], axis=-1).astype(dtype)


def edm_coefficients(sigma: Any, *, sigma_data: float = 0.5) -> tuple[Any, Any, Any, Any]:
    """Coefficients of the preconditioned denoiser of Karras et al."""
    total = sigma**2 + sigma_data**2
    c_out = sigma * sigma_data / np.sqrt(total)
    return sigma_data**2 / total, c_out, 1 / np.sqrt(total), np.log(sigma) / 4


def edm_input(x: Any, sigma: Any, *, sigma_data: float = 0.5) -> Any:
    """Input of the preconditioned network."""
    return x * leading(edm_coefficients(sigma, sigma_data=sigma_data)[2], x)


def edm_denoised(x: Any, output: Any, sigma: Any, *, sigma_data: float = 0.5) -> Any:
    """Denoised data from the output of the preconditioned network."""
    c_skip, c_out, *_ = edm_coefficients(sigma, sigma_data=sigma_data)
    return leading(c_skip, x) * x + leading(c_out, x) * output


def posterior_mean_variance(x0: Any, x_t: Any, t: Any, schedule: Any) -> tuple[Any, Any, Any]:
    """Mean and variance of the previous step, given the current step and the data."""
    alphas, betas, alpha_bar = schedule.alphas[t], schedule.betas[t], schedule.alpha_bar[t]
    later = np.asarray(t) > 0
    before = np.where(later, schedule.alpha_bar[t - 1], 1)
    of_x0 = np.sqrt(before) * betas / (1 - alpha_bar)
    of_xt = np.sqrt(alphas) * (1 - before) / (1 - alpha_bar)
    variance = (1 - before) / (1 - alpha_bar) * betas
    of_step_1 = (1 - schedule.alpha_bar[0]) / (1 - schedule.alpha_bar[1]) * schedule.betas[1]
    mean = leading(of_x0, x0) * x0 + leading(of_xt, x_t) * x_t
    return mean, variance, np.log(np.where(later, variance, of_step_1))
