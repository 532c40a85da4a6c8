"""Euler's method for networks with the preconditioning of Karras et al."""

from __future__ import annotations

import math

import numpy as np

from fastgen.diffusion.samplers import _grid
from fastgen.diffusion.samplers._bound_step import StepFormula
from fastgen.diffusion.samplers._coefficients import Pair
from fastgen.diffusion.samplers._grid import VARIANCE_EXPLODING, Grid
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
    sigmas : {"karras", "exponential"}, default "karras"
        The spacing of the sigmas.
    rho : float, default 7.0
        The exponent of "karras".
    final_sigma : {"zero", "min"}, default "zero"
        Where to end: at clean data, or at the smallest sigma.
    churn, churn_min, churn_max, churn_noise
        As in `Euler`.
    parity : {None, "diffusers"}, default None
        With "diffusers", `init_noise_scale` is that of x0 + sigma noise with data of deviation 1.

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

    def __init__(
        self,
        schedule: Schedule,
        steps: int = 18,
        *,
        prediction: str = "epsilon",
        sigma_data: float = 0.5,
        sigmas: str = "karras",
        rho: float = 7.0,
        final_sigma: str = "zero",
        churn: float = 0.0,
        churn_min: float = 0.0,
        churn_max: float = math.inf,
        churn_noise: float = 1.0,
        parity: str | None = None,
    ) -> None:
        """Lay the grid and bind the steps."""
        _grid.check_choice("EDMEuler", "sigmas", ("karras", "exponential"), sigmas)
        _grid.check_choice("EDMEuler", "prediction", ("epsilon", "v"), prediction)
        if not (sigma_data > 0 and rho > 0 and churn >= 0 and churn_noise >= 0):
            raise ValueError(
                "EDMEuler: sigma_data and rho must be > 0, churn and churn_noise >= 0; got "
                f"{sigma_data!r}, {rho!r}, {churn!r}, {churn_noise!r}"
            )
        self.sigma_data, self.churn, self.churn_noise = sigma_data, churn, churn_noise
        self.churn_range = float(churn_min), float(churn_max)
        self.supports_cfg_pp = churn == 0
        self._set_up(
            schedule, 1, prediction, spacing="linspace", final_sigma=final_sigma, parity=parity
        )
        steps = _grid.check_steps("EDMEuler", steps, MOST_STEPS, "the most that it takes")
        if schedule.form != VARIANCE_EXPLODING:
            raise ValueError(f"EDMEuler: schedule must be variance exploding, got {schedule!r}")
        low, high = float(schedule.sigma[0]), float(schedule.sigma[-1])
        way = _grid.Way("EDMEuler", steps, "linspace", sigmas="exponential")
        ramp = _grid.respaced(way, high, low)
        if sigmas == "karras":
            ramp = _grid.karras(high, low, steps, rho)
        nodes = [*map(float, ramp), 0.0 if final_sigma == "zero" else float(ramp[-1])]
        self._take(Grid(np.log(ramp) / 4, [1.0] * len(nodes), nodes, VARIANCE_EXPLODING))
        self._scales = [1 / math.hypot(s, sigma_data) for s in nodes]
        self.init_noise_scale = math.hypot(1, nodes[0]) if parity else nodes[0]
        self._bind_steps()

    def _formula(self, i: int, available: int) -> StepFormula:
        sigma, after = self.grid.noise[i], self.grid.noise[i + 1]
        (low, high), data = self.churn_range, self.sigma_data
        gamma = min(self.churn / len(self), math.sqrt(2) - 1) if low <= sigma <= high else 0.0
        hat = sigma * (1 + gamma)
        size, part = math.hypot(hat, data), after / hat
        out = hat * data / size * (1 if self.prediction == "epsilon" else -1)
        u = part + (1 - part) * (data / size) ** 2
        noise = u * self.churn_noise * sigma * math.sqrt(gamma * (2 + gamma))
        return StepFormula(u=u, v=(1 - part) * out, noise=noise)

    def _epsilon(self, i: int) -> Pair:
        """Return the coefficients of x and of the network's output in epsilon."""
        sigma, data = self.grid.noise[i], self.sigma_data
        size = math.hypot(sigma, data)
        out = data / size * (1 if self.prediction == "epsilon" else -1)
        return sigma / size**2, -out
