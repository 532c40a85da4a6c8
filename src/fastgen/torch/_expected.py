"""The factor that the backward pass is expected to bring: that of the last step.

In a training loop the cotangent of a loss is the same number for all rows, such as 1/4096 of a
mean. Where the gradients are computed with it at once, the backward pass has nothing to multiply,
which would be a second pass over memory. Only powers of 2 up to 1 are expected. They round nothing
(but gradients below 2^-96 in float32), so the bits do not depend on what was expected.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from fastgen.torch._tensors import to_array

LARGE = 1 << 14  # elements; a smaller array stays in cache, and to multiply costs little

_factors: dict[Any, float] = {}


def factor(key: Any) -> float:
    """Return the number to compute the gradients of a call with."""
    return _factors.get(key, 1.0)


def learn(key: Any, found: float | None) -> None:
    """Keep the number that a backward pass has brought."""
    if _factors.get(key) == found:
        return
    if len(_factors) >= 64:
        _factors.clear()
    _factors[key] = 1.0 if found is None else found


def number(cotangent: torch.Tensor, whole: bool) -> float | None:
    """Return the power of 2 that each element is; None if it is no such number.

    If not `whole`, only an element that is repeated in memory, as by the backward pass of a sum,
    is read.
    """
    repeated = not any(cotangent.stride())
    if not (repeated or whole) or cotangent.numel() == 0:
        return None
    found = float(to_array(cotangent).item(0))
    if abs(math.frexp(found)[0]) != 0.5 or not 2.0**-30 <= abs(found) <= 1.0:
        return None
    return found if repeated or bool((cotangent == found).all()) else None
