"""Integrals of the polynomials through given points, in closed form."""

from __future__ import annotations

import math
from collections.abc import Callable


def lagrange_integrals(points: list[float], end: float) -> tuple[float, ...]:
    """Return, for each point, the integral of its Lagrange polynomial.

    That polynomial is 1 at the point and 0 at the others. The integrals run from the first point to
    `end`.
    """
    scale = end - points[0]
    places = [(p - points[0]) / scale for p in points]
    return tuple(scale * s for s in lagrange_moments(places, lambda n: 1 / (n + 1)))


def lagrange_moments(places: list[float], moment: Callable[[int], float]) -> tuple[float, ...]:
    """Return, for each place, a linear functional of its Lagrange polynomial.

    That polynomial is 1 at the place and 0 at the others. `moment(n)` is the functional of x^n.
    """
    moments = [moment(n) for n in range(len(places))]
    sums = []
    for k, here in enumerate(places):
        coefficients = [1.0]  # of rising powers
        for j, other in enumerate(places):
            if j != k:
                raised = [0.0, *coefficients]
                lowered = [other * c for c in coefficients] + [0.0]
                gap = here - other
                coefficients = [(r - w) / gap for r, w in zip(raised, lowered, strict=True)]
        sums.append(math.fsum(c * m for c, m in zip(coefficients, moments, strict=True)))
    return tuple(sums)
