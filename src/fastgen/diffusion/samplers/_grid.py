"""The nodes between noise and data: timesteps, and alpha and sigma at each node."""

from __future__ import annotations

import importlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastgen import _messages
from fastgen.diffusion._tables import FLOW, VARIANCE_EXPLODING, VARIANCE_PRESERVING, Array
from fastgen.diffusion.schedule import Schedule

SPACINGS = ("linspace", "leading", "trailing")
SIGMAS = ("karras", "exponential", "beta", "lu")
FINAL_SIGMAS = ("zero", "min")
PARITIES = (None, "diffusers")
ALMOST_NO_SIGNAL = 2.0**-24  # diffusers' alpha_bar at a step without signal


@dataclass(frozen=True)
class Grid:
    """Nodes 0 to N from noise to data. The model is evaluated at the first N nodes."""

    timesteps: Array
    """The model's time input at each node but the last, (N,)."""
    signal: list[float]
    """alpha at each node, (N + 1,), in x = alpha x0 + sigma noise."""
    noise: list[float]
    """sigma at each node."""
    form: str
    """The form of the schedule. The samples may be rescaled to alpha = 1."""

    def __len__(self) -> int:
        """Return the number of steps."""
        return len(self.noise) - 1

    def log_snr_half(self, i: int) -> float:
        """Return lambda = log(alpha / sigma) at node i. It may be infinite at the ends."""
        if self.noise[i] == 0:
            return math.inf
        return math.log(self.signal[i] / self.noise[i]) if self.signal[i] > 0 else -math.inf


@dataclass(frozen=True)
class Way:
    """The options of a grid, and the conventions of the method's reference implementation."""

    sampler: str
    steps: int
    spacing: str
    offset: int = 0
    sigmas: str | None = None
    final_sigma: str = "zero"
    rounded: bool = True
    """Whether timesteps of linspace are rounded to integers."""
    one_more: bool = False
    """Whether steps + 1 timesteps are spaced evenly and the last is left out. Then sigmas span the
    whole schedule."""
    parity: str | None = None


def check_steps(
    sampler: str, steps: Any, most: int, which: str = "the length of the schedule"
) -> int:
    """Return `steps`, or raise."""
    if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)):
        raise TypeError(f"{sampler}: steps must be an int, got {steps!r}")
    if not 1 <= steps <= most:
        raise ValueError(f"{sampler}: steps must lie between 1 and {most}, {which}; got {steps}")
    return int(steps)


def check_choice(sampler: str, option: str, choices: tuple[Any, ...], got: Any) -> None:
    """Raise if the value of the option is none of its choices."""
    if not any(got is choice or (isinstance(got, str) and got == choice) for choice in choices):
        raise ValueError(_messages.choice(sampler, option, choices, got))


def check_limits(
    sampler: str, clip: float | None, threshold: float | None, threshold_max: float
) -> None:
    """Raise if a limit of x0 is out of range, or two limits are given."""
    if clip is not None and not 0 < clip < math.inf:
        raise ValueError(f"{sampler}: clip must be a positive number or None, got {clip!r}")
    if threshold is not None and not 0 <= threshold <= 1:
        raise ValueError(f"{sampler}: threshold must lie between 0 and 1, got {threshold!r}")
    if not threshold_max >= 1:
        raise ValueError(f"{sampler}: threshold_max must be at least 1, got {threshold_max!r}")
    if clip is not None and threshold is not None:
        raise ValueError(f"{sampler}: clip and threshold both limit x0; give one of them")


def check_of_data(sampler: str, needed: str, **limits: float | None) -> None:
    """Raise if x0 is limited. A method that combines predictions of the noise can't do that."""
    for option, limit in limits.items():
        if limit is not None:
            raise ValueError(f"{sampler}: {option} needs {needed}")


