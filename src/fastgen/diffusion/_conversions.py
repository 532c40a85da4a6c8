"""Predictions as linear maps: target = a x + b prediction, where x = alpha x0 + sigma epsilon.

The numbers may be floats or arrays. If the prediction does not determine the target, a divisor is
0. Callers refuse these cases before.
"""

from __future__ import annotations

from typing import Any, NamedTuple

Pair = tuple[Any, Any]  # the coefficients of x and of the prediction


class Scales(NamedTuple):
    """The factors in the maps of v and of the score, besides alpha and sigma."""

    power: Any
    """alpha^2 + sigma^2."""
    v: Any
    """alpha^2 + sigma^2 if v = alpha epsilon - sigma x0. Its square root if v belongs to the
    rescaled x / sqrt(alpha^2 + sigma^2)."""
    score: Any
    """epsilon = -score * this factor: sigma, or the sigma of the rescaled x."""


def of_x(alpha: Any, sigma: Any) -> Scales:
    """Return the scales for the v and the score of x itself, not rescaled."""
    power = alpha * alpha + sigma * sigma
    return Scales(power, power, sigma)


def x0_of(source: str, alpha: Any, sigma: Any, scales: Scales) -> Pair:
    """Return the map to x0."""
    if source == "x0":
        return 0.0 * alpha, 1.0 + 0.0 * alpha
    if source == "epsilon":
        return 1 / alpha, -sigma / alpha
    if source == "score":
        return 1 / alpha, sigma * scales.score / alpha
    if source == "v":
        return alpha / scales.power, -sigma / scales.v
    return 1 / (alpha + sigma), -sigma / (alpha + sigma)


def epsilon_of(source: str, alpha: Any, sigma: Any, scales: Scales) -> Pair:
    """Return the map to epsilon."""
    if source == "epsilon":
        return 0.0 * alpha, 1.0 + 0.0 * alpha
    if source == "score":
        return 0.0 * alpha, -scales.score
    if source == "x0":
        return 1 / sigma, -alpha / sigma
    if source == "v":
        return sigma / scales.power, alpha / scales.v
    return 1 / (alpha + sigma), alpha / (alpha + sigma)


def converted(source: str, target: str, alpha: Any, sigma: Any) -> Pair:
    """Return the map from one kind of prediction to another."""
    if source == target:
        return 0.0 * alpha, 1.0 + 0.0 * alpha
    scales = of_x(alpha, sigma)
    if target == "x0":
        return x0_of(source, alpha, sigma, scales)
    x_in_epsilon, p_in_epsilon = epsilon_of(source, alpha, sigma, scales)
    if target == "epsilon":
        return x_in_epsilon, p_in_epsilon
    if target == "score":
        return -x_in_epsilon / sigma, -p_in_epsilon / sigma
    x_in_x0, p_in_x0 = x0_of(source, alpha, sigma, scales)
    if target == "v":
        return (
            alpha * x_in_epsilon - sigma * x_in_x0,
            alpha * p_in_epsilon - sigma * p_in_x0,
        )
    return x_in_epsilon - x_in_x0, p_in_epsilon - p_in_x0
