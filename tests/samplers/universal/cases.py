"""The combinations: which axes are crossed with which.

Crossed fully with every method and every schedule:

- every prediction and every number of steps, on the default grid, in float64;
- every spacing, sigmas and final sigma, at 1, 2, 3, 7 and 20 steps, with one prediction each:
  predictions take turns;
- every dtype, at 1, 3 and 20 steps, with the prediction that loses the least precision.

More than 100 steps are run with two predictions, which take turns too.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any

from .levels import noisy_table
from .methods import METHODS, Method
from .schedules import FLOW, SCHEDULES, VE

STEPS = (1, 2, 3, 7, 20)
GRIDS = tuple(
    itertools.product(
        (None, "linspace", "leading", "trailing"),
        (None, "karras", "exponential", "lu"),
        (None, "zero", "min"),
    )
)


@dataclass(frozen=True)
class Case:
    """A combination. None means the default of the sampler."""

    label: str
    schedule: str
    steps: int
    kind: str | None = None
    spacing: str | None = None
    sigmas: str | None = None
    final_sigma: str | None = None
    lower_order_final: bool | None = None

    @property
    def method(self) -> Method:
        """Return the sampler and its options."""
        return METHODS[self.label]

    @property
    def grid(self) -> dict[str, Any]:
        """Return the options of the grid that are given."""
        names = ("spacing", "sigmas", "final_sigma", "lower_order_final")
        given = {name: getattr(self, name) for name in names}
        return {option: value for option, value in given.items() if value is not None}

    def options(self) -> dict[str, Any]:
        """Return all keywords of the constructor."""
        prediction = {} if self.kind is None else {"prediction": self.kind}
        return {**self.method.options, **self.grid, **prediction}

    def __str__(self) -> str:
        """Return the call."""
        given = ", ".join(f"{k}={v!r}" for k, v in self.options().items())
        return f"{self.method.name}(<{self.schedule}>, {self.steps}, {given})"


def all_steps(schedule):
    """Return the numbers of steps for a table of this length."""
    length = len(noisy_table(schedule))
    return sorted({*STEPS, length // 2 + 1, length - 1, length} & {*range(1, length + 1)})


def base_kind(method, schedule):
    """Return the prediction that loses the least precision."""
    kinds = method.predictions()
    best = {FLOW: "flow", VE: "x0"}.get(schedule.form, "v")
    return best if best in kinds else kinds[0]


def default_grid(label, name):
    """Yield groups of cases that differ in the prediction alone, the base first."""
    method, schedule = METHODS[label], SCHEDULES[name]
    base = base_kind(method, schedule)
    others = [kind for kind in method.predictions() if kind != base]
    for turn, steps in enumerate(all_steps(schedule)):
        first = Case(label, name, steps, base)
        few = others if steps <= 100 else others[turn % len(others) :][:1] if others else []
        yield [first, *(replace(first, kind=kind) for kind in few)]


def other_grids(label, name):
    """Yield the cases with options of the grid."""
    method, schedule = METHODS[label], SCHEDULES[name]
    kinds, turn = method.predictions(), 0
    for spacing, sigmas, final_sigma in GRIDS:
        first = Case(label, name, 1, None, spacing, sigmas, final_sigma)
        if not first.grid or not first.grid.keys() <= method.parameters.keys():
            continue
        for steps in STEPS:
            if steps <= len(noisy_table(schedule)):
                turn += 1
                yield replace(first, steps=steps, kind=kinds[turn % len(kinds)])


def short_types(label, name):
    """Yield the cases that are run in every dtype."""
    method, schedule = METHODS[label], SCHEDULES[name]
    for steps in (1, 3, 20):
        if steps <= len(noisy_table(schedule)):
            yield Case(label, name, steps, base_kind(method, schedule))
