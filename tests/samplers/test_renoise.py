"""Steps back to more noise: their distribution, and inpainting by them (RePaint)."""

import math

import numpy as np
import pytest

from fastgen.diffusion import Schedule, samplers
from tests.support.made_samplers import NAMES, SHAPE, made

SCHEDULES = {
    "preserving": Schedule.linear(),
    "no signal at the start": Schedule.cosine(max_beta=1),
    "exploding": Schedule.karras(1000),
    "flow": Schedule.flow(shift=3),
}
PLACES = [  # a schedule of each form, with samplers in its own variables and of x0 + sigma noise
    *((kind, "preserving") for kind in ("DDIM", "DDPM", "Euler", "Heun", "UniPC")),
    *((kind, "no signal at the start") for kind in ("DDIM", "DDPM", "UniPC")),
    *((kind, "exploding") for kind in ("DDIM", "DDPM", "Euler", "Heun", "UniPC")),
    *((kind, "flow") for kind in ("DDIM", "DDPM", "FlowMatchEuler", "FlowMatchHeun", "UniPC")),
]


def sampler_on(kind, schedule, steps=8):
    return getattr(samplers, kind)(SCHEDULES[schedule], steps, prediction="x0")


def pairs(sampler):
    return [(j, i) for j in range(len(sampler) + 1) for i in range(j + 1)]


@pytest.mark.parametrize(("kind", "schedule"), PLACES)
def test_marginals_go_to_marginals(kind, schedule):
    """x_j = alpha_j x0 + sigma_j z has mean alpha_i x0 and deviation sigma_i after the way back."""
    sampler = sampler_on(kind, schedule)
    alpha, sigma = sampler.grid.signal, sampler.grid.noise
    one, zero = np.ones((1, 1)), np.zeros((1, 1))
    for j, i in pairs(sampler):
        kept = sampler.renoise(one, j, i, noise=zero)[0, 0]
        added = sampler.renoise(zero, j, i, noise=one)[0, 0]
        assert kept * alpha[j] == pytest.approx(alpha[i], rel=1e-14, abs=1e-300)
        assert math.hypot(kept * sigma[j], added) == pytest.approx(sigma[i], rel=1e-14)
        assert i < j or (kept, added) == (1, 0)


@pytest.mark.parametrize(("kind", "schedule"), PLACES)
def test_two_steps_back_are_one(kind, schedule):
    sampler = sampler_on(kind, schedule)
    one, zero = np.ones((1, 1)), np.zeros((1, 1))
    for j, i in pairs(sampler):
        for k in range(i + 1):
            first, second = (sampler.renoise(zero, *way, noise=one) for way in ((j, i), (i, k)))
            carried = sampler.renoise(first, i, k, noise=zero)
            wanted = sampler.renoise(zero, j, k, noise=one)
            assert np.hypot(carried, second) == pytest.approx(wanted, rel=1e-13, abs=1e-300)


