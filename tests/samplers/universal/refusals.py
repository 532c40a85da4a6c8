"""Which combinations a sampler may refuse, and how a refusal must read."""

from __future__ import annotations

import re

import numpy as np

from fastgen.diffusion import samplers

from .levels import nodes, noisy_table
from .schedules import FLOW, VE, VP

REMEDY = re.compile(
    r"\b(use|uses|needs?|must|give|leave|expected|instead|set|choose|pass|take|takes)\b"
)
IN_SIGMA = (
    *("Euler", "EulerAncestral", "Heun", "DPM2", "LMS"),
    *("DPM2Ancestral", "DPMSolver2SAncestral", "DPMSolverSDE"),
)
FORMS = {
    "LCM": VP,
    "TCD": VP,
    "SCM": VP,
    "ConsistencyModel": VE,
    "EDMEuler": VE,
    "FlowMatchEuler": FLOW,
    "FlowMatchHeun": FLOW,
}


def badly_put(method, error):
    """Return what is wrong with a refusal, or None."""
    message = str(error)
    if type(error) not in (TypeError, ValueError):
        return f"{type(error).__name__} in place of TypeError or ValueError"
    if not message.startswith(f"{method.name}: "):
        return "the message does not begin with the name of the sampler"
    if not REMEDY.search(message):
        return "the message has no remedy"
    return None


def long(case, schedule):
    """Return whether one of the first three steps is longer than 3 in log(alpha / sigma).

    The Runge-Kutta steps begin the grid of the multistep method, so that method tells the nodes.
    """
    options = {**case.options(), "runge_kutta": False}
    try:
        sampler = getattr(samplers, case.method.name)(schedule, case.steps, **options)
    except ValueError:
        return False
    ratio = sampler.sigmas[nodes("first twice", len(sampler.sigmas))]
    with np.errstate(divide="ignore"):
        return bool(np.any(-np.diff(np.log(ratio[:4])) > 3))


def reasons(case, schedule):
    """Return all reasons for which this combination may be refused."""
    method, steps = case.method, case.steps
    ratio = noisy_table(schedule)
    length, silent = len(ratio), bool(np.isinf(ratio[-1]))
    form = FORMS.get(method.name, schedule.form)
    respaced = case.sigmas is not None
    found = {
        "another form of schedule": schedule.form != form,
        "no signal, and a prediction of the noise": silent and case.kind in ("epsilon", "score"),
        "no signal, and a method in sigma": (silent or schedule.form == FLOW)
        and (method.name in IN_SIGMA or method.name == "PNDM")
        and (schedule.form != FLOW or method.name == "PNDM" or method.options.get("churn", 0) > 0),
        "no signal, and a method of noise": (silent or schedule.form == FLOW) and method.of_noise,
        "flow, which starts without signal, and a prediction of the noise": schedule.form == FLOW
        and case.kind in ("epsilon", "score"),
        "more steps than the table": steps > length
        or (method.name in ("LCM", "TCD") and steps > method.options.get("original_steps", 50)),
        "steps and table, of a method of one more": steps + 1 > length,
        "respaced sigmas of an infinite ratio": respaced and silent,
        "respaced sigmas of a flow": respaced and schedule.form == FLOW,
        "leading of one step": case.spacing == "leading" and steps == 1,
        "leading of a flow": case.spacing == "leading" and schedule.form == FLOW,
        "a node twice": case.final_sigma == "min"
        and (case.spacing != "trailing" or steps >= length - 1 or respaced),
        "too few steps": (method.name == "PNDM" and steps < 2)
        or (method.layout == "runge-kutta" and steps < 4),
        "Runge-Kutta between steps": method.layout == "runge-kutta" and respaced,
        "Runge-Kutta of another form": method.layout == "runge-kutta" and schedule.form != VP,
        "Runge-Kutta over a long step": method.layout == "runge-kutta" and long(case, schedule),
        "even angles below the first": method.name == "SCM"
        and np.arctan(ratio[-1]) / steps < np.arctan(ratio[0]),
        "terminal": "terminal" in method.options,
    }
    return [reason for reason, holds in found.items() if holds]
