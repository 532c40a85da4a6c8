"""The shapes of operands, from the signature of a row."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

Core = tuple[str, ...]
Shape = tuple[int, ...]


class Signature(NamedTuple):
    """The core dimensions of every operand: ``(("n",), ())`` and ``((),)`` for "(n),()->()"."""

    inputs: tuple[Core, ...]
    outputs: tuple[Core, ...]

    @property
    def dims(self) -> set[str]:
        """The names of all dimensions."""
        return {dim for core in self.inputs + self.outputs for dim in core}

    @property
    def has_rows(self) -> bool:
        """Whether the operation takes rows of any length, along the last axis or along `axis`."""
        return self.dims == {"n"}

    def batch_ndim(self, shape: Shape) -> int:
        """Return how many axes of any operand are the batch."""
        return len(shape) - 1 if self.has_rows else len(shape)

    def shapes(self, shape: Shape, dims: Mapping[str, int]) -> tuple[list[Shape], list[Shape]]:
        """Return the shapes of inputs and of outputs.

        With rows, the last number of `shape` is their length. Without, `shape` is the shape of the
        batch, and `dims` has the lengths of the core dimensions.
        """
        batch, sizes = (shape[:-1], {"n": shape[-1]}) if self.has_rows else (shape, dims)
        inputs, outputs = (
            [(*batch, *(sizes[dim] for dim in core)) for core in side] for side in self
        )
        return inputs, outputs


@cache
def parse(text: str) -> Signature:
    """Read NumPy's notation."""
    inputs, outputs = (
        tuple(tuple(re.findall(r"\w+", core)) for core in re.findall(r"\((.*?)\)", side))
        for side in text.split("->")
    )
    return Signature(inputs, outputs)