@pytest.mark.parametrize("name", NAMES)
def test_every_sampler_adds_the_noise_of_a_node_to_data(name):
    """From the last node, whatever the noise that is left there; and a run goes on from node i."""
    sampler, x0 = made(name), np.full(SHAPE, 2.0)
    alpha, sigma = sampler.grid.signal, sampler.grid.noise
    z = np.random.default_rng(0).standard_normal(SHAPE)
    for i in range(0, len(sampler) - 1, 2):
        kept = alpha[i] / alpha[-1]
        wanted = kept * x0 + math.sqrt(sigma[i] ** 2 - (kept * sigma[-1]) ** 2) * z
        x = sampler.renoise(x0, len(sampler), i, noise=z)
        np.testing.assert_allclose(x, wanted, rtol=1e-12, atol=1e-12)
        x = sampler.step(x, np.zeros(SHAPE), i, state=sampler.state(), key=0)
        assert np.isfinite(x).all()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_noise_by_key(dtype):
    """It is addressed by the sample, it is no step's, and each node to go to has its own."""
    sampler, x = made("DDPM"), np.zeros((6, 5), dtype)
    whole = sampler.renoise(x, 5, 3, key=7)
    assert whole.dtype == dtype
    parts = [sampler.renoise(x[k : k + 2], 5, 3, key=7, first=k) for k in (0, 2, 4)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    np.testing.assert_array_equal(sampler.renoise(x, 5, 3, rng=1), sampler.renoise(x, 5, 3, rng=1))
    assert (sampler.renoise(x, 5, 3) != sampler.renoise(x, 5, 3)).any()
    draws = [whole, sampler.renoise(x, 5, 2, key=7), sampler.renoise(x, 5, 3, key=8)]
    draws += [sampler.step(x, x, i, key=7) for i in (2, 3, 5)]
    scaled = [y.astype(float).ravel() / y.astype(float).std() for y in draws]
    for k, y in enumerate(scaled):
        assert all(np.abs(y - other).max() > 0.1 for other in scaled[:k])
    out = x.copy()
    assert sampler.renoise(out, 5, 3, key=7, out=out) is out
    np.testing.assert_array_equal(out, whole)


@pytest.mark.parametrize(
    ("j", "i", "error", "message"),
    [
        (9, 3, ValueError, "DDPM: j must lie between 0 and 8, got 9"),
        (3, -1, ValueError, "DDPM: i must lie between 0 and 8, got -1"),
        (3, 4, ValueError, "DDPM: i must be at most j, .* got i = 4 and j = 3"),
        (3.0, 1, TypeError, "DDPM: j must be the number of a node, got 3.0"),
        (3, np.array([1, 2]), TypeError, "DDPM: i must be the number of a node"),
        (3, True, TypeError, "DDPM: i must be the number of a node, got True"),
    ],
)
def test_bad_nodes(j, i, error, message):
    with pytest.raises(error, match=message):
        made("DDPM").renoise(np.ones(SHAPE), j, i, key=0)


def test_bad_noise():
    x = np.ones(SHAPE)
    with pytest.raises(ValueError, match="noise must have the shape"):
        made("DDPM").renoise(x, 3, 1, noise=x[:1])
    with pytest.raises(ValueError, match="key and rng both select the noise"):
        made("DDPM").renoise(x, 3, 1, key=0, rng=1)
    with pytest.raises(ValueError, match="noise and key both select the noise"):
        made("DDPM").renoise(x, 3, 1, noise=x, key=0)


def test_inversion_is_refused():
    schedule = Schedule.linear()
    sampler = samplers.DPMSolverMultistep(schedule, 8, prediction="x0", inverse=True)
    with pytest.raises(ValueError, match="renoise goes to more noise, but this sampler does so"):
        sampler.renoise(np.ones(SHAPE), 2, 1)


MEAN, COVARIANCE = np.array([0.5, -0.3]), np.array([[1.0, 0.8], [0.8, 1.0]])
KNOWN = 1.5


def repaint(sampler, resamplings, count, key):
    """Inpaint the second number of two, of which the first is known, by RePaint's algorithm 1."""
    alpha, sigma = sampler.grid.signal, sampler.grid.noise
    data = np.full((count, 2), KNOWN)
    x = sampler.init_noise_scale * np.random.default_rng(key).standard_normal((count, 2))
    for i in range(len(sampler)):
        gain = (
            alpha[i]
            * COVARIANCE
            @ np.linalg.inv(alpha[i] ** 2 * COVARIANCE + sigma[i] ** 2 * np.eye(2))
        )
        for _ in range(resamplings):
            key += 1
            x0 = MEAN + (x - alpha[i] * MEAN) @ gain.T
            after = sampler.step(x, x0, i, key=key)
            after[:, :1] = sampler.renoise(data, len(sampler), i + 1, key=key + 2**32)[:, :1]
            x = sampler.renoise(after, i + 1, i, key=key)
        x = after
    return x


@pytest.mark.parametrize(
    ("kind", "schedule"), [("DDPM", "preserving"), ("EulerAncestral", "exploding")]
)
def test_repaint_draws_from_the_conditional_distribution(kind, schedule):
    """The mean's error falls with resamplings, and the deviation's with steps.

    Both samplers draw with the variance for data at one point, which is too small by the length
    of a step.
    """
    slope = COVARIANCE[0, 1] / COVARIANCE[0, 0]
    mean = MEAN[1] + slope * (KNOWN - MEAN[0])
    deviation = math.sqrt(COVARIANCE[1, 1] - slope * COVARIANCE[0, 1])
    errors = {}
    for steps, resamplings in ((160, 1), (160, 4), (160, 16), (40, 16)):
        x = repaint(sampler_on(kind, schedule, steps), resamplings, 10000, 1)
        np.testing.assert_array_equal(x[:, 0], KNOWN)
        errors[steps, resamplings] = abs(x[:, 1].mean() - mean), abs(x[:, 1].std() - deviation)
    assert errors[160, 1][0] > 2 * errors[160, 4][0] > 4 * errors[160, 16][0]
    assert errors[40, 16][1] > 2 * errors[160, 16][1]
    assert max(errors[160, 16]) < 0.08
