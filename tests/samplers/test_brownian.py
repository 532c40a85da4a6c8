"""Noise by time: runs of a key follow one path on every grid, and every step keeps its noise."""

import itertools
import math

import made_samplers
import numpy as np
import pytest

from fastgen import noise
from fastgen.diffusion import Schedule, samplers
from fastgen.diffusion.samplers import _brownian, sample

NOISY = [
    ("DDIM", {"eta": 1.0}),
    ("DDIM", {"eta": 0.5}),
    ("DDPM", {}),
    ("DDPM", {"variance": "large"}),
    ("Euler", {"churn": 10.0}),
    ("Euler", {"churn": 10.0, "churn_max": 3.0}),
    ("EDMEuler", {"churn": 10.0}),
    ("Heun", {"churn": 10.0}),
    ("Heun", {"churn": 10.0, "churn_max": 3.0}),
    ("EulerAncestral", {}),
    ("EulerAncestral", {"eta": 0.6}),
    ("DPM2Ancestral", {}),
    ("DPM2Ancestral", {"clip": 10.0}),
    ("DPMSolver2SAncestral", {}),
    ("DPMSolverSDE", {}),
    ("DPMSolverSDE", {"eta": 0.6}),
    ("DPMSolverMultistep", {"algorithm": "sde-dpmsolver++", "order": 1}),
    ("DPMSolverMultistep", {"algorithm": "sde-dpmsolver++", "order": 3}),
    ("DPMSolverMultistep", {"algorithm": "sde-dpmsolver", "order": 2}),
    ("ERSDE", {"order": 1}),
    ("ERSDE", {"order": 2, "kind": "sde"}),
    ("ERSDE", {"order": 3}),
    ("SASolver", {"tau": 1.0}),
    ("SASolver", {}),
]
SCHEDULES = {
    "linear": Schedule.linear(),
    "scaled_linear": Schedule.scaled_linear(),
    "cosine": Schedule.cosine(),
    "zero_snr": Schedule.scaled_linear().rescale_zero_terminal_snr(),
    "karras": Schedule.karras(1000),
    "edm": Schedule.edm(1000),
    "flow": Schedule.flow(),
    "flow_shift": Schedule.flow(shift=3.0),
}
ANEW = {
    "LCM": (Schedule.scaled_linear(), {}),
    "TCD": (Schedule.scaled_linear(), {}),
    "SCM": (Schedule.trigflow(), {}),
    "ConsistencyModel": (Schedule.karras(40), {}),
    "FlowMatchEuler": (Schedule.flow(), {"stochastic": True}),
}
MEAN, STD = 0.5, 0.7


def made(name, options, schedule, steps):
    """Return a sampler, or None where the combination is refused."""
    prediction = "epsilon" if name == "EDMEuler" else "x0"
    try:
        return getattr(samplers, name)(schedule, steps, prediction=prediction, **options)
    except ValueError:
        return None


def model_of(sampler):
    """Return the exact model of normal data, for a run from the start."""
    count = itertools.count()

    def model(x, t):
        i = next(count)
        x, (a, b) = x / sampler._scales[i], sampler._x0(i)
        alpha, sigma = sampler.grid.signal[i], sampler.grid.noise[i]
        gain = STD**2 * alpha / (STD**2 * alpha**2 + sigma**2)
        return (MEAN + gain * (x - alpha * MEAN) - a * x) / b

    return model


def run(sampler, shape=(4000,), key=5, **options):
    return sample(model_of(sampler), sampler, shape, key=key, progress=False, **options)


COMBINATIONS = [
    pytest.param(
        name, options, schedule, id=f"{name}-{'-'.join(map(str, options.values()))}-{schedule}"
    )
    for (name, options), schedule in itertools.product(NOISY, SCHEDULES)
    if made(name, options, SCHEDULES[schedule], 20)
]


