"""The arguments that select noise: `key` and `counter`, or `rng`."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastgen._core import Stream


def key_of(function: str, key: Any, rng: Any) -> Any:
    """Return the key, or draw one from `rng`, which `numpy.random.default_rng` takes (SPEC 7)."""
    if key is None:
        return int(np.random.default_rng(rng).integers(0, 2**64, dtype=np.uint64))
    if rng is not None:
        raise ValueError(f"{function}: key and rng both select the noise; give one of them")
    return key


def noise_of(function: str, noise: Any, rng: Any, key: Any, counter: int) -> Any:
    """Return the given noise, or a Stream by key and counter; raise a ValueError for both."""
    if noise is None:
        return Stream(key_of(function, key, rng), counter)
    for name, other in (("key", key), ("rng", rng), ("counter", counter or None)):
        if other is not None:
            raise ValueError(
                f"{function}: noise and {name} both select the noise; give one of them"
            )
    return noise
