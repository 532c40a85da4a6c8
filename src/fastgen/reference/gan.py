"""Generative adversarial networks: losses, penalties and divergences, in plain NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Axis = int | tuple[int, ...] | None


def _x_log_y(x: Any, y: Any) -> Any:
    return x * np.log(np.where(x == 0, 1, y))


def js_divergence(p: Any, q: Any, /, *, axis: Axis = -1, keepdims: bool = False) -> Any:
    """Jensen-Shannon divergence of two discrete distributions."""
    middle = np.where(p + q == 0, 1, p + q) / 2
    terms = _x_log_y(p, p / middle) + _x_log_y(q, q / middle)
    return 0.5 * np.sum(terms, axis=axis, keepdims=keepdims)


def f_divergence(log_ratio: Any, /, *, kind: str) -> Any:
    """Integrand of an f-divergence, of the logarithm of a density ratio."""
    u = np.exp(log_ratio)
    integrands: dict[str, Callable[[], Any]] = {
        "kl": lambda: u * log_ratio - u + 1,
        "reverse_kl": lambda: -log_ratio + u - 1,
        "jensen_shannon": lambda: (u * log_ratio - (1 + u) * np.log((1 + u) / 2)) / 2,
        "total_variation": lambda: abs(u - 1) / 2,
        "pearson": lambda: (u - 1) ** 2,
        "neyman": lambda: (u - 1) ** 2 / u,
        "squared_hellinger": lambda: (np.sqrt(u) - 1) ** 2 / 2,
        "jeffreys": lambda: (u - 1) * log_ratio,
        "triangular": lambda: (u - 1) ** 2 / (u + 1),
    }
    return integrands[kind]()


def optimal_discriminator(log_p: Any, log_q: Any, /) -> Any:
    """Probability that a sample is real, by the best discriminator there is."""
    return 1 / (1 + np.exp(log_q - log_p))
