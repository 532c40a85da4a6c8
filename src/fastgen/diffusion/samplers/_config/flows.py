"""The nodes of a run on a flow schedule, as diffusers lays them."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastgen.diffusion._tables import Array
from fastgen.diffusion.samplers import _checks, _spacing
from fastgen.diffusion.samplers._config.nodes import Laying, ends_at_zero, sigma_table
from fastgen.diffusion.samplers._config.options import respacing
from fastgen.diffusion.samplers._config.reading import Options
from fastgen.diffusion.samplers._config.schedules import of_betas
from fastgen.diffusion.samplers._spacing import Levels
from fastgen.diffusion.schedule import Schedule

NEXT_TO_NOISE = 1e-6  # UniPC starts this much below pure noise


def of_flow_matching(
    options: Options, schedule: Schedule, steps: int, sigmas: Any = None
) -> Levels:
    """Return the nodes of a scheduler of flow matching."""
    count = len(schedule)
    if sigmas is None:  # the last sigma is shifted twice, if the shift is fixed
        first, last = 1.0, 1 / count
        if not options.get("use_dynamic_shifting"):
            first, last = (float(schedule.sigma[k]) for k in (-1, 0))
        t = np.linspace(first, last, steps)
    else:
        t = listed(sigmas, steps)
    levels = stretched(options, shifted(schedule, t))
    if name := respacing(options):
        levels = _spacing.respaced(name, float(levels[0]), float(levels[-1]), steps)
    return Levels(levels * count, np.append(levels, 0.0))


def of_flow_sigmas(
    laying: Laying, options: Options, schedule: Schedule, steps: int, sigmas: Any = None
) -> Levels:
    """Return the nodes of a multistep scheduler, where use_flow_sigmas is on."""
    count, name = len(schedule), respacing(options)
    table = sigma_table(of_betas(options))
    if name is not None:
        levels = karras(laying, options, table, name, steps)
    elif laying.flows_from_noise:
        t = np.linspace(1, 1 / count, steps + 1)[:-1] if sigmas is None else listed(sigmas, steps)
        levels = stretched(options, shifted(schedule, t))
        if abs(levels[0] - 1) < NEXT_TO_NOISE:
            levels[0] -= NEXT_TO_NOISE
    else:
        levels = shifted(schedule, 1 - np.linspace(1, 1 / count, steps + 1)[:0:-1])
    end = float(levels[-1] if laying.repeats else table[0])
    if ends_at_zero(laying, options):
        end = 0.0
    return Levels(np.trunc(levels * count), np.append(levels, end))


def karras(laying: Laying, options: Options, table: Array, name: str, steps: int) -> Array:
    """Return the sigmas of a flow whose sigma / alpha have the spacing of Karras et al."""
    if not (laying.flows_from_noise and name == "karras"):
        raise ValueError(
            f"from_config: use_flow_sigmas=True with {name} sigmas has no form in fastgen, because "
            "diffusers takes sigma / alpha for the sigma of a flow; set one of the two to False"
        )
    most, least = options["sigma_max"] or table[-1], options["sigma_min"] or table[0]
    ratio = _spacing.respaced(name, float(most), float(least), steps)
    return ratio / (ratio + 1)


def shifted(schedule: Schedule, t: Array) -> Array:
    """Return sigma at times from 0 to 1."""
    return np.array(schedule.in_time().coefficients(t)[1])


def stretched(options: Options, levels: Array) -> Array:
    """Return sigmas that end at shift_terminal."""
    terminal = options.get("shift_terminal")
    if not terminal:
        return levels
    if not 0 < terminal < 1 or levels[-1] == 1:
        raise ValueError(
            "from_config: shift_terminal must lie between 0 and 1, and needs 2 or more steps; got "
            f"{terminal!r} and {len(levels)}"
        )
    found: Array = 1 - (1 - levels) / ((1 - levels[-1]) / (1 - terminal))
    return found


def listed(sigmas: Any, steps: int) -> Array:
    """Return the sigmas before the shift that the user gives."""
    t = _checks.falling("from_config", "sigmas", sigmas)
    if not (t[-1] > 0 and t[0] <= 1 and len(t) == steps):
        raise ValueError(
            f"from_config: sigmas must be steps={steps} numbers above 0 and up to 1, before the "
            f"shift and without the last 0; got {sigmas!r}"
        )
    return t
