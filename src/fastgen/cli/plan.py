"""Which operations and sizes are in the table of ``fastgen bench``.

`--full` has every operation at every size, `--quick` every operation at few sizes. Without either,
the table fits on one screen. A rule chooses its rows, and the rule does not look at speeds:

1. If all rows of the operations that `--only` leaves fit on one screen, it shows them all.
2. Otherwise it shows one row, of a large input, for the first operation of every module (such as
   `fastgen.vae.likelihoods`) and for every function that NumPy has itself (NumPy's best case).
3. The first of all has three more rows: the smallest input, which shows the cost of a call, the
   largest, which shows the bandwidth, and the gradient.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

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
        chosen = _screen(names)
    return [
        step for name, of_name in chosen.items() for step in _steps(name, of_name, cache, dtype)
    ]


def _count(name: str, of_name: Sizes) -> int:
    return len(of_name.value) + len(of_name.gradient) * (OPS[name].derivative is not None)


def _screen(names: list[str]) -> dict[str, Sizes]:
    chosen: dict[str, Sizes] = {}
    modules = set()
    for name in names:
        module = public(name)[0].__module__
        if module not in modules or _numpy_has(name):
            modules.add(module)
            chosen[name] = Sizes(sizes(name, quick=True).value[-1:], ())
    first = names[0]
    few, every = sizes(first, quick=True), sizes(first)
    chosen[first] = Sizes((*few.value, every.value[-1]), few.gradient)
    return chosen


def _numpy_has(name: str) -> bool:
    """Whether NumPy computes the operation in one call."""
    family, _, function = name.partition(".")
    return family == "elementary" and isinstance(getattr(np, function, None), np.ufunc)


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
