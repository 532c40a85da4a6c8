"""Probability paths: coefficients, points and velocities, against mpmath and finite differences."""

import pickle

import ml_dtypes
import numpy as np
import pytest
from path_formulas import INSIDE, NEAR, PATHS, exact, ulps_of

import fastgen
from fastgen.diffusion import Schedule, paths
from fastgen.diffusion.paths import (
    Cosine,
    Linear,
    LinearVariancePreserving,
    Path,
    Polynomial,
    VarianceExploding,
    VariancePreserving,
)
from fastgen.noise import Stream, normal
from fastgen.reference import diffusion_paths as reference

TYPES = [np.float16, ml_dtypes.bfloat16, np.float32, np.float64]
of_paths = pytest.mark.parametrize("path", PATHS, ids=repr)


class Quadratic(Path):
    """A path of a user."""

    def formula(self, t):
        return t * t, 1 - t, 2 * t, -1.0


# Coefficients.


@of_paths
def test_coefficients_are_exact(path):
    for t in INSIDE + NEAR:
        wanted = exact(path, t)
        for got, x in zip(path.coefficients(t), wanted, strict=True):
            assert abs(got - x) <= ulps_of(path) * np.spacing(np.float64(abs(x))), (path, t)
    separate = [f(INSIDE) for f in (path.alpha, path.sigma, path.d_alpha, path.d_sigma)]
    np.testing.assert_array_equal(separate, path.coefficients(INSIDE))


@of_paths
def test_ends_are_exact(path):
    alpha, sigma = path.alpha([0.0, 1.0]), path.sigma([0.0, 1.0])
    first, last = {
        VarianceExploding(): ([1, 80.0], [1, 0.002]),
        Linear(sigma_min=0.125): ([0, 1], [1, 0.125]),
    }.get(path, ([0, 1], [1, 0]))
    assert [alpha[1], sigma[1]] == last
    if isinstance(path, VariancePreserving):  # some data is left at the start
        assert 0 < alpha[0] < 1 and abs(alpha[0] ** 2 + sigma[0] ** 2 - 1) < 1e-15
    else:
        assert [alpha[0], sigma[0]] == first


@of_paths
def test_shapes_and_types_of_coefficients(path):
    for t in (0.5, np.float32(0.5), [0.5], np.full((2, 3), 0.5, np.float16), np.empty((0, 2))):
        for got in path.coefficients(t):
            assert np.shape(got) == np.shape(t) and got.dtype == np.float64
    for t in (-0.1, 1.5, np.nan, [0.5, 2.0]):
        with pytest.raises(ValueError, match=r"t must lie in \[0, 1\]"):
            path.coefficients(t)


@of_paths
def test_times_of_ratios(path):
    t = np.array([*INSIDE, 1e-3, 1 - 1e-3])
    alpha, sigma = path.alpha(t), path.sigma(t)
    for factor in (1.0, 3.0, 1e-3):
        np.testing.assert_allclose(path.time_of(alpha * factor, sigma * factor), t, rtol=3e-13)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(Path.inverse(path, alpha, sigma), t, rtol=1e-12)  # by bisection
    assert np.isnan(VarianceExploding().time_of([1.0, 1.0], [81.0, 0.0])).all()
    assert np.isnan(VariancePreserving().time_of(0.0, 1.0))
    assert VariancePreserving().time_of(1.0, 0.0) == 1 and Cosine().time_of(0.0, 2.0) == 0
    for pair in ((0.0, 0.0), (-1.0, 1.0), (np.nan, 1.0), (np.inf, 1.0)):
        with pytest.raises(ValueError, match="alpha and sigma must be >= 0 and finite"):
            path.time_of(*pair)


@pytest.mark.parametrize(
    ("path", "schedule"),
    [
        (Linear(), Schedule.flow()),
        (Cosine(), Schedule.trigflow()),
        (VariancePreserving(0.2, 10.0), Schedule.vp(beta_min=0.2, beta_max=10.0)),
        (VarianceExploding(), Schedule.exponential(10)),
    ],
    ids=repr,
)
def test_a_schedule_runs_the_other_way(path, schedule):
    t = np.array(INSIDE)
    for ours, theirs in zip(path.coefficients(t)[:2], schedule.coefficients(1 - t), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-13)


