"""Draws of a distribution from its quantile function, by key and counter."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from fastgen import elementary
from fastgen.noise._chunks import drawn_in_chunks
from fastgen.noise.draws import _length
from fastgen.noise.draws import uniform as uniform_numbers
from fastgen.noise.keys import key_of

FIRST = 2**127  # the element of the stream that is time 0: the noise of the same key comes before
MOST_STRATA = 2**32
BELOW_1 = float(np.nextafter(1.0, 0.0))
HALF_A_CELL = 2.0**-65
TYPES = ("float16", "bfloat16", "float32", "float64")


def drawn(
    function: str,
    quantile: Callable[[Any], Any],
    shape: Any,
    strata: Any,
    key: Any,
    rng: Any,
    counter: Any,
    dtype: Any,
    chunks: Any = None,
) -> Any:
    """Return draws in a type: the quantiles of numbers in (0, 1).

    Number `i` of the stream belongs to stratum `i` modulo `strata`.
    """
    lengths = shape if isinstance(shape, tuple | list) else (shape,)
    shape = tuple([_length(function, "shape", n) for n in lengths])
    kind = np.dtype(np.float64 if dtype is None else dtype)
    if kind.name not in (*TYPES, "int64"):
        raise TypeError(f"{function}: dtype must be {', '.join(TYPES)}; got {kind}")
    first = _index(function, "counter", counter, 0, FIRST // 2)
    count = 1 if strata is None else _index(function, "strata", strata, 1, MOST_STRATA + 1)
    f = partial(_drawn, quantile, count, key_of(function, key, rng), kind)
    if chunks is not None:
        return drawn_in_chunks(f, shape, chunks, first, kind)
    return f(shape, counter=first)


def _drawn(quantile: Any, strata: int, key: int, dtype: Any, shape: Any, *, counter: int) -> Any:
    """Return the draws of a block."""
    u = np.asarray(uniform_numbers(shape, key=key, counter=FIRST + counter)) + HALF_A_CELL
    if strata > 1:
        k = (counter % strata + np.arange(u.size).reshape(u.shape)) % strata
        u = (k + u) / strata
    # Numbers next to 1, and whole strata and such, may round to 1, whose quantile may be infinite.
    return np.asarray(quantile(np.minimum(u, BELOW_1))).astype(dtype)[()]


def _index(function: str, name: str, got: Any, least: int, end: int) -> int:
    try:
        index = operator.index(got)
    except TypeError:
        raise TypeError(f"{function}: {name} must be an integer, got {got!r}") from None
    if not least <= index < end:
        raise ValueError(f"{function}: {name} must lie in {least} <= {name} < {end}, got {got!r}")
    return index


def logit(u: Any) -> Any:
    """Return the logarithm of the odds."""
    return elementary.log(u) - elementary.log1p(-u)


def normal_quantile(u: Any) -> Any:
    """Return the standard normal's quantiles of numbers in (0, 1), within 1e-15 of the larger of
    1 and itself.

    Newton's iteration for the logarithm of the distribution function, which is concave, from
    formula 26.2.23 of Abramowitz and Stegun. Its error of 4.5e-4 is squared three times.
    """
    log_p = elementary.log(np.minimum(u, 1 - u))
    s = np.sqrt(-2 * log_p)
    top = 2.515517 + s * (0.802853 + s * 0.010328)
    z = top / (1 + s * (1.432788 + s * (0.189269 + s * 0.001308))) - s
    log_norm = 0.5 * np.log(2 * np.pi)
    for _ in range(3):
        log_cdf = elementary.log_ndtr(z)
        z = z - (log_cdf - log_p) * elementary.exp(log_cdf + z * z / 2 + log_norm)
    return np.where(u < 0.5, z, -z)
