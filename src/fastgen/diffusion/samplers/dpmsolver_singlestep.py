"""DPM-Solver and DPM-Solver++ in groups of evaluations, which start without memory."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from fastgen.diffusion.samplers._bound_step import StepFormula
from fastgen.diffusion.samplers._dpmsolver import DPMSolver
from fastgen.diffusion.samplers._exponential import growing_integral, integral
from fastgen.diffusion.samplers._grid import LONGEST
from fastgen.diffusion.schedule import Schedule

__all__ = ["DPMSolverSinglestep"]


class DPMSolverSinglestep(DPMSolver):
    r"""DPM-Solver(++), singlestep: a Runge-Kutta method for exponential integrals, of order 1 to 3.

    .. math:: x_{i+1} = \frac{\sigma_{i+1}}{\sigma_j} x_j + \alpha_{i+1}
              \int_0^h e^{s - h} P(\lambda_j + s) \, ds, \quad
              h = \lambda_{i+1} - \lambda_j, \; \lambda = \log\frac{\alpha}{\sigma}

    Steps go in groups of `order`, and all those of a group go from its first node j; the polynomial
    P goes through the predictions of x0 since then ("dpmsolver++"), or of the noise ("dpmsolver").

    Parameters
    ----------
    schedule, steps, prediction, spacing, offset, timesteps, sigmas, final_sigma
        As in `DPMSolverMultistep`.
    order : {1, 2, 3}, default 2
        The length of a group. The last may be shorter.
    algorithm : {"dpmsolver++", "dpmsolver"}
        What is interpolated.
    solver : {"midpoint", "heun"}, default "midpoint"
        How the end of a group is reached: by the first and the last prediction alone, of second
        order by the midpoint rule, or by all of them with exact weights.
    lower_order_final : bool, default True
        Make the last step by itself, of first order, where `steps` is a multiple of `order`. A step
        to clean data is always of first order.
    clip : float, optional
        Clip the predicted x0 to [-clip, clip]; not for "dpmsolver".
    threshold, threshold_max
        As in `DDIM`.
    parity : {None, "diffusers"}, default None
        With "diffusers", timesteps of respaced sigmas are rounded down where it does so.

    Raises
    ------
    ValueError
        If an option is out of range, or the prediction does not determine x0.

    Notes
    -----
    The third order needs groups whose nodes tend to even spacing in log-SNR as steps get smaller,
    as those of every smooth spacing do.

    "dpmsolver++" with ``order=2, solver="heun"`` is the singlestep method of RES [3]_, of which
    c_2 is the place of the middle node in log-SNR.

    References
    ----------
    .. [1] Lu et al., "DPM-Solver: A Fast ODE Solver for Diffusion Probabilistic Model Sampling in
       Around 10 Steps", NeurIPS 2022, algorithms 1 and 2.
    .. [2] Lu et al., "DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic
       Models", 2022, algorithm 1.
    .. [3] Zhang, Song and Chen, "Improved Order Analysis and Design of Exponential Integrator for
       Diffusion Models Sampling", 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgen.diffusion import Schedule
    >>> from fastgen.diffusion.samplers import DPMSolverSinglestep
    >>> sampler = DPMSolverSinglestep(Schedule.scaled_linear(), steps=6, order=3)
    >>> x, state = np.ones((2, 3), np.float32), sampler.state()
    >>> for i, t in enumerate(sampler.timesteps):
    ...     x = sampler.step(x, 0.5 * x, i, state=state)
    >>> x.shape
    (2, 3)
    """

    algorithms = ("dpmsolver++", "dpmsolver")

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
        clip: float | None = None,
        threshold: float | None = None,
        threshold_max: float = math.inf,
        parity: str | None = None,
    ) -> None:
        """Lay the grid and bind the steps."""
        self.lower_order_final = lower_order_final
        options: dict[str, Any] = {"spacing": spacing, "offset": offset, "sigmas": sigmas}
        options["timesteps"] = timesteps
        options |= {"threshold": threshold, "threshold_max": threshold_max}
        options |= {"final_sigma": final_sigma, "parity": parity}
        lay = (schedule, steps, prediction, clip)
        self._choose(order, algorithm, solver, lay, options)
        self._orders = self._in_groups()
        self._bind_steps()

    def _in_groups(self) -> list[int]:
        """Return the order of each step: its number within its group."""
        of_data, orders = self.of_data or self.parity is not None, [0]
        for i in range(len(self)):
            first = i - orders[-1]  # of the group, if step i belongs to it
            joins = orders[-1] < self.order and not self.grid.leaps(i, of_data=of_data)
            if joins and orders[-1]:
                joins = not self.grid.leaps(first, of_data=of_data)
            if joins and not of_data and self.grid.noise[i + 1] > 0:
                joins = self._log_snr_gap(first, i + 1) <= LONGEST
            orders.append(orders[-1] + 1 if joins else 1)
        whole = orders[-1] == self.order
        if (self.lower_order_final and whole) or self.grid.noise[-1] == 0:
            orders[-1] = 1
        return orders[1:]

    def _keeps(self, i: int) -> bool:
        return i + 1 < len(self) and self._orders[i + 1] > 1

    def _formula(self, i: int, available: int) -> StepFormula:
        a, b = self._x0(i) if self.of_data else self._epsilon(i)
        if self.grid.leaps(i, of_data=self.of_data or self.parity is not None):
            return self._leap(i, (a, b), 0.0)
        order = min(self._orders[i], available + 1)
        kept, weights = self._from_first(i, order)
        if order > 1:  # x is the first sample of the group, moved to node i: undo the move
            before, gone = self._from_first(i - 1, order - 1)
            kept /= before
            weights = [w - kept * g for w, g in zip(weights, [*gone, 0.0], strict=True)]
        return StepFormula(a, b, kept, 0.0, weights[-1], tuple(weights[-2::-1]))

    def _from_first(self, i: int, order: int) -> tuple[float, list[float]]:
        """Return the coefficients of the sample at node i + 1.

        The first belongs to the first sample of the group, the list to the predictions since."""
        grid, first = self.grid, i + 1 - order
        sizes = grid.noise if self.of_data else grid.signal
        kept, h = sizes[i + 1] / sizes[first], self._log_snr_gap(first, i + 1)
        if h == 0:  # the same sigma twice
            return 1.0, [0.0] * order
        if not self.of_data and grid.noise[i + 1] == 0:
            return kept, [-kept * grid.noise[first]]
        places = [self._log_snr_gap(first, first + k) / h for k in range(order)]
        weights = self._weights(h, places)
        scale = grid.signal[i + 1] if self.of_data else -grid.noise[i + 1]
        return kept, [scale * w for w in weights]

    def _log_snr_gap(self, i: int, j: int) -> float:
        return 0.0 if i == j else self.grid.log_snr_half(j) - self.grid.log_snr_half(i)

    def _weights(self, h: float, places: list[float]) -> list[float]:
        """Return the weights of the predictions at these places in a step of length h."""
        used = [k for k, p in enumerate(places) if k == 0 or p > places[k - 1]]
        midpoint = self.solver == "midpoint"
        if midpoint and len(used) == 3:
            used, midpoint = [0, 2], False
        r = tuple(places[j] - places[k] for j, k in itertools.pairwise(used))
        method = integral if self.of_data else growing_integral
        weights = [0.0] * len(places)
        for k, w in zip(used, method(h, r, midpoint=midpoint), strict=True):
            weights[k] = w
        return weights