def test_every_method_with_noise_is_here():
    """A new one either adds noise along a path, or draws it anew and says so by `afresh`."""
    for name in made_samplers.NAMES:
        sampler = made_samplers.made(name, **made_samplers.stochastic(name))
        if any(map(sampler.adds_noise, range(len(sampler)))):
            assert name in (ANEW if sampler.afresh else dict(NOISY))


def test_most_combinations_are_made():
    assert len(COMBINATIONS) > 120


@pytest.mark.parametrize(("name", "options", "schedule"), COMBINATIONS)
def test_noise_of_a_run_is_independent_and_of_unit_variance(name, options, schedule):
    """By the weights of the normals: exactly, not by draws."""
    for steps in (1, 2, 7, 20):
        sampler = made(name, options, SCHEDULES[schedule], steps)
        if sampler is None:
            continue
        noisy = [i for i in range(len(sampler)) if sampler.adds_noise(i)]
        owned = [_brownian.of_step(sampler, i) for i in noisy]
        assert all(one.scale == 1 for one in owned)
        weights = [
            dict(zip(one.cells["owner"].tolist(), one.cells["weight"].tolist(), strict=True))
            for one in owned
        ]
        for j, k in itertools.combinations_with_replacement(range(len(noisy)), 2):
            shared = math.fsum(w * weights[k].get(owner, 0) for owner, w in weights[j].items())
            assert abs(shared - (j == k)) < 1e-13


@pytest.mark.parametrize(("name", "options", "schedule"), COMBINATIONS)
def test_runs_of_more_steps_follow_the_same_path(name, options, schedule):
    runs = [made(name, options, SCHEDULES[schedule], steps) for steps in (20, 40, 80)]
    plain = [run(sampler) for sampler in runs]
    paths = [run(sampler, noise="brownian") for sampler in runs]
    apart, nearer = (1 - np.corrcoef(*p)[0, 1] for p in itertools.pairwise(paths))
    wild = options.get("order") == 3  # a parabola through predictions, which the noise moves
    assert apart < (0.3 if wild else 0.13)
    assert apart < 0.8 * (1 - np.corrcoef(*plain[:2])[0, 1])
    assert nearer < 0.75 * apart
    for by_step, by_time in zip(plain, paths, strict=True):  # the distribution is the same
        assert abs(by_step.mean() - by_time.mean()) < 5 * math.sqrt(2 / 4000) * by_step.std()
        assert abs(by_step.std() / by_time.std() - 1) < 5 / math.sqrt(4000)


@pytest.mark.parametrize(("name", "options", "schedule"), COMBINATIONS)
def test_steps_by_hand_and_any_batch(name, options, schedule):
    sampler = made(name, options, SCHEDULES[schedule], 7)
    shape = (5, 3)
    whole = run(sampler, shape, noise="brownian")
    for b in (slice(0, 2), slice(2, 5)):
        part = run(sampler, (b.stop - b.start, 3), noise="brownian", first=b.start)
        np.testing.assert_array_equal(part, whole[b])
    start = np.float32(sampler.init_noise_scale)
    x = start * noise.normal(shape, key=5, counter=2**127, dtype=np.float32)
    model, state, guided = model_of(sampler), sampler.state(), sampler.state()
    for i in range(len(sampler)):
        p = np.asarray(model(sampler.scale_input(x, i), 0.0), np.float32)
        given = {"noise": "brownian", "key": 5}
        both = sampler.guided_step(x, p, p, i, scale=1.0, state=guided, **given)
        x = sampler.step(x, p, i, state=state, **given)
        np.testing.assert_array_equal(both, x)
    np.testing.assert_array_equal(x, whole)


