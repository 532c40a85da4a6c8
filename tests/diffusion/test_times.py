"""Training times: distributions against exact ones, strata, reproducibility, types, refusals."""

import copy
import pickle

import mpmath
import numpy as np
import pytest
from mpmath import mp, mpf

import fastgen
from fastgen import diffusion
from fastgen.diffusion import Schedule, times

INF = float("inf")


def uniforms(n, key, counter=0, strata=1):
    """The numbers in (0, 1) that the docstring of `uniform` tells, exactly."""
    u = fastgen.noise.uniform(n, key=key, counter=2**127 + counter)
    k = [(counter + j) % strata for j in range(n)]
    return [(mpf(a) + mpf(2) ** -65 + b) / strata for a, b in zip(u.tolist(), k, strict=True)]


def odds(t, shift=1):
    return t / (1 - t) / shift


def unshifted(t, shift):
    return odds(t, shift) / (1 + odds(t, shift))


def split(x, low, high):
    share = low / (low + high)
    if x < 0:
        return 2 * share * mpmath.ncdf(x / low)
    return 1 - 2 * (1 - share) * mpmath.ncdf(-x / high)


def logistic(s, mean, scale):
    return 1 / (1 + mpmath.exp((mean - mpmath.log(s)) / scale))


def cut(cdf, low, high):
    return lambda s: (cdf(s) - cdf(low)) / (cdf(high) - cdf(low))


# For each function: options, and the distribution function of its draws in mpmath.
CASES = [
    (times.uniform, {}, lambda t: t),
    (times.uniform, {"low": -2.0, "high": 3.0}, lambda t: (t + 2) / 5),
    (
        times.uniform,
        {"low": 0.25, "high": 0.75, "shift": 3.0},
        lambda t: 2 * unshifted(t, 3) - mpf(1) / 2,
    ),
    (times.logit_normal, {}, lambda t: mpmath.ncdf(mpmath.log(odds(t)))),
    (
        times.logit_normal,
        {"mean": -0.5, "std": 1.5, "shift": 3.0},
        lambda t: mpmath.ncdf((mpmath.log(odds(t, 3)) + mpf(1) / 2) / mpf(1.5)),
    ),
    (times.cosmap, {}, lambda t: 2 / mp.pi * mpmath.atan(odds(t))),
    (times.cosmap, {"shift": 0.5}, lambda t: 2 / mp.pi * mpmath.atan(odds(t, 0.5))),
    (times.power, {}, lambda t: t**1.5),
    (times.power, {"exponent": 0.5, "shift": 2.0}, lambda t: unshifted(t, 2) ** 0.5),
    (times.log_normal, {}, lambda s: mpmath.ncdf((mpmath.log(s) + mpf(1.2)) / mpf(1.2))),
    (
        times.split_log_normal,
        {"mean": 0.5, "std_low": 0.5, "std_high": 2.0},
        lambda s: split(mpmath.log(s) - mpf(0.5), mpf(0.5), mpf(2)),
    ),
    (
        times.log_uniform,
        {"sigma_min": 0.01, "sigma_max": 50.0},
        lambda s: mpmath.log(s / mpf(0.01)) / mpmath.log(50 / mpf(0.01)),
    ),
    (times.log_logistic, {}, lambda s: logistic(s, 0, 1)),
    (
        times.log_logistic,
        {"mean": -1.0, "scale": 0.5, "sigma_min": 0.125, "sigma_max": 2.0},
        cut(lambda s: logistic(mpf(s), -1, 0.5), 0.125, 2.0),
    ),
    (times.v_diffusion, {}, lambda s: 2 / mp.pi * mpmath.atan(s)),
    (
        times.v_diffusion,
        {"sigma_data": 0.5, "sigma_min": 0.125, "sigma_max": 80.0},
        cut(lambda s: mpmath.atan(2 * mpf(s)), 0.125, 80.0),
    ),
]
NAMES = [f"{f.__name__}-{k}" for k, (f, _, _) in enumerate(CASES)]
MODES = [{"scale": -1.0}, {}, {"scale": 1.75}, {"scale": 0.5, "shift": 3.0}]
SIZES = {"image_size": 256, "noise_size_low": 32, "noise_size_high": 128}
CALLS = [(f, o) for f, o, _ in CASES] + [(times.mode, o) for o in MODES]
CALLS += [(times.cosine_interpolated, SIZES)]
CALL_NAMES = [f"{f.__name__}-{k}" for k, (f, _) in enumerate(CALLS)]


