"""Sampler of continuous-time consistency models, on the circle of TrigFlow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from fastgen.diffusion.samplers import _checks
from fastgen.diffusion.samplers._bound_step import StepFormula
from fastgen.diffusion.samplers._coefficients import Pair
from fastgen.diffusion.samplers._grid import VARIANCE_PRESERVING, Grid, usable
from fastgen.diffusion.samplers._sampler import Sampler
from fastgen.diffusion.schedule import Schedule

__all__ = ["SCM"]

RIGHT_ANGLE = math.pi / 2


class SCM(Sampler):
    r"""Continuous-time consistency model (sCM): to the predicted data, and back to less noise.

    .. math:: \hat x = \cos(t_i) x_i - \sin(t_i) s F, \quad
              x_{i+1} = \cos(t_{i+1}) \hat x + \sin(t_{i+1}) s z, \quad
              t = \arctan(\sigma / \alpha)

    with the network F of x / s, as `scale_input` gives it, and s the deviation of the data. The
    `timesteps` are the angles t. The last step adds no noise.

    Parameters
    ----------
    schedule : Schedule
        A variance-preserving schedule, such as ``Schedule.trigflow()``. Its first and last angle
        bound the timesteps.
    steps : int, default 2
        The number of evaluations of the model, at even angles from that of the most noise.
    prediction : {"v", "epsilon", "x0", "score", "flow"}, default "v"
        What the model predicts, in the scale of x / s. TrigFlow predicts v.
    timesteps : list of float, optional
        The angles, in place of `steps`. They strictly fall, from at most pi / 2. SANA-Sprint has
        ``[math.pi / 2, 1.3]``.
    sigma_data : float, default 0.5
        The deviation s of the data. The samples have it too.
    clip : float, optional
        Clip the predicted x0 to [-clip, clip].
    threshold, threshold_max
        As in `DDIM`.
    parity : {None, "diffusers"}, default None
        With "diffusers", `step` takes s times the model's output, `scale_input` returns x, and
        `init_noise_scale` is 1: the caller scales the input, the output and the start by s.

    Raises
    ------
    ValueError
        If an option is out of range, or the prediction does not determine x0.

    Notes
    -----
    The model's output is F. The pipeline of diffusers scales it, and `SCMScheduler` takes s F.

    A model with EDM preconditioning has the angle arctan(sigma / s).

    References
    ----------
    .. [1] Lu and Song, "Simplifying, Stabilizing and Scaling Continuous-Time Consistency Models",
       ICLR 2025.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgen.diffusion import Schedule
    >>> from fastgen.diffusion.samplers import SCM
    >>> sampler = SCM(Schedule.trigflow(), timesteps=[np.pi / 2, 1.1])
    >>> x, state = sampler.init_noise_scale * np.ones((2, 3), np.float32), sampler.state()
    >>> for i, t in enumerate(sampler.timesteps):
    ...     x = sampler.step(x, 0.5 * sampler.scale_input(x, i), i, state=state, key=0)
    >>> x.shape
    (2, 3)
    """

    forms = (VARIANCE_PRESERVING,)
    afresh = True

    def __init__(
        self,
        schedule: Schedule,
        steps: int = 2,
        *,
        prediction: str = "v",
        timesteps: Sequence[float] | None = None,
        sigma_data: float = 0.5,
        clip: float | None = None,
        threshold: float | None = None,
        threshold_max: float = math.inf,
        parity: str | None = None,
    ) -> None:
        """Lay the grid and bind the steps."""
        self.sigma_data = _checks.check_positive("SCM", "sigma_data", sigma_data)
        options: dict[str, Any] = {"threshold": threshold, "threshold_max": threshold_max}
        self._set_up(schedule, 1, "v", clip, parity=parity, **options)
        _checks.check_choice(
            "SCM", "prediction", ("v", "epsilon", "x0", "score", "flow"), prediction
        )
        self.prediction = prediction
        self._take(self._grid_of(self._angles(steps, timesteps)))
        self._model_scale = 1.0 if parity else self.sigma_data
        self.init_noise_scale = self._model_scale
        self._scales = [1 / self._model_scale] * len(self)
        self._bind_steps()

    def _angles(self, steps: int, timesteps: Sequence[float] | None) -> Any:
        """Return the angles at which the model is evaluated, or raise."""
        ends = usable(self.schedule)
        low, high = np.arctan2(self.schedule.sigma, self.schedule.signal)[list(ends)].tolist()
        if timesteps is None:
            steps = _checks.check_steps("SCM", steps, len(self.schedule))
            angles = high * (np.arange(steps, 0, -1) / steps)
            remedy = "use fewer steps, or timesteps"
        else:
            angles, remedy = _checks.falling("SCM", "timesteps", timesteps), "use other timesteps"
        kept = np.clip(angles, low, high)
        wrong = np.abs(angles - kept) > 1e-5 * angles  # diffusers has 1.5708 for pi / 2
        if np.any(wrong):
            raise ValueError(
                f"SCM: timesteps must lie between the angles {low:g} and {high:g} of this "
                f"schedule, got {angles[wrong][0]:g}; {remedy}"
            )
        return kept

    def _grid_of(self, angles: Any) -> Grid:
        """Return the grid of these angles, which ends at clean data."""
        signal = np.where(angles >= RIGHT_ANGLE, 0.0, np.cos(angles))
        nodes = [*signal.tolist(), 1.0], [*np.sin(angles).tolist(), 0.0]
        return Grid(angles, *nodes, VARIANCE_PRESERVING)

    @property
    def steps(self) -> NoReturn:
        """There are none: an AttributeError. The timesteps are angles."""
        raise AttributeError("SCM: there are no steps, because its timesteps are angles")

    def _formula(self, i: int, available: int) -> StepFormula:
        alpha, sigma = self.grid.signal[i + 1], self.grid.noise[i + 1]
        return StepFormula(*self._x0(i), k=alpha, noise=self.sigma_data * sigma)

    def _x0(self, i: int) -> Pair:
        """Return the coefficients of x and of the network's output in x0."""
        of_x, of_output = super()._x0(i)
        return of_x, self._model_scale * of_output

    def _epsilon(self, i: int) -> Pair:
        """Return the coefficients of x and of the network's output in s times the noise."""
        of_x, of_output = super()._epsilon(i)
        return of_x, self._model_scale * of_output
