"""t is a step or a time, never both: kinds of schedule x kinds of t x functions of t."""

import itertools
import warnings

import ml_dtypes
import numpy as np
import pytest
from made_samplers import NAMES

from fastgen import diffusion
from fastgen.diffusion import Schedule, samplers

IN_STEPS = {
    "linear": Schedule.linear(40),
    "scaled_linear": Schedule.scaled_linear(40),
    "sigmoid": Schedule.sigmoid(40),
    "cosine": Schedule.cosine(40),
    "cosine to the end": Schedule.cosine(40, max_beta=1),
    "zero terminal": Schedule.linear(40).rescale_zero_terminal_snr(),
    "from_betas": Schedule.from_betas(np.full(40, 0.1)),
    "from_alpha_bar": Schedule.from_alpha_bar(np.linspace(0.99, 0.01, 40)),
    "from_log_snr": Schedule.from_log_snr(np.linspace(7, -5, 40)),
    "trigflow in steps": Schedule.trigflow(40).in_steps(),
    "vp in steps": Schedule.vp(40).in_steps(),
    "flow in steps": Schedule.flow(40, shift=3.0).in_steps(),
    "karras in steps": Schedule.karras(40).in_steps(),
    "edm in steps": Schedule.edm(40).in_steps(),
}
IN_TIME = {
    "vp": Schedule.vp(40),
    "trigflow": Schedule.trigflow(40),
    "zero terminal vp": Schedule.vp(40).rescale_zero_terminal_snr(),
    "flow": Schedule.flow(40, shift=3.0),
    "karras": Schedule.karras(40),
    "exponential": Schedule.exponential(40),
    "polyexponential": Schedule.polyexponential(40, rho=0.7),
    "edm": Schedule.edm(40),
    "linear in time": Schedule.linear(40).in_time(),
    "cosine in time": Schedule.cosine(40).in_time(),
}
X, ONES = np.linspace(-1, 1, 6).reshape(3, 2), np.ones((3, 2))


def mixture_score(t, schedule):
    return diffusion.gaussian_mixture_score(X, t, schedule, np.zeros((1, 2)), [0.0], [0.0])


# Functions of steps or times.
EITHER = {
    "coefficients": lambda t, schedule: schedule.coefficients(t),
    "add_noise": lambda t, schedule: diffusion.add_noise(X, t, schedule, noise=ONES),
    "velocity": lambda t, schedule: diffusion.velocity(X, ONES, t, schedule),
    "convert": lambda t, schedule: diffusion.convert(X, ONES, t, schedule, source="v", target="x0"),
    "gaussian_mixture_score": mixture_score,
    "min_snr_weight": lambda t, schedule: diffusion.min_snr_weight(t, schedule),
    "p2_weight": lambda t, schedule: diffusion.p2_weight(t, schedule),
    "inverse_variance_weight": lambda t, schedule: diffusion.inverse_variance_weight(t, schedule),
}
STEPS_ALONE = {
    "posterior_mean_variance": lambda t, schedule: diffusion.posterior_mean_variance(
        X, ONES, t, schedule
    ),
    "vlb_terms": lambda t, schedule: diffusion.vlb_terms(
        X, ONES / 2, X, ONES, t, schedule, parameterization="x0"
    ),
}
FUNCTIONS = EITHER | STEPS_ALONE


def pairs(functions, schedules):
    """Return all pairs of functions and schedules. Exploding schedules have no velocity."""
    return pytest.mark.parametrize(
        ("name", "schedule"),
        [
            pytest.param(name, schedule, id=f"{name}-{key}")
            for name, (key, schedule) in itertools.product(functions, schedules.items())
            if name != "velocity" or schedule.form != "variance exploding"
        ],
    )


STEPS = {  # the same steps, in every allowed type
    "one": (5, [5, np.int64(5), np.uint8(5), np.array(5), 5.0, np.float32(5), np.array(5.0)]),
    "second": (1, [np.int32(1), 1.0, np.float16(1), ml_dtypes.bfloat16(1), np.array(1.0)]),
    "first": (0, [np.int32(0), 0.0, -0.0]),
    "each": (
        np.array([1, 0, 30]),
        [
            [1, 0, 30],
            [1.0, 0.0, 30.0],
            np.array([1, 0, 30], np.uint8),
            np.array([1.0, 0, 30], "f"),
            np.array([1.0, 0, 30], ml_dtypes.bfloat16),
        ],
    ),
}


def same(got, wanted):
    if isinstance(wanted, tuple):
        return all(same(a, b) for a, b in zip(got, wanted, strict=True))
    return np.array_equal(got, wanted, equal_nan=True)


@pairs(FUNCTIONS, IN_STEPS)
@pytest.mark.parametrize(("step", "others"), STEPS.values(), ids=STEPS)
def test_a_whole_float_is_the_step(name, schedule, step, others):
    assert schedule.unit == "step"
    wanted = FUNCTIONS[name](step, schedule)
    for other in others:
        assert same(FUNCTIONS[name](other, schedule), wanted), (name, other)


