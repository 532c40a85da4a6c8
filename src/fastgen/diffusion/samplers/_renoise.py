"""The forward process from a node of a sampler back to one with more noise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastgen.diffusion.samplers._method import Method

NOISE = 2**126
"""The counter of the noise to node 0, in the stream of a key: beyond that of all steps."""


def coefficients(method: Method, j: Any, i: Any) -> tuple[float, float]:
    """Return the factors of the samples at node j and of noise, in the samples at node i."""
    name = type(method).__name__
    j, i = _node(method, "j", j), _node(method, "i", i)
    signal, noise = method.grid.signal, method.grid.noise
    if i == j:
        return 1.0, 0.0
    if method.grid.rises:
        raise ValueError(
            f"{name}: renoise goes to more noise, but this sampler does so by its steps; "
            "use a sampler from noise to data"
        )
    if i > j:
        raise ValueError(
            f"{name}: i must be at most j, because later nodes have less noise; "
            f"got i = {i} and j = {j}"
        )
    if signal[j] == 0:
        raise ValueError(f"{name}: j must be a node with signal, got node {j}, which has none")
    kept = signal[i] / signal[j]
    left = kept * noise[j] / noise[i]  # the share of the noise at node i that is there at node j
    if left > 1:
        raise ValueError(
            f"{name}: i must have more noise than j, got node {i} with less noise than node {j}"
        )
    return kept, noise[i] * math.sqrt((1 - left) * (1 + left))


def _node(method: Method, name: str, k: Any) -> int:
    """Return the number of a node, or raise."""
    if isinstance(k, (bool, float)) or np.ndim(k) or not hasattr(k, "__index__"):
        raise TypeError(f"{type(method).__name__}: {name} must be the number of a node, got {k!r}")
    k = k.__index__()
    if not 0 <= k <= len(method):
        raise ValueError(
            f"{type(method).__name__}: {name} must lie between 0 and {len(method)}, got {k}"
        )
    node: int = k
    return node
