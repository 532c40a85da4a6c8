"""Distances of sets of samples: MMD, the Frechet distance and the pulling-away term."""

import functools
import itertools

import ml_dtypes
import mpmath
import numpy as np
import pytest

import fastgen
from fastgen import gan
from fastgen.reference import gan as reference

KERNELS = [
    {"kernel": "rbf", "bandwidth": 1.5},
    {"kernel": "rbf", "bandwidth": (0.5, 3.0)},
    {"kernel": "inverse_multiquadric", "bandwidth": 0.7},
    {"kernel": "inverse_multiquadric", "bandwidth": [0.7, 2.0, 9.0]},
    {"kernel": "polynomial"},
    {"kernel": "polynomial", "degree": 1, "offset": 0.0},
    {"kernel": "polynomial", "degree": 2, "scale": 0.3, "offset": 0.5},
]
DTYPES = [np.float16, ml_dtypes.bfloat16, np.float32, np.float64]


def exact_mmd(x, y, *, kernel, unbiased, bandwidth=1.0, degree=3, scale=None, offset=1.0):
    """The formula, pair by pair, in 40 digits."""
    with mpmath.workdps(40):
        x, y = ([[mpmath.mpf(float(v)) for v in row] for row in a] for a in (x, y))
        slope = mpmath.mpf(1) / len(x[0]) if scale is None else mpmath.mpf(scale)

        def k(a, b):
            if kernel == "polynomial":
                return (slope * mpmath.fdot(a, b) + offset) ** degree
            r2 = sum((p - q) ** 2 for p, q in zip(a, b, strict=True))
            squares = [mpmath.mpf(s) ** 2 for s in np.ravel(bandwidth).tolist()]
            if kernel == "rbf":
                return sum(mpmath.exp(-r2 / (2 * s)) for s in squares)
            return sum(s / (s + r2) for s in squares)

        def mean(a, b, same):
            left_out = same and unbiased
            pairs = itertools.product(range(len(a)), range(len(b)))
            terms = [k(a[i], b[j]) for i, j in pairs if not (left_out and i == j)]
            return mpmath.fsum(terms) / len(terms)

        return mean(x, x, True) + mean(y, y, True) - 2 * mean(x, y, False)


