"""The nodes of a run on the sigmas of a variance-preserving schedule, as diffusers lays them."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from fastgen.diffusion._tables import Array
from fastgen.diffusion.samplers import _checks, _spacing
from fastgen.diffusion.samplers._config.options import respacing
from fastgen.diffusion.samplers._config.reading import Options
from fastgen.diffusion.samplers._grid import ALMOST_NO_SIGNAL
from fastgen.diffusion.samplers._spacing import Levels, Way
from fastgen.diffusion.schedule import Schedule

V = "v_prediction"
NOISIEST = 1.5708  # about a right angle


class Laying(NamedTuple):
    """How a class of schedulers lays its sigmas."""

    multistep: bool = False
    """Timesteps are integers, the last of steps + 1 is left out, and respaced sigmas span the whole
    schedule. Otherwise timesteps are floats, and sigmas span the chosen ones."""
    rounded: tuple[str, ...] = ()
    """The spacings of sigmas whose timesteps are rounded. With `multistep`, others are cut."""
    cut_on_cosine: bool = False
    """Whether on a cosine schedule those are cut, too."""
    repeats: bool = False
    """Whether a run that does not end at 0 ends at its last sigma, where sigmas are respaced."""
    rises: bool = False
    """Whether the run goes from data to noise."""
    flows_from_noise: bool = False
    """Whether evenly spaced times on flows start at 1, and not one step of the schedule below."""


def of_sigmas(
    laying: Laying, options: Options, schedule: Schedule, steps: int, timesteps: Any = None
) -> Levels:
    """Return the nodes of a scheduler of sigma / alpha."""
    table, name = sigma_table(schedule), respacing(options)
    continuous = options.get("timestep_type") == "continuous" and options["prediction_type"] == V
    if timesteps is not None and name is not None:
        raise ValueError(
            f"from_config: timesteps and {name} sigmas both say where the steps are; give one"
        )
    t = spaced(laying, options, table, steps) if timesteps is None else listed(laying, timesteps)
    levels = np.interp(t, np.arange(len(table)), table)
    end = float(table[-1 - clipped(options, table)] if laying.rises else table[0])
    if name is not None:
        levels = respaced(laying, options, table, levels, name, steps)
        t = timesteps_at(laying, options, table, levels, name)
        end = float(levels[-1]) if laying.repeats else end
    if ends_at_zero(laying, options):
        end = 0.0
    if name is None and options.get("interpolation_type") == "log_linear":
        highest, lowest = math.log(table[-1]), math.log(table[0])
        levels = np.exp(np.linspace(highest, lowest, steps + 1))  # one more than timesteps
        if not continuous:
            levels, end = levels[:-1], float(levels[-1])
    if continuous:
        t = np.log(levels) / 4
    if laying.rises:  # diffusers leaves out timesteps that occur twice
        t = t[np.sort(np.unique(t, return_index=True)[1])]
    whole = np.trunc(t) if laying.multistep else t
    return Levels(whole, np.append(levels, end)[: len(t) + 1])


def ends_at_zero(laying: Laying, options: Options) -> bool:
    """Return whether the run ends at clean data."""
    return bool(options.get("final_sigmas_type", "min" if laying.multistep else "zero") == "zero")


def sigma_table(schedule: Schedule) -> Array:
    """Return sigma / alpha of all steps. Where there is no signal, diffusers takes a tiny one."""
    table = schedule.sigma_over_signal
    if np.isfinite(table[-1]):
        return table
    return np.append(table[:-1], math.sqrt((1 - ALMOST_NO_SIGNAL) / ALMOST_NO_SIGNAL))


def listed(laying: Laying, timesteps: Any) -> Array:
    """Return the timesteps that the user gives."""
    t = _checks.falling("from_config", "timesteps", timesteps)
    return np.trunc(t) if laying.multistep else t


def spaced(laying: Laying, options: Options, table: Array, steps: int) -> Array:
    """Return timesteps by the spacing of the configuration."""
    spacing = options.get("timestep_spacing", "linspace")
    most, stride = len(table) - clipped(options, table), len(table) / steps
    if spacing == "trailing" and most < len(table):
        t: Array = np.round(np.arange(most, 0, -stride)) - 1
        return t[::-1] if laying.rises else t
    more = int(laying.rises and spacing != "trailing")
    way = Way(
        "from_config",
        steps + more,
        spacing,
        options.get("steps_offset", 0),
        rounded=laying.multistep,
        one_more=laying.multistep and not laying.rises,
        parity="diffusers",
    )
    t = _spacing.spaced(way, most)
    return t[::-1][:steps] if laying.rises else t


def clipped(options: Options, table: Array) -> int:
    """Return how many of the noisiest steps have log(alpha / sigma) below lambda_min_clipped."""
    least = options.get("lambda_min_clipped", -math.inf)
    return int(np.searchsorted(-np.log(table[::-1]), least))


def respaced(
    laying: Laying, options: Options, table: Array, levels: Array, name: str, steps: int
) -> Array:
    """Return sigmas that are spaced by name."""
    whole = laying.multistep or options.get("interpolation_type") == "log_linear"
    most, least = (table[-1], table[0]) if whole else (levels[0], levels[-1])
    most = options.get("sigma_max") or most
    least = options.get("sigma_min") or least
    if not 0 < least <= most < math.inf:
        raise ValueError(
            "from_config: sigmas must fall from sigma_max to sigma_min > 0, got "
            f"{most:g} to {least:g}; use more steps, or another spacing"
        )
    found = _spacing.respaced(name, float(most), float(least), steps)
    return found[::-1] if laying.rises else found


def timesteps_at(laying: Laying, options: Options, table: Array, levels: Array, name: str) -> Array:
    """Return the timesteps of sigmas."""
    t: Array = np.interp(np.log(levels), np.log(table), np.arange(len(table)))
    cosine = options["beta_schedule"] == "squaredcos_cap_v2"
    rounds = name in laying.rounded and not (laying.cut_on_cosine and cosine)
    return np.round(t) if rounds else t


def of_sines(steps: int) -> Levels:
    """Return the nodes of `IPNDMScheduler`, whose sigma is sin^2(pi t / 2) at even times t.

    It tells the model the angle arctan(sigma / alpha), in right angles.
    """
    sigma = np.sin(np.pi / 2 * np.linspace(1, 0, steps + 1)) ** 2
    alpha = np.sqrt((1 - sigma) * (1 + sigma))
    with np.errstate(divide="ignore"):
        return Levels(np.arctan2(sigma, alpha)[:-1] / np.pi * 2, sigma / alpha)


def angles(steps: int, timesteps: Any = None) -> Any:
    """Return the angles of `SCMScheduler`, whose list of timesteps holds the last 0, too."""
    if timesteps is None:
        return [NOISIEST, 1.3] if steps == 2 else np.linspace(NOISIEST, 0, steps + 1)[:-1]
    t = _checks.falling("from_config", "timesteps", timesteps)
    if len(t) != steps + 1 or t[-1] != 0:
        raise ValueError(
            f"from_config: timesteps must hold steps + 1 = {steps + 1} angles here, as in "
            f"diffusers, and end at 0; got {timesteps!r}"
        )
    return t[:-1]
