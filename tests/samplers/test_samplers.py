"""Common properties of all samplers, and known bugs of other libraries."""

import copy
import pickle

import ml_dtypes
import numpy as np
import pytest
from made_samplers import NAMES, OWN_SCHEDULES, SHAPE, made, stochastic

import fastgen
from fastgen.diffusion import Schedule
from fastgen.diffusion import samplers as found
from fastgen.noise import normal

TWICE = ["Heun", "DPM2", "FlowMatchHeun"]  # two evaluations per step


def run(sampler, x, start=0, **noise):
    state = sampler.state()
    for i in range(start, len(sampler)):
        prediction = 0.3 * np.asarray(sampler.scale_input(x, i)) + x.dtype.type(0.1)
        x = sampler.step(x, prediction.astype(x.dtype), i, state=state, **noise)
    return x


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NAMES)
def test_sample_does_not_depend_on_the_batch(name, dtype, rng):
    sampler = made(name, **stochastic(name))
    x = rng.standard_normal(SHAPE).astype(dtype)
    whole = run(sampler, x, key=7)
    assert whole.dtype == dtype and np.isfinite(whole).all()
    np.testing.assert_array_equal(run(sampler, x[:1], key=7), whole[:1])
    np.testing.assert_array_equal(run(sampler, x[1:], key=7, first=1), whole[1:])
    if any(map(sampler.adds_noise, range(len(sampler)))):
        assert np.any(run(sampler, x, key=8) != whole)


@pytest.mark.parametrize("name", NAMES)
def test_noise_is_addressed_by_sample_step_and_element(name, rng):
    sampler = made(name, **stochastic(name))
    x, prediction = rng.standard_normal((2, *SHAPE)).astype(np.float32)
    state = sampler.state()
    for i in range(len(sampler)):
        copied = copy.deepcopy(state)
        noise = normal(SHAPE, key=5, counter=i << 64, dtype=np.float32)
        drawn = sampler.step(x, prediction, i, state=copied, noise=noise)
        made_in_place = sampler.step(x, prediction, i, state=state, key=5)
        np.testing.assert_array_equal(made_in_place, drawn)


@pytest.mark.parametrize("name", NAMES)
def test_out_in_place_and_half_precision(name, rng):
    sampler = made(name, **stochastic(name))
    x = rng.standard_normal(SHAPE).astype(np.float32)
    prediction = rng.standard_normal(SHAPE).astype(np.float32)
    states = [sampler.state() for _ in range(2)]
    half = sampler.state()
    for i in range(len(sampler)):
        wanted = sampler.step(x, prediction, i, state=states[0], key=1)
        given = x.copy()
        assert sampler.step(given, prediction, i, state=states[1], key=1, out=given) is given
        np.testing.assert_array_equal(given, wanted)
        for small in (np.float16, ml_dtypes.bfloat16) if i == 0 else ():
            args = x.astype(small), prediction.astype(small)
            got = sampler.step(*args, i, state=half, key=1)
            wide = (a.astype(np.float32) for a in args)
            exact = sampler.step(*wide, i, state=sampler.state(), key=1)
            assert got.dtype == small
            np.testing.assert_array_equal(got, exact.astype(small))
            half = sampler.state()


@pytest.mark.parametrize("name", NAMES)
def test_pickles_and_copies(name, rng):
    sampler = made(name)
    x = rng.standard_normal(SHAPE)
    wanted = run(sampler, x, key=3)
    for other in (pickle.loads(pickle.dumps(sampler)), copy.deepcopy(sampler)):
        np.testing.assert_array_equal(run(other, x, key=3), wanted)
    state = sampler.state()
    x = sampler.step(x, x, 0, state=state, key=3)
    other = pickle.loads(pickle.dumps(state))
    wanted = sampler.step(x, x, 1, state=state, key=3)
    np.testing.assert_array_equal(sampler.step(x, x, 1, state=other, key=3), wanted)


