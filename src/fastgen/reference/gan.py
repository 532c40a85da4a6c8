"""Generative adversarial networks: losses, penalties and divergences, in plain NumPy."""

from __future__ import annotations

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
