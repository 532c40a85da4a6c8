"""The nodes of every sampler: where a run starts, which nodes it visits, what the model is told."""

import math

import numpy as np
import pytest
from made_samplers import NAMES, OWN_SCHEDULES

from fastgen.diffusion import Schedule, samplers

KARRAS, FLOW = Schedule.karras(1000), Schedule.flow()
WITHOUT_SIGNAL = [
    Schedule.flow(),
    Schedule.cosine(max_beta=1.0),
    Schedule.linear().rescale_zero_terminal_snr(),
]
ANY_FORM = sorted(set(NAMES) - set(OWN_SCHEDULES) - {"LCM", "SCM", "TCD"})
TWO_EVALUATIONS = ["DPM2", "DPM2Ancestral", "DPMSolver2SAncestral", "DPMSolverSDE", "Heun"]
OF_SIGMA = [*TWO_EVALUATIONS, "Euler", "EulerAncestral", "LMS"]
NODES_TWICE = ["DPM2Ancestral", "DPMSolver2SAncestral", "Heun", "PNDM"]


@pytest.mark.parametrize("name", ANY_FORM)
@pytest.mark.parametrize("schedule", [KARRAS, Schedule.edm(1000), Schedule.exponential(1000)])
def test_the_start_has_the_noise_of_the_schedule(name, schedule):
    sampler = getattr(samplers, name)(schedule, 30)
    assert sampler.init_noise_scale == pytest.approx(80.0, rel=1e-12)
    np.testing.assert_array_equal(sampler.timesteps, sampler.grid.noise[:-1])


@pytest.mark.parametrize("name", ANY_FORM)
@pytest.mark.parametrize("steps", [1, 2, 3, 500, 501, 999, 1000])
def test_a_run_starts_at_the_most_noise(name, steps):
    schedule = Schedule.linear()
    sampler = getattr(samplers, name)(schedule, steps)
    assert sampler.timesteps[0] == 999
    sigma = float(schedule.sigma_over_signal[-1])
    wanted = math.hypot(1, sigma) if name in OF_SIGMA else 1.0
    assert sampler.init_noise_scale == pytest.approx(wanted, rel=1e-12)
    nodes = sampler.sigmas if name not in NODES_TWICE else np.unique(sampler.sigmas)[::-1]
    assert np.all(np.diff(nodes) < 0) and nodes[-1] == 0


def test_the_grid_of_flows_is_that_of_diffusers():
    """diffusers 0.42 and Wan: even times from 1 to 1 / T, before the shift, and then 0."""
    sampler = samplers.UniPC(Schedule.flow(shift=5.0), 8, prediction="flow")
    wanted = [1, 0.972, 0.938, 0.893, 0.834, 0.751, 0.626, 0.419, 0]
    np.testing.assert_allclose(sampler.sigmas, wanted, atol=5e-4)
    np.testing.assert_allclose(sampler.timesteps, 1000 * sampler.sigmas[:-1], rtol=1e-15)


def test_timesteps_of_exploding_schedules_are_sigmas():
    sampler = samplers.DPM2(Schedule.edm(1000), 5)
    np.testing.assert_array_equal(sampler.timesteps, sampler.sigmas[:-1])


def test_sigmas_strictly_fall_to_the_smallest():
    sampler = samplers.DPMSolverMultistep(Schedule.edm(8), 8)
    np.testing.assert_allclose(sampler.sigmas, [*Schedule.edm(8).sigma[::-1], 0.0], rtol=1e-15)
    shorter = samplers.DPMSolverMultistep(Schedule.edm(8), 7, final_sigma="min")
    np.testing.assert_allclose(shorter.sigmas, Schedule.edm(8).sigma[::-1], rtol=1e-15)
    with pytest.raises(ValueError, match=r"steps must lie between 1 and 7"):
        samplers.DPMSolverMultistep(Schedule.edm(8), 8, final_sigma="min")


