"""How a function that needs noise is told which: `key` and `counter`, or `rng`."""

from __future__ import annotations

from typing import Any

import numpy as np


def key_of(function: str, key: Any, rng: Any) -> Any:
    """Return the key, or one drawn from `rng`: what `numpy.random.default_rng` takes (SPEC 7)."""
    if key is None:
        return int(np.random.default_rng(rng).integers(0, 2**64, dtype=np.uint64))
    if rng is not None:
        raise ValueError(f"{function}: key and rng both say which noise is meant; give one of them")
    return key
