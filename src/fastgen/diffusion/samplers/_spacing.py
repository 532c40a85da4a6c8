"""How the nodes of a run are spaced: along the steps of a schedule, or along its sigmas."""

from __future__ import annotations

import importlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastgen.diffusion._tables import FLOW, VARIANCE_EXPLODING, Array
from fastgen.diffusion.samplers._checks import check_choice, check_int

SPACINGS = ("linspace", "leading", "trailing")
SIGMAS = ("karras", "exponential", "beta", "lu")
FINAL_SIGMAS = ("zero", "min")
PARITIES = (None, "diffusers")


@dataclass(frozen=True)
class Levels:
    """Nodes as they are, which a configuration gives in place of a list of sigmas."""

    timesteps: Array
    """The model's time input at each node but the last, (N,)."""
    sigmas: Array
    """sigma / alpha at each node, (N + 1,); infinite without signal. On flow schedules: sigma."""

    def coefficients(self, form: str, *, exploding: bool) -> tuple[Array, Array]:
        """Return alpha and sigma at the nodes."""
        if form == FLOW:
            return 1 - self.sigmas, self.sigmas
        if exploding or form == VARIANCE_EXPLODING:
            return np.ones_like(self.sigmas), self.sigmas
        size, infinite = np.hypot(1, self.sigmas), np.isinf(self.sigmas)
        return 1 / size, np.where(infinite, 1.0, self.sigmas / np.where(infinite, 1.0, size))


@dataclass(frozen=True)
class Way:
    """The options of a grid, and the conventions of the method."""

    sampler: str
    steps: int
    spacing: str
    offset: int = 0
    timesteps: Any = None
    """A list of timesteps, in place of a spacing."""
    sigmas: Any = None
    """The name of a spacing of sigmas, a list of sigmas, or `Levels`."""
    final_sigma: str = "zero"
    rounded: bool = True
    """Whether evenly spaced timesteps are rounded to whole steps."""
    one_more: bool = False
    """Whether steps + 1 timesteps are spaced and the last is left out, so that the step to the end
    is not much longer than the others. Then respaced sigmas span the whole schedule."""
    parity: str | None = None

    def __post_init__(self) -> None:
        """Check the choices."""
        check_int(self.sampler, "offset", self.offset)
        check_choice(self.sampler, "spacing", SPACINGS, self.spacing)
        check_choice(self.sampler, "final_sigma", FINAL_SIGMAS, self.final_sigma)
        check_choice(self.sampler, "parity", PARITIES, self.parity)
        if self.sigmas is None or isinstance(self.sigmas, str):
            check_choice(self.sampler, "sigmas", (None, *SIGMAS), self.sigmas)
        if self.timesteps is not None and self.sigmas is not None:
            raise ValueError(
                f"{self.sampler}: timesteps and sigmas both say where the steps are; give one"
            )


def spaced(way: Way, length: int) -> Array:
    """Return places from the most to the least noise, as floats, on a table of this length."""
    steps = way.steps
    more = int(way.one_more or (way.final_sigma == "min" and way.parity is None))
    if way.parity is None and way.spacing == "linspace" and steps == length:
        more = 0  # every step of the table
    t: Any
    if way.spacing == "linspace":
        even: Array = np.linspace(0, length - 1, steps + more)[::-1][:steps]
        if steps + more == 1 and way.parity is None:
            even = np.full(1, length - 1.0)  # a single step starts at the most noise
        t = np.round(even) if way.rounded else even
    elif way.spacing == "leading":
        k, parts = np.arange(steps + more)[::-1][:steps], steps + more
        t = (k * (length // parts) if way.parity else k * length // parts) + float(way.offset)
    else:
        t = np.round(length - np.arange(steps) * (length / steps)) - 1
    if t[0] > length - 1 or t[-1] < 0:
        raise ValueError(
            f"{way.sampler}: offset={way.offset} puts timesteps outside the schedule's 0 to "
            f"{length - 1}; use a smaller one, or fewer steps"
        )
    if way.spacing == "leading" and steps == 1 and way.parity is None:
        raise ValueError(
            f"{way.sampler}: spacing='leading' starts a run of one step at the middle of the "
            "schedule or below; use spacing='trailing'"
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


def respaced(name: str, first: float, last: float, steps: int) -> Array:
    """Return sigmas with the spacing of this name. The first and the last are exact."""
    if name == "karras":
        sigmas = karras(first, last, steps)
    elif name == "beta":
        sigmas = last + beta_quantiles(steps) * (first - last)
    else:  # "exponential" and "lu": log sigma, and so the log-SNR, is evenly spaced
        sigmas = np.exp(np.linspace(math.log(first), math.log(last), steps))
    sigmas[-1], sigmas[0] = last, first  # a single sigma is the first
    return sigmas
