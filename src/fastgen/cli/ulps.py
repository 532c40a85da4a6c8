"""How many units in the last place a result is from a value known to many digits."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from fastgen.cli import compare
from fastgen.cli.subject import Subject


def distance(
    subject: Subject, point: tuple[float, ...], exact: Fraction, results: list[float]
) -> float:
    """Return the distance of the worst result, in ULP of the value or of its largest term."""
    size = abs(exact)
    if subject.case.scale is not None:
        # Formulas written for mpmath's context need no more than the math module has.
        size = max(size, abs(Fraction(float(subject.case.scale(math, *point)))))
    unit = _unit(size, double=subject.dtype == np.float64)
    top = compare.limits(subject.dtype).max
    return max(_distance(result, exact, unit, top) for result in set(results))


def _unit(size: Fraction, double: bool) -> Fraction:
    digits, least = (53, -1074) if double else (24, -149)
    if size == 0:
        return Fraction(2) ** least
    exponent = size.numerator.bit_length() - size.denominator.bit_length()
    exponent -= size < Fraction(2) ** exponent
    return Fraction(2) ** max(exponent - digits + 1, least)


def _distance(result: float, exact: Fraction, unit: Fraction, top: float) -> float:
    if math.isfinite(result):
        return float(abs(Fraction(result) - exact) / unit)
    overflows = abs(exact) > Fraction(top) and result == math.copysign(math.inf, exact)
    return 0.0 if overflows else math.inf
