"""What a check looks at: one operation, for one instruction set, on one type."""

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
REPEATED = 131  # single points are put in every place of a vector, and after the last one


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
        """What is known of the operation."""
        return cases.CASES[self.name]

    @property
    def has_rows(self) -> bool:
        """Whether the last axis is one to the operation."""
        return cases.signature(self.name).has_rows

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of sample inputs."""
        return ROW_SHAPES if self.has_rows else ELEMENT_SHAPES

    def samples(self, shape: tuple[int, ...]) -> tuple[Any, ...]:
        """Return sample inputs of one shape."""
        return samples(self.name, shape, self.dtype.name)

    def at_point(self, point: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return inputs that hold a single point, `REPEATED` times."""
        return tuple(
            np.tile(x, (REPEATED, *[1] * (x.ndim - 1)))
            for x in cases.at_point(self.name, point, self.dtype)
        )

    def numbers_at(self, point: tuple[Any, ...]) -> Any:
        """Return every number of the outputs at a point, each of them `REPEATED` times."""
        results = cases.each(self.op(self.at_point(point)))
        return np.concatenate([np.reshape(r, (REPEATED, -1)) for r in results], axis=1).T


# Every instruction set gets the same inputs, and to make them takes longer than to use them.
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
    """Return whether all bits agree."""
    return np.shape(a) == np.shape(b) and bool(np.all(equal(a, b)))


def verdict(passed: Any, sentence: str) -> Outcome:
    """Return the outcome of a check."""
    return None if passed else sentence