def test_leading_spacing():
    schedule = Schedule.linear()
    every = samplers.UniPC(schedule, 1000, spacing="leading")
    np.testing.assert_array_equal(every.steps, np.arange(1000)[::-1])
    half = samplers.DDIM(schedule, 501, spacing="leading")
    np.testing.assert_array_equal(half.steps, np.arange(501)[::-1] * 1000 // 501)
    with pytest.raises(ValueError, match=r"spacing='leading' starts a run of one step.*'trailing'"):
        samplers.DDIM(schedule, 1, spacing="leading")
    with pytest.raises(ValueError, match=r"spacing='leading' does not start at pure noise"):
        samplers.DDIM(FLOW, 10, spacing="leading", prediction="flow")


@pytest.mark.parametrize("name", ANY_FORM)
@pytest.mark.parametrize("schedule", WITHOUT_SIGNAL)
@pytest.mark.parametrize("steps", [1, 2, 20, 1000])
def test_a_start_without_signal(name, schedule, steps):
    """A run is finite, or refused. What the model says where there is no signal is the mean."""
    refused = name == "PNDM" or (name in OF_SIGMA and schedule.form != "flow")
    make = getattr(samplers, name)
    if refused:
        with pytest.raises(ValueError, match=rf"{name}: step 0 has no signal.*; use "):
            make(schedule, steps, prediction="v")
        return
    with pytest.raises(ValueError, match=rf"{name}: step 0 has no signal.*epsilon does not det"):
        make(schedule, steps)
    highest = {"UniPC": {"order": 3}, "DEIS": {"order": 3}, "DPMSolverMultistep": {"order": 3}}
    sampler, states = make(schedule, steps, prediction="x0", **highest.get(name, {})), None
    x, states = np.linspace(-1, 1, 5), sampler.state()
    for i in range(len(sampler)):
        x = sampler.step(x, np.full(5, 0.5), i, state=states, key=0)
        assert np.isfinite(x).all()
    np.testing.assert_allclose(x, 0.5, rtol=1e-12)  # the data are at one point


@pytest.mark.parametrize("name", ["DDIM", "Heun", "DDPM", "LMS", "Euler", "EulerAncestral", "DPM2"])
def test_a_first_step_without_noise_is_the_end(name):
    """It is no node of the model, so no prediction is asked for where it determines nothing."""
    schedule = Schedule.from_alpha_bar(np.linspace(1, 0.01, 50))
    sampler = getattr(samplers, name)(schedule, 10)
    assert np.all(np.array(sampler.grid.noise[:-1]) > 0) and sampler.grid.noise[-1] == 0
    assert sampler.timesteps.min() >= 1
    with pytest.raises(ValueError, match=r"steps must lie between 1 and 49, the number of its ste"):
        getattr(samplers, name)(schedule, 50)


@pytest.mark.parametrize("form", [KARRAS, FLOW, Schedule.linear()])
def test_v_has_one_definition(form):
    """v = alpha epsilon - sigma x0, as in convert."""
    rng = np.random.default_rng(0)
    x, x0 = rng.standard_normal((2, 4, 3))
    alpha, sigma = form.in_steps().coefficients(700)
    epsilon = (x - alpha * x0) / sigma
    timestep = 700.0 if form is not KARRAS else float(sigma)
    timestep = 1000 * float(sigma) if form is FLOW else timestep
    result = [
        samplers.DDIM(form, prediction=kind, timesteps=[timestep]).step(x, given, 0)
        for kind, given in (("v", alpha * epsilon - sigma * x0), ("x0", x0))
    ]
    np.testing.assert_allclose(result[0], result[1], rtol=1e-11)


@pytest.mark.parametrize("name", ANY_FORM)
def test_own_lists(name):
    """Lists of timesteps and of sigmas give the same run."""
    make = getattr(samplers, name)
    for schedule, timesteps in (
        (Schedule.scaled_linear(), [999, 749.5, 400, 30]),
        (KARRAS, [80.0, 20.0, 1.5, 0.01]),
        (FLOW, [900.0, 700.5, 300.0, 20.0]),
    ):
        of_times = make(schedule, timesteps=timesteps)
        sigmas = np.unique(of_times.sigmas)[::-1] if name == "PNDM" else of_times.sigmas
        sigmas = sigmas if name not in TWO_EVALUATIONS else of_times.sigmas[[0, 2, 4, 6, 7]]
        of_sigmas = make(schedule, sigmas=sigmas.tolist())
        np.testing.assert_allclose(of_sigmas.timesteps, of_times.timesteps, rtol=1e-9)
        np.testing.assert_allclose(of_sigmas.sigmas, of_times.sigmas, rtol=1e-9)
        end = make(schedule, sigmas=sigmas[:-1].tolist())
        np.testing.assert_array_equal(end.sigmas, of_sigmas.sigmas)


def test_wrong_lists():
    linear, make = Schedule.linear(), samplers.DDIM
    for wrong, error, match in (
        ({"timesteps": [10, 20]}, ValueError, r"timesteps must be finite and strictly fall"),
        ({"timesteps": []}, ValueError, r"timesteps must have the shape \(steps,\), got \(0,\)"),
        ({"timesteps": [1000.0]}, ValueError, r"timesteps must lie between 0 and 999.*got 1000"),
        ({"timesteps": "all"}, TypeError, r"timesteps must be a list of numbers, got 'all'"),
        ({"sigmas": [200.0, 1.0]}, ValueError, r"sigmas must lie between 0.01.* got 200"),
        ({"sigmas": [10, np.nan]}, ValueError, r"sigmas must be finite and strictly fall"),
        ({"sigmas": [9.0], "timesteps": [5]}, ValueError, r"timesteps and sigmas both.*give one"),
        ({"offset": 1.5}, TypeError, r"offset must be an int, got 1.5"),
    ):
        with pytest.raises(error, match=f"DDIM: {match}"):
            make(linear, **wrong)
    with pytest.raises(ValueError, match=r"TCD: timesteps must be whole steps.*got 7.5"):
        samplers.TCD(linear, timesteps=[500, 7.5])


def test_options_are_checked():
    linear = Schedule.linear()
    with pytest.raises(ValueError, match=r"LCM: timestep_scaling must be >= 0, and be finite; got"):
        samplers.LCM(linear, timestep_scaling=math.nan)
    with pytest.raises(TypeError, match=r"LCM: original_steps must be an int, got 50.0"):
        samplers.LCM(linear, original_steps=50.0)
    with pytest.raises(ValueError, match=r"Euler: churn=2.0 adds noise at constant signal.*Ancest"):
        samplers.Euler(FLOW, churn=2.0, prediction="flow")
    with pytest.raises(ValueError, match=r"PNDM: runge_kutta=True needs first steps shorter than"):
        samplers.PNDM(Schedule.cosine(), 20, runge_kutta=True)
    assert len(samplers.PNDM(linear, 1)) == 1


def test_the_default_tau_is_of_steps():
    """On every form of schedule, the noise is added in the middle of the steps."""
    for schedule in (Schedule.vp(1000), KARRAS, FLOW):
        taus = samplers.SASolver(schedule, 50, prediction="x0").taus
        assert taus[0] == taus[-1] == 0 and 28 <= sum(taus) <= 32
