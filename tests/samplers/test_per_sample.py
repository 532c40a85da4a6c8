"""Differences between samples of a batch: thresholds of x0, and different steps."""

import copy
import pickle

import ml_dtypes
import numpy as np
import pytest
from made_samplers import NAMES, SHAPE, made, stochastic

import fastgen
from fastgen.diffusion import Schedule, samplers

THRESHOLDS = {
    "DPM2": {},
    "Heun": {"churn": 4.0},
    "Euler": {"churn": 4.0},
    "EulerAncestral": {},
    "DPM2Ancestral": {},
    "DPMSolver2SAncestral": {},
    "DPMSolverSDE": {},
    "DDIM": {"clip_epsilon": True, "eta": 0.5},
    "DDPM": {},
    "LCM": {},
    "DPMSolverMultistep": {"algorithm": "sde-dpmsolver++", "order": 3},
    "DPMSolverSinglestep": {"order": 3},
    "SASolver": {"predictor_order": 3},
    "UniPC": {"order": 3},
}
MEMORYLESS = [name for name in NAMES if not made(name).memory]
OWN_STEPS = [
    (name, options)
    for name in MEMORYLESS
    for options in ({}, {"clip": 0.7}, {"clip": None, "threshold": 0.8})
]


def draws(rng, dtype=np.float64):
    return (3 * rng.standard_normal((2, *SHAPE))).astype(dtype)


@pytest.mark.parametrize("limits", [(0.9, np.inf), (0.7, 1.25), (1.0, 1.0)])
@pytest.mark.parametrize("name", THRESHOLDS)
def test_threshold_is_that_of_x0(name, limits, rng):
    """The step equals one whose model predicts the thresholded x0."""
    quantile, most = limits
    options = THRESHOLDS[name] | {"threshold": quantile, "threshold_max": most}
    sampler = made(name, **options)
    other = made(name, prediction="x0", **THRESHOLDS[name])
    states, x = (sampler.state(), other.state()), draws(rng)[0]
    mattered = False
    for i in range(len(sampler)):
        prediction = draws(rng)[0]
        alpha, sigma = sampler.grid.signal[i], sampler.grid.noise[i]
        x0 = (x - sigma * prediction) / alpha
        cut = fastgen.guidance.dynamic_threshold(x0, quantile=quantile, max_limit=most)
        got = sampler.step(x, prediction, i, state=states[0], key=1)
        wanted = other.step(x, cut, i, state=states[1], key=1)
        np.testing.assert_allclose(got, wanted, rtol=1e-10, atol=1e-10)
        x, mattered = got, mattered or bool(np.max(np.abs(x0)) > 1)
    assert mattered


@pytest.mark.parametrize("name", THRESHOLDS)
def test_threshold_in_any_batch_in_place_and_in_half_precision(name, rng):
    sampler = made(name, threshold=0.8, **THRESHOLDS[name])
    x, prediction = draws(rng, np.float32)
    whole = sampler.step(x, prediction, 0, state=sampler.state(), key=1)
    assert whole.dtype == np.float32
    for b in range(len(x)):
        part = slice(b, b + 1)
        alone = sampler.step(x[part], prediction[part], 0, state=sampler.state(), key=1, first=b)
        np.testing.assert_array_equal(alone, whole[part])
    out = x.copy()
    assert sampler.step(out, prediction, 0, state=sampler.state(), key=1, out=out) is out
    np.testing.assert_array_equal(out, whole)
    for small in (np.float16, ml_dtypes.bfloat16):
        half = [a.astype(small) for a in (x, prediction)]
        wide = [a.astype(np.float32) for a in half]
        states = sampler.state(), sampler.state()
        got = sampler.step(*half, 0, state=states[0], key=1)
        assert got.dtype == small
        exact = sampler.step(*wide, 0, state=states[1], key=1)
        np.testing.assert_array_equal(got, exact.astype(small))
        for memories in zip(*(state.history for state in states), strict=True):
            assert memories[0].dtype == small
    again = pickle.loads(pickle.dumps(sampler))
    np.testing.assert_array_equal(again.step(x, prediction, 0, state=again.state(), key=1), whole)


@pytest.mark.parametrize("name", THRESHOLDS)
def test_wrong_thresholds(name):
    with pytest.raises(ValueError, match=rf"{name}: threshold must lie between 0 and 1, got 1.5"):
        made(name, threshold=1.5)
    with pytest.raises(ValueError, match=rf"{name}: threshold_max must be at least 1, got 0.5"):
        made(name, threshold=0.9, threshold_max=0.5)
    with pytest.raises(ValueError, match=rf"{name}: clip and threshold both"):
        made(name, threshold=0.9, clip=1.0)