@pairs(EITHER, IN_STEPS)
def test_a_float_between_two_steps_lies_between_them(name, schedule):
    for t in (2.5, np.array([2.5, 7.25, 30.75])):
        got = EITHER[name](t, schedule)
        in_time = schedule.in_time()
        times = np.interp(t, np.arange(40), schedule.times)
        wanted = EITHER[name](times, in_time)
        np.testing.assert_allclose(got, wanted, rtol=1e-11, atol=1e-12)
        low, high = (schedule.sigma[f(t).astype(int)] for f in (np.floor, np.ceil))
        sigma = schedule.coefficients(t)[1]
        assert np.all((low < sigma) & (sigma < high))


@pairs(FUNCTIONS, IN_STEPS)
def test_outside_the_steps_is_refused(name, schedule):
    for t in (40, 40.0, 39.5, -1, -1.0, np.nan, np.inf, [0, 1, 40], [0.0, -0.5, 1.0]):
        with pytest.raises(ValueError, match=r"t must lie between 0 and 39 .* step .* got"):
            FUNCTIONS[name](t, schedule)


@pairs(STEPS_ALONE, IN_STEPS)
def test_functions_of_steps_refuse_what_lies_between(name, schedule):
    for t in (1.5, [1.0, 2.0, 2.25]):
        with pytest.raises(ValueError, match=rf"{name}: t must hold whole steps, got {np.max(t)}"):
            STEPS_ALONE[name](t, schedule)


@pairs(EITHER, IN_TIME)
def test_an_integer_is_no_time(name, schedule):
    assert schedule.unit == "time"
    for t in (0, 1, 30, np.uint8(1), np.array([0, 1, 2]), [1, 1, 1]):
        with pytest.raises(
            ValueError, match=r"an integer.* use schedule\.in_steps\(\), or the time"
        ):
            EITHER[name](t, schedule)


@pairs(EITHER, IN_TIME)
def test_a_float_is_a_time(name, schedule):
    """The time of a step gives the result of the step, and both remedies of the message work."""
    for step in (np.array(5), np.array([1, 7, 30])):
        got = EITHER[name](schedule.times[step], schedule)
        assert same(got, EITHER[name](step, schedule.in_steps()))


@pytest.mark.parametrize("schedule", IN_TIME.values(), ids=IN_TIME)
def test_one_is_the_end_of_time(schedule):
    if schedule.time_range[1] == 1:
        last = float(schedule.signal[-1]), float(schedule.sigma[-1])
        assert schedule.coefficients(1.0) == last != schedule.in_steps().coefficients(1)


@pairs(EITHER, IN_TIME)
def test_outside_time_is_refused(name, schedule):
    most = schedule.time_range[1]
    for t in (-0.5, np.nan, [0.5, 0.5, -1e-9], np.inf, *((30.0, 1.0001) if most == 1 else ())):
        with pytest.raises(ValueError, match=r"t must lie between 0.0 and .* time .* got"):
            EITHER[name](t, schedule)


@pairs(STEPS_ALONE, IN_TIME)
def test_functions_of_steps_take_integers_in_both_units(name, schedule):
    f = STEPS_ALONE[name]
    for step in (5, np.array([1, 7, 30])):
        assert same(f(step, schedule), f(step, schedule.in_steps()))
    for t in (0.5, 1.0, [1.0, 2.0, 3.0]):
        with pytest.raises(TypeError, match=rf"{name}: t must hold integers, .* the times of"):
            f(t, schedule)
    for t in (-1, 40):
        with pytest.raises(ValueError, match=rf"{name}: t must lie between 0 and 39"):
            f(t, schedule)


@pairs(FUNCTIONS, IN_STEPS | IN_TIME)
def test_other_types_are_refused(name, schedule):
    for t in (True, 1j, "1", None, [True, False, True], np.array(["a"])):
        with pytest.raises(TypeError, match="t must hold integers"):
            FUNCTIONS[name](t, schedule)


@pytest.mark.parametrize("name", EITHER)
def test_a_float_between_0_and_1_is_not_taken_for_a_step_in_silence(name):
    schedule = IN_STEPS["linear"]
    for t in (0.3, np.array([0.25, 5.0, 30.0])):
        with pytest.warns(UserWarning, match=r"between steps 0 and 1.*in_time\(\).*in_steps\(\)"):
            got = EITHER[name](t, schedule)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert same(EITHER[name](t, schedule.in_steps()), got)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        EITHER[name](0.3, schedule.in_time())
        EITHER[name](np.array([0.0, 1.0, 1.5]), schedule)


def test_views_are_the_same_schedule():
    for schedule in (*IN_STEPS.values(), *IN_TIME.values()):
        for view in (schedule.in_steps(), schedule.in_time(), schedule.in_time().in_steps()):
            assert type(view) is Schedule and repr(view).count(".in_") == 1
            np.testing.assert_array_equal(view.signal, schedule.signal)
            np.testing.assert_array_equal(view.betas, schedule.betas)
            assert view.form == schedule.form
    assert IN_TIME["zero terminal vp"].in_steps().coefficients(39) == (0.0, 1.0)
    assert repr(Schedule.flow(4).in_steps()) == "Schedule.flow(4, shift=1).in_steps()"


