"""Diffusion, score and flow matching, in plain NumPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastgen.reference._diffusion_training import cosmap_weight as cosmap_weight
from fastgen.reference._diffusion_training import edm_coefficients as edm_coefficients
from fastgen.reference._diffusion_training import edm_denoised as edm_denoised
from fastgen.reference._diffusion_training import edm_input as edm_input
from fastgen.reference._diffusion_training import edm_weight as edm_weight
from fastgen.reference._diffusion_training import fourier_features as fourier_features
from fastgen.reference._diffusion_training import (
    inverse_variance_weight as inverse_variance_weight,
)
from fastgen.reference._diffusion_training import leading as _leading
from fastgen.reference._diffusion_training import logit_normal_weight as logit_normal_weight
from fastgen.reference._diffusion_training import min_snr_weight as min_snr_weight
from fastgen.reference._diffusion_training import p2_weight as p2_weight
from fastgen.reference._diffusion_training import (
    posterior_mean_variance as posterior_mean_variance,
)
from fastgen.reference._diffusion_training import soft_min_snr_weight as soft_min_snr_weight
from fastgen.reference._diffusion_training import timestep_embedding as timestep_embedding
from fastgen.reference._guided_steps import guided_combination as guided_combination
from fastgen.reference._guided_steps import guided_step as guided_step
from fastgen.reference._solver_steps import solver_step as solver_step
from fastgen.reference.noise import normal
from fastgen.reference.vae import discretized_gaussian_nll, kl_diag_normal

Axis = int | tuple[int, ...] | None


def _along(c: Any, x: Any, axis: Axis, keepdims: bool = False) -> Any:
    """Give numbers per row the event axes, with length 1, so that they broadcast with x."""
    if keepdims or np.ndim(c) == 0:
        return c
    return np.expand_dims(c, tuple(range(np.ndim(x))) if axis is None else axis)


def linear_combination(
    x: Any, y: Any, a: Any, b: Any, *, axis: Axis = -1, keepdims: bool = False
) -> Any:
    """Add two arrays. Each has one coefficient per sample."""
    return _along(a, x, axis, keepdims) * x + _along(b, y, axis, keepdims) * y


def linear_interpolation(
    x0: Any, x1: Any, t: Any, *, axis: Axis = -1, keepdims: bool = False
) -> Any:
    """Point on the straight path between two arrays, and its velocity."""
    t = _along(t, x0, axis, keepdims)
    return (1 - t) * x0 + t * x1, x1 - x0


def noised(
    x0: Any, noise: Any, alpha_t: Any, sigma_t: Any, *, axis: Axis = -1, keepdims: bool = False
) -> Any:
    """Noisy data, and the noise in them."""
    return linear_combination(x0, noise, alpha_t, sigma_t, axis=axis, keepdims=keepdims), noise


def path_point(
    x: Any,
    y: Any,
    a: Any,
    b: Any,
    da: Any,
    db: Any,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
) -> Any:
    """Point on a path between two arrays, and its velocity."""
    point = linear_combination(x, y, a, b, axis=axis, keepdims=keepdims)
    return point, linear_combination(x, y, da, db, axis=axis, keepdims=keepdims)


def bridge_point(
    x: Any,
    y: Any,
    z: Any,
    a: Any,
    b: Any,
    s: Any,
    da: Any,
    db: Any,
    ds: Any,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
) -> Any:
    """Point on a noisy path between two arrays, and its velocity."""
    point, velocity = path_point(x, y, a, b, da, db, axis=axis, keepdims=keepdims)
    s, ds = _along(s, x, axis, keepdims), _along(ds, x, axis, keepdims)
    return point + s * z, velocity + ds * z


def denoising_score_matching(
    score: Any,
    noise: Any,
    sigma: Any,
    weight: Any,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
) -> Any:
    """Weighted squared distance of a predicted score from the score of the noisy data."""
    terms = (_along(sigma, score, axis) * score + noise) ** 2
    return weight * np.sum(terms, axis=axis, keepdims=keepdims)


def sliced_score_matching(
    score: Any, direction: Any, jvp: Any, *, axis: Axis = -1, keepdims: bool = False
) -> Any:
    """Sliced score matching with variance reduction."""
    return np.sum(0.5 * score**2 + direction * jvp, axis=axis, keepdims=keepdims)


def transition_kl(
    prediction: Any,
    target: Any,
    variance: Any,
    weight: Any,
    log_ratio: Any,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
) -> Any:
    """Kullback-Leibler divergence of a learned transition, with a learned variance."""
    d = -(variance + 1) / 2 * _along(log_ratio, variance, axis)
    errors = _along(weight, prediction, axis) * (prediction - target) ** 2
    terms = np.exp(d) - 1 - d + errors * np.exp(d)
    return 0.5 * np.sum(terms, axis=axis, keepdims=keepdims)


def gaussian_score(x: Any, mu: Any, logvar: Any) -> Any:
    """Score of a diagonal normal distribution, elementwise."""
    return (mu - x) * np.exp(-logvar)


def langevin_update(
    x: Any,
    score: Any,
    noise: Any,
    step_size: Any,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
) -> Any:
    """Step along the score, with noise."""
    h = _along(step_size, x, axis, keepdims)
    return x + h * score + np.sqrt(2 * h) * noise


def add_noise(x0: Any, t: Any, schedule: Any, *, noise: Any) -> Any:
    """Noisy data at given steps or times."""
    alpha_t, sigma_t = (np.asarray(c).astype(x0.dtype) for c in schedule.coefficients(t))
    return _leading(alpha_t, x0) * x0 + _leading(sigma_t, x0) * noise


def velocity(x0: Any, noise: Any, t: Any, schedule: Any) -> Any:
    """Velocity of the noisy data, as a target for prediction."""
    if schedule.form == "flow":
        return noise - x0
    alpha_t, sigma_t = (np.asarray(c).astype(x0.dtype) for c in schedule.coefficients(t))
    return _leading(alpha_t, x0) * noise - _leading(sigma_t, x0) * x0


def convert(x_t: Any, prediction: Any, t: Any, schedule: Any, *, source: str, target: str) -> Any:
    """Turn one kind of prediction into another, through data and noise."""
    a, s = (_leading(np.asarray(c), x_t) for c in schedule.coefficients(t))
    p = prediction
    if source == "x0":
        x0, epsilon = p, (x_t - a * p) / s
    elif source == "v":
        x0, epsilon = (a * x_t - s * p) / (a**2 + s**2), (s * x_t + a * p) / (a**2 + s**2)
    elif source == "flow":
        x0, epsilon = (x_t - s * p) / (a + s), (x_t + a * p) / (a + s)
    else:
        epsilon = p if source == "epsilon" else -s * p
        x0 = (x_t - s * epsilon) / a
    kinds = {"x0": x0, "epsilon": epsilon, "v": a * epsilon - s * x0, "flow": epsilon - x0}
    return -epsilon / s if target == "score" else kinds[target]


def interpolate(x0: Any, x1: Any, t: Any) -> Any:
    """Point on the straight path from noise to data, and its velocity: flow matching."""
    t = _leading(t, x0)
    return (1 - t) * x0 + t * x1, x1 - x0


def denoising_loss(prediction: Any, target: Any, *, weight: Any = None) -> Any:
    """Mean squared error of a prediction, per sample."""
    loss = np.mean((prediction - target) ** 2, axis=tuple(range(1, prediction.ndim)))
    return loss if weight is None else weight * loss


def epsilon_loss(
    prediction: Any, *, key: int, counter: int = 0, weight: Any = None, data_dtype: Any = None
) -> Any:
    """Mean squared error of a prediction of the noise, per sample."""
    noise = normal(np.shape(prediction), key=key, counter=counter, dtype=prediction.dtype)
    return denoising_loss(prediction, noise, weight=weight)


def vlb_terms(
    prediction: Any,
    variance: Any,
    target: Any,
    x0: Any,
    t: Any,
    schedule: Any,
    *,
    parameterization: str = "epsilon",
    bins: int = 256,
) -> Any:
    """Terms of the variational bound at given steps, in bits per dimension."""
    x_t = np.zeros_like(x0)  # any x_t: the difference of the means does not depend on it
    guess, truth = (
        convert(x_t, p, t, schedule, source=parameterization, target="x0")
        for p in (prediction, target)
    )
    shift, _, log_small = posterior_mean_variance(guess - truth, x_t, t, schedule)
    log_small, log_large = _leading(log_small, x0), _leading(np.log(schedule.betas[t]), x0)
    logvar = (variance + 1) / 2 * log_large + (1 - variance) / 2 * log_small
    kl = kl_diag_normal(0.0, log_small, shift, logvar, axis=())
    nll = discretized_gaussian_nll(x0, x0 + shift, logvar / 2, bins=bins, axis=())
    terms = np.where(_leading(t, x0) == 0, nll, kl)
    return np.mean(terms, axis=tuple(range(1, x0.ndim))) / math.log(2)


def langevin_step(x: Any, score: Any, step_size: Any, *, noise: Any) -> Any:
    """One step of unadjusted Langevin dynamics."""
    h = _leading(step_size, x)
    return x + h * score + np.sqrt(2 * h) * noise


def gaussian_mixture_score(
    x: Any, t: Any, schedule: Any, means: Any, logvars: Any, logits: Any, /
) -> Any:
    """Exact score of a mixture of normal distributions, diffused to step or time t."""
    alpha_t, sigma_t = (_leading(np.asarray(c), x)[..., None, :] for c in schedule.coefficients(t))
    logvars = np.reshape(logvars, (len(means), -1))
    variances = alpha_t**2 * np.exp(logvars) + sigma_t**2  # (..., components, features)
    scores = (alpha_t * means - x[..., None, :]) / variances
    log_densities = logits - 0.5 * np.sum(scores**2 * variances + np.log(variances), axis=-1)
    weights = np.exp(log_densities - np.max(log_densities, axis=-1, keepdims=True))
    weights /= np.sum(weights, axis=-1, keepdims=True)
    return np.sum(weights[..., None] * scores, axis=-2)