@pytest.mark.parametrize("strata", [None, 7, 300])
@pytest.mark.parametrize(("f", "options", "cdf"), CASES, ids=NAMES)
def test_distribution(f, options, cdf, strata):
    with mp.workdps(30):
        found = f(300, key=5, counter=11, strata=strata, **options)
        for t, u in zip(found.tolist(), uniforms(300, 5, 11, strata or 1), strict=True):
            assert abs(cdf(mpf(t)) - u) < 1e-15, (t, float(u))


@pytest.mark.parametrize("options", MODES)
def test_mode(options):
    """The formula of the paper, which has no closed distribution function, and falls with u."""
    c, shift = options.get("scale", 1.29), options.get("shift", 1.0)
    found = times.mode(300, key=5, **options)
    with mp.workdps(30):
        for t, u in zip(found.tolist(), uniforms(300, 5), strict=True):
            wanted = 1 - u - mpf(c) * (mpmath.cos(mp.pi / 2 * u) ** 2 - 1 + u)
            assert abs(unshifted(mpf(t), shift) - wanted) < 1e-15
    assert np.all(np.diff(times.mode(1000, key=1, strata=1000, **options)) < 0)


def test_cosine_interpolated():
    """k-diffusion: the log-SNR is a mean of those of two shifted cosine schedules."""
    with mp.workdps(30):
        found = times.cosine_interpolated(200, key=5, sigma_data=0.5, **SIZES)
        for s, u in zip(found.tolist(), uniforms(200, 5), strict=True):
            ends = [mpmath.atan(x / mpf(0.5)) for x in (mpf(0.001), mpf(1000))]
            log_snr = -2 * mpmath.log(mpmath.tan(ends[0] + u * (ends[1] - ends[0])))
            shifted = [log_snr + 2 * mpmath.log(mpf(n) / 256) for n in (32, 128)]
            mean = (1 - u) * shifted[0] + u * shifted[1]
            assert abs(mpf(s) / (mpmath.exp(-mean / 2) * mpf(0.5)) - 1) < 1e-12


@pytest.mark.parametrize(("f", "options"), CALLS, ids=CALL_NAMES)
def test_elements_depend_on_key_and_index_alone(f, options):
    for strata in (None, 64):
        whole = f(128, key=3, strata=strata, **options)
        assert whole.dtype == np.float64
        for counter, n in ((0, 5), (40, 50), (127, 1)):
            part = f(n, key=3, counter=counter, strata=strata, **options)
            np.testing.assert_array_equal(part, whole[counter : counter + n])
        np.testing.assert_array_equal(f((4, 32), key=3, strata=strata, **options).ravel(), whole)
        for kind in ("float16", "float32"):
            low = f(128, key=3, strata=strata, dtype=kind, **options)
            np.testing.assert_array_equal(low, whole.astype(kind))
        lazy = f(128, key=3, strata=strata, chunks=37, **options)
        np.testing.assert_array_equal(lazy.compute(scheduler="synchronous"), whole)
    assert np.ndim(f((), key=3, **options)) == 0
    assert f(0, key=3, **options).shape == (0,)
    np.testing.assert_array_equal(f(9, rng=4, **options), f(9, rng=4, **options))
    assert not np.array_equal(f(9, key=4, **options), f(9, key=5, **options))


def test_bfloat16():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    found = times.logit_normal(100, key=1, dtype=ml_dtypes.bfloat16)
    wanted = times.logit_normal(100, key=1, dtype=np.float32).astype(ml_dtypes.bfloat16)
    assert found.dtype == ml_dtypes.bfloat16
    np.testing.assert_allclose(found.astype(float), wanted.astype(float), rtol=2**-8)


