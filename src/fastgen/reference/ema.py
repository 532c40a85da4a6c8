"""Exponential moving averages of weights, in plain NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np


def update(averages: Any, weights: Any, decay: float) -> None:
    """Move averages of weights towards the weights, in place."""
    for a, w in zip(averages, weights, strict=True):
        a[...] = decay * a + (1 - decay) * w


def combine(snapshots: Any, coefficients: Any) -> Any:
    """Linear combination of snapshots."""
    columns = zip(*snapshots, strict=True)
    return [sum(c * np.asarray(x) for c, x in zip(coefficients, xs, strict=True)) for xs in columns]


def warmup_decay(
    step: Any, *, max_decay: float = 0.9999, min_decay: float = 0.0, update_after_step: int = 0
) -> Any:
    """Decay that warms up with the number of updates."""
    n = np.asarray(step, float) - update_after_step
    return np.where(n > 0, np.clip((1 + n) / (10 + n), min_decay, max_decay), 0.0)


def inverse_power_decay(
    step: Any,
    *,
    inv_gamma: float = 1.0,
    power: float = 2 / 3,
    max_decay: float = 0.9999,
    min_decay: float = 0.0,
    update_after_step: int = 0,
) -> Any:
    """Decay that approaches 1 as a power of the number of updates."""
    n = np.asarray(step, float) - update_after_step
    value = 1 - (1 + np.maximum(n, 0) / inv_gamma) ** -power
    return np.where(n > 0, np.clip(value, min_decay, max_decay), 0.0)


def power_function_decay(
    step: Any, *, sigma_rel: float | None = None, gamma: float | None = None
) -> Any:
    """Decay of an average whose profile is a power of time."""
    g = gamma_of_sigma_rel(sigma_rel) if gamma is None else gamma
    return (1 - 1 / (np.maximum(step, 0) + 1)) ** (g + 1)


def sigma_rel_of_gamma(gamma: Any) -> Any:
    """Width of a profile."""
    g = np.asarray(gamma, float)
    return ((g + 1) / ((g + 2) ** 2 * (g + 3))) ** 0.5


def gamma_of_sigma_rel(sigma_rel: Any) -> Any:
    """Exponent of the profile that has a width."""

    def root(width: float) -> float:
        k = width**-2
        found = np.roots([1, 7, 16 - k, 12 - k]).real
        return float(found.max())

    return np.vectorize(root, otypes=[float])(sigma_rel)[()]


def posthoc_coefficients(times: Any, sigma_rel: Any, time: float, target: float) -> Any:
    """Coefficients of snapshots whose combination is nearest to an average of another width."""
    t, width = np.broadcast_arrays(np.asarray(times, float), np.asarray(sigma_rel, float))
    t, g = t.ravel(), gamma_of_sigma_rel(width.ravel())

    def product(t_a: Any, g_a: Any, t_b: Any, g_b: Any) -> Any:
        power = np.where(t_a < t_b, g_b, -g_a)
        return (g_a + 1) * (g_b + 1) * (t_a / t_b) ** power / (g_a + g_b + 1) / np.maximum(t_a, t_b)

    gram = product(t[:, None], g[:, None], t, g)
    return np.linalg.solve(gram, product(t, g, float(time), gamma_of_sigma_rel(target)))
