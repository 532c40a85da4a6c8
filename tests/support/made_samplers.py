"""Every sampler, with a suitable schedule."""

import inspect

from fastgen.diffusion import Schedule
from fastgen.diffusion import samplers as found

NAMES = sorted(name for name in found.__all__ if inspect.isclass(getattr(found, name)))
OWN_SCHEDULES = {
    "ConsistencyModel": Schedule.karras(40),
    "EDMEuler": Schedule.edm(),
    "FlowMatchEuler": Schedule.flow(shift=3),
    "FlowMatchHeun": Schedule.flow(shift=3),
}
SHAPE = (3, 2, 5)


def made(name, steps=8, schedule=None, **options):
    schedule = OWN_SCHEDULES.get(name) or schedule or Schedule.scaled_linear()
    return getattr(found, name)(schedule, steps, **options)


def stochastic(name):
    options = {
        "DDIM": {"eta": 1.0},
        "Euler": {"churn": 4.0},
        "Heun": {"churn": 4.0},
        "FlowMatchEuler": {"stochastic": True},
    }
    options |= {"DPMSolverMultistep": {"algorithm": "sde-dpmsolver++", "order": 3}}
    return options.get(name, {})
