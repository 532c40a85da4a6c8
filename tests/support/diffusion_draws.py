"""Schedules, draws and kinds of predictions that tests of `fastgen.diffusion` share."""

import ml_dtypes
import numpy as np

from fastgen.diffusion import Schedule

KINDS = ["epsilon", "x0", "v", "score", "flow"]
SCHEDULES = [
    Schedule.linear(100),
    Schedule.cosine(100, max_beta=1),
    Schedule.vp(100),
    Schedule.flow(100, shift=3.0),
    Schedule.karras(100),
    Schedule.edm(100),
]
HALVES = [np.float16, ml_dtypes.bfloat16]


def draw(rng, shape, dtype=np.float64):
    return rng.standard_normal(shape).astype(dtype), rng.standard_normal(shape).astype(dtype)


def in_both_units(schedule, steps, rng):
    """Yield pairs of t and a schedule in its unit: one step, several steps, several times."""
    in_steps, in_time = schedule.in_steps(), schedule.in_time()
    yield int(steps[0]), in_steps
    yield np.asarray(steps), in_steps
    yield np.asarray(steps, float), in_steps
    yield rng.uniform(0, len(schedule) - 1, len(steps)), in_steps
    yield rng.uniform(schedule.times[0], schedule.times[-1], len(steps)), in_time


def kinds_of(x0, noise, t, schedule):
    """Return every kind of prediction, from the true x0 and noise."""
    a, s = (
        np.reshape(c, np.shape(c) + (1,) * (x0.ndim - np.ndim(c))) for c in schedule.coefficients(t)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "x0": x0,
            "epsilon": noise,
            "v": a * noise - s * x0,
            "flow": noise - x0,
            "score": -noise / s,
        }
