"""Methods of second order that evaluate the model twice per step."""

from __future__ import annotations

import abc
import itertools
import math
from collections.abc import Sequence
from typing import Any

from fastgen.diffusion.samplers._bound_step import StepFormula
from fastgen.diffusion.samplers._churn import Churn
from fastgen.diffusion.samplers._two_evaluations import (
    Halves,
    doubled,
    raised,
    slopes_to_x0,
    with_middles,
)
from fastgen.diffusion.schedule import Schedule

__all__ = ["DPM2", "Heun"]


class _TwoEvaluations(Halves):
    """Steps of two halves in sigma. The first keeps its slope, or x0 if x0 is limited."""

    exploding = True
    rounded = False

    @abc.abstractmethod
    def _shares(self, i: int) -> tuple[float, float]:
        """Return the factors of the two slopes in the step that ends with evaluation i."""

    def _added(self, i: int) -> float:
        """Return the deviation of the noise that is added after evaluation i."""
        return 0.0

    def _formula(self, i: int, available: int) -> StepFormula:
        sigmas = self.grid.noise
        if math.isfinite(self.limit):
            ends = (self._shares(i), self._added(i)) if i % 2 else ((0.0, 0.0), 0.0)
            return slopes_to_x0(self._x0(i), sigmas, i, *ends)
        a, b = self._slope(i)
        if i % 2 == 0:
            return StepFormula(a, b, u=1.0, k=sigmas[i + 1] - sigmas[i])
        first, second = self._shares(i)
        back = sigmas[i] - sigmas[i - 1]
        return StepFormula(a, b, 1.0, 0.0, second, (first - back,), self._added(i))


class Heun(_TwoEvaluations):
    r"""Heun's method in sigma: of second order, with two evaluations per step.

    .. math:: x' = x_i + (\sigma_{i+1} - \sigma_i) d_i, \quad
              x_{i+1} = x_i + (\sigma_{i+1} - \sigma_i) \frac{d_i + d'}{2}, \quad
              d = \frac{x - \hat x_0}{\sigma}

    Its `timesteps` name every evaluation: step 0 twice, step 1 twice, ...; the last, to clean data,
    is a single one. With churn, each step first raises the noise, and the model is evaluated there:

    .. math:: \hat x_i = x_i + \sqrt{\hat\sigma_i^2 - \sigma_i^2}\, z, \quad
              \hat\sigma_i = (1 + \gamma) \sigma_i

    Parameters
    ----------
    schedule, prediction, spacing, offset, timesteps, sigmas, parity
        As in `Euler`.
    steps : int, default 25
        The number of steps; the model is evaluated ``2 * steps - 1`` times.
    churn, churn_min, churn_max, churn_noise
        As in `Euler`. The noise is never raised above that of the start, so the first step begins
        there. `sigmas` and `timesteps` hold the raised sigmas. Not on flow schedules.
    clip, threshold, threshold_max
        As in `DDIM`; slopes are then those to the clipped x0.

    Raises
    ------
    ValueError
        If an option is out of range, or the schedule ends without signal.

    References
    ----------
    .. [1] Karras, Aittala, Aila and Laine, "Elucidating the Design Space of Diffusion-Based
       Generative Models", NeurIPS 2022, algorithms 1 and 2; NVlabs, "edm", `edm_sampler`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgen.diffusion import Schedule
    >>> from fastgen.diffusion.samplers import Heun
    >>> sampler = Heun(Schedule.scaled_linear(), steps=4)
    >>> x, state = sampler.init_noise_scale * np.ones((2, 3), np.float32), sampler.state()
    >>> for i, t in enumerate(sampler.timesteps):
    ...     x = sampler.step(x, 0.5 * sampler.scale_input(x, i), i, state=state)
    >>> x.shape
    (2, 3)
    """

    def __init__(
        self,
        schedule: Schedule,
        steps: int = 25,
        *,
        prediction: str = "epsilon",
        spacing: str = "linspace",
        offset: int = 0,
        timesteps: Sequence[float] | None = None,
        sigmas: str | Sequence[float] | None = None,
        churn: float = 0.0,
        churn_min: float = 0.0,
        churn_max: float = math.inf,
        churn_noise: float = 1.0,
        clip: float | None = None,
        threshold: float | None = None,
        threshold_max: float = math.inf,
        parity: str | None = None,
    ) -> None:
        """Lay the grid and bind the steps."""
        self.churn = Churn("Heun", churn, churn_min, churn_max, churn_noise)
        options: dict[str, Any] = {"spacing": spacing, "offset": offset, "sigmas": sigmas}
        options |= {"timesteps": timesteps, "clip": clip, "threshold": threshold}
        options |= {"threshold_max": threshold_max, "parity": parity}
        self._set_up(schedule, steps, prediction, **options)
        self.churn.check_form("Heun", schedule.form)
        grid = doubled(self.grid)
        if self.churn.total:
            grid = raised(grid, self.churn.raised(self.grid.noise), schedule)
        self._take(grid)
        self._bind_steps()

    def _shares(self, i: int) -> tuple[float, float]:
        half = (self.grid.noise[i] - self.grid.noise[i - 1]) / 2
        return half, half

    def _added(self, i: int) -> float:
        if not self.churn.total:
            return 0.0
        sigma, after = self.grid.noise[i : i + 2]
        return self.churn.scale * math.sqrt((after - sigma) * (after + sigma))

    def _span(self, i: int) -> tuple[int, int]:
        """Return the nodes of a step before they are raised. The first node is not raised."""
        return max(i - 2, 0), i


