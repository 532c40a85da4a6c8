"""Noise of extreme values: the largest of many, by which classes are drawn."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from fastgen._core import Stream
from fastgen._ops import OPS
from fastgen._typing import Array, Rng
from fastgen.noise._chunks import drawn_in_chunks
from fastgen.noise.draws import random_bits, uniform
from fastgen.noise.keys import key_of

__all__ = ["gumbel"]

_log, _log1p = OPS["elementary.log"], OPS["elementary.log1p"]
_BLOCK = 2**15


def gumbel(
    shape: int | tuple[int, ...],
    *,
    key: int | None = None,
    rng: Rng = None,
    counter: int = 0,
    dtype: DTypeLike | None = None,
    chunks: Any = None,
    out: Array | None = None,
) -> Array:
    r"""Numbers of the standard Gumbel distribution, one for each word of a stream.

    .. math:: g_i = -\log(-\log u_i), \qquad
              u_i = (w_i + \tfrac12) / 2^{32} \text{ (float32)}, \quad
              u_i = (w_{2i} + 2^{32} w_{2i+1} + \tfrac12) / 2^{64} \text{ (float64)}

    Parameters
    ----------
    shape : int or tuple of int
        The shape of the result.
    {key}
    {rng}
    {counter_and_dtype}
    {chunks}
    {out}

    Returns
    -------
    ndarray or scalar
        Numbers of the given shape and type.

    Raises
    ------
    {raises_of_draws}

    Notes
    -----
    :math:`w` are the `random_bits` of the same key. Both tails have all digits: the numbers reach
    from -3.13 to 22.9 in float32, and from -3.81 to 45.1 in float64. The error is at most
    :math:`2^{-51}` of the larger of 1 and :math:`|g|`, before it is rounded to the type. The
    fractions u are exact. float16 and bfloat16 are the float32 stream, rounded. The bits are the
    same on every machine.

    The class of the largest sum of logits and such numbers has the distribution of the softmax:
    ``numpy.argmax(logits + gumbel(logits.shape, key=1), axis=-1)`` draws one class per row.

    References
    ----------
    .. [1] Gumbel, "Statistical Theory of Extreme Values and Some Practical Applications", 1954.
    .. [2] Maddison, Tarlow, Minka, "A* Sampling", NeurIPS 2014.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> g = fastgen.noise.gumbel((100_000, 3), key=1)
    >>> drawn = np.argmax(np.log([0.5, 0.3, 0.2]) + g, axis=-1)
    >>> (np.bincount(drawn) / len(drawn)).round(2)
    array([0.5, 0.3, 0.2])
    """
    key = key_of("gumbel", key, rng)
    if dtype is None:
        dtype = out.dtype if isinstance(out, np.ndarray) else np.float64
    if chunks is not None:
        if out is not None:
            raise TypeError("gumbel: chunks make a dask array, which has no out; give one")
        lengths = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
        f = partial(gumbel, key=key, dtype=dtype)
        return drawn_in_chunks(f, lengths, chunks, counter, dtype)
    # This checks the arguments, makes the array, and draws what is overwritten.
    result = uniform(shape, key=key, counter=counter, dtype=dtype, out=out)
    wide, first = np.dtype(dtype) == np.float64, Stream(key, counter).counter
    flat = np.empty(np.size(result))
    for begin in range(0, len(flat), _BLOCK):
        count = min(_BLOCK, len(flat) - begin)
        flat[begin : begin + count] = _gumbels(count, key, first + begin, wide)
    with np.errstate(over="ignore"):
        values = flat.reshape(np.shape(result)).astype(result.dtype)
    if out is None:
        return values[()]
    out[...] = values
    return out


def _gumbels(count: int, key: int, first: int, wide: bool) -> Array:
    """Return the numbers of elements from `first` on, in float64."""
    if not wide:
        words = random_bits(count, key=key, counter=first % 2**130)
        u = (words + 0.5) * 2.0**-32  # exact
        inner = -np.asarray(_log((u,)))
    else:
        halves = random_bits(2 * count, key=key, counter=2 * first % 2**130).astype(np.uint64)
        whole = halves[::2] | halves[1::2] << np.uint64(32)
        # Above 1/2, the distance from 1 has the digits that u has not.
        above = whole >> np.uint64(63) == 1
        u = (np.where(above, ~whole, whole).astype(np.float64) + 0.5) * 2.0**-64
        below = np.where(above, 0.5, u)
        inner = -np.where(above, _log1p((-u,)), _log((below,)))
    found: Array = -np.asarray(_log((inner,)))
    return found
