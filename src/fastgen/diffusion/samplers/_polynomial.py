"""Integrals of the polynomials through given points, in closed form."""

from __future__ import annotations

import math


def lagrange_integrals(points: list[float], end: float) -> tuple[float, ...]:
    """For each point, the integral from the first point to `end` of the polynomial that is 1 there
    and 0 at the others."""
    scale = end - points[0]
    places = [(p - points[0]) / scale for p in points]
    integrals = []
    for k, here in enumerate(places):
        coefficients = [1.0]  # of the rising powers of the place
        for j, other in enumerate(places):
            if j != k:
                raised = [0.0, *coefficients]
                lowered = [other * c for c in coefficients] + [0.0]
                gap = here - other
                coefficients = [(r - w) / gap for r, w in zip(raised, lowered, strict=True)]
        integrals.append(scale * math.fsum(c / (n + 1) for n, c in enumerate(coefficients)))
    return tuple(integrals)