def spaced(way: Way, length: int) -> Array:
    """Return timesteps from most to least noise, as floats."""
    check_choice(way.sampler, "spacing", SPACINGS, way.spacing)
    steps, more = way.steps, int(way.one_more)
    t: Any
    if way.spacing == "linspace":
        even: Array = np.linspace(0, length - 1, steps + more)[::-1][:steps]
        t = np.round(even) if way.rounded else even
    elif way.spacing == "leading":
        t = np.arange(steps + more)[::-1][:steps] * float(length // (steps + more)) + way.offset
    else:
        t = np.round(length - np.arange(steps) * (length / steps)) - 1
    if t[0] > length - 1 or t[-1] < 0:
        raise ValueError(
            f"{way.sampler}: offset={way.offset} puts timesteps outside the schedule's 0 to "
            f"{length - 1}; use a smaller one, or fewer steps"
        )
    return np.asarray(t, dtype=np.float64)


def karras(first: float, last: float, steps: int, rho: float = 7.0) -> Array:
    """Return sigmas from first to last, with sigma^(1 / rho) evenly spaced."""
    ramp = np.linspace(0, 1, steps)
    sigmas: Array = (first ** (1 / rho) + ramp * (last ** (1 / rho) - first ** (1 / rho))) ** rho
    return sigmas


def beta_quantiles(steps: int) -> Array:
    """Return quantiles of Beta(0.6, 0.6), from 1 down to 0."""
    try:
        betaincinv = importlib.import_module("scipy.special").betaincinv
    except ImportError as error:
        raise ImportError(f'{error}; sigmas="beta" needs: pip install scipy') from None
    quantiles: Array = betaincinv(0.6, 0.6, np.linspace(1, 0, steps))
    return quantiles


def respaced(way: Way, first: float, last: float) -> Array:
    """Return sigmas with the spacing `way.sigmas`. The first and the last are exact."""
    if way.sigmas == "karras":
        sigmas = karras(first, last, way.steps)
    elif way.sigmas == "beta":
        sigmas = last + beta_quantiles(way.steps) * (first - last)
    else:  # "exponential" and "lu": log sigma, and so the log-SNR, is evenly spaced
        sigmas = np.exp(np.linspace(math.log(first), math.log(last), way.steps))
    sigmas[-1], sigmas[0] = last, first  # a single sigma is the first
    return sigmas


def make(way: Way, schedule: Schedule, *, exploding: bool) -> Grid:
    """Return the grid of a schedule, with its own alpha, or with alpha = 1 if `exploding`."""
    check_choice(way.sampler, "sigmas", (None, *SIGMAS), way.sigmas)
    check_choice(way.sampler, "final_sigma", FINAL_SIGMAS, way.final_sigma)
    check_choice(way.sampler, "parity", PARITIES, way.parity)
    if schedule.form == FLOW:
        return flow(way, schedule)
    table = ratio_table(way, schedule, exploding)
    t = spaced(way, len(table))
    places = np.arange(len(table))
    sigmas = np.interp(t, places, table)
    if np.isinf(table[-1]):  # np.interp would turn an infinity at the end into NaN
        sigmas = np.where(t == len(table) - 1, np.inf, sigmas)
    if way.sigmas is not None:
        ends = (table[-1], table[0]) if way.one_more else (sigmas[0], sigmas[-1])
        if not (np.isfinite(ends[0]) and ends[1] > 0):
            raise ValueError(
                f"{way.sampler}: sigmas={way.sigmas!r} needs a schedule whose sigma / alpha is "
                f"positive and finite, got {ends[1]} to {ends[0]}; leave sigmas=None"
            )
        sigmas = respaced(way, *map(float, ends))
        t = np.interp(np.log(sigmas), np.log(table), places)
        if way.rounded:
            t = np.trunc(t) if way.parity and way.sigmas in ("exponential", "beta") else np.round(t)
    last = 0.0 if way.final_sigma == "zero" else float(table[0])
    nodes = np.append(sigmas, last)
    if schedule.form == VARIANCE_EXPLODING:
        t = sigmas
    if exploding or schedule.form == VARIANCE_EXPLODING:
        return Grid(t, [1.0] * len(nodes), nodes.tolist(), schedule.form)
    size = np.hypot(1, nodes)
    with np.errstate(invalid="ignore"):
        signal, noise = 1 / size, np.where(np.isinf(nodes), 1.0, nodes / size)
    exact = t == np.round(t) if way.sigmas is None else np.zeros(len(t), bool)
    at = np.round(t).astype(int)
    signal[:-1] = np.where(exact, schedule.signal[at], signal[:-1])
    noise[:-1] = np.where(exact, schedule.sigma[at], noise[:-1])
    return Grid(t, signal.tolist(), noise.tolist(), schedule.form)


def ratio_table(way: Way, schedule: Schedule, exploding: bool) -> Array:
    """Return sigma / alpha of each step of the schedule."""
    table = schedule.sigma_over_signal
    if np.isfinite(table[-1]):
        return table
    if way.parity == "diffusers":
        largest = math.sqrt((1 - ALMOST_NO_SIGNAL) / ALMOST_NO_SIGNAL)
        return np.append(table[:-1], largest)
    if exploding:
        raise ValueError(
            f"{way.sampler}: the last step of the schedule has no signal, so its sigma / alpha is "
            'infinite; use DDIM or DPMSolverMultistep with prediction="v", or parity="diffusers"'
        )
    return table


def flow(way: Way, schedule: Schedule) -> Grid:
    """Return the grid of a flow schedule: sigmas at even times from 1 to 1 / T, then the last."""
    if way.sigmas is not None and way.sigmas != "karras":
        raise ValueError(f"{way.sampler}: sigmas must be None or 'karras' for a flow schedule")
    length, steps = len(schedule), way.steps
    sigmas = np.asarray(schedule.in_time().coefficients(np.linspace(1, 1 / length, steps))[1])
    if way.sigmas == "karras":
        sigmas = karras(float(sigmas[0]), float(sigmas[-1]), steps)
    last = 0.0 if way.final_sigma == "zero" else float(schedule.sigma[0])
    nodes = np.append(sigmas, last)
    return Grid(sigmas * length, (1 - nodes).tolist(), nodes.tolist(), FLOW)


__all__ = ["FLOW", "VARIANCE_EXPLODING", "VARIANCE_PRESERVING", "Grid", "Way", "make"]