@pytest.mark.parametrize("name", NAMES)
def test_start_in_the_middle(name, rng):
    """A run may start at a later step, as in image-to-image. The memory is empty then."""
    sampler = made(name)
    x = rng.standard_normal(SHAPE)
    assert np.isfinite(run(sampler, x, start=4, key=0)).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("steps", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("schedule", [Schedule.cosine(), Schedule.linear(), Schedule.linear(8)])
def test_no_nan_at_few_steps(name, steps, schedule, rng):
    """diffusers #14213, #9007, #14411, k-diffusion #43: all defaults, cosine, very few steps."""
    if name.startswith("FlowMatch"):
        assert np.isfinite(run(made(name, steps, terminal=0.1), np.ones(3))).all()
    for options in ({}, stochastic(name)):
        sampler = made(name, steps, schedule, **options)
        x = (sampler.init_noise_scale * rng.standard_normal(SHAPE)).astype(np.float32)
        assert np.isfinite(run(sampler, x, key=0)).all()
        assert np.isfinite(sampler.timesteps).all()


@pytest.mark.parametrize("sigmas", ["karras", "exponential", "beta", "lu"])
@pytest.mark.parametrize("algorithm", ["dpmsolver++", "dpmsolver", "sde-dpmsolver++"])
def test_a_step_of_no_length_changes_nothing(sigmas, algorithm, rng):
    """diffusers #6477, #10748: the last sigma twice."""
    pytest.importorskip("scipy", reason="pip install scipy")
    sampler = found.DPMSolverMultistep(
        Schedule.linear(),
        9,
        order=3,
        sigmas=sigmas,
        final_sigma="min",
        algorithm=algorithm,
        parity="diffusers",
    )
    x, state = rng.standard_normal(SHAPE), sampler.state()
    for i in range(9):
        before, x = x, sampler.step(x, 0.1 * x, i, state=state, key=0)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("name", ["DDIM", "DDPM", "DPMSolverMultistep"])
def test_zero_terminal_snr(name, rng):
    """diffusers #3851, #7097: v- and x0-prediction have a limit, epsilon-prediction has none."""
    schedule = Schedule.linear().rescale_zero_terminal_snr()
    with pytest.raises(ValueError, match=r'zero terminal SNR.*prediction="v"'):
        made(name, schedule=schedule, spacing="trailing")
    x = rng.standard_normal(SHAPE)
    for prediction in ("v", "x0"):
        sampler = made(name, schedule=schedule, spacing="trailing", prediction=prediction)
        assert np.isfinite(run(sampler, x, key=0)).all()
    x0 = rng.standard_normal(SHAPE)  # v = alpha epsilon - sigma x0 where alpha = 0
    sampler = made(name, schedule=schedule, spacing="trailing", prediction="v")
    other = made(name, schedule=schedule, spacing="trailing", prediction="x0")
    states = sampler.state(), other.state()
    got = sampler.step(x, -x0, 0, state=states[0], key=0)
    np.testing.assert_allclose(got, other.step(x, x0, 0, state=states[1], key=0), rtol=1e-14)


def test_zero_terminal_snr_has_no_sigma():
    """Sigma has no limit there. The first step of methods of noise is then one to x0 and noise."""
    schedule = Schedule.linear().rescale_zero_terminal_snr()
    with pytest.raises(ValueError, match=r"no signal.*use DDIM or DPMSolverMultistep"):
        found.Euler(schedule, 8, prediction="v")
    options = {"prediction": "v", "spacing": "trailing"}
    of_noise = found.DPMSolverMultistep(schedule, 8, algorithm="dpmsolver", **options)
    x, v = np.linspace(-1, 1, 6).reshape(2, 3), np.linspace(0.5, 1, 6).reshape(2, 3)
    np.testing.assert_allclose(
        of_noise.step(x, v, 0, state=of_noise.state()),
        found.DDIM(schedule, 8, **options).step(x, v, 0),
        rtol=1e-14,
    )
    sampler = found.Euler(schedule, 8, prediction="v", parity="diffusers")
    assert sampler.sigmas[0] == pytest.approx(4096, rel=1e-6)


def test_ddim_inversion_is_its_inverse(rng):
    schedule, x = Schedule.linear(), rng.standard_normal(SHAPE)
    there = found.DDIM(schedule, 10, inverse=True)
    back = found.DDIM(schedule, 10, final_sigma="min")
    noise = [rng.standard_normal(SHAPE) for _ in range(10)]
    y = x
    for i in range(10):
        y = there.step(y, noise[i], i)
    for i in range(10):
        y = back.step(y, noise[9 - i], i)
    np.testing.assert_allclose(y, x, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(there.timesteps, [0.0, *back.timesteps[:0:-1]])
    np.testing.assert_array_equal(there.sigmas, back.sigmas[::-1])


@pytest.mark.parametrize("name", NAMES)
def test_wrong_options(name):
    most = {"LCM": 50, "TCD": 50, "EDMEuler": 10000, "ConsistencyModel": 39}.get(name, 1000)
    with pytest.raises(ValueError, match=rf"{name}: steps must lie between 1 and {most}.*got 0"):
        made(name, 0)
    with pytest.raises(ValueError, match=f"got {most + 1}"):
        made(name, most + 1)
    with pytest.raises(TypeError, match=r"steps must be an int, got 2.5"):
        made(name, 2.5)
    with pytest.raises(TypeError, match=r"schedule must be a fastgen.diffusion.Schedule"):
        getattr(found, name)(np.ones(5), 3)
    if name != "ConsistencyModel":
        with pytest.raises(ValueError, match=rf"{name}: prediction must be one of .*'noise'"):
            made(name, prediction="noise")
    if name not in OWN_SCHEDULES and name not in ("LCM", "SCM", "TCD"):
        with pytest.raises(ValueError, match=r"spacing must be one of 'linspace'.*got 'even'"):
            made(name, spacing="even")
        with pytest.raises(ValueError, match=r"offset=900 puts timesteps outside"):
            made(name, spacing="leading", offset=900)


@pytest.mark.parametrize("name", [name for name in OWN_SCHEDULES if name != "EDMEuler"])
def test_schedule_of_another_form(name):
    with pytest.raises(ValueError, match=rf"{name}: schedule must be"):
        getattr(found, name)(Schedule.linear())
    with pytest.raises(ValueError, match=r"EDMEuler: schedule must be variance exploding"):
        found.EDMEuler(Schedule.linear())
    for name in ("LCM", "SCM", "TCD"):
        with pytest.raises(ValueError, match=rf"{name}: schedule must be variance preserving"):
            getattr(found, name)(Schedule.edm())


@pytest.mark.parametrize("name", NAMES)
def test_wrong_calls_leave_out_untouched(name, rng):
    sampler, x, out = made(name), rng.standard_normal(SHAPE), np.full(SHAPE, 9.0)
    state = sampler.state()
    n = len(sampler)
    for i in (-1, n):
        with pytest.raises(ValueError, match=rf"{name}: i must lie between 0 and {n - 1}, got {i}"):
            sampler.step(x, x, i, state=state, out=out)
    with pytest.raises(TypeError, match=r"i must be the number of a step, got 901.0"):
        sampler.step(x, x, 901.0, state=state, out=out)
    with pytest.raises(ValueError, match=r"prediction must have the shape \(3, 2, 5\) of x"):
        sampler.step(x, x[:1], 0, state=state, out=out)
    if sampler.memory:
        with pytest.raises(ValueError, match=r"state is missing"):
            sampler.step(x, x, 0, out=out)
        sampler.step(x, x, 0, state=state, key=0)
        with pytest.raises(ValueError, match=r"state belongs to step 1, but i is 3"):
            sampler.step(x, x, 3, state=state, out=out)
    if sampler.adds_noise(0):
        with pytest.raises(ValueError, match=r"noise must have the shape"):
            sampler.step(x, x, 0, state=sampler.state(), noise=x[0], out=out)
    assert np.all(out == 9)


def test_wrong_options_of_one():
    schedule = Schedule.linear()
    with pytest.raises(ValueError, match=r"eta must lie between 0 and 1"):
        found.DDIM(schedule, eta=1.5)
    with pytest.raises(ValueError, match=r"inverse=True needs eta=0"):
        found.DDIM(schedule, eta=0.5, inverse=True)
    with pytest.raises(ValueError, match=r"clip must be a positive number or None"):
        found.DDIM(schedule, clip=-1)
    with pytest.raises(ValueError, match=r"variance must be one of 'small', 'large', 'learned'"):
        found.DDPM(schedule, variance="fixed")
    with pytest.raises(ValueError, match=r"parity must be one of None, 'diffusers'; got 'other'"):
        found.Euler(schedule, parity="other")
    heun = found.Heun(schedule)
    with pytest.raises(ValueError, match=r"i must begin a step in the first call of a run, got 1"):
        heun.step(np.ones(3), np.ones(3), 1, state=heun.state())
    pndm = found.PNDM(schedule, 5, runge_kutta=True)
    with pytest.raises(ValueError, match=r"i must be a multiple of 4 in the first.*got 6"):
        pndm.step(np.ones(3), np.ones(3), 6, state=pndm.state())
    for few, other in ((3, schedule), (5, Schedule.edm())):
        with pytest.raises(ValueError, match=r"runge_kutta=True needs a schedule that is variance"):
            found.PNDM(other, few, runge_kutta=True)
    for name in ("DPMSolverMultistep", "DPMSolverSinglestep"):
        with pytest.raises(ValueError, match=r"order must be 1, 2 or 3, got 4"):
            getattr(found, name)(schedule, order=4)
    for orders in ({"predictor_order": 4}, {"corrector_order": 5}, {"predictor_order": True}):
        with pytest.raises(ValueError, match=r"SASolver: \w+_order must be \d,.* or \d"):
            found.SASolver(schedule, **orders)
    for tau in (-1.0, np.inf, lambda t: -t):
        with pytest.raises(ValueError, match=r"SASolver: tau.* must be >= 0, and be finite; got"):
            found.SASolver(schedule, tau=tau)
    with pytest.raises(ValueError, match=r"clip needs an algorithm that predicts x0"):
        found.DPMSolverMultistep(schedule, algorithm="dpmsolver", clip=1.0)
    with pytest.raises(ValueError, match=r"FlowMatchEuler: schedule must be flow"):
        found.FlowMatchEuler(schedule)
    with pytest.raises(ValueError, match=r"sigmas must be one of None"):
        found.Euler(schedule, sigmas="kerras")


@pytest.mark.parametrize("name", NAMES)
def test_sample_draws_the_same_in_any_batch(name):
    sampler, seen = made(name, **stochastic(name)), []

    def model(x, t):
        assert type(t) is float
        return (0.3 * x + 0.1).astype(x.dtype)

    whole = found.sample(
        model, sampler, (5, 3), key=3, progress=False, callback=lambda i, x: seen.append(i)
    )
    assert whole.dtype == np.float32 and whole.shape == (5, 3) and np.isfinite(whole).all()
    assert seen == list(range(len(sampler)))
    part = found.sample(model, sampler, (2, 3), key=3, progress=False)
    np.testing.assert_array_equal(part, whole[:2])
    part = found.sample(model, sampler, (3, 3), key=3, progress=False, first=2)
    np.testing.assert_array_equal(part, whole[2:])
    assert np.any(found.sample(model, sampler, (5, 3), key=4, progress=False) != whole)
    double = found.sample(model, sampler, (5, 3), key=3, dtype=np.float64, progress=False)
    assert double.dtype == np.float64


def test_sample_with_guidance_and_an_end(capsys):
    sampler = found.DDIM(Schedule.linear(), 6)

    def both(x, t):
        return 0.2 * x, 0.3 * x + 0.1

    def guided(x, t):
        return fastgen.guidance.cfg(*both(x, t), 5.0)

    wanted = found.sample(guided, sampler, (4, 3), key=1, progress=False)
    got = found.sample(both, sampler, (4, 3), key=1, guidance=5.0)
    np.testing.assert_array_equal(got, wanted)
    options = {"scale": 5.0, "rescale": 0.7}
    other = found.sample(both, sampler, (4, 3), key=1, guidance=options, progress=False)
    assert np.isfinite(other).all() and np.any(other != wanted)
    states = []

    def until_2(i, x):
        states.append(i)
        return i == 2

    found.sample(guided, sampler, (4, 3), key=1, progress=False, callback=until_2)
    assert states == [0, 1, 2]
    x = np.ones((4, 3))
    with pytest.raises(ValueError, match=r"cond must have the shape \(4, 3\) of x, got \(3,\)"):
        sampler.guided_step(x, x, x[0], 0, scale=2.0)
    with pytest.raises(TypeError, match=r"sampler must be one of fastgen's, got Schedule"):
        found.sample(guided, Schedule.linear(), (4, 3), key=1)
    with pytest.raises(ValueError, match=r"shape must be \(batch, ...\)"):
        found.sample(guided, sampler, (), key=1)
