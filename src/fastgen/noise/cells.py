"""An increment of a Brownian motion as a sum of normals, one for each cell of a tree of times."""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

CELL = np.dtype([("owner", np.uint64), ("weight", np.float64)])  # fg_cell in csrc/core/op.h
LEAST_TIME = 5e-324
LEAST_WEIGHT = 2.0**-54  # less does not count beside 1


class Increment(NamedTuple):
    """W(t1) - W(t0) = scale * (the sum over the cells of weight * normal)."""

    cells: NDArray[Any]
    """The owners of the normals and their weights, of dtype `CELL`."""
    scale: float
    """sqrt(t1 - t0), or minus that of the times in turn. The squares of the weights add up to 1."""

    def __eq__(self, other: object) -> bool:
        """Return whether these are the same increments."""
        return (
            isinstance(other, Increment)
            and self.scale == other.scale
            and np.array_equal(self.cells, other.cells)
        )

    def __hash__(self) -> int:
        """Return a number that equal increments share."""
        return hash((self.scale, len(self.cells)))


@functools.lru_cache(maxsize=256)
def increment(t0: float, t1: float) -> Increment:
    """Return the increment of a Brownian motion from time t0 to t1, both finite and at least 0.

    W(t) is the sum over all cells of z times the integral from 0 to t of h, where the functions h
    are an orthonormal basis of the square integrable functions of time, and the z are independent
    standard normals (Levy and Ciesielski). The cells are the octaves [2^k, 2^(k+1)), for all k, and
    their dyadic parts. h is 1 / sqrt(width) on an octave. In addition, each octave and each part
    has an h that is 1 / sqrt(width) on its first half, and -1 / sqrt(width) on its second half
    (Haar). The integrals of these vanish outside of the cell. So the cells of an increment are the
    octaves between the times, and the parts around one of the times: at most 52 for each, for there
    a float64 lies between two parts.

    A cell's normals belong to a float64 that is the owner of no other cell: to the start of the
    octave, and to the middle of a part.
    """
    low, high = min(t0, t1), max(t0, t1)
    if low == high:
        return Increment(np.empty(0, CELL), 0.0)
    scale = math.sqrt(high - low)
    integrals = _octaves(low, high, scale)
    for time, sign in ((low, -1.0), (high, 1.0)):
        for middle, width, integral in _parts(time):
            before = integrals.get(middle, (width, 0.0))[1]
            integrals[middle] = width, before + sign * integral
    owners = np.array(list(integrals))
    widths, totals = np.array(list(integrals.values())).T
    cells = np.empty(len(owners), CELL)
    cells["owner"] = (-owners).view(np.uint64)
    cells["weight"] = totals / np.sqrt(widths) / scale
    kept = cells[np.abs(cells["weight"]) >= LEAST_WEIGHT]
    kept.flags.writeable = False
    return Increment(kept, math.copysign(scale, t1 - t0))


def _octaves(low: float, high: float, scale: float) -> dict[float, tuple[float, float]]:
    """Return start, width and overlap of the octaves between two times.

    From 0 on there is no first octave: those that do not count are left out. The times before the
    least float64 are one cell, whose start is 0.
    """
    first, last = _octave(low), _octave(high)
    if first == last:
        return {last: (last, high - low)}
    found: dict[float, tuple[float, float]] = {last: (last, high - last)}
    start = last / 2
    while start > first and math.sqrt(start) >= LEAST_WEIGHT * scale:
        found[start] = start, start
        start /= 2
    if low > 0:
        found[first] = first, first - (low - first)
    elif start == 0:
        found[0.0] = LEAST_TIME, LEAST_TIME
    return found


def _octave(time: float) -> float:
    """Return the start of the octave of a time, or 0."""
    return math.ldexp(1.0, math.frexp(time)[1] - 1) if time > 0 else 0.0


def _parts(time: float) -> list[tuple[float, float, float]]:
    """Return middle and width of the parts around a time, and the integrals of sqrt(width) h."""
    found = []
    start = width = _octave(time)
    while start < time:
        middle, inside = start + width / 2, time - start
        found.append((middle, width, min(inside, width - inside)))
        start, width = (middle if time >= middle else start), width / 2
    return found
