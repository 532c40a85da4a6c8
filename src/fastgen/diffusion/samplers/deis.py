"""Diffusion exponential integrator sampler."""

from __future__ import annotations

from collections.abc import Sequence

from fastgen.diffusion.samplers import _checks
from fastgen.diffusion.samplers.dpmsolver_multistep import DPMSolverMultistep
from fastgen.diffusion.schedule import Schedule

__all__ = ["DEIS"]


class DEIS(DPMSolverMultistep):
    r"""Diffusion exponential integrator sampler (DEIS, log-rho): of order 1 to 3.

    .. math:: \frac{x_{i+1}}{\alpha_{i+1}} = \frac{x_i}{\alpha_i}
              + \int_{\rho_i}^{\rho_{i+1}} P(\log \rho) \, d\rho,
              \quad \rho = \frac{\sigma}{\alpha}

    where the polynomial P in log rho goes through the latest predictions of the noise. The weights
    are exact; computed by functions that do not cancel at small steps.

    Parameters
    ----------
    schedule, steps, prediction, order, spacing, offset, timesteps, sigmas, final_sigma
        As in `DPMSolverMultistep`.
    lower_order_final
        As in `DPMSolverMultistep`.
    clip, threshold : None
        They are refused: the method combines predictions of the noise, not of x0.
    parity : {None, "diffusers"}, default None
        With "diffusers", its grids and timesteps.

    Raises
    ------
    ValueError
        If an option is out of range, or the prediction does not determine the noise.

    References
    ----------
    .. [1] Zhang and Chen, "Fast Sampling of Diffusion Models with Exponential Integrator", ICLR
       2023.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgen.diffusion import Schedule
    >>> from fastgen.diffusion.samplers import DEIS
    >>> sampler = DEIS(Schedule.scaled_linear(), steps=4)
    >>> x, state = sampler.init_noise_scale * np.ones((2, 3), np.float32), sampler.state()
    >>> for i, t in enumerate(sampler.timesteps):
    ...     x = sampler.step(x, 0.5 * sampler.scale_input(x, i), i, state=state)
    >>> x.shape
    (2, 3)
    """

    halves_curvature = False

    def __init__(
        self,
        schedule: Schedule,
        steps: int = 20,
        *,
        prediction: str = "epsilon",
        order: int = 2,
        spacing: str = "linspace",
        offset: int = 0,
        timesteps: Sequence[float] | None = None,
        sigmas: str | Sequence[float] | None = None,
        final_sigma: str = "zero",
        lower_order_final: bool = True,
        clip: None = None,
        threshold: None = None,
        parity: str | None = None,
    ) -> None:
        """Lay the grid and bind the steps."""
        needed = (
            "a sampler of x0, such as UniPC, because this one combines predictions of the noise"
        )
        _checks.check_of_data("DEIS", needed, clip=clip, threshold=threshold)
        super().__init__(
            schedule,
            steps,
            prediction=prediction,
            order=order,
            algorithm="dpmsolver",
            solver="heun",
            spacing=spacing,
            offset=offset,
            timesteps=timesteps,
            sigmas=sigmas,
            final_sigma=final_sigma,
            lower_order_final=lower_order_final,
            parity=parity,
        )
