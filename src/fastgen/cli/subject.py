"""The subject of a check: one operation, for one instruction set, on one type."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from fastgen import _core, cases
from fastgen.cases.case import Case
from fastgen.cli import compare

Outcome = str | None
"""None where a check passed, a sentence where it failed."""

# Rows of one, a few, and many elements, and lengths that no vector divides.
ROW_SHAPES = ((1, 1), (5, 3), (67, 20), (3, 2051))
ELEMENT_SHAPES = ((1,), (17,), (2051,), (5, 7))
REPEATED = 131  # a single point fills every place of several vectors, and a last part of one


@dataclass(frozen=True)
class Subject:
    """One operation, for one instruction set, on one type."""

    name: str
    op: _core.Op
    dtype: Any

    def __str__(self) -> str:
        """Return how a failure begins."""
        return f"{self.op.isa}, {self.dtype.name}"

    @property
    def case(self) -> Case:
        """The case of the operation."""
        return cases.CASES[self.name]

    @property
    def has_rows(self) -> bool:
        """Whether the operation takes rows, along the last axis."""
        return cases.signature(self.name).has_rows

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of sample inputs."""
        return ROW_SHAPES if self.has_rows else ELEMENT_SHAPES

    def samples(self, shape: tuple[int, ...]) -> tuple[Any, ...]:
        """Return sample inputs of one shape."""
        return samples(self.name, shape, self.dtype.name)

    def at_point(self, point: tuple[Any, ...], count: int = REPEATED) -> tuple[Any, ...]:
        """Return inputs that hold a single point, `count` times."""
        return tuple(
            np.tile(x, (count, *[1] * (x.ndim - 1)))
            for x in cases.at_point(self.name, point, self.dtype)
        )

    def numbers_at(self, point: tuple[Any, ...]) -> Any:
        """Return every number of the outputs at a point: alone, and then `REPEATED` times."""
        parts = []
        for count in (1, REPEATED):
            results = cases.each(self.op(self.at_point(point, count)))
            parts.append(np.concatenate([np.reshape(r, (count, -1)) for r in results], axis=1))
        return np.concatenate(parts).T


# Every instruction set gets the same inputs: drawing them takes longer than the operation.
@lru_cache(maxsize=16)
def samples(name: str, shape: tuple[int, ...], dtype: str) -> tuple[Any, ...]:
    """Return sample inputs."""
    inputs: tuple[Any, ...] = cases.inputs(name, shape, compare.dtype_of(dtype))
    return inputs


def equal(a: Any, b: Any) -> Any:
    """Return where the bits agree; any NaN is like any other."""
    a, b = np.asarray(a), np.asarray(b)
    same = (a == b) & (np.signbit(a) == np.signbit(b))
    return same | (np.isnan(a) & np.isnan(b))


def same(a: Any, b: Any) -> bool:
    """Return whether type, shape and all bits agree."""
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and a.shape == b.shape and bool(np.all(equal(a, b)))


def verdict(passed: Any, sentence: str) -> Outcome:
    """Return the outcome of a check."""
    return None if passed else sentence