# Samplers.

OWN = {
    "ConsistencyModel": Schedule.karras(40),
    "EDMEuler": Schedule.edm(40),
    "FlowMatchEuler": Schedule.flow(1000),
    "FlowMatchHeun": Schedule.flow(1000),
    "SCM": Schedule.trigflow(1000),  # its timesteps are angles
}


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(OWN)))
@pytest.mark.parametrize("sigmas", [None, "karras"])
def test_timesteps_are_steps(name, sigmas):
    if name in ("LCM", "TCD"):
        sigmas = None
    options = {"sigmas": sigmas} if sigmas else {}
    schedule = Schedule.scaled_linear(1000)
    sampler = getattr(samplers, name)(schedule, 6, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = schedule.coefficients(sampler.timesteps)
        for k, t in enumerate(sampler.timesteps):
            assert same(schedule.coefficients(t), tuple(c[k] for c in whole))
            for call in (EITHER["add_noise"], EITHER["convert"]):
                assert same(call(t, schedule), call(np.full(3, t), schedule))
    if np.all(sampler.timesteps == np.round(sampler.timesteps)):
        assert sampler.steps.dtype == np.int64
        np.testing.assert_array_equal(sampler.steps, sampler.timesteps)
        assert same(schedule.coefficients(sampler.steps), whole)
    else:
        assert sigmas or not sampler.rounded
        with pytest.raises(AttributeError, match=f"{name}: there are no steps.* lie between"):
            _ = sampler.steps
    # The samples have the noise of the timestep.
    np.testing.assert_allclose(whole[1] / whole[0], sampler.sigmas[:-1], rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_a_loop_over_timesteps_that_are_functions_of_sigma_is_refused(name):
    """The first timestep, with the most noise, is refused as a time."""
    others = [Schedule.vp(40), Schedule.karras(40), Schedule.flow(40)]
    for schedule in (OWN[name],) if name in OWN else others:
        try:
            sampler = getattr(samplers, name)(schedule, 4)
        except ValueError:
            continue
        if name == "EDMEuler":
            continue  # on `edm`, where any sigma is a time, its timesteps are log(sigma) / 4
        if schedule.form != "variance preserving":
            with pytest.raises(AttributeError, match=r"there are no steps.* functions of sigma"):
                _ = sampler.steps
        else:
            at = np.round(sampler.timesteps).astype(int)
            if np.all(at == sampler.timesteps):
                wanted = schedule.signal[at], schedule.sigma[at]
                assert same(schedule.in_steps().coefficients(sampler.timesteps), wanted)
        with pytest.raises(ValueError, match=r"got .*in_steps\(\); for a sampler, its times"):
            schedule.coefficients(sampler.timesteps[0])


@pytest.mark.parametrize("name", NAMES)
def test_times_have_the_noise_of_the_samples(name):
    met, schedules = 0, [*IN_STEPS.values(), *IN_TIME.values()]
    options = {}, {"sigmas": "karras"}, {"spacing": "trailing"}, {"prediction": "v"}
    if name == "PNDM":  # PNDM has no step from a node without signal
        schedules = [schedule for schedule in schedules if schedule.signal[-1] > 0]
    for schedule, option in itertools.product(schedules, options):
        try:
            sampler = getattr(samplers, name)(schedule, 4, **option)
        except (TypeError, ValueError):  # the sampler lacks an option or a form of schedule
            continue
        met += 1
        signal, sigma = schedule.in_time().coefficients(sampler.times)
        assert sampler.times.shape == (len(sampler),)
        with np.errstate(divide="ignore"):
            ratio = np.divide(sampler.grid.noise, sampler.grid.signal)[:-1]
            np.testing.assert_allclose(sigma / signal, ratio, rtol=1e-9)
        x_t = diffusion.add_noise(X, sampler.times[0], schedule.in_time(), noise=ONES)
        np.testing.assert_allclose(x_t, signal[0] * X + sigma[0], rtol=1e-12, atol=1e-12)
    assert met >= {"ConsistencyModel": 6, "FlowMatchEuler": 4, "FlowMatchHeun": 4}.get(name, 12)


@pytest.mark.parametrize("schedule", [*IN_STEPS.values(), *IN_TIME.values()], ids=repr)
def test_time_of_a_ratio(schedule):
    np.testing.assert_array_equal(schedule.time_of(schedule.sigma_over_signal), schedule.times)
    in_time, low, high = schedule.in_time(), schedule.times[0], schedule.times[-1]
    times = np.linspace(low, high, 33)
    signal, sigma = in_time.coefficients(times)
    with np.errstate(divide="ignore"):
        ratio = sigma / signal
    np.testing.assert_allclose(schedule.time_of(ratio), times, rtol=1e-10, atol=1e-12)
    assert schedule.time_of(np.inf) == high
    assert schedule.time_of(0.0) == schedule.time_range[0]
    for wrong in (-1.0, np.nan, [0.5, -0.5]):
        with pytest.raises(ValueError, match="time_of: ratio must be >= 0, got"):
            schedule.time_of(wrong)
