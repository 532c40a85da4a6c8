"""Probability paths of flow matching, in plain NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastgen.reference._diffusion_training import leading as _leading


def _coefficients(path: Any, t: Any, x: Any) -> list[Any]:
    """Coefficients of a path, in the type of x, which broadcast with it."""
    return [_leading(np.asarray(c).astype(x.dtype), x) for c in path.coefficients(t)]


def sample(x1: Any, t: Any, path: Any, *, noise: Any) -> tuple[Any, Any]:
    """Points on a path from noise to data, and their velocities."""
    alpha, sigma, d_alpha, d_sigma = _coefficients(path, t, x1)
    return alpha * x1 + sigma * noise, d_alpha * x1 + d_sigma * noise


def bridge(
    x0: Any,
    x1: Any,
    t: Any,
    path: Any,
    *,
    sigma: float,
    kind: str = "constant",
    noise: Any,
) -> tuple[Any, Any]:
    """Noisy points on paths between two samples, and their velocities."""
    mean, velocity = sample(x1, t, path, noise=x0)
    if kind == "constant":
        return mean + sigma * noise, velocity
    t = _leading(t, x1)
    x_t = mean + sigma * np.sqrt(t * (1 - t)) * noise
    return x_t, (1 - 2 * t) / (2 * t * (1 - t)) * (x_t - mean) + velocity


def convert(x_t: Any, prediction: Any, t: Any, path: Any, *, source: str, target: str) -> Any:
    """Turn one kind of prediction on a path into another, through data and noise."""
    a, s, da, ds = _coefficients(path, t, x_t)
    if source == target:
        return prediction
    if source == "velocity":
        d = a * ds - da * s
        x1, epsilon = (ds * x_t - s * prediction) / d, (a * prediction - da * x_t) / d
    elif source == "x1":
        x1, epsilon = prediction, (x_t - a * prediction) / s
    else:
        epsilon = prediction if source == "epsilon" else -s * prediction
        x1 = None if target in ("epsilon", "score") else (x_t - s * epsilon) / a
    if target == "score":
        return -epsilon / s
    if target == "velocity":
        return da * x1 + ds * epsilon
    return epsilon if target == "epsilon" else x1


def matching_time(t: Any, change: Any) -> tuple[Any, Any]:
    """Times of the model's path for times of a new path, and the factor between the points."""
    r, scale, _, _ = change.coefficients(t)
    return r, scale


def change_velocity(x_t: Any, velocity: Any, t: Any, change: Any) -> Any:
    """Velocity on a new path, from that of a model that was trained on another."""
    _, _, of_x, of_velocity = _coefficients(change, t, x_t)
    return of_x * x_t + of_velocity * velocity