class DPM2(_TwoEvaluations):
    r"""DPM-Solver-2 in sigma, the midpoint rule in log sigma: of second order.

    .. math:: x' = x_i + (\sigma' - \sigma_i) d_i, \quad
              x_{i+1} = x_i + (\sigma_{i+1} - \sigma_i) d', \quad
              \sigma' = \sqrt{\sigma_i \sigma_{i+1}}

    Its `timesteps` name every evaluation; the last step, to clean data, is a single one.

    Parameters
    ----------
    schedule, prediction, spacing, offset, timesteps, sigmas, parity
        As in `Euler`.
    steps : int, default 25
        The number of steps; the model is evaluated ``2 * steps - 1`` times.
    clip, threshold, threshold_max
        As in `DDIM`; slopes are then those to the clipped x0.

    Raises
    ------
    ValueError
        If an option is out of range, or the schedule ends without signal.

    References
    ----------
    .. [1] Lu et al., "DPM-Solver: A Fast ODE Solver for Diffusion Probabilistic Model Sampling in
       Around 10 Steps", NeurIPS 2022; Crowson, "k-diffusion", 2022, `sample_dpm_2`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgen.diffusion import Schedule
    >>> from fastgen.diffusion.samplers import DPM2
    >>> sampler = DPM2(Schedule.scaled_linear(), steps=4)
    >>> x, state = sampler.init_noise_scale * np.ones((2, 3), np.float32), sampler.state()
    >>> for i, t in enumerate(sampler.timesteps):
    ...     x = sampler.step(x, 0.5 * sampler.scale_input(x, i), i, state=state)
    >>> x.shape
    (2, 3)
    """

    def __init__(
        self,
        schedule: Schedule,
        steps: int = 25,
        *,
        prediction: str = "epsilon",
        spacing: str = "linspace",
        offset: int = 0,
        timesteps: Sequence[float] | None = None,
        sigmas: str | Sequence[float] | None = None,
        clip: float | None = None,
        threshold: float | None = None,
        threshold_max: float = math.inf,
        parity: str | None = None,
    ) -> None:
        """Lay the grid and bind the steps."""
        options: dict[str, Any] = {"spacing": spacing, "offset": offset, "sigmas": sigmas}
        options |= {"timesteps": timesteps, "clip": clip, "threshold": threshold}
        options |= {"threshold_max": threshold_max, "parity": parity}
        self._set_up(schedule, steps, prediction, **options)
        nodes = self.grid.noise
        middles = [math.sqrt(s * after) for s, after in itertools.pairwise(nodes[:-1])]
        self._take(with_middles(self.grid, [*middles, None], schedule))
        self._bind_steps()

    def _shares(self, i: int) -> tuple[float, float]:
        return 0.0, self.grid.noise[i + 1] - self.grid.noise[i - 1]
