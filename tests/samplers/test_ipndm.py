"""IPNDM against the formula of k-diffusion, its order on even steps, and diffusers."""

import numpy as np
import pytest
from diffusers_runs import DTYPES, agree, run_ours, run_theirs, start, theirs

from fastgen.diffusion import Schedule, samplers

X0S = np.random.default_rng(4).standard_normal((12, 2, 3))
START = np.cos(np.arange(6.0)).reshape(2, 3)
WEIGHTS = ([1], [1.5, -0.5], [23 / 12, -16 / 12, 5 / 12], [55 / 24, -59 / 24, 37 / 24, -9 / 24])
FLOW = Schedule.flow()
# sigma = sin^2(pi t / 2), at t = k / 1000: the schedule of diffusers' IPNDMScheduler
OF_DIFFUSERS = Schedule.from_alpha_bar(1 - np.sin(np.pi / 2 * np.arange(1, 1001) / 1000) ** 4)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("schedule", [Schedule.karras(1000), Schedule.vp(1000), FLOW])
def test_steps_are_those_of_k_diffusion(schedule, order):
    """x + (sigma' - sigma) (w_0 d_0 + w_1 d_1 + ...), d = (x - x0) / sigma, on x / alpha."""
    sampler = samplers.IPNDM(schedule, 12, prediction="x0", order=order)
    signal, noise = map(np.array, (sampler.grid.signal, sampler.grid.noise))
    if schedule is not FLOW:
        signal, noise = np.ones_like(signal), noise / signal
    scale = sampler.grid.signal[0] if schedule is not FLOW else 1.0
    x, y, state, slopes = START, START / scale, sampler.state(), []
    for i in range(12):
        slopes = [(y - X0S[i]) / noise[i], *slopes][:order]
        if schedule is FLOW:
            slopes[0] = (y - signal[i] * X0S[i]) / noise[i] - X0S[i]
        ahead = sum(w * d for w, d in zip(WEIGHTS[len(slopes) - 1], slopes, strict=True))
        y = y + (noise[i + 1] - noise[i]) * ahead
        x = sampler.step(x, X0S[i], i, state=state)
        scale = sampler.grid.signal[i + 1] if schedule is not FLOW else 1.0
        np.testing.assert_allclose(x, scale * y, rtol=1e-11, atol=1e-11)


def on_path(t):
    """Return the sample of normal data of deviation 1/2 at time t of a flow, from 1 at time 1."""
    return np.hypot((1 - t) / 2, t)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_order_on_even_steps(order):
    """On a flow, where steps in sigma are even, the error falls at the method's order."""
    errors, counts = [], (20, 40, 100)
    for steps in counts:
        sampler = samplers.IPNDM(FLOW, steps, prediction="flow", order=order)
        x, state = np.ones(1), sampler.state()
        for i, t in enumerate(sampler.sigmas[:-1]):
            x = np.full(1, on_path(t)) if i < order else x  # begin at the full order
            spread = on_path(t) ** 2
            x = sampler.step(x, (t - (1 - t) / 4) / spread * x, i, state=state)
        errors.append(abs(float(x[0]) - on_path(0.0)))
    found = -np.polyfit(np.log(counts), np.log(errors), 1)[0]
    assert order - 0.25 < found < order + 0.9, found


def test_a_long_step_goes_to_x0_and_epsilon():
    """Weights of earlier predictions do not reach over it."""
    few = samplers.IPNDM(Schedule.linear(), 2, prediction="x0")
    ddim = samplers.DDIM(Schedule.linear(), 2, prediction="x0")
    assert few.grid.leaps(0, of_data=False)
    x, other, state = START, START, few.state()
    for i in range(2):
        x, other = few.step(x, X0S[i], i, state=state), ddim.step(other, X0S[i], i)
        np.testing.assert_allclose(x, other, rtol=1e-12)


@pytest.mark.parametrize("option", ["clip", "threshold"])
def test_refused(option):
    with pytest.raises(ValueError, match=rf"IPNDM: {option} needs a sampler of x0"):
        samplers.IPNDM(Schedule.linear(), 10, **{option: 1.0})
    with pytest.raises(ValueError, match=r"IPNDM: order must be 1, 2, 3 or 4, got 5"):
        samplers.IPNDM(Schedule.linear(), 10, order=5)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("steps", [1, 2, 5, 20, 50])
def test_diffusers(monkeypatch, dtype, steps):
    sampler = samplers.IPNDM(OF_DIFFUSERS, steps, prediction="v", parity="diffusers")
    scheduler = theirs(monkeypatch, "IPNDMScheduler", dtype, [])
    x = start(sampler, dtype)
    agree(run_ours(sampler, x, []), run_theirs(scheduler, steps, x), dtype)