def test_paths_compare_pickle_and_show_themselves():
    for path in PATHS:
        copied = pickle.loads(pickle.dumps(path))
        assert copied == path and hash(copied) == hash(path) and repr(copied) == repr(path)
        assert eval(repr(path)) == path
    assert len(set(PATHS)) == len(PATHS)
    with pytest.raises(AttributeError, match="cannot assign"):
        Linear().sigma_min = 0.5
    assert repr(VariancePreserving()) == "VariancePreserving(beta_min=0.1, beta_max=20.0)"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Linear(1.0), r"expected 0 <= sigma_min < 1, got 1\.0"),
        (lambda: Linear(float("nan")), "expected 0 <= sigma_min < 1, got nan"),
        (lambda: Polynomial(0), "n must be > 0 and finite, got 0"),
        (lambda: Polynomial(float("inf")), "n must be > 0 and finite, got inf"),
        (lambda: VariancePreserving(2.0, 1.0), r"0 < beta_min <= beta_max < inf, got 2\.0 and 1"),
        (lambda: VarianceExploding(1.0, 1.0), r"0 < sigma_min < sigma_max < inf, got 1\.0 and 1"),
    ],
)
def test_parameters_are_checked(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# Points and velocities.


def near(path, got, wanted, scale, dtype, ulps):
    """Compare within the errors of the row, and of the coefficients in float64.

    For narrower data, coefficients are rounded to float32; results in half precision once more.
    """
    assert got.dtype == dtype
    error = np.abs(got.astype(np.float64) - wanted)
    bound = ulps_of(path) * np.finfo(np.float64).eps * scale
    if dtype == np.float64:
        bound = bound + ulps * np.finfo(np.float64).eps * scale
    else:
        bound = bound + (ulps + 1) * np.finfo(np.float32).eps * scale
    if np.dtype(dtype).itemsize == 2:
        info = ml_dtypes.finfo(dtype)
        bound = bound + float(info.eps) * np.maximum(np.abs(wanted), float(info.tiny))
    assert np.all(error <= bound)


def noise_of(form, shape, dtype):
    """Return the options of a form of noise, and the noise. What is drawn is never rounded."""
    wide = np.float32 if np.dtype(dtype).itemsize == 2 else dtype
    drawn = normal(shape, key=5, counter=3, dtype=dtype if form == "array" else wide)
    options = {
        "array": {"noise": drawn},
        "stream": {"noise": Stream(5, 3)},
        "key": {"key": 5, "counter": 3},
    }
    return options[form], drawn


@pytest.mark.parametrize("form", ["array", "stream", "key"])
@pytest.mark.parametrize("dtype", TYPES)
@of_paths
def test_sample_is_its_formula(path, dtype, form, rng):
    for shape, t in (
        ((6,), np.array(INSIDE)),
        ((6, 5), np.array(INSIDE)),
        ((2, 3, 40), np.reshape(INSIDE, (2, 3))),
        ((3, 4), 0.25),
        ((3, 4), np.float32(0.25)),
        ((3, 0), [0.25, 0.5, 0.75]),
    ):
        x1 = rng.normal(size=shape).astype(dtype)
        options, noise = noise_of(form, shape, dtype)
        got = paths.sample(x1, t, path, **options)
        c = np.array([exact_floats(path, x) for x in np.ravel(t)]).T
        c = c.reshape(4, *np.shape(t), *(1,) * (len(shape) - np.ndim(t)))
        terms = [k * x.astype(float) for k, x in zip(c, (x1, noise, x1, noise), strict=True)]
        for y, (p, q) in zip(got, (terms[:2], terms[2:]), strict=True):
            assert y.shape == shape
            near(path, y, p + q, np.maximum(np.abs(p), np.abs(q)), dtype, 2)


def exact_floats(path, t):
    return [float(x) for x in exact(path, float(t))]


@of_paths
def test_velocity_is_the_slope(path, rng):
    x1, x0 = rng.normal(size=(2, 6, 8))
    t, h = np.array(INSIDE), 1e-6
    _, velocity = paths.sample(x1, t, path, noise=x0)
    after, before = (paths.sample(x1, t + s, path, noise=x0)[0] for s in (h, -h))
    slope = (after - before) / (2 * h)
    scale = np.max(np.abs(velocity), axis=1, keepdims=True)
    assert np.all(np.abs(slope - velocity) <= 1e-5 * np.maximum(scale, 1))


def test_sample_has_one_call_for_all_forms_of_times_and_noise(rng):
    x1 = rng.normal(size=(4, 3)).astype(np.float32)
    wanted = paths.sample(x1, 0.5, Cosine(), key=7)
    for t in (np.full(4, 0.5), [0.5] * 4, np.full((4, 3), 0.5), np.full(4, 0.5, np.float16)):
        for got, x in zip(paths.sample(x1, t, Cosine(), key=7), wanted, strict=True):
            np.testing.assert_array_equal(got, x)
    one = paths.sample(x1, 0.5, Cosine(), rng=np.random.default_rng(1))
    two = paths.sample(x1, 0.5, Cosine(), rng=np.random.default_rng(1))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(paths.sample(x1, 0.5, Cosine())[0], one[0])
    outs = np.empty_like(x1), np.empty_like(x1)
    assert paths.sample(x1, 0.5, Cosine(), key=7, out=outs)[1] is outs[1]
    np.testing.assert_array_equal(outs, wanted)
    x_t, velocity = paths.sample(x1, 0.0, Linear(), noise=np.zeros_like(x1))
    assert not x_t.any() and np.array_equal(velocity, x1)


def test_the_straight_path_is_that_of_interpolate(rng):
    x0, x1 = rng.normal(size=(2, 6, 8))
    t = np.array(INSIDE)
    ours, theirs = paths.sample(x1, t, Linear(), noise=x0), fastgen.diffusion.interpolate(x0, x1, t)
    np.testing.assert_allclose(ours, theirs, rtol=1e-13, atol=1e-15)


def test_a_path_of_a_user(rng):
    x1, x0 = rng.normal(size=(2, 6, 8))
    t = np.array(INSIDE)
    x_t, velocity = paths.sample(x1, t, Quadratic(), noise=x0)
    np.testing.assert_allclose(x_t, (t * t)[:, None] * x1 + (1 - t)[:, None] * x0, rtol=1e-13)
    np.testing.assert_allclose(velocity, (2 * t)[:, None] * x1 - x0, rtol=1e-13)
    with pytest.raises(NotImplementedError, match="Path has no formula"):
        paths.sample(x1, t, Path(), noise=x0)


@pytest.mark.parametrize("kind", ["constant", "brownian"])
@pytest.mark.parametrize("dtype", TYPES)
@of_paths
def test_bridge_is_its_formula(path, dtype, kind, rng):
    t, sigma = np.array(INSIDE), 0.375
    x0, x1 = rng.normal(size=(2, 6, 17)).astype(dtype)
    for form in ("array", "stream", "key"):
        options, noise = noise_of(form, x1.shape, dtype)
        got = paths.bridge(x0, x1, t, path, sigma=sigma, kind=kind, **options)
        wide = [x.astype(float) for x in (x0, x1, noise)]
        c = np.array([exact_floats(path, x) for x in t])[:, :, None]
        s = sigma * np.sqrt(t * (1 - t)) if kind == "brownian" else np.full(6, sigma)
        ds = s * (1 - 2 * t) / (2 * t * (1 - t)) if kind == "brownian" else np.zeros(6)
        of = [(c[:, 1], c[:, 0], s[:, None]), (c[:, 3], c[:, 2], ds[:, None])]
        for y, factors in zip(got, of, strict=True):
            terms = [k * x for k, x in zip(factors, wide, strict=True)]
            near(path, y, sum(terms), np.max(np.abs(terms), axis=0), dtype, 3)


def test_bridges_of_torchcfm(rng):
    """The formulas of the four matchers of torchcfm (its velocity by x_t, without its 1e-8)."""
    x0, x1, eps = rng.normal(size=(3, 6, 8))
    t, sigma = np.array(INSIDE), 0.25
    s = t[:, None]
    mean = s * x1 + (1 - s) * x0
    wanted = {
        "constant": (mean + sigma * eps, x1 - x0),
        "brownian": (
            x_t := mean + sigma * np.sqrt(s * (1 - s)) * eps,
            (1 - 2 * s) / (2 * s * (1 - s)) * (x_t - mean) + x1 - x0,
        ),
    }
    for kind, pair in wanted.items():
        got = paths.bridge(x0, x1, t, Linear(), sigma=sigma, kind=kind, noise=eps)
        np.testing.assert_allclose(got, pair, rtol=1e-12, atol=1e-12)
    sigma_t = 1 - (1 - sigma) * s  # target-CFM
    x_t = s * x1 + sigma_t * eps
    got = paths.sample(x1, t, Linear(sigma_min=sigma), noise=eps)
    wanted = x_t, (x1 - (1 - sigma) * x_t) / sigma_t
    np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-12)
    a, b = np.pi / 2 * s, np.pi / 2  # VP-CFM
    got = paths.bridge(x0, x1, t, Cosine(), sigma=sigma, noise=eps)
    wanted = (
        np.cos(a) * x0 + np.sin(a) * x1 + sigma * eps,
        b * (np.cos(a) * x1 - np.sin(a) * x0),
    )
    np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-12)


