"""The log-probability of a step with noise, and its gradient."""

import copy
import math

import ml_dtypes
import numpy as np
import pytest
from made_samplers import NAMES, SHAPE, made, stochastic

from fastgen.diffusion import Schedule, samplers

SDE = [
    {"algorithm": a, "order": k} for a in ("sde-dpmsolver++", "sde-dpmsolver") for k in (1, 2, 3)
]
NOISY = [
    *((name, stochastic(name)) for name in NAMES),
    *(("DPMSolverMultistep", options) for options in SDE),
    ("DDIM", {"eta": 0.4, "clip": 0.7}),
    ("DDIM", {"eta": 1.0, "clip": 0.7, "clip_epsilon": True}),
    ("DDIM", {"eta": 1.0, "threshold": 0.8}),
    ("DDPM", {"variance": "large", "prediction": "v"}),
    ("SASolver", {"predictor_order": 3, "corrector_order": 3, "clip": 0.7}),
    ("EulerAncestral", {"schedule": Schedule.flow(), "prediction": "flow"}),
    ("EulerAncestral", {"schedule": Schedule.edm(), "eta": 0.5}),
    ("Heun", {"churn": 4.0}),
    ("Heun", {"churn": 4.0, "clip": 0.7}),
]
NOISY = [
    (name, options)
    for name, options in NOISY
    if any(map(made(name, **options).adds_noise, range(len(made(name, **options)))))
]
MEMORYLESS = [(name, options) for name, options in NOISY if not made(name, **options).memory]


def density(after, mean, std):
    """The log-density of each element."""
    return -(((after - mean) / std) ** 2) / 2 - np.log(std) - math.log(2 * math.pi) / 2


def of_samples(elements):
    return elements.reshape(len(elements), -1).sum(axis=1)


def noisy_steps(sampler, rng, dtype=np.float64):
    """Yield x, the prediction, the next x, the step, and the state before it."""
    state = sampler.state()
    x = (sampler.init_noise_scale * rng.standard_normal(SHAPE)).astype(dtype)
    for i in range(len(sampler)):
        prediction = rng.standard_normal(SHAPE).astype(dtype)
        before = copy.deepcopy(state)
        noise = rng.standard_normal(SHAPE).astype(dtype)
        options = {"noise": noise} if sampler.adds_noise(i) else {}
        after = sampler.step(x, prediction, i, state=state, **options)
        if sampler.adds_noise(i):
            yield x, prediction, after, i, before
        x = after


def mean_and_std(sampler, x, prediction, i, state):
    """The mean and the deviation, from two steps."""
    zeros, ones = (
        sampler.step(x, prediction, i, state=copy.deepcopy(state), noise=np.full(x.shape, n))
        for n in (0.0, 1.0)
    )
    return zeros, (ones - zeros).mean()


