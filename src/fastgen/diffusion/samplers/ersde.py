"""Solver of extended reverse-time SDEs."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastgen.diffusion.samplers import _checks
from fastgen.diffusion.samplers._bound_step import StepFormula
from fastgen.diffusion.samplers._polynomial import lagrange_moments
from fastgen.diffusion.samplers._sampler import Sampler
from fastgen.diffusion.schedule import Schedule

__all__ = ["ERSDE"]

KINDS = ("er", "sde", "ode")


@functools.cache
def quadrature() -> tuple[Any, Any]:
    """Return the places and shares of Gauss' quadrature on [-1, 1].

    numpy.polynomial takes as long to import as all samplers, so it is imported at the first use.
    """
    places, shares = np.polynomial.legendre.leggauss(32)
    return places, shares


class ERSDE(Sampler):
    r"""Extended reverse-time SDE solver (ER-SDE): of order 1 to 3 in the predictions of x0.

    .. math:: \frac{x_{i+1}}{\alpha_{i+1}} = \frac{\phi(\rho_{i+1})}{\phi(\rho_i)}
              \frac{x_i}{\alpha_i} + \phi(\rho_{i+1}) \int_{\rho_{i+1}}^{\rho_i}
              \frac{\phi'(\rho)}{\phi(\rho)^2} P(\rho) \, d\rho
              + \sqrt{\rho_{i+1}^2 - \rho_i^2 \frac{\phi(\rho_{i+1})^2}{\phi(\rho_i)^2}} \, z,
              \quad \rho = \frac{\sigma}{\alpha}

    where the polynomial P goes through the latest predictions of x0. All functions
    :math:`\phi` have the same distributions at the nodes, with more or less new noise.

    ========  ======================================================  ===========================
    `kind`    :math:`\phi(\rho)`                                      what it is
    ========  ======================================================  ===========================
    "er"      :math:`\rho \, (e^{\rho^{3/10}} + 10)`                  the default of the authors
    "sde"     :math:`\rho^2`                                          the reverse SDE
    "ode"     :math:`\rho`                                            the path without noise
    ========  ======================================================  ===========================

    Parameters
    ----------
    schedule : Schedule
        The schedule that the model was trained on.
    steps : int, default 20
        The number of evaluations of the model.
    prediction : {"epsilon", "x0", "v", "score", "flow"}, default "epsilon"
        What the model predicts.
    order : {1, 2, 3}, default 3
        How many predictions a step uses. The first steps have fewer at hand.
    kind : {"er", "sde", "ode"}, default "er"
        How much of the noise is new, as in the table.
    spacing, offset, timesteps, sigmas
        As in `DDIM`.
    final_sigma : {"zero", "min"}, default "zero"
        Where to end: at clean data, or at the first step of the schedule. A step to clean data is
        of first order.
    clip, threshold, threshold_max
        As in `DDIM`.
    parity : {None, "diffusers"}, default None
        With "diffusers", the grids of its other schedulers. It has no such scheduler.

    Raises
    ------
    ValueError
        If an option is out of range, or the prediction does not determine x0.

    Notes
    -----
    With "ode", the error falls at the method's order, away from the two ends; with noise, that is
    the order of the deterministic part. The integrals are computed by Gauss' quadrature of 32
    points in log rho. The third order is that of the polynomial through three predictions. The
    code of the authors takes the slope between the latest two for that at the node, and so is of
    second order.

    References
    ----------
    .. [1] Cui, Zhang, Bao and Liao, "Elucidating the Solution Space of Extended Reverse-Time SDE
       for Diffusion Models", WACV 2025, and the code of the authors, `ER_SDE_Solver`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgen.diffusion import Schedule
    >>> from fastgen.diffusion.samplers import ERSDE
    >>> sampler = ERSDE(Schedule.scaled_linear(), steps=4)
    >>> x, state = sampler.init_noise_scale * np.ones((2, 3), np.float32), sampler.state()
    >>> for i, t in enumerate(sampler.timesteps):
    ...     x = sampler.step(x, 0.5 * sampler.scale_input(x, i), i, state=state, key=0)
    >>> x.shape
    (2, 3)
    """

    def __init__(
        self,
        schedule: Schedule,
        steps: int = 20,
        *,
        prediction: str = "epsilon",
        order: int = 3,
        kind: str = "er",
        spacing: str = "trailing",
        offset: int = 0,
        timesteps: Sequence[float] | None = None,
        sigmas: str | Sequence[float] | None = None,
        final_sigma: str = "zero",
        clip: float | None = None,
        threshold: float | None = None,
        threshold_max: float = math.inf,
        parity: str | None = None,
    ) -> None:
        """Lay the grid and bind the steps."""
        self.order = _checks.check_order("ERSDE", (1, 2, 3), order)
        _checks.check_choice("ERSDE", "kind", KINDS, kind)
        self.kind, self.memory = kind, self.order - 1
        options: dict[str, Any] = {"spacing": spacing, "offset": offset, "parity": parity}
        options |= {"timesteps": timesteps, "sigmas": sigmas, "final_sigma": final_sigma}
        options |= {"threshold": threshold, "threshold_max": threshold_max}
        self._set_up(schedule, steps, prediction, clip, **options)
        self._bind_steps()

    def _log_growth(self, rho: Any) -> Any:
        """Return log(phi(rho) / rho)."""
        if self.kind == "er":
            return np.logaddexp(rho**0.3, math.log(10))
        return np.log(rho) if self.kind == "sde" else 0.0 * rho

    def _log_ratio(self, after: Any, rho: Any) -> Any:
        """Return log(phi(after) / phi(rho))."""
        return self._log_growth(after) - self._log_growth(rho) + np.log(after / rho)

    def _weights(self, places: list[float], after: float) -> tuple[float, ...]:
        """Return the weights of the predictions at these rho, the latest first, of a step to after.

        The integral of phi(after) phi' / phi^2 times (rho - rho_0)^n is, by parts, n times that of
        (phi(after) / phi - 1) (rho - rho_0)^(n - 1), for n > 0.
        """
        here, length = places[0], places[0] - after
        middle, half = math.log(here * after) / 2, math.log(here / after) / 2
        points, shares = quadrature()
        rho = np.exp(middle + half * points)
        shares = shares * half * rho / length * np.expm1(self._log_ratio(after, rho))
        way = (rho - here) / length

        def moment(n: int) -> float:
            if n == 0:
                return -math.expm1(self._log_ratio(after, here))
            return n * float(np.sum(shares * way ** (n - 1)))

        return lagrange_moments([(p - here) / length for p in places], moment)

    def _formula(self, i: int, available: int) -> StepFormula:
        (a, b), grid = self._x0(i), self.grid
        alpha, sigma = grid.signal[i + 1], grid.noise[i + 1]
        if grid.leaps(i, of_data=True):
            return self._leap(i, (a, b), float(self.kind != "ode"))
        if sigma == 0:
            return StepFormula(a, b, k=alpha)
        most = min(available, self.memory)
        count = 1 + grid.reach(i, most, cautious=self.parity is None)
        places = [grid.noise[j] / grid.signal[j] for j in range(i, i - count, -1)]
        after = sigma / alpha
        if after == places[0]:  # the same sigma twice
            return StepFormula(a, b, u=1.0)
        first, *rest = (alpha * w for w in self._weights(places, after))
        kept = alpha / grid.signal[i] * math.exp(self._log_ratio(after, places[0]))
        lost = 2 * float(self._log_growth(after) - self._log_growth(places[0]))
        noise = sigma * math.sqrt(-math.expm1(lost))
        return StepFormula(a, b, kept, 0.0, first, tuple(rest), noise)
