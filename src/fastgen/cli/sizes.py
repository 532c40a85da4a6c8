"""The sizes at which every operation is measured."""

from __future__ import annotations

from typing import NamedTuple

from fastgen import cases
from fastgen._signature import Shape


class Sizes(NamedTuple):
    """Shapes of the inputs, and those at which the gradient is timed too."""

    value: tuple[Shape, ...]
    gradient: tuple[Shape, ...]


# A single sample, a batch of latents, long rows, many short rows, and more than the caches hold.
ROWS = Sizes(
    ((1, 4), (128, 20), (64, 4096), (65536, 20), (4096, 512), (16384, 512)),
    ((128, 20), (4096, 512)),
)
ELEMENTS = Sizes(((10,), (1_000,), (100_000,), (10_000_000,)), ((1_000,), (100_000,)))
SMALL = Sizes(((1,), (1_000,), (100_000,)), ((1_000,),))  # batches of vectors and matrices
QUICK_ROWS = Sizes(((1, 4), (4096, 512)), ((4096, 512),))
QUICK_ELEMENTS = Sizes(((10,), (100_000,)), ((100_000,),))
QUICK_SMALL = Sizes(((1,), (1_000,)), ((1_000,),))


def sizes(name: str, quick: bool = False) -> Sizes:
    """Return the sizes of one operation: they depend on its signature alone."""
    if cases.signature(name).has_rows:
        return QUICK_ROWS if quick else ROWS
    if cases.signature(name).dims:
        return QUICK_SMALL if quick else SMALL
    return QUICK_ELEMENTS if quick else ELEMENTS