def test_schedulers_of_flow_matching():
    """The formulas of the schedulers of facebookresearch/flow_matching."""
    t, low, high = np.array(INSIDE), 0.1, 20.0
    b = 0.5 * (1 - t) ** 2 * (high - low) + (1 - t) * low
    rate = (1 - t) * (high - low) + low
    wanted = {
        Linear(): (t, 1 - t, 1, -1),
        Polynomial(3): (t**3, 1 - t**3, 3 * t**2, -3 * t**2),
        VariancePreserving(): (
            np.exp(-0.5 * b),
            np.sqrt(1 - np.exp(-b)),
            0.5 * rate * np.exp(-0.5 * b),
            -0.5 * rate * np.exp(-b) / np.sqrt(1 - np.exp(-b)),
        ),
        LinearVariancePreserving(): (t, (1 - t**2) ** 0.5, 1, -t / (1 - t**2) ** 0.5),
        Cosine(): (
            np.sin(np.pi / 2 * t),
            np.cos(np.pi / 2 * t),
            np.pi / 2 * np.cos(np.pi / 2 * t),
            -np.pi / 2 * np.sin(np.pi / 2 * t),
        ),
    }
    for path, four in wanted.items():
        for ours, theirs in zip(path.coefficients(t), four, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-11)


# Derivatives.


