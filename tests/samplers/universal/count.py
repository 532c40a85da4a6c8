"""Run the cases of one method on one schedule, and count."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import cases, checks, convergence, mixture


@dataclass
class Count:
    """Numbers of combinations, and examples of faults."""

    combinations: int = 0
    made: int = 0
    wrong: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, case: Any, found: list[tuple[str, str]], made: bool) -> None:
        """Count one combination."""
        self.combinations += 1
        self.made += made
        self.wrong += bool(found)
        for kind in {kind for kind, _ in found}:
            self.faults[kind] += 1
        for kind, detail in found:
            if len(self.examples[kind]) < 400:
                self.examples[kind].append(f"{case}: {detail}")

    def merge(self, other: Count) -> None:
        """Add the numbers of another count."""
        self.combinations += other.combinations
        self.made, self.wrong = self.made + other.made, self.wrong + other.wrong
        self.refused += other.refused
        self.faults += other.faults
        for kind, texts in other.examples.items():
            self.examples[kind] += texts


def one(count, case, base=None):
    """Check a case, and return what it made."""
    try:
        found, made, ends = checks.check(case, base)
    except checks.Refused as reason:
        count.combinations += 1
        count.refused[str(reason)] += 1
        return None, None
    count.add(case, found, made is not None)
    return made, ends


def of_types(count, label, name):
    """Count the cases in shorter types."""
    for case in cases.short_types(label, name):
        made, ends = one(Count(), case)
        if ends is not None:
            for dtype in (np.float16, np.float32):
                count.add(case, checks.of_type(made, ends, dtype), made=True)


def of_mixture(count, label, name):
    """Count the case with a mixture."""
    steps = mixture.steps_for(name)
    if steps is not None:
        kind = cases.base_kind(cases.METHODS[label], cases.SCHEDULES[name])
        case = cases.Case(label, name, steps, kind)
        _, ends = one(Count(), case)
        if ends is not None:
            count.add(case, mixture.check(case), made=True)


def count_of(label, name):
    """Return the count of all cases of a method on a schedule."""
    count = Count()
    for first, *others in cases.default_grid(label, name):
        made, base = one(count, first)
        for case in others:
            one(count, case, base)
        if base is not None and first.steps == 7:
            count.add(first, checks.batches(made, np.random.default_rng(7)), made=True)
    for case in cases.other_grids(label, name):
        one(count, case)
    of_types(count, label, name)
    of_mixture(count, label, name)
    for case, found in convergence.check(label, name):
        count.add(case, found, made=True)
    return count
