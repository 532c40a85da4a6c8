"""Large inputs made of a sample that repeats.

To draw all of a large input, and to compute what is right for it, takes longer than to time it.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from fastgen import cases
from fastgen.cases.signature import Shape

ELEMENTS = 1 << 17  # at least, but for shapes smaller than that


class Sample(NamedTuple):
    """Sample inputs, and how often they repeat along the first axis."""

    inputs: tuple[Any, ...]
    shape: Shape
    repeats: int

    def whole(self) -> tuple[Any, ...]:
        """Return the large inputs."""
        return tuple(np.tile(x, (self.repeats, *[1] * (x.ndim - 1))) for x in self.inputs)

    def part(self, result: Any) -> Any:
        """Return the sample's part of a result, NaN where another part differs."""
        result = np.asarray(result)
        parts = result.reshape(self.repeats, -1, *result.shape[1:])
        return np.where(np.all(parts == parts[0], axis=0), parts[0], np.nan).astype(result.dtype)


def sample(name: str, shape: Shape, dtype: Any) -> Sample:
    """Return a sample for inputs of a shape."""
    most = max(1, math.prod(shape) // ELEMENTS)
    repeats = next(count for count in range(most, 0, -1) if shape[0] % count == 0)
    part = (shape[0] // repeats, *shape[1:])
    return Sample(cases.inputs(name, part, dtype), part, repeats)
