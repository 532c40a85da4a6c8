"""The nodes between noise and data: timesteps, and alpha and sigma at each node."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastgen.diffusion._tables import FLOW, VARIANCE_EXPLODING, VARIANCE_PRESERVING, Array
from fastgen.diffusion.samplers import _spacing
from fastgen.diffusion.samplers._checks import falling
from fastgen.diffusion.samplers._spacing import Levels, Way
from fastgen.diffusion.schedule import Schedule

ALMOST_NO_SIGNAL = 2.0**-24  # diffusers' alpha_bar at a step without signal
STRETCH = 3.0  # how many times longer than those before it a step of a polynomial in lambda may be
LONGEST = 3.0  # the longest step in lambda for methods that combine predictions of the noise
FORMS = (VARIANCE_PRESERVING, VARIANCE_EXPLODING, FLOW)
Nodes = tuple[Array, Array, Array]  # timesteps, alpha and sigma


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

    @property
    def rises(self) -> bool:
        """Whether the nodes go from data to noise."""
        return self.log_snr_half(0) > self.log_snr_half(len(self))

    def log_snr_half(self, i: int) -> float:
        """Return lambda = log(alpha / sigma) at node i. It may be infinite at the ends."""
        if self.noise[i] == 0:
            return math.inf
        return math.log(self.signal[i] / self.noise[i]) if self.signal[i] > 0 else -math.inf

    def reach(self, i: int, most: int, *, cautious: bool = True) -> int:
        """Return how many nodes before node i a polynomial in lambda may use, at most `most`.

        A node without signal has no lambda, and a node that occurs twice adds nothing. A polynomial
        through nodes that are close together errs over a long step: `cautious` leaves out what lies
        before a step that is more than `STRETCH` times shorter than step i.
        """
        count, rises = 0, self.rises
        ahead = abs(self.log_snr_half(i + 1) - self.log_snr_half(i)) if cautious else 0.0
        while count < most and i - count > 0:
            before, after = self.log_snr_half(i - count - 1), self.log_snr_half(i - count)
            before, after = (after, before) if rises else (before, after)
            if not -math.inf < before < after or STRETCH * (after - before) < ahead < math.inf:
                break
            count += 1
        return count

    def leaps(self, i: int, *, of_data: bool) -> bool:
        """Return whether step i is too long in lambda for the method.

        Every step from or to a node without signal is. The weights of predictions of the noise grow
        as e^h, so methods that combine these may not take steps longer than `LONGEST`. Predictions
        of x0 have no such limit. On the way from data to noise, theirs grow, and those of
        predictions of the noise do not.
        """
        if self.signal[i] == 0 or self.signal[i + 1] == 0:
            return True
        if of_data != self.rises or self.noise[i + 1] == 0:
            return False
        return abs(self.log_snr_half(i + 1) - self.log_snr_half(i)) > LONGEST

    def levels(self) -> Array:
        """Return sigma / alpha at the nodes. For flow schedules: sigma."""
        with np.errstate(divide="ignore"):
            ratio: Array = np.divide(self.noise, 1.0 if self.form == FLOW else self.signal)
        return ratio


def make(way: Way, schedule: Schedule, *, exploding: bool) -> Grid:
    """Return the grid of a schedule: with its own alpha, or with alpha = 1 if `exploding`.

    Flow schedules keep their own alpha in both cases.
    """
    if isinstance(way.sigmas, Levels):
        ends = way.sigmas.coefficients(schedule.form, exploding=exploding)
        return Grid(way.sigmas.timesteps, ends[0].tolist(), ends[1].tolist(), schedule.form)
    steps = _Steps(way, schedule)
    if way.timesteps is not None:
        timesteps, signal, noise = steps.at_timesteps(way.timesteps)
        last = steps.end()
    elif way.sigmas is None or isinstance(way.sigmas, str):
        timesteps, signal, noise = steps.spaced()
        last = steps.end()
    else:
        listed = falling(way.sampler, "sigmas", way.sigmas)
        inner = listed[:-1] if listed[-1] == 0 and len(listed) > 1 else listed
        timesteps, signal, noise = steps.at_levels(inner, "sigmas")
        last = steps.end() if len(inner) == len(listed) else (1.0, 0.0)
    signal, noise = np.append(signal, last[0]), np.append(noise, last[1])
    if exploding and schedule.form == VARIANCE_PRESERVING:
        signal, noise = np.ones_like(signal), steps.ratio(signal, noise)
    grid = Grid(timesteps, signal.tolist(), noise.tolist(), schedule.form)
    if way.parity is None:
        _refuse_repeated(way, grid)
    return grid


def _refuse_repeated(way: Way, grid: Grid) -> None:
    """Raise if the noise does not fall from each node to the next."""
    levels = grid.levels()
    same = np.flatnonzero(~(levels[1:] < levels[:-1]))
    if not same.size:
        return
    k = int(same[0])
    remedy = "use fewer steps, or another spacing"
    if k + 1 == len(grid):
        remedy = "use final_sigma='zero', fewer steps, or another spacing or offset"
    raise ValueError(
        f"{way.sampler}: sigma must fall in every step, but it goes from {levels[k]:g} to "
        f"{levels[k + 1]:g} in step {k}; {remedy}"
    )


class _Steps:
    """The steps of a schedule that a run can use, and the nodes at steps, sigmas or timesteps.

    These are the steps with noise, up to the first without signal. With parity to diffusers, all.
    """

    def __init__(self, way: Way, schedule: Schedule) -> None:
        self.way, self.schedule, self.form = way, schedule, schedule.form
        self.low, self.high = 0, len(schedule) - 1
        if way.parity is None:
            self.low, self.high = usable(schedule)
        self.table = self._levels()

    def _levels(self) -> Array:
        """Return sigma / alpha of the steps, or sigma on flows. Infinite where alpha is 0."""
        kept = slice(self.low, self.high + 1)
        if self.form == FLOW:
            return self.schedule.sigma[kept]
        table = self.schedule.sigma_over_signal[kept]
        if self.way.parity == "diffusers" and np.isinf(table[-1]):
            largest = math.sqrt((1 - ALMOST_NO_SIGNAL) / ALMOST_NO_SIGNAL)
            table = np.append(table[:-1], largest)
        return table

    def end(self) -> tuple[float, float]:
        """Return alpha and sigma where the run ends."""
        if self.way.final_sigma == "zero":
            return 1.0, 0.0
        return float(self.schedule.signal[self.low]), float(self.schedule.sigma[self.low])

    def spaced(self) -> Nodes:
        """Return nodes that are spaced evenly in steps, or as the spacing of sigmas says."""
        way = self.way
        if self.form == FLOW and way.spacing == "leading" and way.parity is None:
            raise ValueError(
                f"{way.sampler}: spacing='leading' does not start at pure noise, as a run on a "
                "flow schedule must; use spacing='trailing' or 'linspace'"
            )
        places = _spacing.spaced(way, len(self.table))
        nodes = self.at_steps(places + self.low)
        if way.sigmas is None:
            return nodes
        with np.errstate(divide="ignore"):
            levels = nodes[2] / (1.0 if self.form == FLOW else nodes[1])
        first, last = levels[0], levels[-1]
        if way.one_more or (way.final_sigma == "min" and way.parity is None):
            first, last = self.table[-1], self.table[0]
        if not (np.isfinite(first) and last > 0):
            raise ValueError(
                f"{way.sampler}: sigmas={way.sigmas!r} needs a schedule whose sigma / alpha is "
                f"positive and finite, got {last} to {first}; leave sigmas=None"
            )
        if self.form == FLOW and way.sigmas == "lu":
            raise ValueError(
                f"{way.sampler}: sigmas='lu' is even in log(alpha / sigma), which is infinite at "
                "the start of a flow schedule; use sigmas='exponential'"
            )
        count = way.steps + int(way.final_sigma == "min" and way.parity is None)
        spread = _spacing.respaced(way.sigmas, float(first), float(last), count)[: way.steps]
        return self.at_levels(spread, "sigmas")

    def ratio(self, signal: Array, noise: Array) -> Array:
        """Return sigma / alpha at nodes of samplers of x0 + sigma noise, or raise if infinite."""
        with np.errstate(divide="ignore"):
            ratio: Array = noise / signal
        if np.isinf(ratio[0]) and self.way.parity is None:
            raise ValueError(
                f"{self.way.sampler}: step 0 has no signal (zero terminal SNR), so its sigma / "
                'alpha is infinite; use DDIM or DPMSolverMultistep with prediction="v", or '
                'parity="diffusers"'
            )
        return np.where(np.isinf(ratio), self.table[-1], ratio)

    def at_steps(self, places: Array) -> Nodes:
        """Return the nodes at steps, and between them."""
        signal, noise = self.schedule.in_steps().coefficients(places)
        if self.way.parity and self.form == VARIANCE_PRESERVING:
            between = places != np.round(places)  # sigma / alpha is interpolated, not the log-SNR
            ratio = np.interp(places, np.arange(len(self.table)), self.table)
            signal = np.where(between, 1 / np.hypot(1, ratio), signal)
            noise = np.where(between, ratio / np.hypot(1, ratio), noise)
        return self._timesteps(places, noise), signal, noise

    def _timesteps(self, places: Array, noise: Array) -> Array:
        """Return the time input of the model."""
        if self.form == VARIANCE_PRESERVING:
            return places
        return noise * len(self.schedule) if self.form == FLOW else noise

    def at_levels(self, levels: Array, option: str) -> Nodes:
        """Return the nodes at sigma / alpha, or at sigma on flows."""
        if self.form != VARIANCE_PRESERVING:
            most = 1.0 if self.form == FLOW else math.inf
            levels = self._within(option, levels, np.finfo(np.float64).tiny, most)
            signal = 1 - levels if self.form == FLOW else np.ones_like(levels)
            return self._timesteps(levels, levels), signal, levels
        levels = self._within(option, levels, self.table[0], self.table[-1])
        places, way = self._places(levels), self.way
        if way.parity and way.rounded:
            down = way.sigmas in ("exponential", "beta")
            places = np.trunc(places) if down else np.round(places)
        size = np.hypot(1, levels)
        return places, 1 / size, levels / size

    def _places(self, levels: Array) -> Array:
        """Return the steps of a variance-preserving schedule with these sigma / alpha."""
        schedule, table = self.schedule, self.table
        if self.way.parity or (schedule.path is None and np.isfinite(table[-1])):
            steps = self.low + np.arange(len(table), dtype=np.float64)
            return np.interp(np.log(levels), np.log(table), steps)  # log SNR is linear there
        places: Array = schedule.time_of(levels) * len(schedule) - 1
        whole = np.round(places)
        return np.where(np.abs(places - whole) < 1e-9, whole, places)

    def at_timesteps(self, given: Any) -> Nodes:
        """Return the nodes at timesteps that the user gives."""
        timesteps = falling(self.way.sampler, "timesteps", given)
        if self.form == VARIANCE_PRESERVING:
            return self.at_steps(self._within("timesteps", timesteps, self.low, self.high))
        levels = timesteps / len(self.schedule) if self.form == FLOW else timesteps
        return self.at_levels(levels, "timesteps")

    def _within(self, option: str, given: Array, low: float, high: float) -> Array:
        """Return the numbers, or raise if one lies outside by more than float32's rounding."""
        kept = np.clip(given, low, high)
        wrong = np.abs(given - kept) > 1e-6 * np.abs(given)
        if np.any(wrong):
            raise ValueError(
                f"{self.way.sampler}: {option} must lie between {low:g} and {high:g} on this "
                f"schedule, got {given[wrong][0]:g}"
            )
        return kept


