"""Multistep methods against the formulas of their papers and of k-diffusion."""

import itertools
import math

import numpy as np
import pytest

from fastgen.diffusion import Schedule, samplers

KARRAS, VP, FLOW = Schedule.karras(1000), Schedule.vp(1000), Schedule.flow()
SHAPE = (2, 3)
X0S = np.random.default_rng(4).standard_normal((12, *SHAPE))
NOISES = np.random.default_rng(5).standard_normal((12, *SHAPE))
START = np.cos(np.arange(6.0)).reshape(SHAPE)


def run(sampler):
    """Return the samples of a run whose model gives X0S, and the nodes."""
    x, state, path = START, sampler.state(), []
    for i in range(len(sampler)):
        given = NOISES[i] if sampler.adds_noise(i) else None
        x = sampler.step(x, X0S[i], i, state=state, noise=given)
        path.append(x)
    return path, list(zip(sampler.grid.signal, sampler.grid.noise, strict=True))


def steps_of(nodes):
    """Return (alpha, sigma) at both ends, h, and the h of the two steps before, of each step."""
    logs = [math.log(a / s) if s else math.inf for a, s in nodes]
    lengths = [after - before for before, after in itertools.pairwise(logs)]
    for i, pair in enumerate(itertools.pairwise(nodes)):
        yield i, *pair, lengths[i], lengths[max(i - 2, 0) : i][::-1]


