"""DPM-Solver++ of two evaluations per step, with ancestral noise or for the reverse SDE."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fastgen.diffusion.samplers._ancestral import Ancestral
from fastgen.diffusion.samplers._bound_step import StepFormula
from fastgen.diffusion.samplers._coefficients import split_noise
from fastgen.diffusion.schedule import Schedule

__all__ = ["DPMSolver2SAncestral", "DPMSolverSDE"]


class _Midpoint(Ancestral):
    """The midpoint rule for predictions of x0: from a node to a middle, and from the node on."""

    noisy_middle: bool

    def __init__(
        self,
        schedule: Schedule,
        steps: int = 20,
        *,
        prediction: str = "epsilon",
        eta: float = 1.0,
        spacing: str = "linspace",
        offset: int = 0,
        timesteps: Sequence[float] | None = None,
        sigmas: str | Sequence[float] | None = None,
        clip: float | None = None,
        threshold: float | None = None,
        threshold_max: float = math.inf,
        parity: str | None = None,
    ) -> None:
        """Lay the grid and bind the steps."""
        options: dict[str, Any] = {"spacing": spacing, "offset": offset, "sigmas": sigmas}
        options |= {"timesteps": timesteps, "clip": clip, "threshold": threshold}
        options |= {"threshold_max": threshold_max, "parity": parity}
        self._lay(schedule, steps, prediction, eta, **options)
        self._bind_steps()

    def _middle(self, j: int) -> float | None:
        (alpha, sigma), (alpha_next, sigma_next) = self._node(j), self._node(j + 1)
        end = (sigma_next if self.noisy_middle else self._split(j)[0]) / alpha_next
        if alpha == 0 or end == 0:
            return None
        return self._of_level(math.sqrt(sigma / alpha * end))[1]

    def _formula(self, i: int, available: int) -> StepFormula:
        j, second = self._places[i]
        if not self._keeps(i) and not second:
            return self._single(i)
        (a, b), (alpha, sigma), first = self._x0(i), self._node(j), i - int(second)
        to_middle = self.grid.signal[first + 1], self.grid.noise[first + 1]
        eta = self.eta if self.noisy_middle else 0.0
        below, noise = split_noise((alpha, sigma), to_middle, eta)
        kept = below / sigma
        of_x0 = to_middle[0] - alpha * kept
        if not second:
            return StepFormula(a, b, kept, 0.0, of_x0, (), noise)
        # x' = kept x + of_x0 m + noise z. The same z is a part of the noise of the whole step.
        end, whole = self._split(j)
        through, alpha_next = end / sigma, self._steps.signal[j + 1]
        back = through / kept
        rest = math.sqrt(max((whole - back * noise) * (whole + back * noise), 0.0))
        k = alpha_next - alpha * through
        return StepFormula(a, b, back, 0.0, k, (-back * of_x0,), rest)


class DPMSolver2SAncestral(_Midpoint):
    r"""DPM-Solver++(2S) to a lower sigma, and noise up to the next; two evaluations per step.

    .. math:: x' = \frac{\sigma'}{\sigma_i} x_i
              + \left(\alpha' - \alpha_i \frac{\sigma'}{\sigma_i}\right) \hat x_0, \quad
              x_{i+1} = \frac{\sigma_{\downarrow}}{\sigma_i} x_i
              + \left(\alpha_{i+1} - \alpha_i \frac{\sigma_{\downarrow}}{\sigma_i}\right) \hat x_0'
              + \sigma_{\uparrow} z

    The middle is even in :math:`\log(\alpha / \sigma)`, between the node and
    :math:`(\alpha_{i+1}, \sigma_{\downarrow})`, where the step of `DDIM` is before its noise. The
    samples are :math:`x_0 + \sigma z`, and on a flow schedule those of the schedule.

    Its `timesteps` name every evaluation. A step to clean data is a single one, and so is a step
    from a node without signal.

    Parameters
    ----------
    schedule, prediction, spacing, offset, timesteps, sigmas
        As in `Euler`.
    steps : int, default 20
        The number of steps; the model is evaluated up to ``2 * steps - 1`` times.
    eta : float, default 1.0
        How much noise, from 0 to 1.
    clip, threshold, threshold_max
        As in `DDIM`.
    parity : {None, "diffusers"}, default None
        With "diffusers", its grids and its scale of the start's noise.

    Raises
    ------
    ValueError
        If an option is out of range, or a variance-preserving schedule ends without signal.

    References
    ----------
    .. [1] Lu et al., "DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic
       Models", 2022; Crowson, "k-diffusion", 2022, `sample_dpmpp_2s_ancestral`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgen.diffusion import Schedule
    >>> from fastgen.diffusion.samplers import DPMSolver2SAncestral
    >>> sampler = DPMSolver2SAncestral(Schedule.scaled_linear(), steps=4)
    >>> x, state = sampler.init_noise_scale * np.ones((2, 3), np.float32), sampler.state()
    >>> for i, t in enumerate(sampler.timesteps):
    ...     x = sampler.step(x, 0.5 * sampler.scale_input(x, i), i, state=state, key=0)
    >>> x.shape
    (2, 3)
    """

    noisy_middle = False


class DPMSolverSDE(_Midpoint):
    r"""DPM-Solver++ for the reverse SDE: a noisy middle and two evaluations per step.

    .. math:: x' = \frac{s'}{\sigma_i} x_i + \left(\alpha' - \alpha_i \frac{s'}{\sigma_i}\right)
              \hat x_0 + \sqrt{\sigma'^2 - s'^2}\, z, \quad
              x_{i+1} = \frac{s}{\sigma_i} x_i
              + \left(\alpha_{i+1} - \alpha_i \frac{s}{\sigma_i}\right) \hat x_0'
              + \sqrt{\sigma_{i+1}^2 - s^2}\, z'

    where s and s' are the deviations of the predicted noise in steps of `DDIM` to the next node and
    to the middle, which is even in :math:`\log(\alpha / \sigma)`. The noise z is a part of z', as
    it is on one path of the SDE. The samples are :math:`x_0 + \sigma z`, and on a flow schedule
    those of the schedule.

    Its `timesteps` name every evaluation. A step to clean data is a single one, and so is a step
    from a node without signal.

    Parameters
    ----------
    schedule, prediction, spacing, offset, timesteps, sigmas
        As in `Euler`.
    steps : int, default 20
        The number of steps; the model is evaluated up to ``2 * steps - 1`` times.
    eta : float, default 1.0
        How much noise, from 0 to 1.
    clip, threshold, threshold_max
        As in `DDIM`.
    parity : {None, "diffusers"}, default None
        With "diffusers", its grids and its scale of the start's noise.

    Raises
    ------
    ValueError
        If an option is out of range, or a variance-preserving schedule ends without signal.

    Notes
    -----
    k-diffusion draws z and z' from a Brownian path in sigma. So their correlation is another there,
    but each step and each middle has the same distribution.

    References
    ----------
    .. [1] Lu et al., "DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic
       Models", 2022; Crowson, "k-diffusion", 2022, `sample_dpmpp_sde` with r = 1/2.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgen.diffusion import Schedule
    >>> from fastgen.diffusion.samplers import DPMSolverSDE
    >>> sampler = DPMSolverSDE(Schedule.scaled_linear(), steps=4, sigmas="karras")
    >>> x, state = sampler.init_noise_scale * np.ones((2, 3), np.float32), sampler.state()
    >>> for i, t in enumerate(sampler.timesteps):
    ...     x = sampler.step(x, 0.5 * sampler.scale_input(x, i), i, state=state, key=0)
    >>> x.shape
    (2, 3)
    """

    noisy_middle = True
