"""Vector quantisation: the nearest code is the nearest, in exact arithmetic."""

from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest

import fastgen
from fastgen.vae import code_perplexity, code_sums, codebook_from_sums, nearest_code


def check(x, codebook):
    """Compare with the first of the nearest codes, in rational arithmetic.

    Differences of float64 are rounded, so codes that are as near but for that may be found.
    """
    indices = nearest_code(x, codebook).tolist()
    codes = [[Fraction(float(c)) for c in code] for code in codebook]
    for row, index in zip(x, indices, strict=True):
        r = [Fraction(float(v)) for v in row]
        distances = [sum((a - b) ** 2 for a, b in zip(r, c, strict=True)) for c in codes]
        if x.dtype == np.float64:
            assert distances[index] <= min(distances) * (1 + Fraction(1, 10**14))
        else:
            assert index == distances.index(min(distances))


@pytest.mark.parametrize("offset", [0.0, 1.0, 1000.0, 1e6])
@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64])
def test_nearest_in_exact_arithmetic(dtype, offset, rng):
    """Far from the origin the usual expansion |x|^2 - 2 x c + |c|^2 loses all its digits."""
    if dtype is np.float16 and offset > 1e4:
        return
    for k, d in ((1, 3), (7, 1), (40, 5), (33, 16)):
        codebook = (offset + rng.normal(size=(k, d))).astype(dtype)
        x = (offset + rng.normal(size=(60, d))).astype(dtype)
        x[:k] = codebook[: len(x)]
        check(x, codebook)
        # Half way between two codes: rounding alone decides.
        pairs = rng.integers(0, k, (2, 60))
        x = ((codebook[pairs[0]].astype(float) + codebook[pairs[1]].astype(float)) / 2).astype(
            dtype
        )
        check(x, codebook)


def test_ties_take_the_first_code(rng):
    codebook = rng.normal(size=(20, 8)).astype(np.float32)
    twice = np.concatenate([codebook, codebook])
    x = rng.normal(size=(500, 8)).astype(np.float32)
    np.testing.assert_array_equal(nearest_code(x, twice), nearest_code(x, codebook))
    grid = np.array([[0.0], [2.0], [2.0], [0.0]])
    assert nearest_code([[1.0], [1.5], [-3.0]], grid).tolist() == [0, 1, 0]


def test_the_index_does_not_depend_on_the_batch(rng):
    codebook = rng.normal(size=(257, 12)).astype(np.float32)
    x = (codebook[rng.integers(0, 257, 5000)] + codebook[rng.integers(0, 257, 5000)]) / 2
    whole = nearest_code(x, codebook)
    one = [nearest_code(row, codebook) for row in x[:300]]
    np.testing.assert_array_equal(whole[:300], one)
    parts = [nearest_code(part, codebook) for part in np.split(x, [1, 18, 2777])]
    np.testing.assert_array_equal(whole, np.concatenate(parts))
    folded = nearest_code(np.asfortranarray(x.reshape(50, 100, 12)), codebook)
    np.testing.assert_array_equal(folded, whole.reshape(50, 100))
    far = np.linalg.norm(x.astype(float) - codebook[whole], axis=1)
    least = np.linalg.norm(x[:, None].astype(float) - codebook, axis=2).min(1)
    np.testing.assert_allclose(far, least, rtol=1e-12)


def test_special_values():
    codebook = np.array([[np.nan, 0.0], [1.0, 1.0], [2.0, np.inf], [0.0, 0.0]])
    x = [[0.1, 0.1], [np.nan, 0.0], [np.inf, 0.0], [5.0, 5.0]]
    assert nearest_code(x, codebook).tolist() == [3, 0, 0, 1]
    finite = np.array([[1.0, 0.0], [0.0, 0.0]], np.float32)
    bad = np.array([[np.nan, 0.0], [np.inf, 0.0], [1e-30, 0.0], [3e38, 3e38]], np.float32)
    assert nearest_code(bad, finite).tolist() == [0, 0, 1, 0]
    small = np.array([[1e-30, 0.0], [3e-30, 0.0]], np.float32)
    assert nearest_code(np.array([[2.5e-30, 0.0]], np.float32), small).tolist() == [1]
    assert nearest_code(np.zeros((0, 2)), finite).shape == (0,)
    assert nearest_code(np.zeros((3, 0)), np.zeros((2, 0))).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("x", "codebook", "error", "message"),
    [
        (np.zeros((3, 2)), np.zeros((4, 3)), ValueError, r"x must have the shape \(\.\.\., 3\)"),
        (np.zeros((3, 2)), np.zeros((0, 2)), ValueError, "codebook must have the shape"),
        (np.zeros((3, 2)), np.zeros(2), ValueError, "codebook must have the shape"),
        (1.0, np.zeros((4, 3)), ValueError, "x must have the shape"),
        (np.zeros((3, 2), complex), np.zeros((4, 2)), TypeError, "real numbers"),
        (np.ma.zeros((3, 2)), np.zeros((4, 2)), TypeError, "nearest_code: x is a MaskedArray"),
    ],
)
def test_refused(x, codebook, error, message):
    with pytest.raises(error, match=message):
        nearest_code(x, codebook)


def test_a_codebook_follows_its_vectors(rng):
    """As in VQ-VAE: averages of counts and sums, from which the codes come."""
    codebook, decay = rng.normal(size=(6, 3)), 0.9
    counts, sums = np.ones(6), codebook.copy()
    n, m = counts.copy(), sums.copy()
    for _ in range(5):
        x = rng.normal(size=(40, 2, 3))
        indices = nearest_code(x, codebook)
        new = code_sums(x, indices, 6)
        one_hot = np.eye(6)[indices.ravel()]
        np.testing.assert_array_equal(new[0], one_hot.sum(0))
        np.testing.assert_allclose(new[1], one_hot.T @ x.reshape(-1, 3), rtol=1e-12, atol=1e-13)
        fastgen.ema.update([counts, sums], new, decay)
        codebook = codebook_from_sums(counts, sums, epsilon=1e-3)
        n, m = decay * n + (1 - decay) * new[0], decay * m + (1 - decay) * new[1]
        smoothed = (n + 1e-3) / (n.sum() + 6e-3) * n.sum()
        np.testing.assert_allclose(codebook, m / smoothed[:, None], rtol=1e-12)
    with pytest.raises(ValueError, match="indices must lie in 0 to 5"):
        code_sums(x, indices + 1, 6)
    with pytest.raises(ValueError, match="one axis more"):
        code_sums(x, indices[:3], 6)
    with pytest.raises(TypeError, match="must be integers"):
        code_sums(x, indices * 1.0, 6)
    with pytest.raises(ValueError, match="epsilon must not be negative"):
        codebook_from_sums(counts, sums, epsilon=-1.0)
    with pytest.raises(ValueError, match="shapes"):
        codebook_from_sums(counts, sums[:5])


def test_perplexity():
    assert code_perplexity([5, 0, 0]) == 1
    np.testing.assert_allclose(code_perplexity(np.full(7, 3)), 7, rtol=1e-14)
    np.testing.assert_allclose(
        code_perplexity([1, 2, 5]), fastgen.reference.vae.code_perplexity([1, 2, 5]), rtol=1e-14
    )
    assert np.isnan(code_perplexity(np.zeros(3)))
    with pytest.raises(ValueError, match="not be negative"):
        code_perplexity([1, -1])
