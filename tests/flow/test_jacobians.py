"""Determinants: `fastgen.flow.slogdet` against LAPACK, and products of diagonals against mpmath."""

import dask.array as da
import ml_dtypes
import mpmath
import numpy as np
import pytest
from layouts import LAYOUTS

import fastgen
from fastgen import flow


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 9, 16, 31, 32, 33, 50])
def test_slogdet_is_that_of_numpy(n, rng):
    for batch in [(), (1,), (16,), (3, 7), (0, 2)]:
        a = rng.normal(size=(*batch, n, n))
        sign, logabsdet = flow.slogdet(a)
        wanted = np.linalg.slogdet(a)
        assert np.shape(sign) == np.shape(logabsdet) == batch
        np.testing.assert_array_equal(sign, wanted.sign)
        np.testing.assert_allclose(logabsdet, wanted.logabsdet, rtol=1e-11, atol=1e-11)
        narrow = flow.slogdet(a.astype(np.float32))
        exact = np.linalg.slogdet(a.astype(np.float32).astype(float))
        assert narrow[1].dtype == np.float32
        np.testing.assert_allclose(narrow[1], exact.logabsdet, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_slogdet_has_the_same_bits_in_every_layout_and_batch(dtype, rng):
    a = rng.normal(size=(37, 6, 6)).astype(dtype)
    wanted = flow.slogdet(a)
    columns = np.swapaxes(np.swapaxes(a, -1, -2).copy(), -1, -2)
    alone = tuple(np.array(x) for x in zip(*map(flow.slogdet, a), strict=True))
    for found in (alone, flow.slogdet(columns), *(flow.slogdet(f(a)) for f in LAYOUTS.values())):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("n", [2, 3, 8, 20, 32])
def test_slogdet_finds_repeated_rows_and_what_is_missing(n, rng):
    """A row that is another times a power of two gives exactly 0; so do zero rows or columns."""
    a = rng.normal(size=(4, n, n))
    a[0, n - 1] = -4 * a[0, 0]
    a[1, n // 2] = a[1, n - 1 - n // 3] if n - 1 - n // 3 != n // 2 else 0
    a[2, :, n // 2] = 0
    a[3, n // 2] = 0
    for matrices in (a, a.astype(np.float32)):
        sign, logabsdet = flow.slogdet(matrices)
        np.testing.assert_array_equal(sign, 0)
        np.testing.assert_array_equal(logabsdet, -np.inf)


def test_slogdet_neither_over_nor_underflows():
    for diagonal in ([1e300] * 5, [1e-300] * 5, [5e-324, 1e308, -1e-310], [2e-308, -1e308, 1]):
        sign, logabsdet = flow.slogdet(np.diag(diagonal) + np.diag(np.ones(len(diagonal) - 1), 1))
        assert sign == np.prod(np.sign(diagonal))
        with mpmath.workprec(200):
            wanted = sum(mpmath.log(abs(mpmath.mpf(x))) for x in diagonal)
            assert abs(mpmath.mpf(float(logabsdet)) - wanted) <= 2.3e-16 * abs(wanted)


@pytest.mark.parametrize("n", [4, 40])
@pytest.mark.parametrize("place", [(0, 0), (1, 2), (3, 0), (3, 3)])
def test_a_nan_is_never_lost(place, n, rng):
    a = rng.normal(size=(20, n, n))
    a[7] = 1  # singular; LAPACK says so even with NaN in it
    a[5][place] = a[7][place] = np.nan
    sign, logabsdet = flow.slogdet(a)
    assert np.array_equal(np.isnan(sign), np.isin(np.arange(20), (5, 7)))
    assert np.array_equal(np.isnan(logabsdet), np.isnan(sign))


def test_large_matrices_in_lists_and_tensors_are_the_same(rng):
    torch = pytest.importorskip("torch")
    a = rng.normal(size=(3, 40, 40))
    for given in (a.tolist(), torch.from_numpy(a)):
        for got, want in zip(flow.slogdet(given), flow.slogdet(a), strict=True):
            np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("n", [1, 2, 5, 17, 32, 40])
def test_the_gradient_of_slogdet_is_the_inverse(n, rng):
    a = rng.normal(size=(19, n, n)) + 3 * np.eye(n)
    weights = rng.normal(size=19)
    (logdet,), (gradient,) = (
        fastgen.value_and_grad(flow.slogdet)(a, cotangent=(None, weights))[0][1:],
        fastgen.value_and_grad(flow.slogdet)(a, cotangent=(7.0, weights))[1],
    )
    np.testing.assert_allclose(logdet, flow.slogdet(a)[1], rtol=1e-13)
    wanted = weights[:, None, None] * np.swapaxes(np.linalg.inv(a), -1, -2)
    np.testing.assert_allclose(gradient, wanted, atol=1e-12 * np.abs(wanted).max())


def test_large_matrices_come_in_every_type(rng):
    a = (rng.normal(size=(3, 40, 40)) + 8 * np.eye(40)).astype(np.float16)
    wanted = np.linalg.slogdet(a.astype(float))
    for dtype in (np.float16, ml_dtypes.bfloat16, np.float32, ">f8"):
        sign, logabsdet = flow.slogdet(a.astype(dtype))
        assert sign.dtype == logabsdet.dtype == np.dtype(dtype).newbyteorder("=")
        assert np.array_equal(sign, wanted.sign)
        error = 2**-8 if dtype is ml_dtypes.bfloat16 else 2**-11
        if dtype is not ml_dtypes.bfloat16:
            np.testing.assert_allclose(logabsdet.astype(float), wanted.logabsdet, rtol=error)
    alone = flow.slogdet(a[0])
    assert type(alone[1]) is np.float16
    given = np.zeros(3), np.zeros(3, np.float32)
    assert flow.slogdet(a.astype(float), out=given)[0] is given[0]
    np.testing.assert_allclose(given[1], wanted.logabsdet, rtol=1e-6)
    assert np.isnan(flow.slogdet(np.full((40, 40), np.nan))[1])
    own = a.astype(float)  # the results overwrite the inputs
    flow.slogdet(own, out=(own[0, 0, :3], own[0, 1, :3]))
    np.testing.assert_allclose(own[0, 1, :3], wanted.logabsdet)


@pytest.mark.parametrize("n", [3, 40])
def test_slogdet_refuses(n):
    square = np.eye(n)
    for bad in (np.ones((2, n, n + 1)), np.ones(n), 1.0):
        with pytest.raises(ValueError, match=r"slogdet: a must .*\(\.\.\., d, d\)"):
            flow.slogdet(bad)
    for bad in (square * 1j, square.astype(object), np.ma.masked_array(square)):
        with pytest.raises(TypeError, match="slogdet: a must"):
            flow.slogdet(bad)
    given = np.full(1, 5.0)
    for out, kind in [((given, np.zeros(2)), ValueError), (given, TypeError)]:
        with pytest.raises(kind, match="slogdet: out must"):
            flow.slogdet(square[None], out=out)
    assert given == 5


def test_slogdet_of_dask_arrays_stays_lazy(rng):
    a = rng.normal(size=(6, 5, 5))
    for lazy, value in zip(
        flow.slogdet(da.from_array(a, chunks=(2, -1, -1))), flow.slogdet(a), strict=True
    ):
        assert isinstance(lazy, da.Array)
        np.testing.assert_array_equal(lazy.compute(), value)


LENGTHS = [2, 5, 16, 31, 32, 33, 64, 65, 100, 129, 1024]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", LENGTHS)
def test_a_log_product_is_right_to_its_own_last_bits(n, dtype, rng):
    """Include logarithms that cancel, and products that overflow or are subnormal."""
    info = np.finfo(dtype)
    rows = [np.exp(spread * rng.normal(size=n)) for spread in (1e-6, 0.01, 1, 20)]
    rows += [np.full(n, info.smallest_subnormal * 3), np.full(n, info.max)]
    rows += [np.ldexp(rng.uniform(1, 2, n), rng.integers(info.minexp - 20, info.maxexp, n))]
    x = (np.array(rows) * rng.choice([-1, 1], (len(rows), n))).astype(dtype)
    x[3, n // 2 :] = 1 / x[3, : n - n // 2]  # sums to almost nothing
    sign, logabsdet = flow.slogdet_diagonal(x)
    np.testing.assert_array_equal(flow.logabsdet_diagonal(x), logabsdet)
    for row, s, value in zip(x, sign, logabsdet, strict=True):
        assert s == (-1) ** np.sum(row < 0)
        with mpmath.workprec(400):
            exact = mpmath.log(mpmath.fprod(abs(mpmath.mpf(float(v))) for v in row))
            assert abs(mpmath.mpf(float(value)) - exact) <= 1.5 * float(info.eps) * max(
                abs(exact), n * 2.0**-52
            )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, *LENGTHS, 5000])
def test_a_log_product_of_special_numbers(n, dtype, rng):
    inf, nan = np.inf, np.nan
    for place in {0, n // 2, n - 1}:
        x = np.exp(rng.normal(size=(5, n))).astype(dtype)
        x[:4, place] = [0, -inf, nan, -0.0]
        x[4, [0, -1]] = [0, inf]
        wanted = [-inf, inf, nan, -inf, nan if n > 1 else inf]
        signs = [0, -1, nan, 0, nan if n > 1 else 1]
        np.testing.assert_array_equal(flow.logabsdet_diagonal(x), wanted)
        np.testing.assert_array_equal(flow.slogdet_diagonal(x), [signs, wanted])
