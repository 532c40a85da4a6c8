"""Gumbel's distribution by key and counter."""

import ml_dtypes
import mpmath
import numpy as np
import pytest

from fastgen import noise
from fastgen.noise import extremes
from fastgen.reference import noise as reference

DTYPES = [np.float16, ml_dtypes.bfloat16, np.float32, np.float64]


def exact(word, bits):
    with mpmath.workprec(200):
        return -mpmath.log(-mpmath.log((mpmath.mpf(int(word)) + 0.5) / 2**bits))


@pytest.mark.parametrize("bits", [32, 64])
def test_both_tails_have_all_digits(monkeypatch, bits):
    drawn = noise.random_bits(1000, key=5)
    ends = [0, 1, 2, 2**31 - 1, 2**31, 2**31 + 1, 2**32 - 2, 2**32 - 1, 1580030168, 1580030169]
    words = np.concatenate([np.array(ends, np.uint32), drawn])
    if bits == 64:
        words = np.concatenate([np.repeat(words[:10], 2), words[:10], drawn])  # low word, high word
    monkeypatch.setattr(extremes, "random_bits", lambda n, key, counter: words)
    got = extremes._gumbels(len(words) * 32 // bits, 0, 0, bits == 64)
    whole = words if bits == 32 else [int(a) + (int(b) << 32) for a, b in words.reshape(-1, 2)]
    for g, w in zip(got, whole, strict=True):
        wanted = exact(w, bits)
        assert abs(g - wanted) <= 2.0**-51 * max(1, abs(wanted))


@pytest.mark.parametrize("dtype", DTYPES)
def test_any_slice_can_be_drawn_alone(dtype):
    whole = noise.gumbel((40_000,), key=7, dtype=dtype)
    assert whole.dtype == dtype
    np.testing.assert_array_equal(
        whole[33_001:], noise.gumbel(6999, key=7, counter=33_001, dtype=dtype)
    )
    out = np.empty((2, 5), dtype)
    assert noise.gumbel((2, 5), key=7, out=out) is out
    np.testing.assert_array_equal(out.ravel(), whole[:10])
    last = 2**130 // (2 if dtype == np.float64 else 1) - 1  # the first element follows the last
    assert noise.gumbel(2, key=7, counter=last, dtype=dtype)[1] == whole[0]
    wanted = reference.gumbel((3, 4), key=7, counter=5, dtype=dtype).astype(float)
    found = noise.gumbel((3, 4), key=7, counter=5, dtype=dtype).astype(float)
    np.testing.assert_allclose(found, wanted, rtol=2e-15, atol=1e-15)


def test_moments_and_classes():
    g = noise.gumbel((200_000, 3), key=11)
    assert g.mean() == pytest.approx(np.euler_gamma, abs=5 * 1.2825 / np.sqrt(g.size))
    assert g.var() == pytest.approx(np.pi**2 / 6, rel=0.02)
    p = np.array([0.5, 0.3, 0.2])
    shares = np.bincount(np.argmax(np.log(p) + g, axis=-1)) / len(g)
    assert np.all(np.abs(shares - p) < 5 * np.sqrt(p * (1 - p) / len(g)))


def test_chunks_have_the_bits_of_the_whole():
    whole = noise.gumbel((6, 5), key=1, dtype=np.float32)
    lazy = noise.gumbel((6, 5), key=1, dtype=np.float32, chunks=(4, 2))
    assert lazy.dtype == np.float32
    np.testing.assert_array_equal(lazy.compute(), whole)
    with pytest.raises(TypeError, match="gumbel: chunks make a dask array"):
        noise.gumbel(3, key=1, chunks=1, out=np.empty(3))
    with pytest.raises(ValueError, match="gumbel: key and rng both"):
        noise.gumbel(3, key=1, rng=2)
    assert noise.gumbel((), key=1).shape == () and noise.gumbel((0, 3), key=1).shape == (0, 3)
