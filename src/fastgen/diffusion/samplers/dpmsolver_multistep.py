"""DPM-Solver and DPM-Solver++ that use the predictions of earlier steps."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, ClassVar

from fastgen.diffusion.samplers import _checks
from fastgen.diffusion.samplers._bound_step import StepFormula
from fastgen.diffusion.samplers._dpmsolver import DPMSolver
from fastgen.diffusion.samplers._exponential import expand, growing_integral, integral
from fastgen.diffusion.samplers._grid import backwards
from fastgen.diffusion.schedule import Schedule

__all__ = ["DPMSolverMultistep"]

FEW_STEPS = 15


class DPMSolverMultistep(DPMSolver):
    r"""DPM-Solver(++), multistep: an exponential integrator of order 1 to 3.

    .. math:: x_{i+1} = \frac{\sigma_{i+1}}{\sigma_i} x_i + \alpha_{i+1}
              \int_0^h e^{s - h} P(\lambda_i + s) \, ds, \quad
              h = \lambda_{i+1} - \lambda_i, \; \lambda = \log\frac{\alpha}{\sigma}

    where the polynomial P goes through the latest predictions of x0 ("dpmsolver++"); "dpmsolver"
    predicts the noise instead. The "sde-" variants replace a part of the noise by new noise.

    Parameters
    ----------
    schedule : Schedule
        The schedule that the model was trained on.
    steps : int, default 20
        The number of evaluations of the model.
    prediction : {"epsilon", "x0", "v", "score", "flow"}, default "epsilon"
        What the model predicts.
    order : {1, 2, 3}, default 2
        How many predictions a step uses. The first steps have fewer at hand. A step that is more
        than 3 times longer in log(alpha / sigma) than those before it uses fewer, without `parity`.
    algorithm : {"dpmsolver++", "dpmsolver", "sde-dpmsolver++", "sde-dpmsolver"}
        What is interpolated, and whether noise is added.
    solver : {"midpoint", "heun"}, default "midpoint"
        The second order: by the midpoint rule, or with the exact weights.
    spacing : {"linspace", "leading", "trailing"}, default "linspace"
        Which timesteps are chosen.
    offset : int, default 0
        Added to the timesteps of leading spacing.
    timesteps : list of float, optional
        As in `DDIM`.
    sigmas : str or list of float, optional
        As in `DDIM`. A spacing by name spans the whole schedule.
    final_sigma : {"zero", "min"}, default "zero"
        Where to end: at clean data, or at the first step of the schedule. A step to clean data is
        of first order.
    lower_order_final : bool, default True
        In runs of fewer than 15 steps, lower the order of the last two.
    euler_at_final : bool, default False
        Make the last step of first order.
    eta : float, optional
        How much noise the "sde-" algorithms add. 1, their default, follows the reverse SDE; with 0
        they are the algorithms without noise.
    inverse : bool, default False
        Go from data to noise, on the same path. The data are taken as samples at the first step of
        the schedule, as with ``final_sigma="min"``. It needs an algorithm without noise.
    clip : float, optional
        Clip the predicted x0 to [-clip, clip]; not for algorithms that predict the noise.
    threshold, threshold_max
        As in `DDIM`.
    parity : {None, "diffusers"}, default None
        With "diffusers", the third order is that of diffusers: half of the curvature's term, with
        the wrong sign in "sde-dpmsolver++".

    Raises
    ------
    ValueError
        If an option is out of range, or the prediction does not determine x0.

    Notes
    -----
    The order is that of the error in the step size for the deterministic algorithms, away from the
    two ends; for "sde-" it is that of the deterministic part. The noise of "sde-" has the SDE of
    `SASolver`, with tau the square root of eta.

    Some methods are known under other names. "sde-dpmsolver++" is `sample_dpmpp_2m_sde` of
    k-diffusion, and with ``order=3`` `sample_dpmpp_3m_sde`, which takes half of the curvature's
    term. "dpmsolver++" with ``solver="heun"`` is the multistep method of RES [3]_.

    References
    ----------
    .. [1] Lu et al., "DPM-Solver: A Fast ODE Solver for Diffusion Probabilistic Model Sampling in
       Around 10 Steps", NeurIPS 2022.
    .. [2] Lu et al., "DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic
       Models", 2022.
    .. [3] Zhang, Song and Chen, "Improved Order Analysis and Design of Exponential Integrator for
       Diffusion Models Sampling", 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgen.diffusion import Schedule
    >>> from fastgen.diffusion.samplers import DPMSolverMultistep
    >>> sampler = DPMSolverMultistep(Schedule.scaled_linear(), steps=4, sigmas="karras")
    >>> x, state = np.ones((2, 3), np.float32), sampler.state()
    >>> for i, t in enumerate(sampler.timesteps):
    ...     x = sampler.step(x, 0.5 * x, i, state=state)
    >>> x.shape
    (2, 3)
    """

    halves_curvature: ClassVar[bool] = True
    """Whether the third order of diffusers has half of the curvature's term."""
    algorithms = ("dpmsolver++", "dpmsolver", "sde-dpmsolver++", "sde-dpmsolver")

    def __init__(
        self,
        schedule: Schedule,
        steps: int = 20,
        *,
        prediction: str = "epsilon",
        order: int = 2,
        algorithm: str = "dpmsolver++",
        solver: str = "midpoint",
        spacing: str = "linspace",
        offset: int = 0,
        timesteps: Sequence[float] | None = None,
        sigmas: str | Sequence[float] | None = None,
        final_sigma: str = "zero",
        lower_order_final: bool = True,
        euler_at_final: bool = False,
        eta: float | None = None,
        inverse: bool = False,
        clip: float | None = None,
        threshold: float | None = None,
        threshold_max: float = math.inf,
        parity: str | None = None,
    ) -> None:
        """Lay the grid and bind the steps."""
        self.lower_order_final, self.euler_at_final = lower_order_final, euler_at_final
        options: dict[str, Any] = {"spacing": spacing, "offset": offset, "sigmas": sigmas}
        options["timesteps"] = timesteps
        options |= {"threshold": threshold, "threshold_max": threshold_max}
        options |= {"final_sigma": final_sigma, "parity": parity}
        if inverse:
            options["final_sigma"] = "min"
        lay = (schedule, steps, prediction, clip)
        self._choose(order, algorithm, solver, lay, options)
        self.eta = self._noise_share(eta)
        self.inverse = inverse
        if inverse:
            self._turn(schedule)
        self._bind_steps()

    def _noise_share(self, eta: float | None) -> float:
        """Return eta of the algorithm, or raise."""
        name, stochastic = type(self).__name__, self.algorithm.startswith("sde")
        if eta is None:
            return float(stochastic)
        if _checks.check_number(name, "eta", eta) and not stochastic:
            raise ValueError(
                f"{name}: eta={eta!r} adds noise, which algorithm={self.algorithm!r} does not; use "
                f"algorithm='sde-{self.algorithm}'"
            )
        return float(eta)

    def _turn(self, schedule: Schedule) -> None:
        """Go from data to noise."""
        name = type(self).__name__
        if self.eta:
            raise ValueError(
                f"{name}: inverse=True needs a path without noise; use eta=0, or the algorithm "
                f"{self.algorithm.removeprefix('sde-')!r}"
            )
        if self.grid.noise[-1] == 0:
            raise ValueError(
                f"{name}: inverse=True starts at the smallest sigma of the schedule, not at 0; "
                "leave the last 0 of sigmas out"
            )
        if not self.grid.rises:
            self._take(backwards(self.grid, schedule))

    def _order(self, i: int, available: int) -> int:
        left, few = len(self) - i, self.lower_order_final and len(self) < FEW_STEPS
        if left == 1 and (few or self.euler_at_final or self.grid.noise[-1] == 0):
            return 1
        most = min(self.order, 2 if left == 2 and few else 3)
        most = min(most - 1, available)
        return 1 + self.grid.reach(i, most, cautious=self.parity is None)

    def _formula(self, i: int, available: int) -> StepFormula:
        grid = self.grid
        a, b = self._x0(i) if self.of_data else self._epsilon(i)
        unlimited = self.of_data if self.parity is None else not self.inverse
        if grid.leaps(i, of_data=unlimited):
            return self._leap(i, (a, b), self._posterior_share(i))
        here, after = grid.log_snr_half(i), grid.log_snr_half(i + 1)
        h = after - here
        if h == 0:  # the same sigma twice
            return StepFormula(a, b, u=1.0)
        nodes = [grid.log_snr_half(j) for j in range(i, i - self._order(i, available), -1)]
        gaps = [(t - s) / h for t, s in itertools.pairwise(nodes)]
        r = tuple(gaps)
        if self.of_data:
            kept, weights, noise = self._data_weights(i, h, r)
        else:
            kept, weights, noise = self._noise_weights(i, h, r)
        return StepFormula(a, b, kept, 0.0, weights[0], weights[1:], noise)

    def _posterior_share(self, i: int) -> float:
        """Return the new noise of step i, in units of that of the posterior."""
        h = self.grid.log_snr_half(i + 1) - self.grid.log_snr_half(i)
        if not self.eta or h == math.inf:
            return float(self.eta > 0)
        return math.sqrt(math.expm1(-2 * h * self.eta) / math.expm1(-2 * h))

    def _data_weights(
        self, i: int, h: float, r: tuple[float, ...]
    ) -> tuple[float, tuple[float, ...], float]:
        """Return the coefficients of x, of the predictions of x0, and of the noise."""
        alpha, sigma = self.grid.signal[i + 1], self.grid.noise[i + 1]
        z = (1 + self.eta) * h
        halved = self.parity is not None and self.halves_curvature
        weights = integral(z, r, midpoint=self.solver == "midpoint", halved=halved)
        if halved and self.eta and len(r) == 2:
            wrong = expand(0.0, 0.0, -1.0, r)  # the error of diffusers: phi_2 + 1/2 for phi_2 - 1/2
            weights = tuple(w + e for w, e in zip(weights, wrong, strict=True))
        kept, noise = sigma / self.grid.noise[i], 0.0
        if self.eta:
            kept *= math.exp(-h * self.eta)
            noise = sigma * math.sqrt(-math.expm1(-2 * h * self.eta))
        return kept, tuple(alpha * w for w in weights), noise

    def _noise_weights(
        self, i: int, h: float, r: tuple[float, ...]
    ) -> tuple[float, tuple[float, ...], float]:
        """Return the coefficients of x, of the predictions of the noise, and of the new noise."""
        signal, sigma = self.grid.signal, self.grid.noise[i + 1]
        kept = signal[i + 1] / signal[i]
        if sigma == 0:
            return kept, (-kept * self.grid.noise[i],), 0.0
        halved = self.parity is not None and self.halves_curvature
        weights = growing_integral(h, r, midpoint=self.solver == "midpoint", halved=halved)
        scale = -(1 + self.eta) * sigma
        noise = sigma * math.sqrt(self.eta * math.expm1(2 * h)) if self.eta else 0.0
        return kept, tuple(scale * w for w in weights), noise
