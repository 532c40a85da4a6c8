"""How a function that needs noise is told which: `key` and `counter`, or `rng`."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastgen._core import Stream


def key_of(function: str, key: Any, rng: Any) -> Any:
    """Return the key, or one drawn from `rng`: what `numpy.random.default_rng` takes (SPEC 7)."""
    if key is None:
        return int(np.random.default_rng(rng).integers(0, 2**64, dtype=np.uint64))
    if rng is not None:
        raise ValueError(f"{function}: key and rng both say which noise is meant; give one of them")
    return key


def noise_of(function: str, noise: Any, rng: Any, key: Any, counter: int) -> Any:
    """The noise that was given, or a Stream by key and counter; a ValueError for both."""
    if noise is None:
        return Stream(key_of(function, key, rng), counter)
    for name, other in (("key", key), ("rng", rng), ("counter", counter or None)):
        if other is not None:
            raise ValueError(
                f"{function}: noise and {name} both say what the noise is; give one of them"
            )
    return noise
