"""DPM-Solver-2 with ancestral noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fastgen.diffusion.samplers._ancestral import Ancestral
from fastgen.diffusion.samplers._bound_step import StepFormula
from fastgen.diffusion.schedule import Schedule

__all__ = ["DPM2Ancestral"]


class DPM2Ancestral(Ancestral):
    r"""DPM-Solver-2 to a lower sigma, and noise up to the next; with two evaluations per step.

    .. math:: x' = x_i + (\sigma' - \sigma_i) d_i, \quad
              x_{i+1} = x_i + (\sigma_{\downarrow} - \sigma_i) d' + \sigma_{\uparrow} z, \quad
              \sigma' = \sqrt{\sigma_i \sigma_{\downarrow}}

    with the :math:`\sigma_{\downarrow}` and :math:`\sigma_{\uparrow}` of `EulerAncestral`. Without
    noise it is `DPM2`. On a flow schedule, the slope d is the velocity, and the step leads to the
    :math:`\sigma_{\downarrow}` with the sigma / alpha that the step of `DDIM` has before its noise;
    then the sample is rescaled and noise is added.

    Its `timesteps` name every evaluation. A step to clean data is a single one, and so is a step
    from pure noise with ``eta=1``.

    Parameters
    ----------
    schedule, prediction, spacing, offset, timesteps, sigmas, parity
        As in `Euler`.
    steps : int, default 25
        The number of steps; the model is evaluated up to ``2 * steps - 1`` times.
    eta : float, default 1.0
        How much noise, from 0 to 1.
    clip, threshold, threshold_max
        As in `DDIM`; slopes are then those to the clipped x0.

    Raises
    ------
    ValueError
        If an option is out of range, or the schedule ends without signal.

    References
    ----------
    .. [1] Crowson, "k-diffusion", 2022, `sample_dpm_2_ancestral`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgen.diffusion import Schedule
    >>> from fastgen.diffusion.samplers import DPM2Ancestral
    >>> sampler = DPM2Ancestral(Schedule.scaled_linear(), steps=4)
    >>> x, state = sampler.init_noise_scale * np.ones((2, 3), np.float32), sampler.state()
    >>> for i, t in enumerate(sampler.timesteps):
    ...     x = sampler.step(x, 0.5 * sampler.scale_input(x, i), i, state=state, key=0)
    >>> x.shape
    (2, 3)
    """

    def __init__(
        self,
        schedule: Schedule,
        steps: int = 25,
        *,
        prediction: str = "epsilon",
        eta: float = 1.0,
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
        self._lay(schedule, steps, prediction, eta, **options)
        self._bind_steps()

    def _below(self, j: int) -> tuple[float, float]:
        """Return alpha and sigma below the next node, on the schedule's line."""
        return self._of_level(self._split(j)[0] / self._steps.signal[j + 1])

    def _middle(self, j: int) -> float | None:
        product = self._steps.noise[j] * self._below(j)[1]
        return math.sqrt(product) if product > 0 else None

    def _formula(self, i: int, available: int) -> StepFormula:
        j, second = self._places[i]
        if not self._keeps(i) and not second:
            return self._single(i)
        limited = math.isfinite(self.limit)
        a, b = self._x0(i) if limited else self._slope(i)
        first = i - int(second)
        sigma, middle = self.grid.noise[first : first + 2]
        part = middle / sigma
        if not second:
            if limited:
                return StepFormula(a, b, u=part, k=1 - part)
            return StepFormula(a, b, u=1.0, k=middle - sigma)
        alpha, below = self._below(j)
        kept, noise = self._steps.signal[j + 1] / alpha, self._split(j)[1]
        if not limited:
            back = (-kept * (middle - sigma),)
            return StepFormula(a, b, kept, 0.0, kept * (below - sigma), back, noise)
        slope = (below - sigma) / middle  # x = (x' - (1 - part) x0) / part, and its slope at x'
        u, back = kept * (1 / part + slope), (kept * (1 - 1 / part),)
        return StepFormula(a, b, u, 0.0, -kept * slope, back, noise)
