"""What every spline is told, and how it is checked: its interval, least sizes, and tails.

Each function is called with the name of the spline, which its messages begin with.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastgen._core import Op, overrides_ufuncs
from fastgen._ops import OPS

# Numbered as in csrc/flow/splines/spline_options.h, as what `tails` says.
TAILS = {"linear": 0, "none": 1, "circular": 2}


def failure(name: str, what: str, expected: str, got: object) -> ValueError:
    """An argument of a spline that is not what it must be."""
    return ValueError(f"{name}: {what} must be {expected}, got {got!r}")


def row_of(name: str, inverse: bool) -> Op:
    """Return the operation of a spline, or of its inverse."""
    return OPS[f"flow.{name}_inverse" if inverse else f"flow.{name}"]


def kind_of_tails(name: str, tails: str | None, kinds: Sequence[str] = ("linear",)) -> str:
    """Return the word of `TAILS`, which None is one of, for what a call says."""
    if tails is None:
        return "none"
    if tails not in kinds:
        raise failure(name, "tails", f"{', '.join(map(repr, kinds))} or None", tails)
    return tails


def size_of(parameters: Any) -> int:
    """Return how many raw parameters an element has."""
    return (np.shape(parameters) or (0,))[-1]


def check_bins(name: str, what: str, bins: int) -> None:
    """Whether there are enough bins."""
    if bins < 2:
        raise failure(name, what, "of at least 2 bins", bins)


def check_bound(name: str, bound: float) -> None:
    """Whether there is an interval."""
    if not 0 < bound < math.inf:
        raise failure(name, "bound", "positive and finite", bound)


def check_least(name: str, what: str, least: float, bins: int, room: float = 1.0) -> None:
    """Whether bins of the least size leave room."""
    if not 0 <= least * bins < room:
        raise failure(name, what, f"from 0 to below {room:g} / {bins} for {bins} bins", least)


def check_domain(name: str, x: Any, bound: float) -> None:
    """Whether all elements lie within the bound; of arrays that are still to come, nobody knows."""
    if not overrides_ufuncs(x):
        worst = np.nanmax(np.abs(np.asarray(x)), initial=0)
        if worst > bound:
            raise failure(name, "x", f"within the bound {bound} where tails is None", float(worst))


def checked(
    name: str, inputs: tuple[Any, ...], bound: float, tails: str | None, told: Callable[[], Op]
) -> Op:
    """Return what `told` does, once `x` is found to be where the spline is."""
    try:
        op = told()
        if tails is None:
            row_of(name, False).check_types(inputs[:1])
            check_domain(name, inputs[0], bound)
    except ValueError:
        row_of(name, False).check_types(inputs)  # what is no array of numbers has no size either
        raise
    return op


@functools.lru_cache(maxsize=256)
def polynomial(
    name: str, bins: int, inverse: bool, bound: float, tails: str, least: tuple[float, float]
) -> Op:
    """Return the operation of a polynomial spline, told the options that it may have.

    `least` are the least width and height, as shares of the interval.
    """
    check_bound(name, bound)
    for what, share in zip(("min_bin_width", "min_bin_height"), least, strict=True):
        check_least(name, what, share, bins)
    return row_of(name, inverse).with_options(bound, *least, 0, 0, 0, TAILS[tails])
