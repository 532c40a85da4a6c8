"""Samplers of distilled models: a few jumps to data, with new noise between them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastgen.diffusion.samplers import _checks
from fastgen.diffusion.samplers._bound_step import StepFormula
from fastgen.diffusion.samplers._coefficients import Pair
from fastgen.diffusion.samplers._grid import VARIANCE_EXPLODING, VARIANCE_PRESERVING
from fastgen.diffusion.samplers._sampler import Sampler
from fastgen.diffusion.schedule import Schedule

__all__ = ["LCM", "TCD", "ConsistencyModel"]


class _Distilled(Sampler):
    """A sampler on a few of the timesteps at which the model was distilled."""

    forms = (VARIANCE_PRESERVING,)
    afresh = True

    def _choose(
        self,
        schedule: Schedule,
        steps: int,
        prediction: str,
        original_steps: int,
        timesteps: Sequence[float] | None,
        **limits: Any,
    ) -> None:
        name = type(self).__name__
        self._check(schedule, prediction)
        original_steps = _checks.check_int(name, "original_steps", original_steps)
        if original_steps < 1:
            raise ValueError(f"{name}: original_steps must be at least 1, got {original_steps}")
        length = len(schedule)
        original_steps = min(original_steps, length)
        if timesteps is None:
            steps = _checks.check_steps(name, steps, original_steps, "original_steps")
            origins = np.arange(original_steps, 0, -1) * (length // original_steps) - 1
            even = np.linspace(0, original_steps, steps, endpoint=False)
            timesteps = origins[np.floor(even).astype(int)].tolist()
        self._set_up(schedule, steps, prediction, timesteps=timesteps, **limits)
        between = self.timesteps[self.timesteps != np.round(self.timesteps)]
        if between.size:
            raise ValueError(
                f"{name}: timesteps must be whole steps of the schedule, got {between[0]:g}"
            )


class LCM(_Distilled):
    r"""Latent consistency model: to the predicted data, and back to less noise, in turn.

    .. math:: \hat x = c_{out} \hat x_0 + c_{skip} x_i, \quad
              x_{i+1} = \alpha_{i+1} \hat x + \sigma_{i+1} z, \quad
              c_{skip} = \frac{s^2}{\tau^2 + s^2}, \; c_{out} = \frac{\tau}{\sqrt{\tau^2 + s^2}}

    with tau the timestep times `timestep_scaling`, and s = 1/2. The last step adds no noise.

    Parameters
    ----------
    schedule : Schedule
        The schedule that the model was trained on.
    steps : int, default 4
        The number of evaluations of the model.
    prediction : {"epsilon", "x0", "v", "score", "flow"}, default "epsilon"
        What the model predicts.
    original_steps : int, default 50
        The number of timesteps that the model was distilled at; at most the schedule's length.
    timesteps : list of int, optional
        The timesteps, in place of `steps`. They strictly fall.
    timestep_scaling : float, default 10.0
        See above.
    clip : float, optional
        Clip the predicted x0 to [-clip, clip].
    threshold, threshold_max
        As in `DDIM`.

    Raises
    ------
    ValueError
        If an option is out of range, or the prediction does not determine x0.

    References
    ----------
    .. [1] Luo, Tan, Huang, Li and Zhao, "Latent Consistency Models: Synthesizing High-Resolution
       Images with Few-Step Inference", 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgen.diffusion import Schedule
    >>> from fastgen.diffusion.samplers import LCM
    >>> sampler = LCM(Schedule.scaled_linear(), steps=4)
    >>> x, state = sampler.init_noise_scale * np.ones((2, 3), np.float32), sampler.state()
    >>> for i, t in enumerate(sampler.timesteps):
    ...     x = sampler.step(x, 0.5 * sampler.scale_input(x, i), i, state=state, key=0)
    >>> x.shape
    (2, 3)
    """

    def __init__(
        self,
        schedule: Schedule,
        steps: int = 4,
        *,
        prediction: str = "epsilon",
        original_steps: int = 50,
        timesteps: Sequence[float] | None = None,
        timestep_scaling: float = 10.0,
        clip: float | None = None,
        threshold: float | None = None,
        threshold_max: float = math.inf,
    ) -> None:
        """Lay the grid and bind the steps."""
        self.timestep_scaling = _checks.check_positive("LCM", "timestep_scaling", timestep_scaling)
        limits = {"clip": clip, "threshold": threshold, "threshold_max": threshold_max}
        self._choose(schedule, steps, prediction, original_steps, timesteps, **limits)
        self._bind_steps()

    def _formula(self, i: int, available: int) -> StepFormula:
        (a, b), tau = self._x0(i), float(self.timesteps[i]) * self.timestep_scaling
        size = math.hypot(tau, 0.5)
        alpha, sigma = self.grid.signal[i + 1], self.grid.noise[i + 1]
        return StepFormula(a, b, u=alpha * (0.5 / size) ** 2, k=alpha * tau / size, noise=sigma)


class TCD(_Distilled):
    r"""Trajectory consistency distillation: along the path to an earlier time, and back.

    .. math:: x_{i+1} = \frac{\alpha_{i+1}}{\alpha_s} (\alpha_s \hat x_0 + \sigma_s \hat\epsilon)
              + \sqrt{1 - \frac{\alpha_{i+1}^2}{\alpha_s^2}} \, z,
              \quad s = \lfloor (1 - \eta) t_{i+1} \rfloor

    The last step goes to the first timestep of the schedule and adds no noise.

    Parameters
    ----------
    schedule, prediction, original_steps, timesteps
        As in `LCM`.
    steps : int, default 4
        The number of evaluations of the model.
    eta : float, default 0.3
        How much noise, from 0 to 1: called gamma in the paper.
    clip, threshold, threshold_max
        As in `LCM`. The predicted noise is that of the prediction, not of the clipped x0.

    Raises
    ------
    ValueError
        If an option is out of range, or the prediction does not determine x0.

    References
    ----------
    .. [1] Zheng et al., "Trajectory Consistency Distillation", 2024.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgen.diffusion import Schedule
    >>> from fastgen.diffusion.samplers import TCD
    >>> sampler = TCD(Schedule.scaled_linear(), steps=4)
    >>> x, state = sampler.init_noise_scale * np.ones((2, 3), np.float32), sampler.state()
    >>> for i, t in enumerate(sampler.timesteps):
    ...     x = sampler.step(x, 0.5 * sampler.scale_input(x, i), i, state=state, key=0)
    >>> x.shape
    (2, 3)
    """

    def __init__(
        self,
        schedule: Schedule,
        steps: int = 4,
        *,
        prediction: str = "epsilon",
        original_steps: int = 50,
        timesteps: Sequence[float] | None = None,
        eta: float = 0.3,
        clip: float | None = None,
        threshold: float | None = None,
        threshold_max: float = math.inf,
    ) -> None:
        """Lay the grid and bind the steps."""
        self.eta = _checks.check_number("TCD", "eta", eta, 0, 1)
        limits = {"clip": clip, "threshold": threshold, "threshold_max": threshold_max}
        self._choose(schedule, steps, prediction, original_steps, timesteps, **limits)
        self._bind_steps()

    def _formula(self, i: int, available: int) -> StepFormula:
        schedule, last = self.schedule, i + 1 == len(self)
        after = 0 if last else int(self.timesteps[i + 1])
        s = math.floor((1 - self.eta) * after)
        alpha, sigma = float(schedule.signal[s]), float(schedule.sigma[s])
        ratio = 1.0 if last else float(schedule.signal[after]) / alpha
        (a, b), (of_x, of_p) = self._x0(i), self._epsilon(i)
        noise = math.sqrt(max((1 - ratio) * (1 + ratio), 0.0)) if self.eta else 0.0
        if math.isfinite(self.limit):
            u, v, k = ratio * sigma * of_x, ratio * sigma * of_p, ratio * alpha
            return StepFormula(a, b, u, v, k, noise=noise)
        u, v = (ratio * (alpha * q + sigma * e) for q, e in ((a, of_x), (b, of_p)))
        return StepFormula(u=u, v=v, noise=noise)


class ConsistencyModel(Sampler):
    r"""Consistency model: to the denoised sample, and back to less noise, in turn.

    .. math:: \hat x = \mathrm{clip}(c_{out} F + c_{skip} x_i), \quad
              x_{i+1} = \hat x + \sqrt{\sigma_{i+1}^2 - \sigma_{min}^2} \, z

    with the network F of the rescaled x, as `scale_input` gives it; `timesteps` hold 250 log sigma.

    Parameters
    ----------
    schedule : Schedule
        The sigmas of the distillation, such as ``Schedule.karras(40)``.
    steps : int, default 1
        The number of evaluations of the model.
    sigmas : list of float, optional
        The sigmas, which strictly fall and end above the smallest of the schedule, in place of
        `steps`.
    sigma_data : float, default 0.5
        The deviation of the data.
    clip : float, optional, default 1.0
        Clip the denoised sample to [-clip, clip].
    threshold, threshold_max
        As in `DDIM`, with ``clip=None``.

    Raises
    ------
    ValueError
        If an option is out of range.

    References
    ----------
    .. [1] Song, Dhariwal, Chen and Sutskever, "Consistency Models", ICML 2023, algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgen.diffusion import Schedule
    >>> from fastgen.diffusion.samplers import ConsistencyModel
    >>> sampler = ConsistencyModel(Schedule.karras(40), steps=4)
    >>> x, state = sampler.init_noise_scale * np.ones((2, 3), np.float32), sampler.state()
    >>> for i, t in enumerate(sampler.timesteps):
    ...     x = sampler.step(x, 0.5 * sampler.scale_input(x, i), i, state=state, key=0)
    >>> x.shape
    (2, 3)
    """

    exploding = True
    forms = (VARIANCE_EXPLODING,)
    afresh = True

    def __init__(
        self,
        schedule: Schedule,
        steps: int = 1,
        *,
        sigmas: Sequence[float] | None = None,
        sigma_data: float = 0.5,
        clip: float | None = 1.0,
        threshold: float | None = None,
        threshold_max: float = math.inf,
    ) -> None:
        """Lay the grid and bind the steps."""
        self.sigma_data = _checks.check_positive("ConsistencyModel", "sigma_data", sigma_data)
        self._check(schedule, "x0")
        if sigmas is None:
            steps = _checks.check_steps("ConsistencyModel", steps, max(len(schedule) - 1, 1))
            stride = len(schedule) // steps
            sigmas = schedule.sigma[::-1][: steps * stride : stride].tolist()
        options: dict[str, Any] = {"sigmas": sigmas, "final_sigma": "min"}
        options |= {"threshold": threshold, "threshold_max": threshold_max}
        self._set_up(schedule, steps, "x0", clip, **options)
        grid = self.grid
        self._take(dataclasses.replace(grid, timesteps=250 * np.log(grid.noise[:-1])))
        self._scales = [1 / math.hypot(s, self.sigma_data) for s in grid.noise]
        self._bind_steps()

    def _formula(self, i: int, available: int) -> StepFormula:
        after, least = self.grid.noise[i + 1], self.grid.noise[-1]
        new = math.sqrt((after - least) * (after + least))
        return StepFormula(*self._x0(i), k=1.0, noise=new)

    def _x0(self, i: int) -> Pair:
        """Return the coefficients of x and of the network's output in x0."""
        sigma, data = self.grid.noise[i], self.sigma_data
        above = sigma - self.grid.noise[-1]
        return data**2 / (above**2 + data**2), above * data / math.hypot(sigma, data)

    def _epsilon(self, i: int) -> Pair:
        """Return the coefficients of x and of the network's output in epsilon."""
        (a, b), sigma = self._x0(i), self.grid.noise[i]
        return (1 - a) / sigma, -b / sigma
