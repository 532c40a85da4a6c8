"""x0 and epsilon from the prediction of a model at a node of a grid, and phi-functions."""

from __future__ import annotations

import math

from fastgen.diffusion._conversions import Scales, epsilon_of, x0_of
from fastgen.diffusion.samplers._grid import VARIANCE_PRESERVING, Grid

PREDICTIONS = ("epsilon", "x0", "v", "score", "flow")
Pair = tuple[float, float]  # the coefficients of x and of the prediction


def of_x0(grid: Grid, prediction: str, i: int) -> Pair:
    """Return a, b of x0 = a x + b prediction at node i. Without noise, x0 = x / alpha."""
    alpha, sigma = grid.signal[i], grid.noise[i]
    if sigma == 0 and prediction in ("epsilon", "score"):
        return 1.0 / alpha, 0.0
    return x0_of(prediction, alpha, sigma, scales(grid, i))


def of_epsilon(grid: Grid, prediction: str, i: int) -> Pair:
    """Return a, b of epsilon = a x + b prediction at node i. Without noise: (0, 1)."""
    alpha, sigma = grid.signal[i], grid.noise[i]
    if sigma == 0:
        return 0.0, 1.0
    return epsilon_of(prediction, alpha, sigma, scales(grid, i))


def scales(grid: Grid, i: int) -> Scales:
    """Return the scales of v and score. The model predicts them for its own input.

    On a variance-preserving schedule the input is the rescaled x / sqrt(alpha^2 + sigma^2). v
    belongs to the rescaled x on every schedule.
    """
    size = math.hypot(grid.signal[i], grid.noise[i])
    score = grid.noise[i] / size if grid.form == VARIANCE_PRESERVING else grid.noise[i]
    return Scales(size**2, size, score)


def phi(k: int, z: float) -> float:
    """phi_k(z) = (phi_{k-1}(z) - 1 / (k-1)!) / z, phi_0 = exp. Its series replaces cancellation."""
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