def test_strata_have_one_time_each_and_less_variance():
    for start in (0, 5, 2**100 + 3):
        t = times.uniform(50, key=1, strata=50, counter=start)
        assert sorted(np.floor(t * 50).astype(int).tolist()) == list(range(50))
    means = [
        times.uniform(64, strata=k, key=1, counter=64 * j).mean()
        for k in (None, 64)
        for j in range(200)
    ]
    plain, even = np.var(means[:200]), np.var(means[200:])
    # 1 / (12 n) and 1 / (12 n^3)
    assert 0.5 < plain * 12 * 64 < 2 and 0.5 < even * 12 * 64**3 < 2


def test_ends():
    """The numbers nearest to 0 and 1, and strata that round to 1, give no infinite times."""
    from fastgen.diffusion.times._draws import BELOW_1, HALF_A_CELL, normal_quantile

    u = np.array([HALF_A_CELL, 2.0**-40, 0.25, 0.5, 0.75, 1 - 2.0**-40, BELOW_1])
    with mp.workdps(40):
        for x, found in zip(u.tolist(), normal_quantile(u).tolist(), strict=True):
            wanted = mpmath.findroot(lambda z, x=x: mpmath.ncdf(z) - x, mpf(found), tol=1e-50)
            assert abs(mpf(found) - wanted) <= 1e-15 * max(1, abs(wanted))
    for f, options in CALLS:
        found = f(2**12, key=1, strata=2**32, counter=2**32 - 2**12, **options)
        assert np.all(np.isfinite(found))


def test_times_and_noise_of_one_key_are_independent():
    """The words of the times are not those of the noise."""
    t = times.uniform(10**5, key=9)
    noise = fastgen.noise.normal(10**5, key=9)
    assert abs(np.corrcoef(t, noise)[0, 1]) < 0.02
    assert abs(np.corrcoef(abs(t - 0.5), abs(noise))[0, 1]) < 0.02