@pytest.mark.parametrize("schedule", ["linear", "karras", "flow"])
def test_noise_is_the_public_motion_in_the_signal_to_noise_ratio(schedule):
    sampler = made("DDIM", {"eta": 1.0}, SCHEDULES[schedule], 12)
    x, p = noise.normal((2, 3, 8), key=2)
    for i in range(len(sampler) - 1):
        nodes = zip(sampler.grid.signal[i : i + 2], sampler.grid.noise[i : i + 2], strict=True)
        before, after = ((alpha / sigma) ** 2 for alpha, sigma in nodes)
        mean, std = sampler.mean_and_std(x, p, i)
        after_step = sampler.step(x, p, i, noise="brownian", key=4, first=1)
        motion = noise.brownian(24, before, after, key=4, counter=8 * 1).reshape(3, 8)
        z = (after_step - mean) / std
        np.testing.assert_allclose(z, motion / math.sqrt(after - before), rtol=0, atol=0.05)
        # by its density: a step with that noise has the log-probability of that noise
        wanted = -(z**2 / 2 + math.log(std) + math.log(2 * math.pi) / 2).sum(1)
        np.testing.assert_allclose(sampler.log_prob(x, p, after_step, i), wanted, rtol=1e-9)


def test_small_steps_add_up_to_a_large_one():
    """On a grid that contains another, to rounding. The step at x = x0 = 0 is its noise."""
    sigmas = [8.0, 5.0, 4.0, 2.5, 1.0, 0.5, 0.25]
    fine, coarse = (
        samplers.EulerAncestral(Schedule.edm(1000), prediction="x0", sigmas=sigmas[::stride])
        for stride in (1, 2)
    )
    zero = np.zeros((4, 6))

    def increment(sampler, i):
        step = sampler.step(zero, zero, i, noise="brownian", key=3)
        return step / sampler.grid.noise[i + 1] ** 2

    for i in range(3):
        parts = increment(fine, 2 * i) + increment(fine, 2 * i + 1)
        np.testing.assert_allclose(parts, increment(coarse, i), rtol=0, atol=1e-4)


def test_two_halves_of_the_sde_are_one_step():
    """DPMSolverSDE draws noise twice, which adds up to the noise of the whole step."""
    options = {"prediction": "x0", "sigmas": [8.0, 4.0, 2.0, 1.0]}
    schedule, zero = Schedule.edm(1000), np.zeros((4, 6))
    halves = samplers.DPMSolverSDE(schedule, **options)
    whole = samplers.EulerAncestral(schedule, **options)
    state = halves.state()
    for j in range(3):
        given = {"noise": "brownian", "key": 3, "state": state}
        middle = halves.step(zero, zero, 2 * j, **given)
        end = halves.step(middle, zero, 2 * j + 1, **given)
        wanted = whole.step(zero, zero, j, noise="brownian", key=3)
        np.testing.assert_allclose(end, wanted, rtol=0, atol=1e-4)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(
    ("name", "options", "schedule"),
    [c for c in COMBINATIONS if c.values[2] in ("linear", "edm", "flow")],
)
def test_each_sample_and_token_at_a_step_of_its_own(name, options, schedule, dtype):
    sampler = made(name, options, SCHEDULES[schedule], 7)
    given = {"key": 7, "noise": "brownian"}
    x, p = noise.normal((2, 4, 3, 5), key=1).astype(dtype)
    steps = np.array([6, 0, 0, 3])
    if sampler.memory:
        with pytest.raises(ValueError, match="i must be one step for all samples"):
            sampler.step(x, p, steps, **given)
        return
    got = sampler.step(x, p, steps, first=2, **given)
    assert got.dtype == dtype
    tokens = sampler.step(x, p, np.array([[1, 5, 2]]), first=2, **given)
    for b, step in enumerate(steps.tolist()):
        part = slice(b, b + 1)
        alone = sampler.step(x[part], p[part], step, first=2 + b, **given)
        np.testing.assert_array_equal(got[part], alone)
    for token, step in enumerate((1, 5, 2)):
        alone = sampler.step(x, p, step, first=2, **given)
        np.testing.assert_array_equal(tokens[:, token], alone[:, token])


