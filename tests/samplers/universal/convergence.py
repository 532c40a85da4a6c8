"""The error falls with the number of steps as fast as the order says, on every schedule.

The bound of the error falls at the order where the grid is smooth, and slower at the ends of a
schedule. So the error divided by the bound must not grow with the number of steps.
"""

from __future__ import annotations

import warnings

import numpy as np

from . import checks, levels
from .cases import Case, base_kind
from .methods import METHODS
from .models import spread
from .propagate import run
from .schedules import SCHEDULES

COUNTS = (24, 48, 96, 192)
GROWTH = 0.4
"""The largest slope of log(error / bound) over log(steps)."""
LEAST = 1e-8
"""Errors below are rounding."""


def error_of(case):
    """Return the largest relative error of the deviation, and its bound."""
    sampler, found = checks.make(case)
    if sampler is None:
        raise checks.Refused(str(found))
    made = checks.Made(case, sampler)
    ends = run(sampler, made.schedule, case.kind, case.method.options)
    alpha, sigma = made.nodes()
    start, wanted = spread(alpha[0], sigma[0]), spread(alpha[-1], sigma[-1])
    _, deviation = ends.law(0.0 * start, start)
    errors, bounds = np.abs(deviation / wanted - 1), made.bound()
    return float(errors.max()), float(bounds.max())


def slopes(label, name):
    """Yield a case, and the slope of log(error / bound), for each grid that the sampler takes."""
    method, schedule = METHODS[label], SCHEDULES[name]
    if method.exact:
        return
    for grid in ({}, {"sigmas": "exponential", "final_sigma": "min"}):
        if not grid.keys() <= method.parameters.keys():
            continue
        counts = [n for n in COUNTS if n <= len(levels.noisy_table(schedule))]
        if len(counts) < 3:
            return
        found = []
        case = Case(label, name, counts[0], base_kind(method, schedule), **grid)
        for steps in counts:
            case = Case(label, name, steps, case.kind, **grid)
            try:
                with warnings.catch_warnings(), np.errstate(all="ignore"):
                    warnings.simplefilter("error")
                    found.append((steps, *error_of(case)))
            except Exception:  # `checks` reports it
                break
        ratios = [(n, e / b) for n, e, b in found if np.isfinite(e) and e > LEAST and b < np.inf]
        if len(found) == len(counts) and len(ratios) >= 3:
            yield case, float(np.polyfit(*np.log(ratios).T, 1)[0])


def check(label, name):
    """Yield each case with its faults."""
    for case, slope in slopes(label, name):
        slow = slope > GROWTH
        yield case, [("order", f"error / bound grows as steps^{slope:.2f}")] if slow else []
