"""The scales of predictions at a node of a grid, and phi-functions."""

from __future__ import annotations

import math

from fastgen.diffusion._conversions import Scales
from fastgen.diffusion.samplers._grid import VARIANCE_PRESERVING, Grid

PREDICTIONS = ("epsilon", "x0", "v", "score", "flow")
Pair = tuple[float, float]  # the coefficients of x and of the prediction


def scales(grid: Grid, i: int, *, rescaled_v: bool = False) -> Scales:
    """Return the scales of v and score. The model predicts them for its own input.

    On a variance-preserving schedule the input is the rescaled x / sqrt(alpha^2 + sigma^2). With
    `rescaled_v`, v belongs to the rescaled x on every schedule.
    """
    alpha, sigma = grid.signal[i], grid.noise[i]
    power = alpha * alpha + sigma * sigma
    size = math.sqrt(power)
    preserving = grid.form == VARIANCE_PRESERVING
    return Scales(
        power,
        size if preserving or rescaled_v else power,
        sigma / size if preserving else sigma,
    )


def split_noise(before: Pair, after: Pair, eta: float) -> Pair:
    """Return the deviations of the predicted noise and of the new noise after a step.

    The step goes from one (alpha, sigma) to another. The new noise is `eta` times as much as the
    posterior has.
    """
    alpha, sigma = after
    if not eta or sigma == 0:
        return sigma, 0.0
    ratio = before[0] * sigma / (before[1] * alpha)
    along = math.sqrt(max((1 - eta) * (1 + eta) + (eta * ratio) ** 2, 0.0))
    return sigma * along, eta * sigma * math.sqrt(max((1 - ratio) * (1 + ratio), 0.0))


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
