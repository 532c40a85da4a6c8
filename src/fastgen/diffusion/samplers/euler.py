"""Euler's method on the probability flow, with churn or ancestral noise."""

from __future__ import annotations

import math
from typing import Any

from fastgen.diffusion.samplers._bound_step import StepFormula
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
        The schedule that the model was trained on; not of the flow form.
    steps : int, default 50
        The number of evaluations of the model.
    prediction : {"epsilon", "x0", "v", "score"}, default "epsilon"
        What the model predicts.
    spacing : {"linspace", "leading", "trailing"}, default "linspace"
        Which timesteps are chosen.
    offset : int, default 0
        Added to the timesteps of leading spacing.
    sigmas : {None, "karras", "exponential", "beta"}, default None
        Another spacing of the sigmas, between the first and the last.
    final_sigma : {"zero", "min"}, default "zero"
        Where to end: at clean data, or at the smallest sigma of the schedule.
    churn : float, default 0.0
        Noise is added in each step, :math:`\gamma = \min(\mathrm{churn} / N, \sqrt2 - 1)`,
        ...
    churn_min, churn_max : float
        where :math:`\sigma_i` lies between these,
    churn_noise : float, default 1.0
        times this.
    parity : {None, "diffusers"}, default None
        With "diffusers", v is converted at :math:`\sigma_i` in spite of churn, and no signal is a
        tiny signal.

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
        sigmas: str | None = None,
        final_sigma: str = "zero",
        churn: float = 0.0,
        churn_min: float = 0.0,
        churn_max: float = math.inf,
        churn_noise: float = 1.0,
        parity: str | None = None,
    ) -> None:
        """Lay the grid and bind the steps."""
        if not (churn >= 0 and churn_noise >= 0):
            raise ValueError(
                f"Euler: churn and churn_noise must be >= 0, got {churn!r} and {churn_noise!r}"
            )
        self.churn, self.churn_noise = float(churn), float(churn_noise)
        self.supports_cfg_pp = self.churn == 0
        self.churn_range = float(churn_min), float(churn_max)
        options: dict[str, Any] = {"spacing": spacing, "offset": offset, "sigmas": sigmas}
        self._set_up(schedule, steps, prediction, final_sigma=final_sigma, parity=parity, **options)
        self._bind_steps()

    def _gamma(self, sigma: float) -> float:
        low, high = self.churn_range
        return min(self.churn / len(self), math.sqrt(2) - 1) if low <= sigma <= high else 0.0

    def _formula(self, i: int, available: int) -> StepFormula:
        sigma, after = self.grid.noise[i], self.grid.noise[i + 1]
        gamma = self._gamma(sigma)
        hat = sigma * (1 + gamma)
        size = math.hypot(1, sigma if self.parity else hat)
        part = after / hat  # x_{i+1} = part x^ + (1 - part) x0
        if self.prediction in ("epsilon", "score"):
            a, b = 1.0, self._x0(i)[1] * (1 + gamma)
        elif self.prediction == "v":
            a, b = 1 / size**2, -(sigma if self.parity else hat) / size
        else:
            a, b = self._x0(i)
        u = part + (1 - part) * a
        noise = u * self.churn_noise * sigma * math.sqrt(gamma * (2 + gamma))
        return StepFormula(0.0, 0.0, u, (1 - part) * b, 0.0, (), noise)


class EulerAncestral(_Sigmas):
    r"""Euler's method to a lower sigma, and noise up to the next: of first order.

    .. math:: x_{i+1} = x_i + (\sigma_{\downarrow} - \sigma_i) \frac{x_i - \hat x_0}{\sigma_i}
              + \sigma_{\uparrow} z, \quad
              \sigma_{\uparrow}^2 = \eta^2 \sigma_{i+1}^2 \left(1 -
              \frac{\sigma_{i+1}^2}{\sigma_i^2}\right), \quad
              \sigma_{\downarrow}^2 = \sigma_{i+1}^2 - \sigma_{\uparrow}^2

    Parameters
    ----------
    schedule, steps, prediction, spacing, offset, sigmas, final_sigma, parity
        As in `Euler`.
    eta : float, default 1.0
        How much noise, from 0 to 1.

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
        sigmas: str | None = None,
        final_sigma: str = "zero",
        eta: float = 1.0,
        parity: str | None = None,
    ) -> None:
        """Lay the grid and bind the steps."""
        if not 0 <= eta <= 1:
            raise ValueError(f"EulerAncestral: eta must lie between 0 and 1, got {eta!r}")
        self.eta = float(eta)
        options: dict[str, Any] = {"spacing": spacing, "offset": offset, "sigmas": sigmas}
        self._set_up(schedule, steps, prediction, final_sigma=final_sigma, parity=parity, **options)
        self._bind_steps()

    def _formula(self, i: int, available: int) -> StepFormula:
        sigma, after = self.grid.noise[i], self.grid.noise[i + 1]
        up, down = ancestral(sigma, after, self.eta)
        (a, b), part = self._x0(i), down / sigma
        return StepFormula(0.0, 0.0, part + (1 - part) * a, (1 - part) * b, 0.0, (), up)


def ancestral(sigma: float, after: float, eta: float) -> tuple[float, float]:
    """Return the noise that a step from sigma to `after` adds, and the sigma before that."""
    part = min(after / sigma, 1.0)
    up = eta * after * math.sqrt((1 - part) * (1 + part))
    return up, after * math.sqrt(1 - eta**2 * (1 - part) * (1 + part))
