"""Uniform bits, uniform numbers and normals, as arrays."""

from __future__ import annotations

import operator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from fastgen import _core, _ops
from fastgen._typing import Array, Rng
from fastgen.noise._chunks import drawn_in_chunks
from fastgen.noise.keys import key_of

_NORMAL, _UNIFORM, _BITS, BROWNIAN = range(4)  # enum fg_noise in csrc/core/op.h
_DRAWN = ("normal", "uniform", "random_bits", "brownian")
_COPIES = {n: _core.bind_copy(f"noise.{n}", _ops.ISA) for n in _DRAWN}


def _length(function: str, name: str, n: Any) -> int:
    try:
        length = operator.index(n)
    except TypeError:
        raise TypeError(f"{function}: {name} must hold integers, got {n!r}") from None
    if length < 0:
        raise ValueError(f"{function}: {name} must not be negative, got {n!r}")
    return length


def draw(
    function: str,
    noise: int,
    shape: Any,
    key: Any,
    rng: Any,
    counter: Any,
    dtype: Any,
    out: Any,
    increment: Any = None,
    chunks: Any = None,
) -> Any:
    """Return the elements of a stream as an array, for a function of this package.

    With chunks, it is a dask array.
    """
    lengths = shape if isinstance(shape, tuple | list) else (shape,)
    shape = tuple([_length(function, "shape", n) for n in lengths])
    key = key_of(function, key, rng)
    stream = _core.Stream(key, counter, noise=noise, increment=increment)
    if dtype is None:
        dtype = out.dtype if isinstance(out, np.ndarray) else np.float64
    if chunks is not None:
        if out is not None:
            raise TypeError(f"{function}: chunks make a dask array, which has no out; give one")
        options = {"key": key, "rng": None, "dtype": dtype, "out": None, "increment": increment}
        f = partial(draw, function, noise, **options)
        return drawn_in_chunks(f, shape, chunks, stream.counter, dtype)
    return _core.draw(_COPIES[function], stream, shape, np.dtype(dtype), out)


def drawn(stream: _core.Stream, out: Array) -> Array:
    """Return the elements of a stream in an array."""
    result: Array = _core.draw(_COPIES["normal"], stream, out.shape, out.dtype, out)
    return result


def random_bits(
    n: int, *, key: int | None = None, rng: Rng = None, counter: int = 0, chunks: Any = None
) -> Array:
    r"""Uniform random bits of Philox4x32-10, in the order of Random123.

    .. math:: w_i = \mathrm{Philox}_{key}(\lfloor i / 4 \rfloor)_{i \bmod 4}

    Parameters
    ----------
    n : int
        The number of elements.
    {key}
    {rng}
    counter : int, optional
        The index of the first element, :math:`0 \le counter < 2^{130}`.
    {chunks}

    Returns
    -------
    ndarray of uint32
        Elements ``counter`` to ``counter + n - 1`` of the stream. The first element follows the
        last.

    Raises
    ------
    TypeError
        If `n`, `key` or `counter` is no integer.
    ValueError
        If one of them is out of range, or both `key` and `rng` are given.

    Notes
    -----
    Block `b` is a keyed bijection of the counter `b`: 128 bits, whose lowest word is word 0. The
    low word of the key is Random123's ``k[0]``. A block depends on nothing else, so any slice of a
    stream can be drawn alone. The bits are exact.

    References
    ----------
    Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.

    Examples
    --------
    >>> import fastgen
    >>> [hex(w) for w in fastgen.noise.random_bits(4, key=0)]
    ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    >>> [hex(w) for w in fastgen.noise.random_bits(2, key=0, counter=2)]
    ['0xbc57ac4c', '0x9b00dbd8']
    """
    n = _length("random_bits", "n", n)
    bits = draw("random_bits", _BITS, n, key, rng, counter, np.float32, None, chunks=chunks)
    return bits.view(np.uint32)