def backwards(grid: Grid, schedule: Schedule) -> Grid:
    """Return the nodes from data to noise. The model is evaluated at all but the last."""
    first = float(usable(schedule)[0])
    if grid.form != VARIANCE_PRESERVING:
        first = grid.noise[-1] * (len(schedule) if grid.form == FLOW else 1)
    timesteps = np.concatenate([[first], grid.timesteps[:0:-1]])
    return Grid(timesteps, grid.signal[::-1], grid.noise[::-1], grid.form)


def timesteps_at(schedule: Schedule, levels: Array) -> Array:
    """Return the model's time input at sigma / alpha, or at sigma on flows."""
    return _Steps(Way("", 1, "linspace", rounded=False), schedule).at_levels(levels, "sigmas")[0]


def usable(schedule: Schedule) -> tuple[int, int]:
    """Return the first step with noise, and the first without signal, or else the last step."""
    low = int(np.argmax(schedule.sigma > 0))
    without = np.flatnonzero(schedule.signal == 0)
    return low, int(without[0]) if without.size else len(schedule) - 1


__all__ = [
    "FLOW",
    "FORMS",
    "LONGEST",
    "VARIANCE_EXPLODING",
    "VARIANCE_PRESERVING",
    "Grid",
    "Way",
    "backwards",
    "make",
    "timesteps_at",
    "usable",
]