def test_derivatives_of_sample_and_bridge(rng):
    x0, x1, eps, c, d = rng.normal(size=(5, 6, 8))
    t = np.array(INSIDE)
    for path in PATHS:
        a, s, da, ds = (k[:, None] for k in path.coefficients(t))
        _, pullback = fastgen.vjp(paths.sample, x1, t, path, noise=x0)
        (by_x1,) = pullback((c, d))
        np.testing.assert_allclose(by_x1, a * c + da * d, rtol=1e-12, atol=1e-12)
        _, pullback = fastgen.vjp(paths.bridge, x0, x1, t, path, sigma=0.5, noise=eps)
        by_x0, by_x1 = pullback((c, d))
        np.testing.assert_allclose(by_x0, s * c + ds * d, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(by_x1, a * c + da * d, rtol=1e-12, atol=1e-12)


# The reference.


@pytest.mark.parametrize("kind", ["constant", "brownian"])
@of_paths
def test_references(path, kind, rng):
    x0, x1, eps = rng.normal(size=(3, 6, 2, 3))
    t = np.array(INSIDE)
    ours, theirs = (f(x1, t, path, noise=x0) for f in (paths.sample, reference.sample))
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    options = {"sigma": 0.5, "kind": kind, "noise": eps}
    ours, theirs = (f(x0, x1, t, path, **options) for f in (paths.bridge, reference.bridge))
    np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-11)


# What is refused.

X = np.ones((3, 2))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: paths.sample(X, 1.5, Linear(), key=1), ValueError, r"t must lie in \[0, 1\], got"),
        (lambda: paths.sample(X, np.nan, Linear(), key=1), ValueError, "t must lie in"),
        (lambda: paths.sample(X, [0.5] * 2, Linear(), key=1), ValueError, r"axes of x1 \(3, 2\)"),
        (lambda: paths.sample(X, 0.5, "linear", key=1), TypeError, "path must be a fastgen.diffus"),
        (
            lambda: paths.sample(X, 0.5, Linear, key=1),
            TypeError,
            "path must be a fastgen.diffusion",
        ),
        (lambda: paths.sample(X, 0.5, Linear(), key=1, noise=X), ValueError, "noise and key both"),
        (lambda: paths.sample(X, 0.5, Linear(), noise=X.T), ValueError, "shapes must be equal"),
        (lambda: paths.sample(1j * X, 0.5, Linear(), noise=X), TypeError, "x1 must hold"),
        (
            lambda: paths.sample(X, [0.5, 1, 1], VariancePreserving(), key=1),
            ValueError,
            r"velocity of VariancePreserving\(.*\) is infinite at t = 1; give times inside",
        ),
        (lambda: paths.sample(X, 0, Polynomial(0.5), key=1), ValueError, "infinite at t = 0"),
        (
            lambda: paths.bridge(X, X, 0.0, Linear(), sigma=1, kind="brownian", key=1),
            ValueError,
            "the velocity of a Brownian bridge is infinite at t = 0",
        ),
        (
            lambda: paths.bridge(X, X, [0.5, 0.5, 1], Linear(), sigma=1, kind="brownian", key=1),
            ValueError,
            "infinite at t = 1",
        ),
        (lambda: paths.bridge(X, X, 0.5, Linear(), sigma=-1, key=1), ValueError, "sigma must be"),
        (lambda: paths.bridge(X, X, 0.5, Linear(), sigma=np.inf, key=1), ValueError, "sigma must"),
        (lambda: paths.bridge(X, X, 0.5, Linear(), sigma=1j, key=1), TypeError, "sigma must be a"),
        (lambda: paths.bridge(X, X, 0.5, Linear(), sigma=1, kind="sb"), ValueError, "kind must be"),
        (lambda: paths.bridge(X, X.T, 0.5, Linear(), sigma=1), ValueError, "shapes must be equal"),
    ],
)
def test_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_bridge_without_noise_has_ends():
    for t in (0.0, 1.0):
        got = paths.bridge(0 * X, X, t, Linear(), sigma=0.0, kind="brownian", key=1)
        np.testing.assert_array_equal(got, [t * X, X])
