"""Euler's method on the probability flow, with churn or ancestral noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fastgen.diffusion.samplers import _checks
from fastgen.diffusion.samplers._bound_step import StepFormula
from fastgen.diffusion.samplers._churn import Churn
from fastgen.diffusion.samplers._sampler import Sampler
from fastgen.diffusion.schedule import Schedule

__all__ = ["Euler", "EulerAncestral"]


class _Sigmas(Sampler):
    """Samplers of x0 + sigma noise, with sigmas interpolated between steps of the schedule."""

    exploding = True
    rounded = False


class Euler(_Sigmas):
    r"""Euler's method in sigma, with churn: of first order.

    .. math:: \hat x = x_i + \sqrt{\hat\sigma^2 - \sigma_i^2}\, z, \quad
              x_{i+1} = \hat x + (\sigma_{i+1} - \hat\sigma) \frac{\hat x - \hat x_0}{\hat\sigma},
              \quad \hat\sigma = (1 + \gamma) \sigma_i

    Samples are :math:`x_0 + \sigma z`; a model trained on a variance-preserving schedule takes them
    rescaled, by `scale_input`.

    Parameters
    ----------
    schedule : Schedule
        The schedule that the model was trained on. Churn is not defined on flow schedules.
    steps : int, default 50
        The number of evaluations of the model.
    prediction : {"epsilon", "x0", "v", "score", "flow"}, default "epsilon"
        What the model predicts.
    spacing : {"linspace", "leading", "trailing"}, default "linspace"
        Which timesteps are chosen.
    offset : int, default 0
        Added to the timesteps of leading spacing.
    timesteps, sigmas
        As in `DDIM`.
    final_sigma : {"zero", "min"}, default "zero"
        Where to end: at clean data, or at the smallest sigma of the schedule.
    churn : float, default 0.0
        Noise is added in each step, :math:`\gamma = \min(\mathrm{churn} / N, \sqrt2 - 1)`,
        ...
    churn_min, churn_max : float
        where :math:`\sigma_i` lies between these,
    churn_noise : float, default 1.0
        times this.
    clip : float, optional
        Clip the predicted x0 to [-clip, clip]. The slope is then that to the clipped x0.
    threshold, threshold_max
        As in `DDIM`. With churn, limits of x0 need ``parity=None``.
    parity : {None, "diffusers"}, default None
        With "diffusers", churn moves the predicted noise too, not x0; the conversions of v and of
        the start's noise are diffusers'; and no signal is a tiny signal.

    Raises
    ------
    ValueError
        If an option is out of range, or the schedule ends without signal.

    References
    ----------
    .. [1] Karras, Aittala, Aila and Laine, "Elucidating the Design Space of Diffusion-Based
       Generative Models", NeurIPS 2022, algorithm 2 without its correction.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgen.diffusion import Schedule
    >>> from fastgen.diffusion.samplers import Euler
    >>> sampler = Euler(Schedule.scaled_linear(), steps=4, sigmas="karras")
    >>> x = sampler.init_noise_scale * np.ones((2, 3), np.float32)
    >>> for i, t in enumerate(sampler.timesteps):
    ...     x = sampler.step(x, 0.5 * sampler.scale_input(x, i), i)
    >>> x.shape
    (2, 3)
    """

    def __init__(
        self,
        schedule: Schedule,
        steps: int = 50,
        *,
        prediction: str = "epsilon",
        spacing: str = "linspace",
        offset: int = 0,
        timesteps: Sequence[float] | None = None,
        sigmas: str | Sequence[float] | None = None,
        final_sigma: str = "zero",
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
        self.churn = Churn("Euler", churn, churn_min, churn_max, churn_noise)
        self.supports_cfg_pp = parity is None or self.churn.total == 0
        options: dict[str, Any] = {"spacing": spacing, "offset": offset, "sigmas": sigmas}
        options["timesteps"] = timesteps
        options |= {"clip": clip, "threshold": threshold, "threshold_max": threshold_max}
        self._set_up(schedule, steps, prediction, final_sigma=final_sigma, parity=parity, **options)
        self.churn.check_form("Euler", schedule.form)
        self.churn.check_limits("Euler", self.limit, parity)
        self._bind_steps()

    def _formula(self, i: int, available: int) -> StepFormula:
        sigma, after = self.grid.noise[i], self.grid.noise[i + 1]
        gamma, (a, b) = self.churn.gamma(sigma, len(self)), self._x0(i)
        part = after / (sigma * (1 + gamma))  # x_{i+1} = part x^ + (1 - part) x0
        u = part + (1 - part) * a
        noise = part * self.churn.noise(sigma, gamma)
        if math.isfinite(self.limit):
            return StepFormula(a, b, part, 0.0, 1 - part, (), noise)
        if self.parity and self.prediction in ("epsilon", "score", "v"):
            # x0 = a x^ + b p: in place of x, the prediction is taken to be that of x^.
            b *= 1 + gamma if self.prediction != "v" else 1
            noise = u * self.churn.noise(sigma, gamma)
        return StepFormula(0.0, 0.0, u, (1 - part) * b, 0.0, (), noise)


class EulerAncestral(_Sigmas):
    r"""Euler's method to a lower sigma, and noise up to the next: of first order.

    .. math:: x_{i+1} = x_i + (\sigma_{\downarrow} - \sigma_i) \frac{x_i - \hat x_0}{\sigma_i}
              + \sigma_{\uparrow} z, \quad
              \sigma_{\uparrow}^2 = \eta^2 \sigma_{i+1}^2 \left(1 -
              \frac{\sigma_{i+1}^2}{\sigma_i^2}\right), \quad
              \sigma_{\downarrow}^2 = \sigma_{i+1}^2 - \sigma_{\uparrow}^2

    It is the step of `DDIM` with noise, in terms of sigma. On a flow schedule it is that step with
    :math:`\alpha = 1 - \sigma`.

    Parameters
    ----------
    schedule, steps, prediction, spacing, offset, timesteps, sigmas, final_sigma, parity
        As in `Euler`.
    eta : float, default 1.0
        How much noise, from 0 to 1.
    clip, threshold, threshold_max
        As in `Euler`: the predicted noise is that of the clipped x0.

    Raises
    ------
    ValueError
        If an option is out of range, or the schedule ends without signal.

    References
    ----------
    .. [1] Crowson, "k-diffusion", 2022, `sample_euler_ancestral`: the posterior of Ho et al. (2020)
       in terms of sigma.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgen.diffusion import Schedule
    >>> from fastgen.diffusion.samplers import EulerAncestral
    >>> sampler, rng = EulerAncestral(Schedule.cosine(), steps=4), np.random.default_rng(0)
    >>> x = sampler.init_noise_scale * rng.standard_normal((2, 3))
    >>> for i, t in enumerate(sampler.timesteps):
    ...     x = sampler.step(x, 0.5 * sampler.scale_input(x, i), i, rng=rng)
    >>> bool(np.isfinite(x).all())
    True
    """

    def __init__(
        self,
        schedule: Schedule,
        steps: int = 50,
        *,
        prediction: str = "epsilon",
        spacing: str = "linspace",
        offset: int = 0,
        timesteps: Sequence[float] | None = None,
        sigmas: str | Sequence[float] | None = None,
        final_sigma: str = "zero",
        eta: float = 1.0,
        clip: float | None = None,
        threshold: float | None = None,
        threshold_max: float = math.inf,
        parity: str | None = None,
    ) -> None:
        """Lay the grid and bind the steps."""
        self.eta = _checks.check_number("EulerAncestral", "eta", eta, 0, 1)
        options: dict[str, Any] = {"spacing": spacing, "offset": offset, "sigmas": sigmas}
        options["timesteps"] = timesteps
        options |= {"clip": clip, "threshold": threshold, "threshold_max": threshold_max}
        self._set_up(schedule, steps, prediction, final_sigma=final_sigma, parity=parity, **options)
        self._bind_steps()

    def _formula(self, i: int, available: int) -> StepFormula:
        alpha, sigma = self.grid.signal[i + 1], self.grid.noise[i + 1]
        step = self._ddim(i, (alpha, sigma), self.eta)
        if not math.isfinite(self.limit):
            return step
        part = math.sqrt(max(sigma**2 - step.noise**2, 0.0)) / self.grid.noise[i]
        k = alpha - part * self.grid.signal[i]
        return StepFormula(*self._x0(i), u=part, k=k, noise=step.noise)
