"""Adaptive steps: the error falls with the tolerance, and a run that can't end says why."""

import functools
import math

import numpy as np
import pytest

import fastgen
from fastgen.diffusion import Schedule
from fastgen.diffusion.samplers import sample_adaptive

MEAN, DEVIATION = 0.7, 1.6
MEANS, DEVIATIONS, WEIGHTS = np.array([-1.5, 1.0]), np.array([0.6, 0.35]), np.array([0.4, 0.6])
SCHEDULES = {
    "vp": (Schedule.vp(), ("epsilon", "x0", "v", "score", "flow")),
    "linear": (Schedule.linear(), ("epsilon", "v")),
    "zero SNR": (Schedule.linear().rescale_zero_terminal_snr(), ("v", "x0", "flow")),
    "trigflow": (Schedule.trigflow(), ("v", "x0")),
    "clean start": (Schedule.from_alpha_bar(np.linspace(1, 0.001, 1000)), ("epsilon", "x0")),
    "both limits": (Schedule.from_alpha_bar(np.linspace(1, 0, 50)), ("v", "flow")),
    "karras": (Schedule.karras(1000), ("epsilon", "x0", "v", "score", "flow")),
    "flow": (Schedule.flow(), ("flow", "x0", "v")),
    "shifted flow": (Schedule.flow(shift=3.0), ("flow",)),
}
PAIRS = [(name, kind) for name, (_, kinds) in SCHEDULES.items() for kind in kinds]


def levels(schedule, t):
    """Return alpha and sigma of the timesteps, as columns."""
    if schedule.form == "flow":
        pair = 1 - t / len(schedule), t / len(schedule)
    elif schedule.form == "variance exploding":
        pair = np.ones_like(t), t
    else:
        pair = schedule.in_steps().coefficients(t)
    return (c[:, None] for c in pair)


def exact(schedule, kind, x, t):
    """Return the prediction of the exact model of a normal distribution."""
    alpha, sigma = levels(schedule, t)
    away = (x - alpha * MEAN) / ((alpha * DEVIATION) ** 2 + sigma**2)
    x0, epsilon = MEAN + alpha * DEVIATION**2 * away, sigma * away
    return {
        "x0": x0,
        "epsilon": epsilon,
        "v": alpha * epsilon - sigma * x0,
        "score": -away,
        "flow": epsilon - x0,
    }[kind]


def of_mixture(schedule, x, t):
    """Return x0, as the exact model of the mixture predicts it."""
    alpha, sigma = (c[..., None] for c in levels(schedule, t))
    variance = alpha**2 * DEVIATIONS**2 + sigma**2
    away = x[..., None] - alpha * MEANS
    log_p = np.log(WEIGHTS / np.sqrt(variance)) - away**2 / (2 * variance)
    share = np.exp(log_p - log_p.max(-1, keepdims=True))
    share /= share.sum(-1, keepdims=True)
    return np.sum(share * (MEANS + alpha * DEVIATIONS**2 * away / variance), axis=-1)


def run(name, kind, tolerance, shape=(40, 2), model=None, **options):
    schedule = SCHEDULES[name][0]
    model = model or functools.partial(exact, schedule, kind)
    given = {"key": 3, "dtype": np.float64, "max_evaluations": 10_000, "prediction": kind}
    given |= {"rtol": tolerance, "atol": tolerance, **options}
    return sample_adaptive(model, schedule, shape, **given)


def ends(name, shape=(40, 2)):
    """Return the ends of the exact paths, at the first step of the schedule with noise."""
    schedule = SCHEDULES[name][0]
    z = fastgen.noise.normal(shape, key=3, counter=2**127, dtype=np.float64)
    low = int(np.argmax(schedule.sigma > 0))
    nodes = [(float(schedule.signal[k]), float(schedule.sigma[k])) for k in (-1, low)]
    (alpha, sigma), (last_alpha, last_sigma) = nodes
    size = math.hypot(alpha, sigma) if schedule.form == "variance preserving" else sigma
    grown = math.hypot(last_alpha * DEVIATION, last_sigma) / math.hypot(alpha * DEVIATION, sigma)
    return last_alpha * MEAN + grown * (size * z - alpha * MEAN)


