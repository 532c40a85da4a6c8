"""Errors in units in the last place (ULP) of a float type: the one measure of tests and checks.

An exact value is a number of mpmath, or a `Fraction` where mpmath is not installed.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from contextlib import nullcontext
from fractions import Fraction
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np

from fastgen._extras import how_to_install

PRECISION = 220  # bits of exact values, where no input is tiny

FLOATS = SimpleNamespace(
    **vars(math),
    mpf=float,
    workprec=lambda bits: nullcontext(),
    sign=lambda x: (x > 0) - (x < 0),
    npdf=lambda x: math.exp(-(x**2) / 2) / math.sqrt(2 * math.pi),
)
"""The context of a formula in floats, for a `scale` without mpmath."""


@cache
def _limits(dtype: Any) -> tuple[int, int, float]:
    """Bits of the fraction, the least exponent of a normal number, and the largest number."""
    info = np.finfo(dtype)
    return int(info.nmant), int(info.minexp), float(info.max)


@cache
def context() -> Any:
    """Return a context of mpmath with many bits; ImportError where mpmath is not installed."""
    try:
        module: Any = importlib.import_module("mpmath.ctx_mp")
    except ImportError:
        how = how_to_install("mpmath")
        raise ImportError(f"exact values need mpmath; {how}") from None
    made = module.MPContext()  # not `mpmath.mp`: its precision belongs to the user
    made.prec = PRECISION
    return made


def exactly(formula: Callable[..., Any], point: Any) -> Any:
    """Return ``formula(context, *point)``. Tiny inputs get more bits, as they may cancel."""
    mp = context()
    with mp.workprec(PRECISION + 2 * max(0, -_least_exponent(point))):
        return formula(mp, *(_as_mpf(mp, x) for x in point))


def spacing(number: Any, dtype: Any) -> float:
    """Return the spacing of the numbers of a type around an exact number, subnormals included."""
    digits, least, _ = _limits(dtype)
    exponent = max(_exponent(number), least) if number else least
    return math.ldexp(1.0, exponent - digits)


def error(got: Any, exact: Any, dtype: Any, scale: Any = None) -> float:
    """Return how far a result is from the exact value, in ULP of `scale` or of the value itself.

    An exact value beyond the largest number of the type rounds to infinity. From there a result
    other than infinity has its distance from the largest number.
    """
    number = Fraction if isinstance(exact, Fraction) else context().mpf
    exact, got, top = number(exact), float(got), _limits(dtype)[2]
    if abs(exact) > top:
        unit = number(spacing(number(top), dtype))
        rounds_to_infinity = abs(exact) - number(top) > unit / 2
        if math.isinf(got) and (got > 0) == (exact > 0):
            return 0.0 if rounds_to_infinity else float((abs(exact) - number(top)) / unit)
        if rounds_to_infinity or not math.isfinite(got):
            return math.inf
        return float(abs(number(got) - exact) / unit)
    if not math.isfinite(got):
        return math.inf
    unit = spacing(exact if scale is None else scale, dtype)
    return float(abs(number(got) - exact) / number(unit))


def _exponent(number: Any) -> int:
    """The exponent of a number, as 2**exponent <= |number| < 2**(exponent + 1)."""
    if isinstance(number, Fraction):
        size = abs(number)
        exponent = size.numerator.bit_length() - size.denominator.bit_length()
        return exponent - (size < Fraction(2) ** exponent)
    if isinstance(number, (int, float)):
        return math.frexp(number)[1] - 1
    found: int = context().frexp(number)[1]
    return found - 1


def _least_exponent(point: Any) -> int:
    if isinstance(point, (tuple, list)):
        return min(map(_least_exponent, point), default=0)
    return math.frexp(point)[1] if point else 0


def _as_mpf(mp: Any, number: Any) -> Any:
    if isinstance(number, (tuple, list)):
        return [_as_mpf(mp, x) for x in number]
    return mp.mpf(float(number))
