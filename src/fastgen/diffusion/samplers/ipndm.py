"""Improved pseudo numerical method: Adams-Bashforth weights from the first step on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastgen.diffusion.samplers import _checks
from fastgen.diffusion.samplers._bound_step import StepFormula
from fastgen.diffusion.samplers._grid import FLOW
from fastgen.diffusion.samplers._sampler import Sampler
from fastgen.diffusion.samplers.linear_multistep import ADAMS_BASHFORTH, OF_DATA
from fastgen.diffusion.schedule import Schedule

__all__ = ["IPNDM"]


class IPNDM(Sampler):
    r"""Improved PNDM: Adams-Bashforth weights of even steps, one evaluation per step.

    .. math:: x_{i+1} = \frac{\alpha_{i+1}}{\alpha_i} x_i + \left(\sigma_{i+1} -
              \frac{\alpha_{i+1} \sigma_i}{\alpha_i}\right) \bar\epsilon, \quad
              \bar\epsilon = \tfrac1{24} (55 \epsilon_i - 59 \epsilon_{i-1}
              + 37 \epsilon_{i-2} - 9 \epsilon_{i-3})

    The first steps have fewer predictions at hand, and take the weights of a lower order. On a flow
    schedule, :math:`x_{i+1} = x_i + (\sigma_{i+1} - \sigma_i) \bar d` with the slope
    :math:`d = \epsilon - x_0`.

    Parameters
    ----------
    schedule : Schedule
        The schedule that the model was trained on.
    steps : int, default 50
        The number of evaluations of the model.
    prediction : {"epsilon", "x0", "v", "score", "flow"}, default "epsilon"
        What the model predicts; it is converted to the noise at its own node.
    order : {1, 2, 3, 4}, default 4
        How many predictions a step uses.
    spacing, offset, timesteps, sigmas
        As in `DDIM`.
    final_sigma : {"zero", "min"}, default "zero"
        Where to end: at clean data, or at the first step of the schedule.
    clip, threshold : None
        They are refused: the method combines predictions of the noise, not of x0.
    parity : {None, "diffusers"}, default None
        With "diffusers", the step from a node without signal takes x0 = 0, long steps are like
        others, and leading spacing has the stride T // steps.

    Raises
    ------
    ValueError
        If an option is out of range, or the prediction does not determine the noise.

    Notes
    -----
    The weights are those of even steps in sigma / alpha, or in sigma on a flow schedule. There the
    error falls at the method's order; on other smooth grids, at the second order. `LMS` has the
    weights of uneven steps.

    `IPNDMScheduler` of diffusers has a schedule of its own: sigma = sin^2(pi t / 2) at the times
    t = k / T, and a model that predicts v.

    References
    ----------
    .. [1] Zhang and Chen, "Fast Sampling of Diffusion Models with Exponential Integrator", ICLR
       2023; Liu, Ren, Lin and Zhao, "Pseudo Numerical Methods for Diffusion Models on Manifolds",
       ICLR 2022.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgen.diffusion import Schedule
    >>> from fastgen.diffusion.samplers import IPNDM
    >>> sampler = IPNDM(Schedule.flow(), steps=4, prediction="flow")
    >>> x, state = sampler.init_noise_scale * np.ones((2, 3), np.float32), sampler.state()
    >>> for i, t in enumerate(sampler.timesteps):
    ...     x = sampler.step(x, 0.5 * sampler.scale_input(x, i), i, state=state)
    >>> x.shape
    (2, 3)
    """

    def __init__(
        self,
        schedule: Schedule,
        steps: int = 50,
        *,
        prediction: str = "epsilon",
        order: int = 4,
        spacing: str = "trailing",
        offset: int = 0,
        timesteps: Sequence[float] | None = None,
        sigmas: str | Sequence[float] | None = None,
        final_sigma: str = "zero",
        clip: None = None,
        threshold: None = None,
        parity: str | None = None,
    ) -> None:
        """Lay the grid and bind the steps."""
        needed = f"{OF_DATA} predictions of the noise"
        _checks.check_of_data("IPNDM", needed, clip=clip, threshold=threshold)
        self.order = _checks.check_order("IPNDM", (1, 2, 3, 4), order)
        self.memory = self.order - 1
        options: dict[str, Any] = {"spacing": spacing, "offset": offset, "parity": parity}
        options |= {"timesteps": timesteps, "sigmas": sigmas, "final_sigma": final_sigma}
        self._set_up(schedule, steps, prediction, **options)
        self._bind_steps()

    def _leaps(self, i: int) -> bool:
        """Return whether step i goes to x0 and epsilon, because it is long. No step in sigma is."""
        in_sigma = self.grid.form == FLOW or self.parity is not None
        return not in_sigma and self.grid.leaps(i, of_data=False)

    def _weights(self, i: int, available: int) -> tuple[float, ...]:
        """Return the weights of the latest predictions, as far back as no step leaps."""
        count = 0
        while count < min(available, self.memory) and not self._leaps(i - count - 1):
            count += 1
        return ADAMS_BASHFORTH[count]

    def _formula(self, i: int, available: int) -> StepFormula:
        (a, b), (alpha, after) = self._slope(i), self.grid.signal[i : i + 2]
        if self._leaps(i):
            return self._leap(i, (a, b), 0.0)
        if self.grid.form == FLOW:
            kept = 1.0
        elif alpha == 0:
            kept = 0.0  # diffusers, where the predicted x0 is 0 here
        else:
            kept = after / alpha
        along = self.grid.noise[i + 1] - kept * self.grid.noise[i]
        first, *rest = (along * w for w in self._weights(i, available))
        return StepFormula(a, b, u=kept, k=first, history=tuple(rest))
