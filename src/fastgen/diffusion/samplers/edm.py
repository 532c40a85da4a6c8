"""Euler's method for networks with the preconditioning of Karras et al."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastgen.diffusion._tables import Array
from fastgen.diffusion.samplers import _checks, _spacing
from fastgen.diffusion.samplers._bound_step import StepFormula
from fastgen.diffusion.samplers._churn import Churn
from fastgen.diffusion.samplers._coefficients import Pair
from fastgen.diffusion.samplers._grid import VARIANCE_EXPLODING
from fastgen.diffusion.samplers._sampler import Sampler
from fastgen.diffusion.schedule import Schedule

__all__ = ["EDMEuler"]

MOST_STEPS = 10_000


class EDMEuler(Sampler):
    r"""Euler's method in sigma for preconditioned networks (EDM), with churn: of first order.

    .. math:: \hat x_0 = \frac{s^2}{\sigma^2 + s^2} x
              + \frac{\sigma s}{\sqrt{\sigma^2 + s^2}} F(c_{in} x, \tfrac14 \log \sigma),
              \quad c_{in} = \frac{1}{\sqrt{\sigma^2 + s^2}}

    where F is the network and s the deviation of the data. `scale_input` gives c_in x, `timesteps`
    hold log(sigma) / 4, and `step` takes what the network puts out.

    Parameters
    ----------
    schedule : Schedule
        A variance-exploding schedule, such as ``Schedule.edm()``; only its smallest and largest
        sigma matter.
    steps : int, default 18
        The number of evaluations of the model.
    prediction : {"epsilon", "v"}, default "epsilon"
        The sign of F: "v" for networks trained with c_out < 0.
    sigma_data : float, default 0.5
        The deviation of the data, s.
    timesteps : list of float, optional
        log(sigma) / 4 at each step, in place of `steps` and `sigmas`.
    sigmas : {"karras", "exponential", "beta", "lu"} or list of float, default "karras"
        The spacing of the sigmas, or the sigmas, which strictly fall, in place of `steps`.
    rho : float, default 7.0
        The exponent of "karras".
    final_sigma : {"zero", "min"}, default "zero"
        Where to end: at clean data, or at the smallest sigma.
    churn, churn_min, churn_max, churn_noise, clip, threshold, threshold_max
        As in `Euler`.
    parity : {None, "diffusers"}, default None
        With "diffusers", `init_noise_scale` is that of x0 + sigma noise with data of deviation 1;
        and with churn the network's output is read as for the raised sigma.

    Raises
    ------
    ValueError
        If an option is out of range.

    References
    ----------
    .. [1] Karras, Aittala, Aila and Laine, "Elucidating the Design Space of Diffusion-Based
       Generative Models", NeurIPS 2022, table 1 and algorithm 2.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgen.diffusion import Schedule
    >>> from fastgen.diffusion.samplers import EDMEuler
    >>> sampler = EDMEuler(Schedule.edm(), steps=4)
    >>> x, state = sampler.init_noise_scale * np.ones((2, 3), np.float32), sampler.state()
    >>> for i, t in enumerate(sampler.timesteps):
    ...     x = sampler.step(x, 0.5 * sampler.scale_input(x, i), i, state=state)
    >>> x.shape
    (2, 3)
    """

    forms = (VARIANCE_EXPLODING,)

    def __init__(
        self,
        schedule: Schedule,
        steps: int = 18,
        *,
        prediction: str = "epsilon",
        sigma_data: float = 0.5,
        timesteps: Sequence[float] | None = None,
        sigmas: str | Sequence[float] = "karras",
        rho: float = 7.0,
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
        self.sigma_data = _checks.check_positive("EDMEuler", "sigma_data", sigma_data)
        rho = _checks.check_positive("EDMEuler", "rho", rho)
        self.churn = Churn("EDMEuler", churn, churn_min, churn_max, churn_noise)
        self.supports_cfg_pp = parity is None or self.churn.total == 0
        self._check(schedule, prediction)
        _checks.check_choice("EDMEuler", "prediction", ("epsilon", "v"), prediction)
        if timesteps is not None:
            levels = np.exp(4 * _checks.falling("EDMEuler", "timesteps", timesteps))
        elif isinstance(sigmas, str):
            _checks.check_choice("EDMEuler", "sigmas", _spacing.SIGMAS, sigmas)
            steps = _checks.check_steps("EDMEuler", steps, MOST_STEPS, "the most that it takes")
            more = int(final_sigma == "min" and parity is None)
            levels = spread(schedule, steps + more, sigmas, rho)[:steps]
        else:
            levels = _checks.falling("EDMEuler", "sigmas", sigmas)
        options: dict[str, Any] = {"sigmas": levels, "final_sigma": final_sigma, "parity": parity}
        options |= {"clip": clip, "threshold": threshold, "threshold_max": threshold_max}
        self._set_up(schedule, steps, prediction, **options)
        self.churn.check_limits("EDMEuler", self.limit, parity)
        grid = self.grid
        self._take(dataclasses.replace(grid, timesteps=np.log(grid.noise[:-1]) / 4))
        self._scales = [1 / math.hypot(s, self.sigma_data) for s in grid.noise]
        if parity:
            self.init_noise_scale = math.hypot(1, grid.noise[0])
        self._bind_steps()

    def _formula(self, i: int, available: int) -> StepFormula:
        sigma, after = self.grid.noise[i], self.grid.noise[i + 1]
        gamma, data = self.churn.gamma(sigma, len(self)), self.sigma_data
        hat = sigma * (1 + gamma)
        seen = hat if self.parity else sigma  # the sigma at which the output gives x0
        size, part = math.hypot(seen, data), after / hat
        out = seen * data / size * (1 if self.prediction == "epsilon" else -1)
        if math.isfinite(self.limit):
            noise = part * self.churn.noise(sigma, gamma)
            return StepFormula((data / size) ** 2, out, part, 0.0, 1 - part, (), noise)
        u = part + (1 - part) * (data / size) ** 2
        noise = (u if self.parity else part) * self.churn.noise(sigma, gamma)
        return StepFormula(u=u, v=(1 - part) * out, noise=noise)

    def _x0(self, i: int) -> Pair:
        """Return the coefficients of x and of the network's output in x0."""
        sigma, data = self.grid.noise[i], self.sigma_data
        size = math.hypot(sigma, data)
        return (data / size) ** 2, sigma * data / size * (1 if self.prediction == "epsilon" else -1)

    def _epsilon(self, i: int) -> Pair:
        """Return the coefficients of x and of the network's output in epsilon."""
        sigma, data = self.grid.noise[i], self.sigma_data
        size = math.hypot(sigma, data)
        out = data / size * (1 if self.prediction == "epsilon" else -1)
        return sigma / size**2, -out


def spread(schedule: Schedule, steps: int, name: str, rho: float) -> Array:
    """Return sigmas from the largest to the smallest of the schedule."""
    low, high = float(schedule.sigma[0]), float(schedule.sigma[-1])
    if name == "karras":
        return _spacing.karras(high, low, steps, rho)
    return _spacing.respaced(name, high, low, steps)
