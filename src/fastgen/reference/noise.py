"""Noise by key and counter: Philox4x32-10, and the numbers made from its words."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

MULTIPLIERS = 0xD2511F53, 0xCD9E8D57
WEYL = 0x9E3779B9, 0xBB67AE85
LOW = np.uint64(0xFFFFFFFF)


def _blocks(key: int, first: int, count: int) -> Any:
    """Words (count, 4) of the blocks whose counters are first, first + 1, ..."""
    counters = [(first + b) % 2**128 for b in range(count)]
    c: list[Any] = [
        np.array([n >> 32 * w & 0xFFFFFFFF for n in counters], np.uint64) for w in range(4)
    ]
    k = [key & 0xFFFFFFFF, key >> 32]
    for _ in range(10):
        p, q = (np.uint64(m) * x for m, x in zip(MULTIPLIERS, (c[0], c[2]), strict=True))
        c = [
            (q >> 32) ^ c[1] ^ np.uint64(k[0]),
            q & LOW,
            (p >> 32) ^ c[3] ^ np.uint64(k[1]),
            p & LOW,
        ]
        k = [(a + w) & 0xFFFFFFFF for a, w in zip(k, WEYL, strict=True)]
    return np.stack(c, axis=-1)


def random_bits(n: int, *, key: int, counter: int = 0) -> Any:
    """Word i % 4 of block i // 4, for the n elements from `counter` on."""
    first = counter // 4
    blocks = _blocks(key, first, (counter + n + 3) // 4 - first)
    return blocks.ravel()[counter - 4 * first :][:n].astype(np.uint32)


def _words(n: int, key: int, counter: int, dtype: Any) -> Any:
    """The words for n numbers of a type. float64 takes words of 64 bits, made of two of 32."""
    if dtype != np.float64:
        return random_bits(n, key=key, counter=counter)
    halves = random_bits(2 * n, key=key, counter=2 * counter).astype(np.uint64)
    return halves[::2] | halves[1::2] << np.uint64(32)


def uniform(shape: Any, *, key: int, counter: int = 0, dtype: Any = np.float64) -> Any:
    """Each word as a fraction in [0, 1), rounded down."""
    words = _words(int(np.prod(shape)), key, counter, dtype)
    digits = np.finfo(dtype).nmant + 1  # lower bits of a word are dropped
    dropped = [max(0, int(w).bit_length() - digits) for w in words]
    kept = [int(w) >> d << d for w, d in zip(words, dropped, strict=True)]
    return np.ldexp(np.array(kept, dtype), -8 * words.itemsize).reshape(shape)


def normal(shape: Any, *, key: int, counter: int = 0, dtype: Any = np.float64) -> Any:
    """Two normals from two words: a radius and an angle, by the method of Box and Muller."""
    n = int(np.prod(shape))
    skipped = counter % 2
    words = _words(n + skipped + (n + skipped) % 2, key, counter - skipped, dtype)
    bits = words.dtype.itemsize * 8
    a, b = words[::2], words[1::2]
    scale = 0.5**bits
    u, below_1 = (a + 0.5) * scale, (~a + 0.5) * scale  # u + below_1 = 1
    r = np.sqrt(-2 * np.where(u < 0.5, np.log(u), np.log1p(-below_1)))
    sign0, sign1, swap = (1 - 2 * (b >> (bits - 1 - k) & 1).astype(float) for k in range(3))
    theta = np.pi / 4 * ((b & (2 ** (bits - 3) - 1)) + 0.5) * 8 * scale
    cos, sin = np.cos(theta), np.sin(theta)
    z0 = np.where(swap > 0, cos, sin) * sign0
    z1 = np.where(swap > 0, sin, cos) * sign1
    z = np.stack([r * z0, r * z1], axis=-1).ravel()
    return z[skipped:][:n].astype(dtype).reshape(shape)


def brownian(
    shape: Any, t0: float, t1: float, *, key: int, counter: int = 0, dtype: Any = np.float64
) -> Any:
    """W(t1) - W(t0): sums of octaves, and bridges to the middle of intervals within them."""
    n = int(np.prod(shape))
    per_block = 2 if dtype == np.float64 else 4

    def normals_of(owner: float) -> Any:
        block = int(np.float64(-owner).view(np.uint64)) << 64
        z = normal(n, key=key, counter=block * per_block + counter, dtype=dtype)
        return z.astype(np.float64)

    def octave(time: float) -> float:
        return 2.0 ** (math.frexp(time)[1] - 1)

    def inside(time: float) -> Any:
        """W(time) - W(the start of the octave of time)."""
        start = width = octave(time)
        left: Any = np.zeros(n)
        right = np.sqrt(width) * normals_of(start)
        while start < time:
            middle = (left + right) / 2 + np.sqrt(width) / 2 * normals_of(start + width / 2)
            width /= 2
            if time < start + width:
                right = middle
            else:
                left, start = middle, start + width
        return left

    low, high = sorted((t0, t1))
    result: Any = np.zeros(n)
    if low < high:
        result = inside(high) - (inside(low) if low > 0 else 0.0)
        start = octave(low) if low > 0 else octave(high) * 2.0**-110  # less does not count
        while 0 < start < octave(high):
            result = result + np.sqrt(start) * normals_of(start)
            start *= 2
    return (result if t0 <= t1 else -result).reshape(shape).astype(dtype)


def gumbel(shape: Any, *, key: int, counter: int = 0, dtype: Any = np.float64) -> Any:
    """Minus the logarithm of minus the logarithm of each word as a fraction in (0, 1)."""
    words = _words(int(np.prod(shape)), key, counter, dtype)
    bits = 8 * words.itemsize
    left = [2 ** (bits + 1) - 2 * int(w) - 1 for w in words]  # of 2^(bits + 1)
    inner = [
        -math.log1p(-(n / 2 ** (bits + 1)))
        if n < 2**bits
        else -math.log((2 ** (bits + 1) - n) / 2 ** (bits + 1))
        for n in left
    ]
    return -np.log(np.array(inner)).reshape(shape).astype(dtype)
