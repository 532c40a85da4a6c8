"""Methods of two evaluations per step against their papers' and k-diffusion's algorithms."""

import itertools
import math

import numpy as np
import pytest

from fastgen.diffusion import Schedule, samplers

KARRAS = Schedule.karras(1000)
SHAPE = (2, 3)


def denoiser(x, sigma):
    """Return x0 for samples x0 + sigma noise. It is not linear in x."""
    return np.tanh(x / math.hypot(1, sigma)) + 0.1 * np.sin(sigma)


def run(sampler, noises):
    """Return the end of a run with noise for each evaluation."""
    x, state = sampler.init_noise_scale * np.cos(np.arange(6.0)).reshape(SHAPE), sampler.state()
    for i in range(len(sampler)):
        sigma = sampler.sigmas[i]
        given = noises[i] if sampler.adds_noise(i) else None
        x = sampler.step(x, denoiser(x, sigma), i, state=state, noise=given)
    return x


def draws(count):
    return np.random.default_rng(3).standard_normal((count, *SHAPE))


def ancestral(sigma, after, eta):
    """Return sigma_down and sigma_up of k-diffusion's get_ancestral_step."""
    up = min(after, eta * math.sqrt(after**2 * (sigma**2 - after**2) / sigma**2))
    return math.sqrt(after**2 - up**2), up


@pytest.mark.parametrize("limits", [(0.0, math.inf), (0.05, 50.0)])
@pytest.mark.parametrize("clip", [None, 1e9])
def test_heun_with_churn_is_algorithm_2(limits, clip):
    """Karras et al. (2022), algorithm 2: raise the noise, then Heun's step from there."""
    churn, low, high, scale = 6.0, *limits, 1.003
    options = {"churn": churn, "churn_min": low, "churn_max": high, "churn_noise": scale}
    sampler = samplers.Heun(KARRAS, 9, prediction="x0", sigmas="karras", clip=clip, **options)
    sigmas = samplers.Heun(KARRAS, 9, prediction="x0", sigmas="karras").grid.noise
    sigmas, noises = [*sigmas[:1], *sigmas[1:-1:2], 0.0], draws(len(sampler))
    x = sigmas[0] * np.cos(np.arange(6.0)).reshape(SHAPE)
    for j in range(9):
        gamma = min(churn / 9, math.sqrt(2) - 1) if low <= sigmas[j] <= high else 0.0
        gamma = gamma if j else 0.0  # the start has the most noise already
        hat = sigmas[j] * (1 + gamma)
        x = x + scale * math.sqrt(hat**2 - sigmas[j] ** 2) * noises[2 * j - 1]
        slope = (x - denoiser(x, hat)) / hat
        there = x + (sigmas[j + 1] - hat) * slope
        if sigmas[j + 1] > 0:
            other = (there - denoiser(there, sigmas[j + 1])) / sigmas[j + 1]
            there = x + (sigmas[j + 1] - hat) * (slope + other) / 2
        x = there
    np.testing.assert_allclose(run(sampler, noises), x, rtol=1e-11, atol=1e-11)
    assert sampler.sigmas[0] == sampler.init_noise_scale == 80.0
    np.testing.assert_array_equal(sampler.timesteps, sampler.sigmas[:-1])


def test_churn_never_exceeds_the_start():
    schedule = Schedule.linear()
    sampler = samplers.Heun(schedule, 12, churn=1000.0)
    assert np.max(sampler.sigmas) == sampler.sigmas[0]
    whole = schedule.in_steps().coefficients(sampler.timesteps)
    np.testing.assert_allclose(whole[1] / whole[0], sampler.sigmas[:-1], rtol=1e-12)
    for name in ("Euler", "Heun"):
        with pytest.raises(ValueError, match=rf"{name}: churn=2.0 adds.* use churn=0, or Eul"):
            getattr(samplers, name)(Schedule.flow(), churn=2.0, prediction="flow")


@pytest.mark.parametrize("eta", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("clip", [None, 1e9])
@pytest.mark.parametrize("name", ["DPM2Ancestral", "DPMSolver2SAncestral", "DPMSolverSDE"])
def test_ancestral_steps_are_those_of_k_diffusion(name, clip, eta):
    make = getattr(samplers, name)
    sampler = make(KARRAS, 9, prediction="x0", sigmas="karras", eta=eta, clip=clip)
    sigmas, noises = [*sampler.sigmas[:-1:2], 0.0], draws(len(sampler))
    x = sigmas[0] * np.cos(np.arange(6.0)).reshape(SHAPE)
    for j, (sigma, after) in enumerate(itertools.pairwise(sigmas)):
        down, up = ancestral(sigma, after, eta)
        x0 = denoiser(x, sigma)
        if down == 0:
            x = x0
            continue
        first, second = noises[2 * j : 2 * j + 2]
        if name == "DPMSolverSDE":
            middle = math.sqrt(sigma * after)
            below, above = ancestral(sigma, middle, eta)
            there = below / sigma * x + (1 - below / sigma) * x0 + above * first
            # On one path of the SDE, the noise of the first half is damped like the sample.
            whole = down / below * above * first
            whole = whole + math.sqrt(up**2 - (down / below * above) ** 2 + 0.0) * second
        else:
            middle, whole = math.sqrt(sigma * down), up * second
            there = middle / sigma * x + (1 - middle / sigma) * x0
        if name == "DPM2Ancestral":
            x = x + (down - sigma) * (there - denoiser(there, middle)) / middle + whole
        else:
            x = down / sigma * x + (1 - down / sigma) * denoiser(there, middle) + whole
    np.testing.assert_allclose(run(sampler, noises), x, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", ["DPM2Ancestral", "DPMSolver2SAncestral", "DPMSolverSDE"])
def test_pure_noise_is_left_by_one_step_of_ddim(name):
    schedule = Schedule.flow()
    sampler = getattr(samplers, name)(schedule, 9, prediction="flow")
    one = samplers.EulerAncestral(schedule, 9, prediction="flow")
    x, flow, noise = draws(3)
    got = sampler.step(x, flow, 0, state=sampler.state(), noise=noise)
    np.testing.assert_allclose(got, one.step(x, flow, 0, noise=noise), rtol=1e-12, atol=1e-12)
    assert len(sampler) == 2 * 9 - 2 and sampler.sigmas[1] == one.sigmas[1]
