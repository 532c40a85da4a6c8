"""Which operations and sizes are in the table of ``fastgen bench``.

`--full` has every operation at every size, `--quick` every operation at few sizes. Without either,
the output fits on one screen. A rule chooses its rows, and the rule does not look at speeds:

1. If all rows of the operations that `--only` leaves fit on one screen, it shows them all.
2. Otherwise it measures one operation of every public function at the sizes of `--quick`, and shows
   each family in one line (`summary`). A function with kinds has the first of its kinds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from fastgen import cases
from fastgen._ops import OPS, public
from fastgen._signature import Shape
from fastgen.cli import by_family
from fastgen.cli.row import GRADIENT, OUT, VALUE, Step
from fastgen.cli.sizes import Sizes, sizes

SCREEN = 40

Extent = Literal["screen", "quick", "full"]


def steps(names: list[str], extent: Extent, cache: int, dtype: Any) -> list[Step]:
    """Return the rows of the table, in its order."""
    names = by_family(names)
    chosen = {name: sizes(name, extent == "quick") for name in names}
    if extent == "screen" and sum(map(_count, chosen, chosen.values())) > SCREEN:
        chosen = {name: sizes(name, quick=True) for name in _one_of_each_function(names)}
    return [
        step for name, of_name in chosen.items() for step in _steps(name, of_name, cache, dtype)
    ]


def fits(rows: Sequence[Step]) -> bool:
    """Return whether a table of these rows fits on one screen."""
    return len(rows) <= SCREEN


def _count(name: str, of_name: Sizes) -> int:
    return len(of_name.value) + len(of_name.gradient) * (OPS[name].derivative is not None)


def _one_of_each_function(names: list[str]) -> list[str]:
    first: dict[Any, str] = {}
    for name in names:
        first.setdefault(public(name)[0], name)
    return list(first.values())


def _steps(name: str, of_name: Sizes, cache: int, dtype: Any) -> Iterator[Step]:
    for shape in of_name.value:
        yield Step(name, OUT if _written(name, shape, dtype) > cache else VALUE, shape)
    if OPS[name].derivative is not None:
        for shape in of_name.gradient:
            yield Step(name, GRADIENT, shape)


def _written(name: str, shape: Shape, dtype: Any) -> int:
    """The bytes of the results. Where they are large, the time of a call without `out=` is mostly
    that of the operating system, which makes the memory: it says little about the operation."""
    numbers: int = sum(map(math.prod, cases.shapes(name, shape)[1]))
    return numbers * int(dtype.itemsize)
