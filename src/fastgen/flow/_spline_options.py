"""The options of all splines, and their checks: interval, least sizes and tails.

Each function takes the name of the spline for its error messages.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastgen._abstract import is_dask
from fastgen._core import Op, overrides_ufuncs
from fastgen._ops import OPS

# The numbers of the choices of `tails` in csrc/flow/splines/spline_options.h.
TAILS = {"linear": 0, "none": 1, "circular": 2}


def failure(name: str, what: str, expected: str, got: object) -> ValueError:
    """Return the error for an argument of a spline."""
    return ValueError(f"{name}: {what} must be {expected}, got {got!r}")


def row_of(name: str, inverse: bool) -> Op:
    """Return the operation of a spline, or of its inverse."""
    return OPS[f"flow.{name}_inverse" if inverse else f"flow.{name}"]


def kind_of_tails(name: str, tails: str | None, kinds: Sequence[str] = ("linear",)) -> str:
    """Return the key in `TAILS` of the option `tails`, or raise."""
    if tails is None:
        return "none"
    if tails not in kinds:
        raise failure(name, "tails", f"{', '.join(map(repr, kinds))} or None", tails)
    return tails


def size_of(parameters: Any) -> int:
    """Return the number of raw parameters per element."""
    return (np.shape(parameters) or (0,))[-1]


def check_bins(name: str, what: str, bins: int) -> None:
    """Raise if there are too few bins."""
    if bins < 2:
        raise failure(name, what, "of at least 2 bins", bins)


def check_bound(name: str, bound: float) -> None:
    """Raise if the interval is empty or infinite."""
    if not 0 < bound < math.inf:
        raise failure(name, "bound", "positive and finite", bound)


def check_least(name: str, what: str, least: float, bins: int, room: float = 1.0) -> None:
    """Raise if bins of the least size fill the interval."""
    if not 0 <= least * bins < room:
        raise failure(name, what, f"from 0 to below {room:g} / {bins} for {bins} bins", least)


def check_domain(name: str, x: Any, bound: float) -> None:
    """Raise if an element lies outside the bound. Arrays of other libraries are not checked."""
    if not overrides_ufuncs(x):
        worst = np.nanmax(np.abs(np.asarray(x)), initial=0)
        if worst > bound:
            raise failure(name, "x", f"within the bound {bound} where tails is None", float(worst))


def in_domain(name: str, x: Any, bound: float, tails: str | None) -> Any:
    """Return x. Without tails, the blocks of a dask array are checked when they are computed."""
    if tails is None and is_dask(x) and x.dtype.kind in "biuf":
        return x.map_blocks(_checked_block, f=name, bound=bound, dtype=x.dtype, meta=x._meta)
    return x


def _checked_block(x: Any, f: str, bound: float) -> Any:
    check_domain(f, x, bound)
    return x


def checked(
    name: str, inputs: tuple[Any, ...], bound: float, tails: str | None, told: Callable[[], Op]
) -> Op:
    """Return the operation that `told` makes, after checks of the options and of `x`."""
    try:
        op = told()
        if tails is None:
            row_of(name, False).check_types(inputs[:1])
            check_domain(name, inputs[0], bound)
    except ValueError:
        row_of(name, False).check_types(inputs)  # a wrong type is reported before a wrong size
        raise
    return op


@functools.lru_cache(maxsize=256)
def polynomial(
    name: str, bins: int, inverse: bool, bound: float, tails: str, least: tuple[float, float]
) -> Op:
    """Return the operation of a polynomial spline with these options.

    `least` holds the least width and height, as shares of the interval.
    """
    check_bound(name, bound)
    for what, share in zip(("min_bin_width", "min_bin_height"), least, strict=True):
        check_least(name, what, share, bins)
    return row_of(name, inverse).with_options(bound, *least, 0, 0, 0, TAILS[tails])
