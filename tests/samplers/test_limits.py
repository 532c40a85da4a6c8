"""x0 with limits, against the step written out in NumPy from the definition of each prediction."""

import inspect
import math

import numpy as np
import pytest
from made_samplers import NAMES, SHAPE, made

import fastgen
from fastgen.diffusion import Schedule, samplers

FORMS = {
    "preserving": Schedule.scaled_linear(),
    "exploding": Schedule.karras(50),
    "flow": Schedule.flow(shift=3),
}
PREDICTIONS = ["epsilon", "x0", "v", "score", "flow"]
LIMITS = [{"clip": 0.7}, {"threshold": 0.8}, {"threshold": 0.6, "threshold_max": 1.3}]


def combinations(name, options=({},)):
    """Yield the schedules and predictions that a sampler takes."""
    for form, schedule in FORMS.items():
        for prediction in PREDICTIONS:
            for given in options:
                try:
                    made_one = getattr(samplers, name)(
                        schedule, 6, prediction=prediction, clip=1.0, **given
                    )
                except ValueError:
                    continue
                assert made_one.prediction == prediction
                yield name, form, prediction, given


CASES = [
    *combinations("Euler", ({}, {"churn": 3.0})),
    *combinations("EulerAncestral", ({}, {"eta": 0.5})),
    *combinations("FlowMatchEuler", ({}, {"stochastic": True})),
    *combinations("FlowMatchHeun"),
    *combinations("Heun"),
    *combinations("TCD"),
    *combinations("EDMEuler", ({}, {"churn": 3.0})),
]


def nodes(sampler):
    return np.array(sampler.grid.signal), np.array(sampler.grid.noise)


def split(sampler, x, prediction, i):
    """Solve the definitions of x and of the prediction for x0 and epsilon."""
    (alpha, sigma), name = (column[i] for column in nodes(sampler)), sampler.prediction
    if isinstance(sampler, samplers.EDMEuler):
        size = math.hypot(sigma, sampler.sigma_data)
        sign = 1 if name == "epsilon" else -1
        x0 = (sampler.sigma_data / size) ** 2 * x
        x0 = x0 + sign * sigma * sampler.sigma_data / size * prediction
        return x0, (x - x0) / sigma
    if sampler.schedule.form == "variance preserving":  # the model sees the rescaled x
        size = math.hypot(alpha, sigma)
        x, alpha, sigma = x / size, alpha / size, sigma / size
    of_x0, of_epsilon = {
        "x0": (1, 0),
        "epsilon": (0, 1),
        "v": (-sigma, alpha),
        "score": (0, -1 / sigma),
        "flow": (-1, 1),
    }[name]
    both = np.linalg.solve([[alpha, sigma], [of_x0, of_epsilon]], [x.ravel(), prediction.ravel()])
    return both.reshape(2, *x.shape)


def limited(x0, clip=None, threshold=None, threshold_max=math.inf):
    if clip is not None:
        return np.clip(x0, -clip, clip)
    return fastgen.guidance.dynamic_threshold(x0, quantile=threshold, max_limit=threshold_max)


def euler(sampler, x, x0, epsilon, i, noise):
    sigma, after = nodes(sampler)[1][i : i + 2]
    gamma = min(sampler.churn.total / len(sampler), math.sqrt(2) - 1)
    raised = sigma * (1 + gamma)
    x = x + math.sqrt(raised**2 - sigma**2) * noise
    return x + (after - raised) * (x - x0) / raised


def ancestral(sampler, x, x0, epsilon, i, noise):
    (alpha, alpha_after), (sigma, after) = (column[i : i + 2] for column in nodes(sampler))
    up = sampler.eta * after * math.sqrt(1 - (alpha * after / (sigma * alpha_after)) ** 2)
    epsilon = (x - alpha * x0) / sigma
    return alpha_after * x0 + math.sqrt(after**2 - up**2) * epsilon + up * noise


def flow_euler(sampler, x, x0, epsilon, i, noise):
    sigma, after = nodes(sampler)[1][i : i + 2]
    if sampler.stochastic:
        return (1 - after) * x0 + after * noise
    return x + (after - sigma) * (x - x0) / sigma


def tcd(sampler, x, x0, epsilon, i, noise):
    schedule, last = sampler.schedule, i + 1 == len(sampler)
    after = 0 if last else int(sampler.timesteps[i + 1])
    s = math.floor((1 - sampler.eta) * after)
    there = schedule.signal[s] * x0 + schedule.sigma[s] * epsilon
    ratio = 1.0 if last else schedule.signal[after] / schedule.signal[s]
    return ratio * there + math.sqrt(1 - ratio**2) * noise