@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_error_falls_with_the_tolerance(name, kind, order):
    wanted, errors, before = ends(name), [], 0
    for tolerance in (1e-2, 1e-3, 1e-4):
        got = run(name, kind, tolerance, order=order, final_sigma="min")
        errors.append(np.abs(got.samples - wanted).max())
        assert errors[-1] < 30 * tolerance, (tolerance, errors)
        assert got.evaluations > before
        before = got.evaluations
    assert errors[-1] < errors[0] / 10


@pytest.mark.parametrize("name", ["vp", "karras", "flow"])
def test_samples_are_of_the_mixture(name):
    model = functools.partial(of_mixture, SCHEDULES[name][0])
    x = np.sort(run(name, "x0", 1e-3, (20_000, 1), model).samples.ravel())
    ndtr = fastgen.elementary.ndtr
    cdf = sum(w * ndtr((x - m) / d) for w, m, d in zip(WEIGHTS, MEANS, DEVIATIONS, strict=True))
    assert np.max(np.abs(cdf - (np.arange(x.size) + 0.5) / x.size)) < 0.015  # 0.0138 once in 1000


@pytest.mark.parametrize("order", [2, 3])
def test_counts(order):
    """`evaluations` are the calls. Each sample has its own numbers of steps."""
    calls = []

    def model(x, t):
        assert x.shape == (40, 2) and t.shape == (40,) and t.dtype == np.float64
        calls.append(t.copy())
        return exact(SCHEDULES["vp"][0], "epsilon", x, t)

    got = run("vp", "epsilon", 1e-3, model=model, order=order)
    assert got.evaluations == len(calls)
    tries = got.accepted + got.rejected
    assert got.accepted.shape == (40,) and got.accepted.dtype == np.int64
    assert len(np.unique(tries)) > 1 and got.rejected.sum() > 0
    assert (order - 1) * tries.max() < len(calls) <= order * tries.max() + 1
    assert np.all(np.diff(np.array(calls)[-3:], axis=0) <= 0)
    assert np.all(calls[0] == 999) and np.all(calls[-1] == 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["vp", "flow"])
def test_samples_do_not_depend_on_the_batch(name, dtype):
    kind = SCHEDULES[name][1][0]
    whole = run(name, kind, 1e-2, dtype=dtype)
    assert whole.samples.dtype == dtype
    parts = [
        run(name, kind, 1e-2, (count, 2), dtype=dtype, first=first)
        for first, count in ((0, 7), (7, 1), (8, 32))
    ]
    np.testing.assert_array_equal(np.concatenate([p.samples for p in parts]), whole.samples)
    np.testing.assert_array_equal(np.concatenate([p.accepted for p in parts]), whole.accepted)
    np.testing.assert_array_equal(np.concatenate([p.rejected for p in parts]), whole.rejected)


