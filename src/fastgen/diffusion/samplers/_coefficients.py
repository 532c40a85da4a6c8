"""The numbers that all solvers are made of: conversions of predictions, and phi-functions."""

from __future__ import annotations

import math

from fastgen.diffusion.samplers._grid import VARIANCE_PRESERVING, Grid

PREDICTIONS = ("epsilon", "x0", "v", "score", "flow")
Pair = tuple[float, float]  # coefficients of x and of the prediction


def of_x0(grid: Grid, prediction: str, i: int) -> Pair:
    """x0 = a x + b prediction, at node i."""
    alpha, sigma = grid.signal[i], grid.noise[i]
    if prediction == "x0":
        return 0.0, 1.0
    if prediction == "v":  # of the rescaled x / size
        size = math.hypot(alpha, sigma)
        return alpha / size**2, -sigma / size
    if prediction == "flow":
        return 1.0 / (alpha + sigma), -sigma / (alpha + sigma)
    if sigma == 0:
        return 1.0 / alpha, 0.0
    if prediction == "epsilon":
        return 1.0 / alpha, -sigma / alpha
    return 1.0 / alpha, sigma * score_size(grid, i) / alpha


def of_epsilon(grid: Grid, prediction: str, i: int) -> Pair:
    """epsilon = a x + b prediction, at node i; anything where there is no noise."""
    alpha, sigma = grid.signal[i], grid.noise[i]
    if prediction == "epsilon" or sigma == 0:
        return 0.0, 1.0
    if prediction == "score":
        return 0.0, -score_size(grid, i)
    if prediction == "v":
        size = math.hypot(alpha, sigma)
        return sigma / size**2, alpha / size
    if prediction == "flow":
        return 1.0 / (alpha + sigma), alpha / (alpha + sigma)
    return 1.0 / sigma, -alpha / sigma


def score_size(grid: Grid, i: int) -> float:
    """What the score is multiplied with to give -epsilon: the noise in the model's input."""
    alpha, sigma = grid.signal[i], grid.noise[i]
    return sigma / math.hypot(alpha, sigma) if grid.form == VARIANCE_PRESERVING else sigma


def phi(k: int, z: float) -> float:
    """phi_k(z) = (phi_{k-1}(z) - 1 / (k-1)!) / z, phi_0 = exp; by its series where that cancels."""
    if k == 0:
        return math.exp(z)
    if abs(z) < 1:
        term, total = 1 / math.factorial(k), 0.0
        for j in range(1, 24):
            total += term
            term *= z / (k + j)
        return total
    if z == -math.inf:
        return 0.0
    if k == 1:
        return math.expm1(z) / z
    return (phi(k - 1, z) - 1 / math.factorial(k - 1)) / z
