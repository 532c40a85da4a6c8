"""Inversion: from data to noise and back, with the exact model of a mixture; DEIS on every form."""

import functools
import sys
from pathlib import Path

import numpy as np
import pytest

from fastgen.diffusion import Schedule, samplers

sys.path.insert(0, str(Path(__file__).parent))

from universal import mixture

SCHEDULES = {
    "vp": Schedule.from_log_snr(np.linspace(8, -8, 1000)),
    "karras": Schedule.karras(1000, sigma_min=np.exp(-4), sigma_max=np.exp(4)),
    "flow": Schedule.flow(),
}
DATA = np.linspace(-2.5, 2, 19)
ORDERS = {
    "DDIM": (functools.partial(samplers.DDIM, final_sigma="min"), 1),
    **{
        f"{algorithm} {order}": (
            functools.partial(
                samplers.DPMSolverMultistep,
                algorithm=algorithm,
                order=order,
                lower_order_final=False,
                final_sigma="min",
            ),
            order,
        )
        for algorithm in ("dpmsolver++", "dpmsolver")
        for order in (1, 2, 3)
    },
}


def slope_of(counts, errors):
    """Return the order: the slope of the log error over log steps."""
    return -np.polyfit(np.log(counts), np.log(errors), 1)[0]


def run(sampler, x):
    """Return the end of a run with the exact model, which predicts epsilon - x0."""
    state = sampler.state()
    for i in range(len(sampler)):
        prediction = mixture.predicted("flow", x, sampler.grid.signal[i], sampler.grid.noise[i])
        x = sampler.step(x, prediction, i, state=state)
    return x


def round_trip(make, schedule, sigmas):
    """Return the largest error of data to noise to data."""
    there = make(schedule, prediction="flow", sigmas=sigmas, inverse=True)
    back = make(schedule, prediction="flow", sigmas=sigmas)
    np.testing.assert_allclose(there.sigmas, back.sigmas[::-1], rtol=1e-12)
    start = there.grid.signal[0] * DATA
    noise = run(there, start)
    assert np.all(np.diff(noise) > 0)  # no path crosses another
    return np.abs(run(back, noise) - start).max()


@pytest.mark.parametrize("form", SCHEDULES)
@pytest.mark.parametrize("name", ORDERS)
def test_round_trips(name, form):
    """On even steps in log-SNR, their error falls at the method's order."""
    (make, order), schedule, errors, counts = ORDERS[name], SCHEDULES[form], [], (50, 100, 200)
    end = float(np.log(schedule.sigma_over_signal[0]))
    for steps in counts:
        ratio = np.exp(np.linspace(4, end, steps + 1))[:-1]
        sigmas = ratio / (1 + ratio) if form == "flow" else ratio
        errors.append(round_trip(make, schedule, sigmas.tolist()))
    found = slope_of(counts, errors)
    assert found > order - 0.25, found
    assert errors[-1] < (0.1 if order == 1 else 1e-3)


@pytest.mark.parametrize("name", ORDERS)
def test_round_trips_to_pure_noise(name):
    """The steps next to pure noise are long in log-SNR on every grid, so the order is lower."""
    make = ORDERS[name][0]
    errors = [
        round_trip(make, SCHEDULES["flow"], (1.0 - np.arange(n) / n).tolist()) for n in (50, 200)
    ]
    assert errors[1] < errors[0] / 3 and errors[1] < 0.1


@pytest.mark.parametrize("form", SCHEDULES)
@pytest.mark.parametrize("order", [1, 2, 3])
def test_deis_has_its_order_on_every_form(form, order):
    """With the exact model of normal data of deviation 1.3, up to the last node before data."""
    errors, counts = [], (20, 40, 80, 160)
    for steps in counts:
        ratio = np.exp(np.linspace(2, -2, steps + 1))
        sigmas = ratio / (1 + ratio) if form == "flow" else ratio
        options = {"order": order, "lower_order_final": False, "prediction": "flow"}
        sampler = samplers.DEIS(SCHEDULES[form], sigmas=sigmas.tolist(), **options)
        signal, noise = map(np.array, (sampler.grid.signal, sampler.grid.noise))
        path = np.hypot(1.3 * signal, noise)
        x, state = path[:1], sampler.state()
        for i in range(steps):
            x = path[i : i + 1] if i < order else x  # begin at the full order
            slope = (noise[i] - 1.69 * signal[i]) / path[i] ** 2
            x = sampler.step(x, slope * x, i, state=state)
        errors.append(abs(float(x[0]) - path[steps]))
    found = slope_of(counts, errors)
    assert order - 0.25 < found < order + 0.9, found