def test_predictions_agree():
    runs = [run("vp", kind, 1e-3).samples for kind in SCHEDULES["vp"][1]]
    for other in runs[1:]:
        np.testing.assert_allclose(other, runs[0], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("pid", [(0, 1, 0), (0.3, 0.4, 0), (0.2, 0.5, 0.1)])
def test_controllers(pid):
    got = run("karras", "x0", 1e-3, pid=pid, final_sigma="min")
    assert np.abs(got.samples - ends("karras")).max() < 0.03
    assert got.accepted.max() < 60


def test_first_step_and_safety():
    """A long first try is rejected; a safety of 1 accepts no error above the tolerance."""
    plain = run("vp", "epsilon", 1e-3)
    for options in ({"first_step": 50.0}, {"safety": 1.0}, {"first_step": 1e-3}):
        got = run("vp", "epsilon", 1e-3, **options)
        np.testing.assert_allclose(got.samples, plain.samples, atol=0.02)
    assert run("vp", "epsilon", 1e-3, first_step=50.0).rejected.min() >= 1


def test_clip():
    got = run("vp", "epsilon", 1e-2, clip=0.5)
    assert np.abs(got.samples).max() == 0.5 and np.isfinite(got.samples).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_predictions_that_are_not_finite(bad):
    calls = 0

    def model(x, t):
        nonlocal calls
        calls += 1
        out = exact(SCHEDULES["vp"][0], "epsilon", x, t)
        if calls == 5:
            out[3, 1] = bad
        return out

    with pytest.raises(ValueError, match=r"model must give finite.* sample 3 at t=\S+, in call 5"):
        run("vp", "epsilon", 1e-3, model=model)
    assert calls == 5


def test_a_run_that_does_not_end_is_given_up():
    with pytest.raises(ValueError, match=r"max_evaluations=50 must suffice, but 40 of 40 samples"):
        run("vp", "epsilon", 1e-12, max_evaluations=50)

    def rough(x, t):  # no step is short enough
        return np.sin(1e9 * x)

    with pytest.raises(ValueError, match=r"max_evaluations=300 must suffice.* use a larger rtol"):
        run("vp", "epsilon", 1e-9, model=rough, max_evaluations=300)

    def huge(x, t):  # the sample overflows
        return np.full_like(x, 3e38)

    with np.errstate(all="ignore"), pytest.raises(ValueError, match=r"sample_adaptive: m"):
        run("vp", "epsilon", 1e-3, model=huge, max_evaluations=300, dtype=np.float32)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"order": 1}, r"order must be 2 or 3, got 1"),
        ({"rtol": -1.0}, r"rtol must be >= 0"),
        ({"atol": 0.0}, r"atol must be > 0, got 0"),
        ({"atol": math.nan}, r"atol must be >= 0, and be finite; got nan"),
        ({"first_step": 0.0}, r"first_step must be > 0"),
        ({"pid": (0, 0, 0)}, r"pid must hold a positive number"),
        ({"pid": (1, 0)}, r"pid must hold 3 numbers"),
        ({"safety": 1.5}, r"safety must lie between 0.01 and 1"),
        ({"prediction": "noise"}, r"prediction must be one of"),
        ({"final_sigma": "one"}, r"final_sigma must be one of"),
        ({"clip": -1.0}, r"clip must be a positive number"),
        ({"dtype": np.float16}, r"dtype must be float32 or float64, got float16"),
        ({"schedule": Schedule.linear(1)}, r"schedule must have 2 steps with noise, and"),
        (
            {"schedule": Schedule.from_alpha_bar([1.0, 0.0])},
            r"schedule must have 2 steps with nois",
        ),
        ({"schedule": Schedule.flow()}, r"the schedule starts without signal, where epsilon doe"),
        ({"shape": ()}, r"shape must be \(batch, ...\), got \(\)"),
    ],
)
def test_refused(options, match):
    given = {"schedule": Schedule.vp(), "shape": (2, 3), "key": 0, **options}
    with pytest.raises(ValueError, match=rf"^sample_adaptive: {match}"):
        sample_adaptive(lambda x, t: x, **given)


def test_wrong_types_and_shapes():
    with pytest.raises(TypeError, match=r"sample_adaptive: schedule must be a fastgen.diff"):
        sample_adaptive(lambda x, t: x, np.ones(4), (2, 3), key=0)
    with pytest.raises(TypeError, match=r"sample_adaptive: max_evaluations must be an int"):
        sample_adaptive(lambda x, t: x, Schedule.vp(), (2, 3), key=0, max_evaluations=2.5)
    with pytest.raises(ValueError, match=r"sample_adaptive: model must give the shape \(2, 3\)"):
        sample_adaptive(lambda x, t: x[:1], Schedule.vp(), (2, 3), key=0)