def test_threshold_needs_x0():
    schedule = Schedule.linear()
    for name in ("DPMSolverMultistep", "DPMSolverSinglestep"):
        with pytest.raises(ValueError, match=r"threshold needs an algorithm that predicts x0"):
            getattr(samplers, name)(schedule, algorithm="dpmsolver", threshold=0.9)
    for name in ("UniPC", "SASolver"):
        with pytest.raises(ValueError, match=rf"{name}: threshold needs of_data=True"):
            getattr(samplers, name)(schedule, of_data=False, threshold=0.9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize(("name", "options"), OWN_STEPS)
def test_each_sample_at_a_step_of_its_own(name, options, dtype, rng):
    """Each sample has the bits of a call with its step alone, noise included."""
    sampler = made(name, **stochastic(name), **options)
    n = len(sampler)
    for steps in ([n - 1, 0, 0, 3], [2, 2, 2, 2], [n - 1] * 4, [5, 1, n - 1, 0]):
        x, prediction = (3 * rng.standard_normal((2, 4, 3, 5))).astype(dtype)
        scaled = np.asarray(sampler.scale_input(x, steps))
        got = sampler.step(x, prediction, np.array(steps), key=7, first=2)
        assert got.dtype == scaled.dtype == dtype
        for b, step in enumerate(steps):
            part = slice(b, b + 1)
            alone = sampler.step(x[part], prediction[part], step, key=7, first=2 + b)
            np.testing.assert_array_equal(got[part], alone)
            alone = np.asarray(sampler.scale_input(x[part], step))
            np.testing.assert_array_equal(scaled[part], alone)
        given = x.copy()
        assert sampler.step(given, prediction, steps, key=7, first=2, out=given) is given
        np.testing.assert_array_equal(given, got)


@pytest.mark.parametrize("of_x", [np.float32, np.float64, np.float16, np.int64])
@pytest.mark.parametrize("of_prediction", [np.float32, np.float64, np.float16])
def test_types_of_samples_and_predictions_decide_the_noise_together(of_x, of_prediction, rng):
    for sampler in (
        samplers.DDIM(Schedule.linear(), 8, eta=1.0),
        samplers.DDPM(Schedule.linear(), 8, variance="learned_range"),
    ):
        wide = (2, 8, 5) if sampler.learned else (2, 4, 5)
        x = (3 * rng.standard_normal((2, 4, 5))).astype(of_x)
        prediction = rng.standard_normal(wide).astype(of_prediction)
        got = sampler.step(x, prediction, np.array([3, 3]), key=7)
        np.testing.assert_array_equal(got, sampler.step(x, prediction, 3, key=7))


@pytest.mark.parametrize("i", [0, 3, np.array([3, 1])], ids=str)
def test_the_number_of_the_first_sample_is_checked(i, rng):
    """The noise of a step ends where that of the next begins."""
    sampler, x = samplers.DDIM(Schedule.linear(), 8, eta=1.0), rng.standard_normal((2, 4))
    np.testing.assert_array_equal(
        sampler.step(x, x, i, key=7, first=np.int64(3)), sampler.step(x, x, i, key=7, first=3)
    )
    sampler.step(x, x, i, key=7, first=2**62 - 2)
    for first in (-1, 2**62 - 1, 2**64):
        with pytest.raises(ValueError, match="DDIM: first must be >= 0, and the samples"):
            sampler.step(x, x, i, key=7, first=first)
        with pytest.raises(ValueError, match="sample: first must be >= 0, and the samples"):
            samplers.sample(lambda x, t: x, sampler, (2, 4), key=1, first=first, progress=False)
    with pytest.raises(TypeError, match="DDIM: first must be an int"):
        sampler.step(x, x, i, key=7, first=1.5)


TOKENS = [  # steps of tokens, for samples of shape (2, 3, 5)
    np.array([[7, 0, 0], [3, 7, 2]]),
    np.array([[5, 4, 3]]),  # of each token, in all samples
    np.array([[6], [1]]),
    np.full((2, 3), 4),
    np.arange(30).reshape(2, 3, 5) % 8,  # of each element
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize(("name", "options"), OWN_STEPS)
def test_each_token_at_a_step_of_its_own(name, options, dtype, rng):
    """Each token has the bits of a call in which all tokens are at its step, noise included.

    Under a threshold, x0 has one limit per sample, so that only holds where it has the same step.
    """
    sampler = made(name, **stochastic(name), **options)
    x, prediction = (3 * rng.standard_normal((2, 2, 3, 5))).astype(dtype)
    every = range(len(sampler))
    alone = [sampler.step(x, prediction, i, key=7, first=2) for i in every]
    inputs = [np.asarray(sampler.scale_input(x, i)) for i in every]
    for steps in TOKENS if "threshold" not in options else TOKENS[-2:-1]:
        got = sampler.step(x, prediction, steps, key=7, first=2)
        scaled = np.asarray(sampler.scale_input(x, steps))
        assert got.dtype == scaled.dtype == dtype
        each = np.broadcast_to(steps.reshape(*steps.shape, *[1] * (3 - steps.ndim)), x.shape)
        np.testing.assert_array_equal(got, np.choose(each, alone))
        np.testing.assert_array_equal(scaled, np.choose(each, inputs))
        one = sampler.step(x[1:], prediction[1:], steps[-1:], key=7, first=3)
        np.testing.assert_array_equal(one, got[1:])
        given = x.copy()
        assert sampler.step(given, prediction, steps, key=7, first=2, out=given) is given
        np.testing.assert_array_equal(given, got)


def test_threshold_of_tokens_is_one_per_sample(rng):
    sampler = made("DDIM", threshold=0.7)
    x, prediction = 3 * rng.standard_normal((2, 2, 3, 5))
    steps = TOKENS[0]
    alpha, sigma = (
        np.array(a)[steps][..., None] for a in (sampler.grid.signal, sampler.grid.noise)
    )
    x0 = (x - sigma * prediction) / alpha
    limit = np.maximum(np.quantile(np.abs(x0).reshape(2, -1), 0.7, axis=1), 1)[:, None, None]
    cut = np.clip(x0, -limit, limit) / limit
    after = [np.array(a)[steps + 1][..., None] for a in (sampler.grid.signal, sampler.grid.noise)]
    np.testing.assert_allclose(
        sampler.step(x, prediction, steps), after[0] * cut + after[1] * prediction, rtol=1e-9
    )


def test_learned_variances_take_no_steps_of_tokens(rng):
    x, both = rng.standard_normal((2, 4, 5)), rng.standard_normal((2, 8, 5))
    with pytest.raises(ValueError, match=r"DDPM: i must be an int or of shape \(2,\).*\(2, 4\)"):
        made("DDPM", variance="learned").step(x, both, np.zeros((2, 4), int), key=0)


@pytest.mark.parametrize("name", MEMORYLESS)
def test_given_noise_at_steps_of_their_own(name, rng):
    sampler, steps = made(name, **stochastic(name)), [0, 7, 3]
    x, prediction, noise = rng.standard_normal((3, *SHAPE))
    got = sampler.step(x, prediction, steps, noise=noise)
    for b, step in enumerate(steps):
        part = slice(b, b + 1)
        alone = sampler.step(x[part], prediction[part], step, noise=noise[part])
        np.testing.assert_array_equal(got[part], alone)
    guided = sampler.guided_step(x, prediction, prediction, steps, scale=3.0, noise=noise)
    np.testing.assert_allclose(guided, got, rtol=1e-12, atol=1e-12)
    copied = copy.deepcopy(sampler)
    np.testing.assert_array_equal(copied.step(x, prediction, steps, noise=noise), got)


@pytest.mark.parametrize("name", NAMES)
def test_wrong_steps_of_their_own(name, rng):
    sampler, x, out = made(name), rng.standard_normal(SHAPE), np.full(SHAPE, 9.0)
    if sampler.memory:
        with pytest.raises(ValueError, match=rf"{name}: i must be one step for all.*\(3,\)"):
            sampler.step(x, x, [0, 1, 2], state=sampler.state(), out=out)
        return
    with pytest.raises(ValueError, match=rf"{name}: i must be an int or of shape \(3,\).*\(2,\)"):
        sampler.step(x, x, [0, 1], out=out)
    with pytest.raises(ValueError, match=r"of shape \(3,\).*\(1, 3\)"):
        sampler.scale_input(x, [[0, 1, 2]])
    with pytest.raises(ValueError, match=r"of shape \(3,\).*\(3, 2, 5, 1\)"):
        sampler.step(x, x, np.zeros((3, 2, 5, 1), int), out=out)
    with pytest.raises(ValueError, match=rf"{name}: i must lie between 0 and 7, got 8"):
        sampler.step(x, x, [0, 8, 9], out=out)
    with pytest.raises(ValueError, match=r"got -1"):
        sampler.step(x, x, np.array([0, 1, -1]), out=out)
    for wrong in ([0.0, 1.0, 2.0], [True, False, True]):
        with pytest.raises(TypeError, match=rf"{name}: i must hold the numbers of steps"):
            sampler.step(x, x, wrong, out=out)
    with pytest.raises(ValueError, match=r"prediction must have the shape"):
        sampler.step(x, x[:1], [0, 1, 2], out=out)
    assert np.all(out == 9)


@pytest.mark.parametrize("name", MEMORYLESS)
def test_noise_is_said_once(name, rng):
    """Noise together with a key or rng is an error, also in a step that adds no noise."""
    sampler, x, out = made(name, **stochastic(name)), rng.standard_normal(SHAPE), np.zeros(SHAPE)
    for i in (0, len(sampler) - 1, [0, 1, 2]):
        for other in ({"key": 1}, {"rng": np.random.default_rng(0)}):
            with pytest.raises(ValueError, match=rf"{name}: noise and {next(iter(other))} both"):
                sampler.step(x, x, i, noise=x, out=out, **other)
        if any(map(sampler.adds_noise, np.atleast_1d(i))):
            with pytest.raises(ValueError, match=rf"{name}: key and rng both"):
                sampler.step(x, x, i, key=1, rng=np.random.default_rng(0), out=out)
    assert np.all(out == 0)
    streams = [np.random.default_rng(5) for _ in range(2)]
    np.testing.assert_array_equal(*(sampler.step(x, x, 0, rng=rng) for rng in streams))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("variance", ["learned", "learned_range"])
def test_learned_variance(variance, dtype, rng):
    """The mean does not depend on the variances. The noise has the predicted size."""
    sampler = made("DDPM", variance=variance, threshold=0.8)
    plain = [made("DDPM", variance=v, threshold=0.8) for v in ("small", "large")]
    x, prediction, said, noise = rng.standard_normal((4, *SHAPE)).astype(dtype)
    both = np.concatenate([prediction, said], axis=1)
    wide = [a.astype(np.float32 if a.dtype.itemsize == 2 else dtype) for a in (x, prediction)]
    tolerance = 64 * float(ml_dtypes.finfo(dtype).eps)
    for i in range(len(sampler)):
        got = sampler.step(x, both, i, noise=noise)
        assert got.dtype == dtype
        mean = plain[0].step(*wide, i, noise=np.zeros_like(wide[0])).astype(np.float64)
        sizes = [
            np.max(np.abs(p.step(*wide, i, noise=np.ones_like(wide[0])) - mean)) for p in plain
        ]
        assert sampler.adds_noise(i) == (i + 1 < len(sampler))
        size = np.exp(said.astype(np.float64) / 2)
        if variance == "learned_range" and i + 1 < len(sampler):
            part = (said.astype(np.float64) + 1) / 2
            size = sizes[1] ** part * sizes[0] ** (1 - part)
        wanted = mean + sampler.adds_noise(i) * size * noise.astype(np.float64)
        np.testing.assert_allclose(
            got.astype(np.float64), wanted, rtol=tolerance, atol=10 * tolerance
        )
    steps = [7, 0, 3]
    got = sampler.step(x, both, steps, key=5, first=4)
    out = x.copy()
    assert sampler.step(out, both, np.array(steps), key=5, first=4, out=out) is out
    np.testing.assert_array_equal(out, got)
    for b, step in enumerate(steps):
        part = slice(b, b + 1)
        alone = sampler.step(x[part], both[part], step, key=5, first=4 + b)
        np.testing.assert_array_equal(alone, got[part])


def test_wrong_learned_variance(rng):
    sampler, x, out = made("DDPM", variance="learned_range"), np.zeros(SHAPE), np.full(SHAPE, 9.0)
    for wrong in (x, np.zeros((3, 4, 6)), np.zeros((6, 2, 5)), np.zeros((3, 4))):
        for i in (0, [0, 1, 2]):
            with pytest.raises(ValueError, match=r"DDPM: prediction must have .*\(3, 4, 5\)"):
                sampler.step(x, wrong, i, key=0, out=out)
    for both in (x, np.zeros((3, 4, 5))):
        with pytest.raises(ValueError, match=r"DDPM: guided_step takes no learned variances"):
            sampler.guided_step(x, both, both, 0, scale=2.0, key=0, out=out)
    assert np.all(out == 9)
    with pytest.raises(ValueError, match=r"DDPM: prediction must have the shape \(3, 2, 5\) of x"):
        made("DDPM").step(x, np.zeros((3, 4, 5)), 0)


TYPES = [np.float16, np.float32, np.float64]


@pytest.mark.parametrize("noise", TYPES)
@pytest.mark.parametrize("dtype", TYPES)
def test_the_type_of_given_noise_does_not_decide(dtype, noise):
    """x and the prediction decide the type, for one step, for steps each, and for renoise."""
    sampler = samplers.DDIM(Schedule.linear(), 5, eta=1.0)
    x = np.full((2, 3), 0.5, dtype)
    z = np.full((2, 3), 0.1, noise)
    one, each = (sampler.step(x, x, i, noise=z) for i in (1, np.array([1, 1])))
    assert one.dtype == each.dtype == dtype
    np.testing.assert_array_equal(one, each)
    assert sampler.guided_step(x, x, x, 1, scale=2.0, noise=z).dtype == dtype
    assert sampler.renoise(x, 4, 2, noise=z).dtype == dtype