def test_steps():
    found = times.steps(3000, 10, key=1, strata=3000)
    np.testing.assert_array_equal(np.bincount(found), [300] * 10)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(times.steps(100, 7, key=1), times.uniform(100, key=1) * 7 // 1)
    assert set(times.steps(500, 3, key=1).tolist()) == {0, 1, 2}
    lazy = times.steps((10, 10), 7, key=1, chunks=3).compute(scheduler="synchronous")
    np.testing.assert_array_equal(lazy, times.steps((10, 10), 7, key=1))
    schedule = Schedule.linear(1000)
    x0 = np.ones((4, 3))
    diffusion.add_noise(x0, times.steps(4, len(schedule), key=1), schedule, key=1)


@pytest.mark.parametrize("factor", [1.0, 1e-300, 1e300])
def test_weighted_steps(factor):
    p = np.array([0.0, 1, 2, 0, 5, 0]) * factor
    t, weight = times.weighted_steps(800, p, key=1, strata=800)
    np.testing.assert_array_equal(np.bincount(t, minlength=6), [0, 100, 200, 0, 500, 0])
    np.testing.assert_allclose(weight, 8 / (6 * (p / factor)[t]), rtol=1e-14)
    losses = np.arange(1.0, 7.0)
    wanted = (losses * (p > 0)).mean()
    assert abs((weight * losses[t]).mean() - wanted) < 1e-12
    t, weight = times.weighted_steps((), p, key=1)
    assert np.ndim(t) == np.ndim(weight) == 0


def test_loss_second_moment():
    """The formula of Nichol and Dhariwal, written with lists."""
    by_loss = times.LossSecondMoment(4, history=3, uniform_share=0.1)
    kept = [[] for _ in range(4)]
    rng = np.random.default_rng(0)
    for k in range(40):
        t, losses = rng.integers(0, 4, 5), rng.exponential(size=5)
        by_loss.update(t, losses)
        for step, loss in zip(t, losses, strict=True):
            kept[step] = [*kept[step], loss][-3:]
        if min(map(len, kept)) < 3:
            wanted = np.full(4, 0.25)
            assert k < 10
        else:
            roots = np.sqrt([np.mean(np.square(x)) for x in kept])
            wanted = 0.9 * roots / roots.sum() + 0.1 / 4
        np.testing.assert_allclose(by_loss.probabilities, wanted, rtol=1e-14)
    assert abs(by_loss.probabilities.sum() - 1) < 1e-15
    for copied in (pickle.loads(pickle.dumps(by_loss)), copy.deepcopy(by_loss)):
        for a, b in zip(copied.sample(9, key=1), by_loss.sample(9, key=1), strict=True):
            np.testing.assert_array_equal(a, b)
        copied.update([0], [1e3])
        assert not np.array_equal(copied.probabilities, by_loss.probabilities)
    t, weight = by_loss.sample(1000, strata=1000, key=1)
    np.testing.assert_allclose(weight, 0.25 / by_loss.probabilities[t], rtol=1e-12)
    assert "4 steps of 4 have 3 losses" in repr(by_loss)


def test_losses_of_any_size():
    for size in (0.0, 1e-200, 1e200):
        by_loss = times.LossSecondMoment(2, history=1)
        by_loss.update([0, 1], [size, size])
        np.testing.assert_allclose(by_loss.probabilities, [0.5, 0.5], rtol=1e-14)


KEY = {"key": 1}


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: times.uniform(-1), ValueError, "uniform: shape must not be negative"),
        (lambda: times.uniform("a"), TypeError, "uniform: shape must hold integers"),
        (lambda: times.uniform(3, key=1, rng=1), ValueError, "uniform: key and rng both"),
        (lambda: times.uniform(3, key=-1), ValueError, "key must lie in"),
        (lambda: times.uniform(3, counter=-1), ValueError, "uniform: counter must lie in 0"),
        (lambda: times.uniform(3, counter=2**126), ValueError, "uniform: counter must lie in 0"),
        (lambda: times.uniform(3, counter=0.5), TypeError, "counter must be an integer"),
        (lambda: times.uniform(3, strata=0), ValueError, "uniform: strata must lie in 1"),
        (lambda: times.uniform(3, strata=2.0), TypeError, "uniform: strata must be an integer"),
        (lambda: times.uniform(3, dtype="int32"), TypeError, "uniform: dtype must be float16"),
        (lambda: times.uniform(3, dtype="complex64"), TypeError, "uniform: dtype must be"),
        (lambda: times.uniform(3, low=1.0), ValueError, "uniform: low must be < high"),
        (lambda: times.uniform(3, low=-INF), ValueError, "uniform: low must be finite"),
        (lambda: times.uniform(3, high=2.0, shift=2.0), ValueError, "uniform: a shift is"),
        (lambda: times.uniform(3, shift=0.0), ValueError, "uniform: shift must be > 0"),
        (lambda: times.logit_normal(3, std=0.0), ValueError, "logit_normal: std must be > 0"),
        (lambda: times.logit_normal(3, mean=np.nan), ValueError, "logit_normal: mean must be"),
        (lambda: times.logit_normal(3, shift=-1.0), ValueError, "logit_normal: shift must be"),
        (lambda: times.mode(3, scale=1.76), ValueError, "mode: scale must lie in"),
        (lambda: times.mode(3, scale=-1.1), ValueError, "mode: scale must lie in"),
        (lambda: times.cosmap(3, shift=INF), ValueError, "cosmap: shift must be > 0"),
        (lambda: times.power(3, exponent=0.0), ValueError, "power: exponent must be > 0"),
        (lambda: times.log_normal(3, std=-1.0), ValueError, "log_normal: std must be > 0"),
        (lambda: times.split_log_normal(3, std_low=0.0), ValueError, "std_low must be > 0"),
        (lambda: times.log_uniform(3, sigma_min=0.0), ValueError, "sigma_min must be > 0"),
        (lambda: times.log_uniform(3, sigma_max=0.001), ValueError, "expected 0 <= sigma_min"),
        (lambda: times.log_logistic(3, scale=0.0), ValueError, "log_logistic: scale must be"),
        (lambda: times.log_logistic(3, sigma_min=1e30), ValueError, "no share"),
        (lambda: times.log_logistic(3, sigma_min=-1.0), ValueError, "expected 0 <= sigma_min"),
        (lambda: times.v_diffusion(3, sigma_min=1e30), ValueError, "one angle"),
        (lambda: times.v_diffusion(3, sigma_data=0.0), ValueError, "sigma_data must be > 0"),
        (
            lambda: times.cosine_interpolated(3, **SIZES | {"image_size": 0}),
            ValueError,
            "image_size must be > 0",
        ),
        (lambda: times.steps(3, 0), ValueError, "steps: num_steps must lie in 1"),
        (lambda: times.steps(3, 2.5), TypeError, "steps: num_steps must be an integer"),
        (lambda: times.weighted_steps(3, [[1.0]]), ValueError, r"must be of shape \(T,\)"),
        (lambda: times.weighted_steps(3, [0.0, 0.0]), ValueError, "not all 0"),
        (lambda: times.weighted_steps(3, [1.0, -1.0]), ValueError, "must be >= 0"),
        (lambda: times.weighted_steps(3, [1.0, INF]), ValueError, "finite"),
        (lambda: times.LossSecondMoment(0), ValueError, "num_steps must lie in 1"),
        (lambda: times.LossSecondMoment(2, history=0), ValueError, "history must lie in 1"),
        (lambda: times.LossSecondMoment(2, uniform_share=2), ValueError, "uniform_share must"),
        (lambda: times.LossSecondMoment(2).update([0.5], [1.0]), TypeError, "t must hold int"),
        (lambda: times.LossSecondMoment(2).update([2], [1.0]), ValueError, "between 0 and 1"),
        (lambda: times.LossSecondMoment(2).update([1], [np.nan]), ValueError, "must be finite"),
        (lambda: times.LossSecondMoment(2).update([1], 1.0), ValueError, "one shape"),
    ],
)
def test_refused(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


SCHEDULES = [(Schedule.flow(), 0.3), (Schedule.vp(), 0.3), (Schedule.edm(), 2.0)]


@pytest.mark.parametrize("gamma", [0.25, 5.0, INF])
@pytest.mark.parametrize("weight", [diffusion.min_snr_weight, diffusion.soft_min_snr_weight])
def test_all_predictions_have_the_same_weighted_error(weight, gamma, rng):
    """Two predictions of a kind, converted to x0: the weighted errors are those of x0."""
    for schedule, t in SCHEDULES:
        alpha, sigma = schedule.coefficients(t)
        ratio = (alpha / sigma) ** 2
        soft = ratio if gamma == INF else ratio * gamma / (ratio + gamma)
        wanted = min(ratio, gamma) if weight is diffusion.min_snr_weight else soft
        x, a, b = rng.normal(size=(3, 5))
        # The v of `convert` is not that of the rescaled x.
        of_v = ["v"] * (schedule.form == "variance preserving")
        for kind in ("epsilon", "x0", *of_v, "flow"):
            of_x0 = [diffusion.convert(x, p, t, schedule, source=kind, target="x0") for p in (a, b)]
            error = np.square(of_x0[0] - of_x0[1]) * wanted
            found = weight(t, schedule, gamma=gamma, prediction=kind) * np.square(a - b)
            np.testing.assert_allclose(found, error, rtol=1e-11)


@pytest.mark.parametrize("weight", [diffusion.min_snr_weight, diffusion.soft_min_snr_weight])
def test_limits_of_weights(weight):
    kinds = ("epsilon", "x0", "v", "flow")

    def found(t, gamma):
        return [weight(t, Schedule.flow(), gamma=gamma, prediction=k) for k in kinds]

    assert found(1.0, 5.0) == found(1.0, INF) == [1, 0, 0, 0]
    assert found(0.0, 5.0) == [0, 5, 0, 0]
    assert found(0.0, INF) == [1, INF, 1, 1]
    with pytest.raises(ValueError, match="gamma must be > 0"):
        found(0.5, 0.0)


def test_k_diffusion_soft_min_snr():
    """_weighting_soft_min_snr of k-diffusion: (s d)^2 / (s^2 + d^2)^2 for data of variance d."""
    sigma = np.array([0.1, 1.0, 10.0])
    found = diffusion.soft_min_snr_weight(sigma, Schedule.edm(), gamma=1.0, prediction="v")
    np.testing.assert_allclose(found, sigma**2 / (sigma**2 + 1) ** 2, rtol=1e-14)