class HeunOfTwo:
    """Algorithm 1 of Karras et al., one evaluation at a time."""

    def __call__(self, sampler, x, x0, epsilon, i, noise):
        sigmas = nodes(sampler)[1]
        slope = (x - x0) / sigmas[i]
        if i % 2 == 0:
            self.x, self.slope = x, slope
            return x + (sigmas[i + 1] - sigmas[i]) * slope
        return self.x + (sigmas[i] - sigmas[i - 1]) * (self.slope + slope) / 2


@pytest.mark.parametrize("limits", LIMITS, ids=["clip", "threshold", "threshold_max"])
@pytest.mark.parametrize(("name", "form", "prediction", "options"), CASES)
def test_the_step_of_the_limited_x0(name, form, prediction, options, limits, rng):
    sampler = getattr(samplers, name)(FORMS[form], 6, prediction=prediction, **options, **limits)
    plain = getattr(samplers, name)(FORMS[form], 6, prediction=prediction, **options)
    reference = {
        "Euler": euler,
        "EDMEuler": euler,
        "EulerAncestral": ancestral,
        "FlowMatchEuler": flow_euler,
        "TCD": tcd,
    }.get(name, HeunOfTwo())
    states, mattered = [s.state() for s in (sampler, plain)], False
    x = sampler.init_noise_scale * rng.standard_normal(SHAPE)
    for i in range(len(sampler)):
        prediction, noise = 3 * rng.standard_normal(SHAPE), rng.standard_normal(SHAPE)
        x0, epsilon = split(sampler, x, prediction, i)
        cut = limited(x0, **limits)
        mattered = mattered or np.max(np.abs(cut - x0)) > 0.1
        wanted = reference(sampler, x, cut, epsilon, i, noise)
        got = sampler.step(x, prediction, i, state=states[0], noise=noise)
        size = np.abs(x).max() + np.abs(x0).max() + np.abs(wanted).max()
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-9 * size)
        if name not in ("Heun", "FlowMatchHeun"):  # without limits, the reference is the step too
            wanted = reference(sampler, x, x0, epsilon, i, noise)
            free = plain.step(x, prediction, i, state=states[1], noise=noise)
            np.testing.assert_allclose(free, wanted, rtol=1e-9, atol=1e-9 * size)
        x = got
    assert mattered


def test_there_are_cases():
    """Each form and each prediction occurs."""
    assert {form for _, form, _, _ in CASES} == FORMS.keys()
    for name in ("Euler", "EulerAncestral", "Heun"):
        assert len({case[1:3] for case in CASES if case[0] == name}) >= 11
    for name in ("FlowMatchEuler", "FlowMatchHeun"):
        assert {case[2] for case in CASES if case[0] == name} >= {"flow", "x0", "v"}


def test_consistency_model(rng):
    sampler = samplers.ConsistencyModel(FORMS["exploding"], 4, clip=None, threshold=0.7)
    free = samplers.ConsistencyModel(FORMS["exploding"], 4, clip=None)
    x, prediction = 3 * rng.standard_normal((2, *SHAPE))
    zeros = np.zeros(SHAPE)
    denoised = free.step(x, prediction, 1, noise=zeros)
    cut = fastgen.guidance.dynamic_threshold(denoised, quantile=0.7)
    assert np.abs(cut - denoised).max() > 0.1
    np.testing.assert_allclose(sampler.step(x, prediction, 1, noise=zeros), cut, rtol=1e-12)
    with pytest.raises(ValueError, match=r"ConsistencyModel: clip and threshold both"):
        samplers.ConsistencyModel(FORMS["exploding"], 4, threshold=0.7)


@pytest.mark.parametrize("limit", [{"clip": 1.0}, {"threshold": 0.9}])
@pytest.mark.parametrize("name", ["DEIS", "LMS", "PNDM", "IPNDM"])
def test_methods_of_noise_or_slopes_say_why_they_take_no_limit(name, limit):
    match = rf"{name}: {next(iter(limit))} needs a sampler of x0, such as UniPC.*combines"
    with pytest.raises(ValueError, match=match):
        made(name, **limit)


@pytest.mark.parametrize("name", ["Euler", "EDMEuler"])
def test_limits_with_churn_need_no_parity(name):
    for limit in ({"clip": 1.0}, {"threshold": 0.9}):
        with pytest.raises(ValueError, match=rf"{name}: clip and threshold with churn need parity"):
            made(name, churn=1.0, parity="diffusers", **limit)
        made(name, parity="diffusers", **limit)


@pytest.mark.parametrize("name", NAMES)
def test_every_sampler_takes_limits_or_says_why_not(name):
    parameters = inspect.signature(getattr(samplers, name)).parameters
    assert {"clip", "threshold"} <= parameters.keys()
    for option in ("clip", "threshold"):
        for wrong in (-1.0, math.nan):
            with pytest.raises(ValueError, match=rf"{name}: {option} (must|needs)"):
                made(name, **{"clip": None, option: wrong})