@pytest.mark.parametrize("unbiased", [True, False])
@pytest.mark.parametrize("options", KERNELS, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_mmd_in_many_digits(dtype, options, unbiased, rng):
    x = (10 + rng.normal(size=(6, 3))).astype(dtype)
    y = (10 + 1.3 * rng.normal(size=(5, 3)) + 0.2).astype(dtype)
    found = gan.maximum_mean_discrepancy(x, y, unbiased=unbiased, **options)
    assert found.dtype == np.dtype(dtype)
    wanted = float(exact_mmd(x, y, unbiased=unbiased, **options))
    kernel = 100.0**3 if options["kernel"] == "polynomial" else 1.0
    assert abs(float(found) - wanted) <= 1e-13 * kernel + float(ml_dtypes.finfo(dtype).eps) * abs(
        wanted
    )


@pytest.mark.parametrize("unbiased", [True, False])
@pytest.mark.parametrize("options", KERNELS, ids=str)
def test_mmd_gradients_are_differences(options, unbiased, rng):
    x, y = rng.normal(size=(5, 2)), rng.normal(size=(4, 2)) + 0.4

    f = functools.partial(gan.maximum_mean_discrepancy, unbiased=unbiased, **options)
    value, gradients = fastgen.value_and_grad(f)(x, y)
    assert value == f(x, y)
    for k, gradient in enumerate(gradients):
        for place in np.ndindex(*gradient.shape):
            step = np.zeros_like((x, y)[k])
            step[place] = 1e-5
            above, below = [x, y], [x, y]
            above[k], below[k] = above[k] + step, below[k] - step
            difference = (f(*above) - f(*below)) / 2e-5
            assert gradient[place] == pytest.approx(difference, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("options", KERNELS, ids=str)
def test_blocks_are_the_whole(options, rng, monkeypatch):
    x, y = rng.normal(size=(50, 4)), rng.normal(size=(37, 4))
    f = functools.partial(gan.maximum_mean_discrepancy, **options)
    whole = fastgen.value_and_grad(f)(x, y)
    monkeypatch.setattr("fastgen.gan.mmd._PAIRS", 100)
    parts = fastgen.value_and_grad(f)(x, y)
    np.testing.assert_allclose(parts[0], whole[0], rtol=1e-11, atol=1e-13)
    for a, b in zip(parts[1], whole[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-13)
    wanted = reference.maximum_mean_discrepancy(x, y, **options)
    np.testing.assert_allclose(whole[0], wanted, rtol=1e-10, atol=1e-13)


def test_mmd_far_from_the_origin(rng):
    """The usual |a|^2 - 2 ab + |b|^2 loses all digits there; kernels of distances don't care."""
    x, y = rng.normal(size=(30, 4)), rng.normal(size=(20, 4)) + 1
    options = {"kernel": "rbf", "bandwidth": 2.0}
    near = gan.maximum_mean_discrepancy(x, y, **options)
    x, y = np.round(x * 2**20) / 2**20 + 2.0**28, np.round(y * 2**20) / 2**20 + 2.0**28
    assert gan.maximum_mean_discrepancy(x, y, **options) == pytest.approx(near, abs=1e-5)
    assert gan.maximum_mean_discrepancy(x, x, unbiased=False, **options) < 1e-13


@pytest.mark.parametrize("options", KERNELS, ids=str)
def test_biased_mmd_is_not_negative(options, rng):
    for n in (1, 2, 17):
        x = rng.normal(size=(n, 3)).astype("f")
        assert gan.maximum_mean_discrepancy(x, x, unbiased=False, **options) >= 0
        assert gan.maximum_mean_discrepancy(x, x[::-1], unbiased=False, **options) >= 0


def test_mmd_of_nan_and_infinity(rng):
    for value, options in itertools.product([np.nan, np.inf], KERNELS):
        x = rng.normal(size=(4, 2))
        x[1, 0] = value
        for unbiased in (True, False):
            found = gan.maximum_mean_discrepancy(x, x + 1, unbiased=unbiased, **options)
            assert np.isnan(found)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"kernel": "rbf"}, "the kernel 'rbf' needs a bandwidth"),
        ({"kernel": "inverse_multiquadric"}, "needs a bandwidth"),
        ({"kernel": "rbf", "bandwidth": 0.0}, "bandwidth must be finite and positive"),
        ({"kernel": "rbf", "bandwidth": [1.0, np.inf]}, "bandwidth must be finite and positive"),
        ({"kernel": "rbf", "bandwidth": []}, "bandwidth must be finite and positive"),
        ({"kernel": "rbf", "bandwidth": 1.0, "degree": 2}, "only the kernel 'polynomial' has a d"),
        ({"kernel": "rbf", "bandwidth": 1.0, "scale": 2}, "only the kernel 'polynomial' has a s"),
        ({"kernel": "rbf", "bandwidth": 1.0, "offset": 2}, "only the kernel 'polynomial' has a o"),
        ({"kernel": "polynomial", "bandwidth": 2}, "the kernel 'polynomial' has no bandwidth"),
        ({"kernel": "polynomial", "degree": 0}, "degree must be an integer of at least 1"),
        ({"kernel": "polynomial", "degree": 2.5}, "degree must be an integer of at least 1"),
        ({"kernel": "polynomial", "scale": 0.0}, "scale must be positive and offset not negative"),
        ({"kernel": "polynomial", "offset": -1}, "scale must be positive and offset not negative"),
        ({"kernel": "laplace"}, "kernel must be"),
    ],
)
def test_mmd_refuses(options, text):
    with pytest.raises(ValueError, match=text):
        gan.maximum_mean_discrepancy(np.ones((3, 2)), np.ones((3, 2)), **options)


def test_shapes_are_refused():
    one = {"kernel": "rbf", "bandwidth": 1.0}
    for x, y in [((3, 2), (3, 1)), ((3,), (3,)), ((2, 3, 2), (3, 2))]:
        with pytest.raises(ValueError, match=r"must have the shapes \(n, d\) and \(m, d\)"):
            gan.maximum_mean_discrepancy(np.ones(x), np.ones(y), **one)
        with pytest.raises(ValueError, match=r"must have the shapes \(n, d\) and \(m, d\)"):
            gan.frechet_distance(np.ones(x), np.ones(y))
    with pytest.raises(ValueError, match="2 samples or more, got 3 and 1"):
        gan.maximum_mean_discrepancy(np.ones((3, 2)), np.ones((1, 2)), **one)
    with pytest.raises(ValueError, match="2 samples or more, got 1 and 3"):
        gan.frechet_distance(np.ones((1, 2)), np.ones((3, 2)))
    for shape in [(3,), (1, 4), (2, 3, 4)]:
        with pytest.raises(ValueError, match="features must have the shape"):
            gan.pulling_away_term(np.ones(shape))
    with pytest.raises(TypeError, match="maximum_mean_discrepancy: y must hold"):
        gan.maximum_mean_discrepancy(np.ones((2, 2)), np.ones((2, 2)) * 1j, **one)
    with pytest.raises(ValueError, match=r"must have the shapes \(d,\), \(d, d\)"):
        gan.frechet_distance_of_normals(np.ones(2), np.eye(3), np.ones(2), np.eye(2))
    with pytest.raises(ValueError, match="covariance_y must be symmetric"):
        gan.frechet_distance_of_normals(np.ones(2), np.eye(2), np.ones(2), [[1, 1], [0, 1]])
    with pytest.raises(ValueError, match="covariance_x must have no negative eigenvalue"):
        gan.frechet_distance_of_normals(np.ones(2), -np.eye(2), np.ones(2), np.eye(2))


