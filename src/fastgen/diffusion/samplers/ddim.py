"""Denoising diffusion implicit models."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from fastgen.diffusion.samplers import _checks, _grid
from fastgen.diffusion.samplers._bound_step import StepFormula
from fastgen.diffusion.samplers._sampler import Sampler
from fastgen.diffusion.schedule import Schedule

__all__ = ["DDIM"]


class DDIM(Sampler):
    r"""Denoising diffusion implicit models: deterministic, of first order, or with noise.

    .. math:: x_{i+1} = \alpha_{i+1} \hat x_0
              + \sqrt{\sigma_{i+1}^2 - \tilde\sigma^2}\, \hat\epsilon + \tilde\sigma z,
              \quad \tilde\sigma^2 = \eta^2 \sigma_{i+1}^2
              \left(1 - \frac{\mathrm{SNR}_i}{\mathrm{SNR}_{i+1}}\right)

    Parameters
    ----------
    schedule : Schedule
        The schedule that the model was trained on.
    steps : int, default 50
        The number of evaluations of the model.
    prediction : {"epsilon", "x0", "v", "score", "flow"}, default "epsilon"
        What the model predicts.
    spacing : {"trailing", "linspace", "leading"}, default "trailing"
        Which timesteps are chosen. "trailing" starts at the last step of the schedule for any
        number of steps; "leading" ends at the first, and starts below the last.
    offset : int, default 0
        Added to the timesteps of leading spacing.
    timesteps : list of float, optional
        The timesteps, in place of `steps` and `spacing`. They strictly fall.
    sigmas : str or list of float, optional
        Another spacing: "karras", "exponential", "beta" or "lu", between the first and the last
        sigma / alpha (on a flow schedule: sigma). Or a list of them, which strictly fall, in place
        of `steps` and `spacing`. A last 0 is the end; without it, `final_sigma` says the end.
    eta : float, default 0.0
        0 adds no noise; 1 adds as much as `DDPM`.
    clip : float, optional
        Clip the predicted x0 to [-clip, clip].
    threshold : float, optional
        Dynamic thresholding (Saharia et al., 2022), in place of `clip`: the limit of each sample is
        this quantile of the magnitudes of its x0, and at least 1. The x0 is clipped there, and
        divided by the limit.
    threshold_max : float, default inf
        The largest limit of `threshold`.
    clip_epsilon : bool, default False
        Compute the noise from the clipped x0 too.
    final_sigma : {"zero", "min"}, default "zero"
        Where to end: at clean data, or at the first step of the schedule.
    inverse : bool, default False
        Go from data to noise: the steps of the deterministic sampler, backwards. The data are taken
        as samples at the first step of the schedule, as with ``final_sigma="min"``.
    parity : {None, "diffusers"}, default None
        With "diffusers", each step ends T // steps timesteps further, wherever the next begins;
        the stride of leading spacing is T // steps; and `inverse` starts from clean data, whose
        predictions the model gives for the end of the step.

    Raises
    ------
    ValueError
        If an option is out of range, or the prediction does not determine x0.

    References
    ----------
    .. [1] Song, Meng and Ermon, "Denoising Diffusion Implicit Models", ICLR 2021, eq. 12 and 16.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgen.diffusion import Schedule
    >>> from fastgen.diffusion.samplers import DDIM
    >>> sampler = DDIM(Schedule.linear(), steps=4)
    >>> x = np.ones((2, 3), np.float32)
    >>> for i, t in enumerate(sampler.timesteps):
    ...     x = sampler.step(x, 0.5 * x, i)  # a model's prediction of the noise at timestep t
    >>> x.shape
    (2, 3)
    """

    def __init__(
        self,
        schedule: Schedule,
        steps: int = 50,
        *,
        prediction: str = "epsilon",
        spacing: str = "trailing",
        offset: int = 0,
        timesteps: Sequence[float] | None = None,
        sigmas: str | Sequence[float] | None = None,
        eta: float = 0.0,
        clip: float | None = None,
        threshold: float | None = None,
        threshold_max: float = math.inf,
        clip_epsilon: bool = False,
        final_sigma: str = "zero",
        inverse: bool = False,
        parity: str | None = None,
    ) -> None:
        """Lay the grid and bind the steps."""
        eta = _checks.check_number("DDIM", "eta", eta, 0, 1)
        of_noise = prediction not in ("x0", "score")
        if inverse and (eta or not (parity is None or of_noise or final_sigma == "min")):
            raise ValueError(
                "DDIM: inverse=True needs eta=0, and with parity final_sigma='min' where the "
                f"prediction is x0 or score; got eta={eta!r}, final_sigma={final_sigma!r}, "
                f"prediction={prediction!r}"
            )
        if inverse and parity is None:
            final_sigma = "min"
        self.eta, self.clip_epsilon, self.inverse = eta, clip_epsilon, inverse
        options: dict[str, Any] = {"spacing": spacing, "offset": offset, "parity": parity}
        options |= {"timesteps": timesteps, "sigmas": sigmas}
        options |= {"threshold": threshold, "threshold_max": threshold_max}
        self._set_up(schedule, steps, prediction, clip, final_sigma=final_sigma, **options)
        self._evenly = timesteps is None and sigmas is None
        self._targets = self._ends(final_sigma)
        if inverse:
            grid = _grid.backwards(self.grid, schedule)
            if parity:
                grid = dataclasses.replace(grid, timesteps=self.grid.timesteps[::-1])
            self._take(grid)
            self._targets = list(zip(self.grid.signal[1:], self.grid.noise[1:], strict=True))
        self._bind_steps()

    def _ends(self, final_sigma: str) -> list[tuple[float, float]]:
        """Return alpha and sigma at the end of each step."""
        grid, schedule = self.grid, self.schedule
        if self.parity is None or not self._evenly:
            return list(zip(grid.signal[1:], grid.noise[1:], strict=True))
        last = (grid.signal[-1], grid.noise[-1])
        stride = len(schedule) // len(self)
        ends = [int(t) - stride for t in self.timesteps]
        return [
            (float(schedule.signal[t]), float(schedule.sigma[t])) if t >= 0 else last for t in ends
        ]

    def _formula(self, i: int, available: int) -> StepFormula:
        alpha, sigma = self.grid.signal[i], self.grid.noise[i]
        alpha_next, sigma_next = self._targets[i]
        (a, b), (of_x, of_p) = self._x0(i), self._epsilon(i)
        noise = self._ddim(i, self._targets[i], self.eta).noise
        along = math.sqrt(max(sigma_next**2 - noise**2, 0.0))
        if self.clip_epsilon and math.isfinite(self.limit):
            return StepFormula(
                a, b, along / sigma, 0.0, alpha_next - along * alpha / sigma, (), noise
            )
        return StepFormula(a, b, along * of_x, along * of_p, alpha_next, (), noise)
