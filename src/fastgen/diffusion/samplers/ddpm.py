"""Ancestral sampling of denoising diffusion probabilistic models."""

from __future__ import annotations

import math
from typing import Any

from fastgen.diffusion.samplers import _grid
from fastgen.diffusion.samplers._rule import Rule
from fastgen.diffusion.samplers._sampler import Sampler
from fastgen.diffusion.schedule import Schedule

__all__ = ["DDPM"]

VARIANCES = ("small", "large")


class DDPM(Sampler):
    r"""Ancestral sampling: draw from the posterior at the predicted x0. Of weak order one.

    .. math:: x_{i+1} = \frac{\alpha_{i+1} \tau^2}{\sigma_i^2} \hat x_0
              + \frac{\alpha_i}{\alpha_{i+1}} \frac{\sigma_{i+1}^2}{\sigma_i^2} x_i + s z,
              \quad \tau^2 = \sigma_i^2 \left(1 - \frac{\mathrm{SNR}_i}{\mathrm{SNR}_{i+1}}\right)

    Parameters
    ----------
    schedule : Schedule
        The schedule that the model was trained on.
    steps : int, default 1000
        How many times the model is asked.
    prediction : {"epsilon", "x0", "v", "score", "flow"}, default "epsilon"
        What the model predicts.
    spacing : {"leading", "linspace", "trailing"}, default "leading"
        Which timesteps are chosen.
    offset : int, default 0
        Added to the timesteps of leading spacing.
    variance : {"small", "large"}, default "small"
        :math:`s^2 = \tau^2 \sigma_{i+1}^2 / \sigma_i^2`, right for data at one point, or
        :math:`s^2 = \tau^2`, right for data that are standard normal. The last step, to clean
        data, adds no noise.
    clip : float, optional
        Clip the predicted x0 to [-clip, clip].
    threshold, threshold_max
        As in `DDIM`.
    parity : {None, "diffusers"}, default None
        With "diffusers", large variance adds noise in the last step too, unless its timestep is 0.

    Raises
    ------
    ValueError
        If an option is out of range, or x0 can't be had from the prediction.

    References
    ----------
    .. [1] Ho, Jain and Abbeel, "Denoising Diffusion Probabilistic Models", NeurIPS 2020,
       algorithm 2.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgen.diffusion import Schedule
    >>> from fastgen.diffusion.samplers import DDPM
    >>> sampler = DDPM(Schedule.linear(), steps=4)
    >>> x, rng = np.ones((2, 3), np.float32), np.random.default_rng(0)
    >>> for i, t in enumerate(sampler.timesteps):
    ...     x = sampler.step(x, 0.5 * x, i, rng=rng)
    >>> x.shape
    (2, 3)
    """

    def __init__(
        self,
        schedule: Schedule,
        steps: int = 1000,
        *,
        prediction: str = "epsilon",
        spacing: str = "leading",
        offset: int = 0,
        variance: str = "small",
        clip: float | None = None,
        threshold: float | None = None,
        threshold_max: float = math.inf,
        parity: str | None = None,
    ) -> None:
        """Lay the grid and compute all coefficients."""
        _grid.check_choice("DDPM", "variance", VARIANCES, variance)
        self.variance = variance
        options: dict[str, Any] = {"spacing": spacing, "offset": offset, "parity": parity}
        options |= {"threshold": threshold, "threshold_max": threshold_max}
        self._set_up(schedule, steps, prediction, clip, **options)
        self._make_plans()

    def _rule(self, i: int, available: int) -> Rule:
        signal, noise = self.grid.signal, self.grid.noise
        a, b = self._x0(i)
        ratio = signal[i] / signal[i + 1]
        new = 1 - (ratio * noise[i + 1] / noise[i]) ** 2  # 1 - SNR_i / SNR_{i+1}
        spread = math.sqrt(max(new, 0.0)) * (noise[i + 1] if self.variance == "small" else noise[i])
        if i + 1 == len(self) and not (self.parity and self.timesteps[i] > 0):
            spread = 0.0
        kept = ratio * (noise[i + 1] / noise[i]) ** 2
        return Rule(a, b, kept, 0.0, signal[i + 1] * new, (), spread)