@pytest.mark.parametrize(("name", "options"), NOISY)
def test_it_is_the_density_of_the_step(name, options, rng):
    sampler = made(name, **options)
    for x, prediction, after, i, state in noisy_steps(sampler, rng):
        mean, std = mean_and_std(sampler, x, prediction, i, state)
        given = copy.deepcopy(state)
        found = sampler.mean_and_std(x, prediction, i, state=given)
        np.testing.assert_allclose(found[0], mean, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(found[1], std, rtol=1e-7)
        wanted = density(after, *found)
        args = x, prediction, after, i
        got = sampler.log_prob(*args, state=given)
        assert got.shape == SHAPE[:1] and got.dtype == np.float64
        np.testing.assert_allclose(got, of_samples(wanted), rtol=1e-7)
        mean_of = sampler.log_prob(*args, state=given, reduction="mean")
        np.testing.assert_allclose(mean_of, got / math.prod(SHAPE[1:]), rtol=1e-12)
        for axis in (1, -1, (0, 2), (), (0, 1, 2)):
            some = sampler.log_prob(*args, state=given, axis=axis)
            np.testing.assert_allclose(some, wanted.sum(axis), rtol=1e-7, atol=1e-6)
        assert (given.next, len(given.history)) == (state.next, len(state.history))


@pytest.mark.parametrize(("name", "options"), NOISY)
def test_gradient_by_differences(name, options, rng):
    sampler = made(name, **options)
    if "threshold" in options:
        x = rng.standard_normal(SHAPE)
        with pytest.raises(ValueError, match=r"DDIM: log_prob_and_grad takes no threshold.*clip"):
            sampler.log_prob_and_grad(x, x, x, 0)
        return
    for x, prediction, after, i, state in noisy_steps(sampler, rng):
        cotangent = rng.standard_normal(SHAPE[0])
        value, gradient = sampler.log_prob_and_grad(
            x, prediction, after, i, state=state, cotangent=cotangent, reduction="mean"
        )
        options = {"state": state, "reduction": "mean"}
        np.testing.assert_array_equal(value, sampler.log_prob(x, prediction, after, i, **options))
        way = rng.standard_normal(SHAPE)
        size = 1e-6
        ends = [
            cotangent @ sampler.log_prob(x, prediction + s * way, after, i, **options)
            for s in (-size, size)
        ]
        scale = np.abs(cotangent) @ np.abs(value) + np.abs(gradient * way).sum()
        assert abs((ends[1] - ends[0]) / (2 * size) - (gradient * way).sum()) < 1e-6 * scale


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize(("name", "options"), NOISY)
def test_types(name, options, dtype, rng):
    """The result is in float64, the gradient in the type of the prediction."""
    sampler = made(name, **options)
    for x, prediction, after, i, state in noisy_steps(sampler, rng, dtype):
        wide = [y.astype(np.float64) for y in (x, prediction, after)]
        exact = copy.deepcopy(state)
        exact.history = tuple(m.astype(np.float64) for m in state.history)
        got = sampler.log_prob(x, prediction, after, i, state=state)
        assert got.dtype == np.float64
        mean, std = sampler.mean_and_std(x, prediction, i, state=state)
        assert mean.dtype == np.float32
        reach = 1 + np.abs(wide[2]).max() / np.min(std)  # errors of z are 1e-7 times this
        wanted = sampler.log_prob(*wide, i, state=exact)
        np.testing.assert_allclose(got, wanted, rtol=1e-5 * reach, atol=1e-3 * reach)
        if "threshold" not in options:
            gradient = sampler.log_prob_and_grad(x, prediction, after, i, state=state)[1]
            assert gradient.dtype == dtype and gradient.shape == SHAPE


@pytest.mark.parametrize(("name", "options"), MEMORYLESS)
def test_steps_of_samples_and_tokens(name, options, rng):
    sampler, x = made(name, **options), rng.standard_normal(SHAPE)
    prediction, after = rng.standard_normal((2, *SHAPE))
    noisy = [i for i in range(len(sampler)) if sampler.adds_noise(i)]
    alone = {i: sampler.log_prob(x, prediction, after, i, axis=()) for i in noisy}
    for shape in (SHAPE[:1], SHAPE[:2], (1, SHAPE[1]), SHAPE):
        steps = rng.choice(noisy, shape)
        if "threshold" in options and len(shape) > 1:  # one limit per sample
            steps[...] = noisy[0]
        elements = np.empty(SHAPE)
        each = np.broadcast_to(steps.reshape(*shape, *[1] * (3 - len(shape))), SHAPE)
        for i in noisy:
            elements[each == i] = alone[i][each == i]
        got = sampler.log_prob(x, prediction, after, steps)
        np.testing.assert_allclose(got, of_samples(elements), rtol=1e-9, atol=1e-9)
        if "threshold" not in options:
            value, gradient = sampler.log_prob_and_grad(x, prediction, after, steps)
            np.testing.assert_array_equal(value, got)
            for b in range(len(x)):
                part, own = slice(b, b + 1), steps[b % len(steps) :][:1]
                args = x[part], prediction[part], after[part], own
                np.testing.assert_array_equal(sampler.log_prob_and_grad(*args)[1], gradient[part])


@pytest.mark.parametrize("parity", [None, "diffusers"])
@pytest.mark.parametrize("variance", ["learned", "learned_range"])
def test_learned_variances(variance, parity, rng):
    sampler = made("DDPM", variance=variance, parity=parity)
    x, prediction, said, after = rng.standard_normal((4, *SHAPE))
    said = np.abs(said) + 0.1 if parity and variance == "learned" else said
    both = np.concatenate([prediction, said], axis=1)
    for steps in (0, 3, [0, 2, 5]):
        mean, std = sampler.mean_and_std(x, both, steps)
        noise = rng.standard_normal(SHAPE)
        drawn = sampler.step(x, both, steps, noise=noise)
        np.testing.assert_allclose(mean + std * noise, drawn, rtol=1e-12, atol=1e-12)
        cotangent = rng.standard_normal(3)
        value, gradient = sampler.log_prob_and_grad(x, both, after, steps, cotangent=cotangent)
        np.testing.assert_allclose(value, of_samples(density(after, mean, std)), rtol=1e-9)
        way = rng.standard_normal(both.shape)
        ends = [
            cotangent @ sampler.log_prob(x, both + s * way, after, steps) for s in (-1e-6, 1e-6)
        ]
        wanted = (gradient * way).sum()
        scale = np.abs(gradient * way).sum() + np.abs(cotangent) @ np.abs(value)
        assert abs((ends[1] - ends[0]) / 2e-6 - wanted) < 1e-6 * scale


def test_ancestral_steps_on_a_flow(rng):
    """The posterior of (1 - sigma) x0 + sigma epsilon, by its own formula."""
    sampler = samplers.EulerAncestral(Schedule.flow(), 8, prediction="flow", final_sigma="min")
    x, velocity, after = rng.standard_normal((3, *SHAPE))
    for i in range(1, 8):
        sigma, down = sampler.sigmas[i], sampler.sigmas[i + 1]
        alpha, alpha_down = 1 - sigma, 1 - down
        x0 = x - sigma * velocity
        # x_s given x_t and x0, where x_t = (alpha / alpha_down) x_s + noise
        ratio = alpha / alpha_down
        fresh = sigma**2 - (ratio * down) ** 2
        mean = ratio * down**2 / sigma**2 * x + alpha_down * fresh / sigma**2 * x0
        std = down * np.sqrt(fresh) / sigma
        got = sampler.log_prob(x, velocity, after, i)
        np.testing.assert_allclose(got, of_samples(density(after, mean, std)), rtol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_steps_without_noise_are_refused(name, rng):
    sampler, x = made(name, **stochastic(name)), rng.standard_normal(SHAPE)
    for i in range(len(sampler)):
        if sampler.adds_noise(i):
            continue
        steps = [i] if sampler.memory else [i, [i, i, i], np.full((3, 2), i)]
        for step in steps:
            for call in (sampler.log_prob, sampler.log_prob_and_grad):
                with pytest.raises(ValueError, match=rf"{name}: step {i} adds no noise.*eta=1"):
                    call(x, x, x, step, state=sampler.state())
        if not sampler.memory:
            assert np.all(sampler.mean_and_std(x, x, i)[1] == 0)


def test_wrong_arguments(rng):
    sampler, x = made("DDIM", eta=1.0), rng.standard_normal(SHAPE)
    with pytest.raises(ValueError, match=r"DDIM: next_x must have the shape \(3, 2, 5\) of x"):
        sampler.log_prob(x, x, x[:1], 0)
    with pytest.raises(ValueError, match=r"DDIM: prediction must have the shape"):
        sampler.log_prob(x, x[:1], x, 0)
    with pytest.raises(ValueError, match=r"log_prob: reduction must be one of .sum., .mean.; got"):
        sampler.log_prob(x, x, x, 0, reduction="max")
    with pytest.raises(ValueError, match=r"log_prob: axis must lie between -3 and 2"):
        sampler.log_prob(x, x, x, 0, axis=3)
    with pytest.raises(ValueError, match=r"log_prob: axis must name each axis once"):
        sampler.log_prob(x, x, x, 0, axis=(0, -3))
    with pytest.raises(ValueError, match=r"cotangent must broadcast to the shape \(3,\)"):
        sampler.log_prob_and_grad(x, x, x, 0, cotangent=np.ones(2))
    with pytest.raises(ValueError, match=r"DDIM: i must lie between 0 and 7, got 8"):
        sampler.log_prob(x, x, x, 8)
    with pytest.raises(TypeError, match=r"DDIM: i must be the number of a step"):
        sampler.log_prob(x, x, x, 1.0)
    with pytest.raises(ValueError, match=r"DPMSolverMultistep: state is missing"):
        made("DPMSolverMultistep", **stochastic("DPMSolverMultistep")).log_prob(x, x, x, 0)