@pytest.mark.parametrize("variance", ["learned", "learned_range"])
def test_learned_variances(variance):
    sampler = samplers.DDPM(Schedule.linear(), 7, variance=variance)
    x, p = noise.normal((2, 4, 2, 5), key=1)
    p = np.concatenate([p, np.full_like(p, -0.5)], axis=1)
    given = {"key": 7, "noise": "brownian"}
    steps = np.array([6, 0, 0, 3])
    got = sampler.step(x, p, steps, first=2, **given)
    for b, step in enumerate(steps.tolist()):
        part = slice(b, b + 1)
        alone = sampler.step(x[part], p[part], step, first=2 + b, **given)
        np.testing.assert_array_equal(got[part], alone)
        if step < 6:
            mean, std = sampler.mean_and_std(x[part], p[part], step)
            before, after = (_brownian._clock(sampler, k) for k in (step, step + 1))
            motion = noise.brownian(10, before, after, key=7, counter=(2 + b) * 10)
            z = motion.reshape(1, 2, 5) / math.sqrt(after - before)
            np.testing.assert_allclose(alone, mean + std * z, rtol=1e-10, atol=1e-12)


def test_methods_without_noise_take_it():
    sampler = samplers.UniPC(Schedule.linear(), 7, prediction="x0")
    np.testing.assert_array_equal(run(sampler, noise="brownian"), run(sampler))


@pytest.mark.parametrize("name", ANEW)
def test_methods_that_draw_all_noise_anew_refuse_it(name):
    schedule, options = ANEW[name]
    sampler, x = getattr(samplers, name)(schedule, 4, **options), np.ones((2, 3))
    given = {"noise": "brownian", "key": 1}
    why = rf"{name}: noise='brownian' needs noise that adds up .* draws all noise anew"
    for i in (0, np.array([0, 1])):
        with pytest.raises(ValueError, match=why):
            sampler.step(x, x, i, **given)
        with pytest.raises(ValueError, match=why):
            sampler.guided_step(x, x, x, i, scale=2.0, **given)
    with pytest.raises(ValueError, match=why):
        sample(lambda x, t: x, sampler, (2, 3), **given)


def test_refusals():
    sampler, x = samplers.DDPM(Schedule.linear(), 7), np.ones((2, 3))
    for i in (0, 6, np.array([0, 6])):
        for given in ({}, {"rng": np.random.default_rng(1)}, {"key": 1, "rng": 1}):
            with pytest.raises(ValueError, match="needs the key of the path, and no rng"):
                sampler.step(x, x, i, noise="brownian", **given)
        with pytest.raises(ValueError, match="noise must be 'brownian' or an array, got 'path'"):
            sampler.step(x, x, i, noise="path", key=1)
    with pytest.raises(ValueError, match="noise must be 'brownian' or an array, got 3"):
        sample(lambda x, t: x, sampler, (2, 3), key=1, noise=3)
    at_end = r"has no increment for step 6, which adds noise at the end"
    for name, options in (("DDPM", {"variance": "large"}), ("Euler", {"churn": 4.0})):
        same = getattr(samplers, name)(Schedule.linear(), 7, parity="diffusers", **options)
        with pytest.raises(ValueError, match=at_end):
            sample(lambda x, t: x, same, (2, 3), key=1, noise="brownian")
    level = [4.0, 2.0, 2.0 * (1 - 1e-9), 1.0]
    near = samplers.EulerAncestral(Schedule.edm(), sigmas=level)
    with pytest.raises(ValueError, match="but step 1 adds noise at the same sigma"):
        near.step(x, x, 1, noise="brownian", key=1)


def test_going_back_takes_no_path():
    sampler, x = samplers.DDPM(Schedule.linear(), 7), np.ones((2, 3))
    with pytest.raises(ValueError, match="DDPM: noise must be an array here, got 'brownian'"):
        sampler.renoise(x, 4, 2, noise="brownian", key=1)