def uniform(
    shape: int | tuple[int, ...],
    *,
    key: int | None = None,
    rng: Rng = None,
    counter: int = 0,
    dtype: DTypeLike | None = None,
    chunks: Any = None,
    out: Array | None = None,
) -> Array:
    r"""Uniform numbers in [0, 1), one for each word of a stream.

    .. math:: u_i = w_i / 2^{32} \text{ (float32)}, \quad
              u_i = (w_{2i} + 2^{32} w_{2i+1}) / 2^{64} \text{ (float64)},
              \quad \text{rounded down}

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
        Uniform numbers of the given shape and type.

    Raises
    ------
    {raises_of_draws}

    Notes
    -----
    :math:`w` are the `random_bits` of the same key. Every float32 that is a multiple of
    :math:`2^{-32}` occurs, and every float64 that is a multiple of :math:`2^{-64}`. So 0 comes once
    in :math:`2^{32}` or :math:`2^{64}` draws, not once in :math:`2^{24}` or :math:`2^{53}`. The
    result is exact before it is rounded down, with the same bits on every machine. float16 and
    bfloat16 are the float32 stream, rounded. Numbers that would round to 1 become the largest
    number below 1.

    Examples
    --------
    >>> import fastgen
    >>> fastgen.noise.uniform(3, key=1)
    array([0.89468472, 0.71126808, 0.87411194])
    >>> fastgen.noise.uniform(2, key=1, counter=1)
    array([0.71126808, 0.87411194])
    """
    u = draw("uniform", _UNIFORM, shape, key, rng, counter, dtype, out, chunks=chunks)
    if chunks is not None:
        return u.map_blocks(_below_1, dtype=u.dtype, meta=u._meta)
    drawn = u.dtype if dtype is None else np.dtype(dtype)
    return u if u.dtype.itemsize >= max(drawn.itemsize, 4) else _below_1(u)


def _below_1(u: Any) -> Any:
    """Return numbers below 1, to which rounding to half precision may have led."""
    if u.dtype.itemsize >= 4:
        return u
    largest = np.nextafter(u.dtype.type(1), u.dtype.type(0))
    return np.minimum(u, largest, out=u if isinstance(u, np.ndarray) else None)


def normal(
    shape: int | tuple[int, ...],
    *,
    key: int | None = None,
    rng: Rng = None,
    counter: int = 0,
    dtype: DTypeLike | None = None,
    chunks: Any = None,
    out: Array | None = None,
) -> Array:
    r"""Independent standard normals, two for each pair of words of a stream.

    .. math:: z_{2p} = \sqrt{-2 \ln u} \, \cos \theta, \quad
              z_{2p+1} = \sqrt{-2 \ln u} \, \sin \theta

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
        Normals of the given shape and type.

    Raises
    ------
    {raises_of_draws}

    Notes
    -----
    The following is part of the interface. In float32, pair `p` comes from the words :math:`a =
    w_{2p}` and :math:`b = w_{2p+1}` of the `random_bits` of the same key; in float64, of :math:`a =
    w_{4p} + 2^{32} w_{4p+1}` and :math:`b = w_{4p+2} + 2^{32} w_{4p+3}`. With `m` = 32 or 64 bits,
    :math:`u = (a + 1/2) / 2^m`. The top bit of `b` is the sign of :math:`z_{2p}`, and the next bit
    that of :math:`z_{2p+1}`. The third bit swaps the two sizes. The other bits, `c`, give the angle
    :math:`\theta = (\pi/4) (c + 1/2) / 2^{m-3}`.

    \|z\| reaches 6.76 in float32 and 9.49 in float64. The result is within 6 ULP of the exact
    function of the words. The function uses only correctly rounded operations, so the bits are the
    same on every machine. float16 and bfloat16 are the float32 stream, rounded.

    References
    ----------
    Box, Muller, "A note on the generation of random normal deviates", Ann. Math. Stat. 29, 1958.

    Examples
    --------
    >>> import fastgen
    >>> fastgen.noise.normal((2, 2), key=1)
    array([[-0.24337869,  0.40414676],
           [-0.1007322 ,  0.50886806]])
    >>> fastgen.noise.normal(2, key=1, counter=2)
    array([-0.1007322 ,  0.50886806])
    """
    return draw("normal", _NORMAL, shape, key, rng, counter, dtype, out, chunks=chunks)
