"""How many units in the last place a result is from a value known to many digits."""

from __future__ import annotations

import math
from contextlib import nullcontext
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np

from fastgen import cases
from fastgen.cli import compare
from fastgen.cli.subject import Subject

# What formulas need of mpmath's context to say how large a term is, where it is not installed.
FLOATS = SimpleNamespace(
    **vars(math),
    mpf=float,
    workprec=lambda bits: nullcontext(),
    sign=lambda x: (x > 0) - (x < 0),
    npdf=lambda x: math.exp(-(x**2) / 2) / math.sqrt(2 * math.pi),
)


def distances(
    subject: Subject, point: tuple[Any, ...], exact: list[Fraction], results: Any
) -> list[float]:
    """Return the distance of the worst result for every number, in ULP of it or its `scale`."""
    sizes = list(map(abs, exact))
    if subject.case.scale is not None:
        scales = cases.flat(subject.case.scale(FLOATS, *point))
        sizes = [max(a, abs(Fraction(float(b)))) for a, b in zip(sizes, scales, strict=True)]
    top = compare.limits(subject.dtype).max
    double = subject.dtype == np.float64
    return [
        max(_distance(r, number, _unit(size, double), top) for r in set(repeated.tolist()))
        for number, size, repeated in zip(exact, sizes, results, strict=True)
    ]


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
