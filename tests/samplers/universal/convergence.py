"""The error falls with the number of steps as fast as the order says, on every schedule.

The bound of the error falls at the order where the grid is smooth, and slower at the ends of a
schedule. So the error must stay below the bound, and where it comes near, must fall as fast
on a grid that is smooth in the log-SNR. The steps from no signal and to no noise are single steps
of first order, on every grid. Their error stays, and is subtracted from both.
"""

from __future__ import annotations

import warnings

import numpy as np

from . import bounds, checks, levels
from .cases import Case, base_kind
from .methods import METHODS
from .propagate import run
from .schedules import SCHEDULES

COUNTS = (24, 48, 96, 192, 384)
NEAR = 0.2
"""The ratio of error and bound above which the error must fall as fast as the bound."""
GROWTH = 0.4
"""The largest slope of log(error / bound) over log(steps)."""
LEAST = 1e-8
"""Errors below are rounding."""


def error_of(case):
    """Return the largest relative error of the deviation, its bound, and both without the ends."""
    sampler, found = checks.make(case)
    if sampler is None:
        raise checks.Refused(str(found))
    made = checks.Made(case, sampler)
    ends = run(sampler, made.schedule, case.kind, case.method.options)
    error, bound = checks.error_of_law(made, ends)[1], made.bound()
    fixed = bounds.at_ends(made.nodes())
    return [float(y.max()) for y in (error, bound, error - fixed, bound - fixed)]


def slopes(label, name):
    """Yield a case, the largest ratio of error and bound, and its slope, for two grids."""
    method, schedule = METHODS[label], SCHEDULES[name]
    if method.exact:
        return
    smooth = {"sigmas": "exponential", "final_sigma": "min", "lower_order_final": False}
    for grid in ({}, {k: v for k, v in smooth.items() if k in method.parameters}):
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
        usable = [f for f in found if np.isfinite(f[1]) and f[1] > LEAST and f[2] < np.inf]
        if len(found) < len(counts) or len(usable) < 3:
            continue
        rest = [(n, e / b) for n, _, _, e, b in usable if e > LEAST]
        slope = float(np.polyfit(*np.log(rest).T, 1)[0]) if len(rest) >= 3 else 0.0
        yield case, max(e / b for _, e, b, _, _ in usable), slope


def check(label, name):
    """Yield each case with its faults."""
    for case, ratio, slope in slopes(label, name):
        smooth = case.sigmas is not None
        slow = ratio > 1 or (smooth and ratio > NEAR and slope > GROWTH)
        text = f"error / bound grows to {ratio:.2f}, as steps^{slope:.2f}"
        yield case, [("order", text)] if slow else []
