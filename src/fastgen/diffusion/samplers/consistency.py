"""Samplers of distilled models: a few jumps to data, with new noise between them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastgen.diffusion.samplers import _grid
from fastgen.diffusion.samplers._bound_step import StepFormula
from fastgen.diffusion.samplers._grid import VARIANCE_EXPLODING, VARIANCE_PRESERVING, Grid
from fastgen.diffusion.samplers._sampler import Sampler
from fastgen.diffusion.schedule import Schedule

__all__ = ["LCM", "TCD", "ConsistencyModel"]


class _Distilled(Sampler):
    """A sampler on a few of the timesteps at which the model was distilled."""

    def _choose(
        self,
        schedule: Schedule,
        steps: int,
        prediction: str,
        original_steps: int,
        clip: float | None = None,
        threshold: float | None = None,
        threshold_max: float = math.inf,
    ) -> None:
        name = type(self).__name__
        limits: dict[str, Any] = {"threshold": threshold, "threshold_max": threshold_max}
        self._set_up(schedule, 1, prediction, clip, spacing="trailing", **limits)
        if schedule.form != VARIANCE_PRESERVING:
            raise ValueError(f"{name}: schedule must be variance preserving, got {schedule!r}")
        original_steps = min(original_steps, len(schedule))
        steps = _grid.check_steps(name, steps, original_steps, "original_steps")
        origins = np.arange(original_steps, 0, -1) * (len(schedule) // original_steps) - 1
        chosen = origins[
            np.floor(np.linspace(0, original_steps, steps, endpoint=False)).astype(int)
        ]
        signal, noise = schedule.signal[chosen].tolist(), schedule.sigma[chosen].tolist()
        nodes = [*signal, 1.0], [*noise, 0.0]
        self._take(Grid(chosen.astype(np.float64), *nodes, schedule.form))


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
        The number of timesteps that the model was distilled at.
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
        timestep_scaling: float = 10.0,
        clip: float | None = None,
        threshold: float | None = None,
        threshold_max: float = math.inf,
    ) -> None:
        """Lay the grid and bind the steps."""
        self.timestep_scaling = timestep_scaling
        self._choose(schedule, steps, prediction, original_steps, clip, threshold, threshold_max)
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
    schedule, prediction, original_steps
        As in `LCM`.
    steps : int, default 4
        The number of evaluations of the model.
    eta : float, default 0.3
        How much noise, from 0 to 1: called gamma in the paper.

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
        eta: float = 0.3,
    ) -> None:
        """Lay the grid and bind the steps."""
        if not 0 <= eta <= 1:
            raise ValueError(f"TCD: eta must lie between 0 and 1, got {eta!r}")
        self.eta = float(eta)
        self._choose(schedule, steps, prediction, original_steps)
        self._bind_steps()

    def _formula(self, i: int, available: int) -> StepFormula:
        schedule, last = self.schedule, i + 1 == len(self)
        after = 0 if last else int(self.timesteps[i + 1])
        s = math.floor((1 - self.eta) * after)
        alpha, sigma = float(schedule.signal[s]), float(schedule.sigma[s])
        ratio = 1.0 if last else float(schedule.signal[after]) / alpha
        (a, b), (of_x, of_p) = self._x0(i), self._epsilon(i)
        u, v = (ratio * (alpha * q + sigma * e) for q, e in ((a, of_x), (b, of_p)))
        noise = math.sqrt(max((1 - ratio) * (1 + ratio), 0.0)) if self.eta else 0.0
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
    sigma_data : float, default 0.5
        The deviation of the data.
    clip : float, optional, default 1.0
        Clip the denoised sample to [-clip, clip].

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

    def __init__(
        self,
        schedule: Schedule,
        steps: int = 1,
        *,
        sigma_data: float = 0.5,
        clip: float | None = 1.0,
    ) -> None:
        """Lay the grid and bind the steps."""
        if not sigma_data > 0:
            raise ValueError(f"ConsistencyModel: sigma_data must be > 0, got {sigma_data!r}")
        self.sigma_data = sigma_data
        self._set_up(schedule, steps, "x0", clip, spacing="linspace")
        if schedule.form != VARIANCE_EXPLODING:
            raise ValueError(
                f"ConsistencyModel: schedule must be variance exploding, got {schedule!r}"
            )
        table, steps = schedule.sigma[::-1], len(self.timesteps)
        nodes = [float(table[k * (len(table) // steps)]) for k in range(steps)]
        timesteps = 250 * np.log(np.array(nodes))
        nodes.append(float(table[-1]))
        self._take(Grid(timesteps, [1.0] * len(nodes), nodes, VARIANCE_EXPLODING))
        self._scales = [1 / math.hypot(s, sigma_data) for s in nodes]
        self._bind_steps()

    def _formula(self, i: int, available: int) -> StepFormula:
        sigma, after, least = self.grid.noise[i], self.grid.noise[i + 1], self.grid.noise[-1]
        data, above = self.sigma_data, sigma - self.grid.noise[-1]
        skip = data**2 / (above**2 + data**2)
        out = above * data / math.hypot(sigma, data)
        return StepFormula(skip, out, k=1.0, noise=math.sqrt((after - least) * (after + least)))
