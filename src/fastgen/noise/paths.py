"""Brownian motion, addressed by time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from fastgen._typing import Array, Rng
from fastgen.noise.cells import increment
from fastgen.noise.draws import BROWNIAN, draw


def _time(name: str, got: Any) -> float:
    if not isinstance(got, (int, float, np.integer, np.floating)) or isinstance(got, bool):
        raise TypeError(f"brownian: {name} must be a number, got {got!r}")
    time = float(got)
    if not 0 <= time < math.inf:
        raise ValueError(f"brownian: {name} must be >= 0, and be finite; got {got!r}")
    return time


def brownian(
    shape: int | tuple[int, ...],
    t0: float,
    t1: float,
    *,
    key: int | None = None,
    rng: Rng = None,
    counter: int = 0,
    dtype: DTypeLike | None = None,
    chunks: Any = None,
    out: Array | None = None,
) -> Array:
    r"""Increments of independent Brownian motions between two times.

    .. math:: W_j(t_1) - W_j(t_0) \sim N(0, |t_1 - t_0|), \quad
              W(t_2) - W(t_0) = (W(t_1) - W(t_0)) + (W(t_2) - W(t_1))

    A motion is a function of the key, the element and the time alone. So the increments of a key
    belong to one path per element, in whatever order they are drawn, and nothing is kept in memory.

    Parameters
    ----------
    shape : int or tuple of int
        The shape of the result.
    t0, t1 : float
        The times, at least 0, in any order. All units will do: the path is as fine at any time.
    {key}
    {rng}
    counter : int, optional
        The number of the first motion, :math:`0 \le counter < 2^{64}`: element `j` of the result,
        in the order of ``ravel()``, belongs to motion ``counter + j``.
    dtype : data-type, optional
        float16, bfloat16, float32 or float64. The default is that of `out`, else float64.
    {chunks}
    {out}

    Returns
    -------
    ndarray or scalar
        Increments of the given shape and type. They are 0 if the times are equal.

    Raises
    ------
    {raises_of_draws}
    ValueError
        If a time is negative or not finite.

    Notes
    -----
    The times are those of float64, and none is rounded. Increments over intervals that share no
    more than an end are independent. Sums of increments agree with the increment over the whole
    interval, to the rounding of the type. The path is a sum over the dyadic parts of
    :math:`[2^k, 2^{k+1})` (Levy's construction), of which an increment needs those around a time.
    So a draw costs as much as up to 110 draws of `normal`, or 160 if a time is 0, and less for
    times of few binary digits. An increment is within 40 ULP of the larger of itself and its
    deviation, with the same bits on every machine. float16 and bfloat16 are the float32 motion,
    rounded; those of float32 and float64 are different motions.

    The normals are those of the words of `random_bits` from :math:`2^{129}` on: a part with the
    middle `m` has the blocks whose upper 64 bits are the bits of the float64 `-m`, and an octave
    those of minus its start.

    References
    ----------
    .. [1] Levy, "Processus stochastiques et mouvement brownien", 1948.
    .. [2] Li, Wong, Chen and Duvenaud, "Scalable Gradients for Stochastic Differential Equations",
       AISTATS 2020, section 4: a tree of times that is not kept in memory.

    Examples
    --------
    >>> import fastgen
    >>> whole = fastgen.noise.brownian(3, 0.5, 2.0, key=1)
    >>> parts = [fastgen.noise.brownian(3, *t, key=1) for t in ((1.1, 2.0), (0.5, 1.1))]
    >>> bool(abs(parts[0] + parts[1] - whole).max() < 1e-14)
    True
    >>> round(float(fastgen.noise.brownian(100_000, 0.5, 2.0, key=1).var()), 1)
    1.5
    """
    path = increment(_time("t0", t0), _time("t1", t1))
    return draw("brownian", BROWNIAN, shape, key, rng, counter, dtype, out, path, chunks)
