"""Exact sums: those of `math.fsum`, for any order and chunks."""

import math
from fractions import Fraction

import dask.array as da
import numpy as np
import pytest

import fastgen

RNG = np.random.default_rng(0)
TERMS = {
    "all magnitudes": RNG.normal(size=999) * 10.0 ** RNG.integers(-320, 300, 999),
    "cancelling": np.concatenate([x := RNG.normal(size=500) * 1e17, -x, RNG.normal(size=9)]),
    "tiny": np.full(7, 5e-324),
    "one sign": RNG.random(1000),
    "large": np.array([np.finfo(float).max, -np.finfo(float).max, 1.0, 0.25]),
    "zeros": np.zeros(3),
}


@pytest.mark.parametrize("name", TERMS)
def test_sum_and_mean_are_rounded_once(name):
    x = TERMS[name]
    total = sum(map(Fraction, x.tolist()))
    for order in (x, x[::-1], np.sort(x)):
        assert fastgen.exact_sum(order) == math.fsum(x)
        assert fastgen.exact_mean(order) == float(total / len(x))
    for chunks in (len(x) // 9 + 1, 400):
        lazy = da.from_array(x, chunks=chunks)
        assert fastgen.exact_sum(lazy).compute(scheduler="synchronous") == math.fsum(x)
        assert fastgen.exact_mean(lazy).compute(scheduler="synchronous") == float(total / len(x))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64, bool])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), ()])
def test_axes(dtype, axis):
    x = (RNG.normal(size=(7, 4, 5)) * 9).astype(dtype)
    axes = tuple(range(3)) if axis is None else axis
    wanted = x.astype(float).sum(axes)
    for f, scale in ((fastgen.exact_sum, 1), (fastgen.exact_mean, max(1, x.size // wanted.size))):
        found = f(x, axis=axis)
        assert found.shape == wanted.shape and found.dtype == np.float64
        np.testing.assert_allclose(found, wanted / scale, rtol=1e-13, atol=1e-13)
        for chunks in ((3, 2, 5), (7, 4, 1)):
            lazy = f(da.from_array(x, chunks=chunks), axis=axis)
            assert (lazy.shape, lazy.dtype) == (found.shape, np.float64)
            np.testing.assert_array_equal(lazy.compute(scheduler="synchronous"), found)


def test_many_terms():
    x = np.full(3 * 2**20 + 5, 1 + 2.0**-52)
    assert fastgen.exact_sum(x) == len(x) * (1 + 2.0**-52)
    x[-1] = -math.fsum(x[:-1])
    assert fastgen.exact_sum(x) == math.fsum(x)


def test_what_is_not_finite():
    for terms, wanted in (
        ([np.inf, 1], np.inf),
        ([np.inf, -np.inf], np.nan),
        ([np.nan, 1], np.nan),
        ([1e308, 1e308], np.inf),
        ([-1e308, -1e308], -np.inf),
    ):
        np.testing.assert_equal(float(fastgen.exact_sum(np.array(terms))), wanted)
        lazy = fastgen.exact_sum(da.from_array(np.array(terms), chunks=1))
        np.testing.assert_equal(float(lazy.compute(scheduler="synchronous")), wanted)
    assert fastgen.exact_mean([1e308, 1e308]) == 1e308
    assert fastgen.exact_sum([]) == 0 and np.isnan(fastgen.exact_mean([]))


def test_wrong_arguments():
    lazy = da.ones(4, chunks=2)
    with pytest.raises(TypeError, match="exact_sum: x must hold float16"):
        fastgen.exact_sum([1j])
    with pytest.raises(TypeError, match=r"exact_mean: x is a MaskedArray"):
        fastgen.exact_mean(np.ma.masked_array([1.0]))
    with pytest.raises(ValueError, match=r"compute_chunk_sizes\(\)"):
        fastgen.exact_mean(lazy[lazy > 0])
    with pytest.raises(ValueError, match="axis"):
        fastgen.exact_sum(lazy, axis=1)
