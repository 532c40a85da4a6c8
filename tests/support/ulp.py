"""Errors in units in the last place, against mpmath."""

import math

import mpmath
import numpy as np

from fastgen.cases import flat

mpmath.mp.prec = 220
LARGEST = {t().itemsize: mpmath.mpf(float(np.finfo(t).max)) for t in (np.float32, np.float64)}


def exactly(formula, point):
    """formula(mpmath, *point), with digits enough for tiny numbers that cancel in it."""
    smallest = min((abs(x) for x in flat(point) if x != 0), default=1.0)
    with mpmath.workprec(220 + 2 * max(0, -math.frexp(smallest)[1])):
        return formula(mpmath.mp, *map(as_mpf, point))


def as_mpf(x):
    return list(map(as_mpf, x)) if isinstance(x, (list, tuple)) else mpmath.mpf(float(x))


def ulp_of(exact, dtype):
    """The spacing of dtype's numbers around an exact value, subnormal ones included."""
    info = np.finfo(dtype)
    if exact == 0:
        return mpmath.mpf(float(info.smallest_subnormal))
    exponent = max(mpmath.frexp(exact)[1] - 1, int(info.minexp))
    return mpmath.ldexp(1, exponent - int(info.nmant))


def error(got, exact, dtype, scale=None):
    """How far `got` lies from `exact`, in ULP of `scale`; 0 where both have overflowed alike."""
    got = float(got)
    largest = LARGEST[np.dtype(dtype).itemsize]
    if mpmath.isinf(exact) or abs(exact) > largest:
        past = abs(exact) - largest > ulp_of(largest, dtype) / 2
        if np.isinf(got) and (got > 0) == (exact > 0):
            return mpmath.mpf(0) if past else abs(largest - exact) / ulp_of(largest, dtype)
        return mpmath.inf if past else abs(mpmath.mpf(got) - exact) / ulp_of(largest, dtype)
    if not np.isfinite(got):
        return mpmath.inf
    return abs(mpmath.mpf(got) - exact) / ulp_of(exact if scale is None else scale, dtype)