@pytest.mark.parametrize("schedule", [KARRAS, VP])
@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0, 1.7])
@pytest.mark.parametrize(("order", "solver"), [(2, "midpoint"), (2, "heun"), (3, "heun")])
def test_eta_is_that_of_k_diffusion(schedule, eta, order, solver):
    """sample_dpmpp_2m_sde and sample_dpmpp_3m_sde, with the whole term of the curvature."""
    options = {"order": order, "solver": solver, "eta": eta, "sigmas": "karras"}
    options["lower_order_final"] = False
    sampler = samplers.DPMSolverMultistep(
        schedule, 12, prediction="x0", algorithm="sde-dpmsolver++", **options
    )
    path, nodes = run(sampler)
    x = START
    for i, (_, sigma), (alpha, after), h, before in steps_of(nodes):
        if after == 0:
            x = X0S[i]
        else:
            z = h * (eta + 1)
            x = after / sigma * math.exp(-h * eta) * x - alpha * math.expm1(-z) * X0S[i]
            phi_2 = math.expm1(-z) / z + 1
            if before:
                r = before[0] / h
                slope = (X0S[i] - X0S[i - 1]) / r
                if order == 3 and i > 1:
                    r_1 = before[1] / h
                    other = (X0S[i - 1] - X0S[i - 2]) / r_1
                    curve = (slope - other) / (r + r_1)
                    slope = slope + curve * r
                    x = x - alpha * 2 * (phi_2 / z - 0.5) * curve
                weight = phi_2 if solver == "heun" else -math.expm1(-z) / 2
                x = x + alpha * weight * slope
            x = x + after * math.sqrt(-math.expm1(-2 * h * eta)) * NOISES[i]
        np.testing.assert_allclose(path[i], x, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("form", ["dpmsolver++", "dpmsolver"])
def test_no_eta_is_no_noise(form, order):
    options = {"prediction": "x0", "order": order}
    without = samplers.DPMSolverMultistep(VP, 12, algorithm=f"sde-{form}", eta=0, **options)
    path = run(samplers.DPMSolverMultistep(VP, 12, algorithm=form, **options))[0]
    for x, y in zip(run(without)[0], path, strict=True):
        np.testing.assert_array_equal(x, y)


def test_the_noise_of_a_bounded_step_is_that_of_the_sde():
    """Where a step is too long for predictions of the noise, it is exact for a constant x0."""
    for eta in (0.2, 1.0, 2.5):
        sampler = samplers.DPMSolverMultistep(
            KARRAS, 2, prediction="x0", algorithm="sde-dpmsolver", eta=eta
        )
        grid = sampler.grid
        h = grid.log_snr_half(1) - grid.log_snr_half(0)
        assert 3 < h < math.inf
        formula, sigma, after = sampler._formula(0, 0), *grid.noise[:2]
        assert formula.noise == pytest.approx(after * math.sqrt(-math.expm1(-2 * eta * h)))
        assert formula.u == pytest.approx(after / sigma * math.exp(-eta * h), rel=1e-9)


def test_wrong_eta_and_inverse():
    make = samplers.DPMSolverMultistep
    for options, match in (
        ({"eta": 0.5}, r"eta=0.5 adds noise, which algorithm='dpmsolver\+\+' does not; use algor"),
        ({"eta": -1.0, "algorithm": "sde-dpmsolver"}, r"eta must be >= 0, and be finite; got -1.0"),
        ({"algorithm": "sde-dpmsolver", "inverse": True}, r"needs a path without noise; use eta=0"),
        (
            {"sigmas": [9.0, 1.0, 0.0], "inverse": True},
            r"starts at the smallest sigma.*leave",
        ),
    ):
        with pytest.raises(ValueError, match=f"DPMSolverMultistep: .*{match}"):
            make(VP, 9, **options)


def test_res_is_dpmsolver_with_exact_weights():
    """Zhang, Song and Chen (2023): the multistep method of second order, b_2 = phi_2 / c_2."""
    sampler = samplers.DPMSolverMultistep(
        KARRAS, 12, prediction="x0", solver="heun", sigmas="karras", lower_order_final=False
    )
    path, nodes = run(sampler)
    x = START
    for i, _, (_, after), h, before in steps_of(nodes):
        if after == 0:
            x = X0S[i]
        else:
            phi_1 = math.expm1(-h) / -h
            phi_2 = (phi_1 - 1) / -h
            b_2 = phi_2 / (-before[0] / h) if before else 0.0
            old = X0S[i - 1] if before else 0.0
            x = math.exp(-h) * x + h * ((phi_1 - b_2) * X0S[i] + b_2 * old)
        np.testing.assert_allclose(path[i], x, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("schedule", [VP, KARRAS, FLOW, Schedule.cosine(max_beta=1.0)], ids=repr)
@pytest.mark.parametrize("algorithm", ["dpmsolver++", "dpmsolver"])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_inversion_ends_at_noise_and_returns(schedule, algorithm, order):
    """Data at one point lie on straight lines x = alpha x0 + sigma noise, which are exact."""
    options = {"algorithm": algorithm, "order": order, "prediction": "x0"}
    there = samplers.DPMSolverMultistep(schedule, 25, inverse=True, **options)
    back = samplers.DPMSolverMultistep(schedule, 25, final_sigma="min", **options)
    np.testing.assert_array_equal(there.sigmas, back.sigmas[::-1])
    np.testing.assert_array_equal(there.timesteps[1:], back.timesteps[:0:-1])
    noise, x0 = START, np.full(SHAPE, 0.7)
    x, state = there.grid.signal[0] * x0 + there.grid.noise[0] * noise, there.state()
    for i in range(25):
        x = there.step(x, x0, i, state=state)
    wanted = there.grid.signal[-1] * x0 + there.grid.noise[-1] * noise
    np.testing.assert_allclose(x, wanted, rtol=1e-9, atol=1e-9)


LONG = {
    "DPMSolverMultistep": [
        {"algorithm": a, "order": n} for a in ("dpmsolver++", "sde-dpmsolver++") for n in (2, 3)
    ],
    "UniPC": [{"order": 3, "lower_order_final": False, "corrector": False}],
    "SASolver": [{"tau": 0.0, "lower_order_final": False}],
    "ERSDE": [{"kind": "ode"}],
}


@pytest.mark.parametrize("schedule", [Schedule.linear(), Schedule.trigflow(), FLOW])
@pytest.mark.parametrize(("name", "options"), [(k, o) for k, v in LONG.items() for o in v])
def test_no_polynomial_reaches_over_a_long_step(name, options, schedule):
    """The last of even steps is much longer in log-SNR, where predictions of x0 hardly change."""
    lay = {"spacing": "linspace", "final_sigma": "min", "prediction": "x0"}
    sampler = getattr(samplers, name)(schedule, 20, **lay, **options)
    logs = -np.log(np.divide(sampler.grid.noise[1:], sampler.grid.signal[1:]))
    assert logs[-1] - logs[-2] > 3 * (logs[-2] - logs[-3])
    x, state, rng = np.full(20_000, 0.5), sampler.state(), np.random.default_rng(0)
    x = rng.standard_normal(20_000) * sampler.init_noise_scale
    for i in range(len(sampler)):  # data of deviation 1/2
        alpha, sigma = sampler.grid.signal[i], sampler.grid.noise[i]
        x0 = alpha / 4 / (alpha**2 / 4 + sigma**2) * x
        x = sampler.step(x, x0, i, state=state, rng=rng)
    right = math.hypot(sampler.grid.signal[-1] / 2, sampler.grid.noise[-1])
    assert abs(x.std() / right - 1) < 0.15
