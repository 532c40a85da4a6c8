"""Large inputs that repeat a small one.

To draw a large input, and to compute the right results for it, takes longer than to time it.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from fastgen import cases
from fastgen._signature import Shape

ELEMENTS = 1 << 17  # of the part that is repeated; smaller inputs are drawn whole


class Repeated(NamedTuple):
    """Inputs of one part, the shape of the part, and how often it repeats along the first axis."""

    inputs: tuple[Any, ...]
    shape: Shape
    repeats: int

    def whole(self) -> tuple[Any, ...]:
        """Return the large inputs."""
        return tuple(np.tile(x, (self.repeats, *[1] * (x.ndim - 1))) for x in self.inputs)

    def part(self, result: Any) -> Any:
        """Return the first part of a result, NaN where another part differs from it."""
        result = np.asarray(result)
        parts = result.reshape(self.repeats, -1, *result.shape[1:])
        return np.where(np.all(parts == parts[0], axis=0), parts[0], np.nan).astype(result.dtype)


def repeated(name: str, shape: Shape, dtype: Any) -> Repeated:
    """Return sample inputs of an operation: one part, repeated to the shape."""
    most = max(1, math.prod(shape) // ELEMENTS)
    repeats = next(count for count in range(most, 0, -1) if shape[0] % count == 0)
    part = (shape[0] // repeats, *shape[1:])
    return Repeated(cases.inputs(name, part, dtype), part, repeats)
