"""Methods of second order that evaluate the model twice per step."""

from __future__ import annotations

import abc
import math
from collections.abc import Sequence
from typing import Any

from fastgen.diffusion.samplers._bound_step import StepFormula
from fastgen.diffusion.samplers._grid import Grid
from fastgen.diffusion.samplers._sampler import Sampler
from fastgen.diffusion.samplers._two_evaluations import Halves, doubled, slopes_to_x0, with_middles
from fastgen.diffusion.schedule import Schedule

__all__ = ["DPM2", "Heun"]


class _TwoEvaluations(Halves, Sampler):
    """Steps of two halves. The first keeps its slope, the second replaces it."""

    exploding = True
    rounded = False

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
        options["timesteps"] = timesteps
        options |= {"threshold": threshold, "threshold_max": threshold_max}
        self._set_up(schedule, steps, prediction, clip, parity=parity, **options)
        self._take(self._evaluations(self.grid))
        self._bind_steps()

    @abc.abstractmethod
    def _evaluations(self, grid: Grid) -> Grid:
        """Return the nodes where the model is evaluated."""

    @abc.abstractmethod
    def _shares(self, i: int) -> tuple[float, float]:
        """Return the factors of the two slopes in the step that ends with evaluation i."""

    def _formula(self, i: int, available: int) -> StepFormula:
        sigmas = self.grid.noise
        if math.isfinite(self.limit):
            return slopes_to_x0(self._x0(i), sigmas, i, self._shares(i) if i % 2 else (0.0, 0.0))
        a, b = self._slope(i)
        if i % 2 == 0:
            return StepFormula(a, b, u=1.0, k=sigmas[i + 1] - sigmas[i])
        first, second = self._shares(i)
        return StepFormula(a, b, u=1.0, k=second, history=(first - (sigmas[i] - sigmas[i - 1]),))


class Heun(_TwoEvaluations):
    r"""Heun's method in sigma: of second order, with two evaluations per step.

    .. math:: x' = x_i + (\sigma_{i+1} - \sigma_i) d_i, \quad
              x_{i+1} = x_i + (\sigma_{i+1} - \sigma_i) \frac{d_i + d'}{2}, \quad
              d = \frac{x - \hat x_0}{\sigma}

    Its `timesteps` name every evaluation: step 0 twice, step 1 twice, ...; the last, to clean data,
    is a single one.

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
    .. [1] Karras, Aittala, Aila and Laine, "Elucidating the Design Space of Diffusion-Based
       Generative Models", NeurIPS 2022, algorithm 1.

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

    def _evaluations(self, grid: Grid) -> Grid:
        return doubled(grid)

    def _shares(self, i: int) -> tuple[float, float]:
        half = (self.grid.noise[i] - self.grid.noise[i - 1]) / 2
        return half, half


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

    def _evaluations(self, grid: Grid) -> Grid:
        return with_middles(grid, self.schedule)

    def _shares(self, i: int) -> tuple[float, float]:
        return 0.0, self.grid.noise[i + 1] - self.grid.noise[i - 1]
