"""Methods on the straight paths of flow matching."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastgen.diffusion.samplers import _spacing
from fastgen.diffusion.samplers._bound_step import StepFormula
from fastgen.diffusion.samplers._grid import FLOW, Grid
from fastgen.diffusion.samplers._sampler import Sampler
from fastgen.diffusion.samplers._two_evaluations import Halves, doubled, slopes_to_x0
from fastgen.diffusion.schedule import Schedule

__all__ = ["FlowMatchEuler", "FlowMatchHeun"]


class _FlowSampler(Sampler):
    """Samplers of (1 - sigma) x0 + sigma noise."""

    forms = (FLOW,)
    rounded = False

    def _lay(
        self,
        schedule: Schedule,
        steps: int,
        prediction: str,
        terminal: float | None,
        **options: Any,
    ) -> None:
        name, parity = type(self).__name__, options["parity"]
        if terminal is not None and not 0 < terminal < 1:
            raise ValueError(f"{name}: terminal must lie between 0 and 1, got {terminal!r}")
        self._set_up(schedule, steps, prediction, spacing="linspace", **options)
        sigmas = options["sigmas"]
        if parity is None and terminal is None:
            return
        if options["timesteps"] is not None or not (sigmas is None or isinstance(sigmas, str)):
            if terminal is not None:
                raise ValueError(f"{name}: terminal={terminal!r} would change the given sigmas")
            return
        first, last = float(schedule.sigma[-1]), float(schedule.sigma[0])
        times = np.linspace(1, 1 / len(schedule), steps)
        if parity == "diffusers":  # diffusers shifts the last time twice
            times = np.linspace(first, last, steps)
        levels = np.asarray(schedule.in_time().coefficients(times)[1])
        if terminal is not None and levels[-1] < 1:  # a single step is not stretched
            levels = 1 - (1 - levels) * ((1 - terminal) / (1 - levels[-1]))
        if sigmas is not None:
            levels = _spacing.respaced(sigmas, float(levels[0]), float(levels[-1]), steps)
        nodes = np.append(levels, 0.0)
        timesteps = levels * len(schedule)
        self._take(Grid(timesteps, (1 - nodes).tolist(), nodes.tolist(), FLOW))


class FlowMatchEuler(_FlowSampler):
    r"""Euler's method along the velocity: of first order.

    .. math:: x_{i+1} = x_i + (\sigma_{i+1} - \sigma_i) \hat v, \quad \hat v = \epsilon - x_0

    Parameters
    ----------
    schedule : Schedule
        A `Schedule.flow`; its shift is taken into account.
    steps : int, default 28
        The number of evaluations of the model.
    prediction : {"flow", "epsilon", "x0", "v", "score"}, default "flow"
        What the model predicts; "flow" is the velocity from data to noise.
    timesteps : list of float, optional
        The timesteps, sigma times the length of the schedule, in place of `steps`.
    sigmas : str or list of float, optional
        Another spacing of the sigmas between the first and the last: "karras", "exponential" or
        "beta". Or a list of the sigmas after the shift, which strictly fall, in place of `steps`.
    terminal : float, optional
        Stretch the sigmas so that the last before 0 is this.
    stochastic : bool, default False
        Go to the predicted x0, and add all noise afresh. For models that are distilled to give a
        sample as x0, in few steps: with the mean of all possible x0, samples lose their variety.
    clip : float, optional
        Clip the predicted x0 to [-clip, clip]. The velocity is then (x - x0) / sigma.
    threshold, threshold_max
        As in `DDIM`.
    parity : {None, "diffusers"}, default None
        With "diffusers", the last sigma is shifted twice.

    Raises
    ------
    ValueError
        If an option is out of range, or the schedule is of another form.

    References
    ----------
    .. [1] Lipman et al., "Flow Matching for Generative Modeling", ICLR 2023.
    .. [2] Esser et al., "Scaling Rectified Flow Transformers for High-Resolution Image Synthesis",
       ICML 2024.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgen.diffusion import Schedule
    >>> from fastgen.diffusion.samplers import FlowMatchEuler
    >>> sampler = FlowMatchEuler(Schedule.flow(shift=3), steps=4)
    >>> x = np.ones((2, 3), np.float32)
    >>> for i, t in enumerate(sampler.timesteps):
    ...     x = sampler.step(x, 0.5 * x, i)
    >>> x.shape
    (2, 3)
    """

    def __init__(
        self,
        schedule: Schedule,
        steps: int = 28,
        *,
        prediction: str = "flow",
        timesteps: Sequence[float] | None = None,
        sigmas: str | Sequence[float] | None = None,
        terminal: float | None = None,
        stochastic: bool = False,
        clip: float | None = None,
        threshold: float | None = None,
        threshold_max: float = math.inf,
        parity: str | None = None,
    ) -> None:
        """Lay the grid and bind the steps."""
        self.stochastic = self.afresh = stochastic
        options: dict[str, Any] = {"timesteps": timesteps, "sigmas": sigmas, "parity": parity}
        options |= {"clip": clip, "threshold": threshold, "threshold_max": threshold_max}
        self._lay(schedule, steps, prediction, terminal, **options)
        self._bind_steps()

    def _formula(self, i: int, available: int) -> StepFormula:
        sigma, after = self.grid.noise[i], self.grid.noise[i + 1]
        (a, b), (of_x, of_p) = self._x0(i), self._epsilon(i)
        if self.stochastic:
            return StepFormula(a, b, k=1 - after, noise=after)
        if math.isfinite(self.limit):
            return StepFormula(a, b, u=after / sigma, k=1 - after / sigma)
        if self.prediction == "flow":
            return StepFormula(u=1.0, v=after - sigma)
        u, v = (1 - after) * a + after * of_x, (1 - after) * b + after * of_p
        return StepFormula(u=u, v=v)


class FlowMatchHeun(Halves, _FlowSampler):
    r"""Heun's method along the velocity: of second order, with two evaluations per step.

    .. math:: x' = x_i + (\sigma_{i+1} - \sigma_i) v_i, \quad
              x_{i+1} = x_i + (\sigma_{i+1} - \sigma_i) \frac{v_i + v'}{2}

    Its `timesteps` name every evaluation; the last step, to clean data, is a single one.

    Parameters
    ----------
    schedule, prediction, timesteps, sigmas, terminal, clip, threshold, threshold_max, parity
        As in `FlowMatchEuler`.
    steps : int, default 14
        The number of steps; the model is evaluated ``2 * steps - 1`` times.

    Raises
    ------
    ValueError
        If an option is out of range, or the schedule is of another form.

    References
    ----------
    .. [1] Karras, Aittala, Aila and Laine, "Elucidating the Design Space of Diffusion-Based
       Generative Models", NeurIPS 2022, algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgen.diffusion import Schedule
    >>> from fastgen.diffusion.samplers import FlowMatchHeun
    >>> sampler = FlowMatchHeun(Schedule.flow(shift=3), steps=4)
    >>> x, state = sampler.init_noise_scale * np.ones((2, 3), np.float32), sampler.state()
    >>> for i, t in enumerate(sampler.timesteps):
    ...     x = sampler.step(x, 0.5 * sampler.scale_input(x, i), i, state=state)
    >>> x.shape
    (2, 3)
    """

    memory = 1

    def __init__(
        self,
        schedule: Schedule,
        steps: int = 14,
        *,
        prediction: str = "flow",
        timesteps: Sequence[float] | None = None,
        sigmas: str | Sequence[float] | None = None,
        terminal: float | None = None,
        clip: float | None = None,
        threshold: float | None = None,
        threshold_max: float = math.inf,
        parity: str | None = None,
    ) -> None:
        """Lay the grid and bind the steps."""
        options: dict[str, Any] = {"timesteps": timesteps, "sigmas": sigmas, "parity": parity}
        options |= {"clip": clip, "threshold": threshold, "threshold_max": threshold_max}
        self._lay(schedule, steps, prediction, terminal, **options)
        self._take(doubled(self.grid))
        self._bind_steps()

    def _formula(self, i: int, available: int) -> StepFormula:
        sigmas = self.grid.noise
        if math.isfinite(self.limit):
            half = (sigmas[i] - sigmas[i - 1]) / 2 if i % 2 else 0.0
            return slopes_to_x0(self._x0(i), sigmas, i, (half, half))
        slope = self._slope(i)
        if i % 2 == 0:
            return StepFormula(*slope, u=1.0, k=sigmas[i + 1] - sigmas[i])
        half = (sigmas[i] - sigmas[i - 1]) / 2
        return StepFormula(*slope, u=1.0, k=half, history=(-half,))