def exact_frechet(x, y):
    """The trace of the root by the eigenvalues of the product of covariances, in 60 digits."""
    with mpmath.workdps(60):
        total, matrices = mpmath.mpf(0), []
        means = []
        for a in (x, y):
            m = mpmath.matrix(a.tolist())
            mean = [mpmath.fsum(m[i, j] for i in range(m.rows)) / m.rows for j in range(m.cols)]
            for i, j in itertools.product(range(m.rows), range(m.cols)):
                m[i, j] -= mean[j]
            matrices.append(m.T * m / (m.rows - 1))
            means.append(mean)
            total += mpmath.fsum(matrices[-1][j, j] for j in range(m.cols))
        product = matrices[0] * matrices[1]
        one = product.rows == 1  # of which versions of eig make a list of a list
        values = [product[0, 0]] if one else mpmath.eig(product, left=False, right=False)
        roots = mpmath.fsum(mpmath.sqrt(max(mpmath.re(v), mpmath.mpf(0))) for v in values)
        difference = mpmath.fsum((a - b) ** 2 for a, b in zip(*means, strict=True))
        return float(difference + total - 2 * roots)


@pytest.mark.parametrize(("n", "m", "d"), [(8, 9, 3), (3, 9, 5), (2, 2, 4), (4, 3, 6), (5, 5, 1)])
def test_frechet_in_many_digits(n, m, d, rng):
    """Fewer samples than features make covariances singular, which a matrix root does not bear."""
    x, y = rng.normal(size=(n, d)), 2 + 0.5 * rng.normal(size=(m, d))
    found = gan.frechet_distance(x, y)
    assert found == pytest.approx(exact_frechet(x, y), rel=1e-13)
    assert isinstance(found, float)
    moments = [f for a in (x, y) for f in (a.mean(0), np.cov(a.T).reshape(d, d))]
    assert gan.frechet_distance_of_normals(*moments) == pytest.approx(found, rel=1e-6)
    assert gan.frechet_distance(x, x) < 1e-12
    assert gan.frechet_distance(x, y) == pytest.approx(gan.frechet_distance(y, x), rel=1e-13)


def test_frechet_special_values(rng):
    x = rng.normal(size=(5, 3))
    bad = x.copy()
    bad[2, 1] = np.nan
    assert np.isnan(gan.frechet_distance(x, bad))
    assert np.isnan(gan.frechet_distance_of_normals([np.inf], [[1.0]], [0.0], [[1.0]]))
    assert gan.frechet_distance_of_normals([1.0], [[0.0]], [3.0], [[4.0]]) == 8.0
    half = x.astype(np.float16)
    assert gan.frechet_distance(half, half + 1) == pytest.approx(3, abs=1e-2)


@pytest.mark.parametrize("dtype", DTYPES)
def test_pulling_away_in_many_digits(dtype, rng):
    x = rng.normal(size=(7, 4)).astype(dtype)
    found = gan.pulling_away_term(x)
    assert found.dtype == np.dtype(dtype)
    with mpmath.workdps(40):
        rows = [[mpmath.mpf(float(v)) for v in row] for row in x]
        terms = [
            mpmath.fdot(a, b) ** 2 / (mpmath.fdot(a, a) * mpmath.fdot(b, b))
            for a, b in itertools.permutations(rows, 2)
        ]
        wanted = float(mpmath.fsum(terms) / len(terms))
    assert float(found) == pytest.approx(wanted, rel=float(ml_dtypes.finfo(dtype).eps))


def test_pulling_away_of_any_length(rng, monkeypatch):
    x = rng.normal(size=(30, 3))
    value, (gradient,) = fastgen.value_and_grad(gan.pulling_away_term)(x)
    assert value == pytest.approx(reference.pulling_away_term(x), rel=1e-13)
    scales = 2.0 ** rng.integers(-900, 900, (30, 1))
    assert gan.pulling_away_term(x * scales) == pytest.approx(value, rel=1e-14)
    for place in [(0, 0), (7, 2), (29, 1)]:
        step = np.zeros_like(x)
        step[place] = 1e-6
        difference = gan.pulling_away_term(x + step) - gan.pulling_away_term(x - step)
        assert gradient[place] == pytest.approx(difference / 2e-6, rel=1e-6, abs=1e-9)
    monkeypatch.setattr("fastgen.gan.pulling_away._PAIRS", 100)
    parts = fastgen.value_and_grad(gan.pulling_away_term)(x)
    np.testing.assert_allclose(parts[1][0], gradient, rtol=1e-12)
    x[3] = 0.0
    value, (gradient,) = fastgen.value_and_grad(gan.pulling_away_term)(x)
    assert np.isnan(value)
    assert np.isnan(gradient).any()
