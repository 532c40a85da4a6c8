"""Stochastic Adams methods."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastgen.diffusion.samplers import _checks
from fastgen.diffusion.samplers._bound_step import StepFormula
from fastgen.diffusion.samplers._coefficients import phi
from fastgen.diffusion.samplers._grid import VARIANCE_PRESERVING
from fastgen.diffusion.samplers._polynomial import lagrange_moments
from fastgen.diffusion.samplers._sampler import Sampler
from fastgen.diffusion.schedule import Schedule

__all__ = ["SASolver"]

MOST_PREDICTED, MOST_CORRECTED = 3, 4  # the most predictions in one combination
NOISY_PART = 0.2, 0.8  # the part of the schedule with noise


class SASolver(Sampler):
    r"""Stochastic Adams solver (SA-Solver): a multistep predictor-corrector for diffusion SDEs.

    .. math:: x_{i+1} = \frac{\sigma_{i+1}}{\sigma_i} e^{-\tau^2 h} x_i
              + \alpha_{i+1} (1 + \tau^2) \int_0^h e^{(1 + \tau^2)(s - h)} P(\lambda_i + s) \, ds
              + \sigma_{i+1} \sqrt{1 - e^{-2 \tau^2 h}} \, z

    The polynomial P goes through the latest predictions of x0; the corrector takes the one at node
    i + 1 too, and the same noise. A step corrects the sample that it is given with the new
    prediction, and predicts the next from it; both are one linear combination.

    Parameters
    ----------
    schedule, steps, prediction, spacing, offset, timesteps, sigmas, final_sigma
        As in `DPMSolverMultistep`.
    predictor_order : {1, 2, 3}, default 2
        How many predictions the predictor uses. The first steps have fewer at hand.
    corrector_order : {0, 1, 2, 3, 4}, default 2
        How many the corrector uses, the new one included; 0 corrects nothing.
    tau : float or function, optional
        How much noise: 0 is the deterministic path, 1 the reverse SDE. A function takes the
        timestep. By default 1 from step 0.2 T to step 0.8 T, else 0, for a schedule of T steps.
    of_data : bool, default True
        Combine predictions of x0, else of the noise.
    lower_order_final : bool, default True
        Lower the orders of the last steps.
    clip : float, optional
        Clip the predicted x0 to [-clip, clip]; with `of_data`.
    threshold, threshold_max
        As in `DDIM`.
    parity : {None, "diffusers"}, default None
        With "diffusers", combinations of two predictions of x0 weigh their slope by h / 2 in place
        of the integral, which is the same up to the order; and timesteps of respaced sigmas are
        rounded down where it does so.

    Raises
    ------
    ValueError
        If an option is out of range, or the prediction does not determine x0.

    References
    ----------
    .. [1] Xue et al., "SA-Solver: Stochastic Adams Solver for Fast Sampling of Diffusion Models",
       NeurIPS 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgen.diffusion import Schedule
    >>> from fastgen.diffusion.samplers import SASolver
    >>> sampler = SASolver(Schedule.scaled_linear(), steps=4, tau=lambda t: 0.5)
    >>> x, state = sampler.init_noise_scale * np.ones((2, 3), np.float32), sampler.state()
    >>> for i, t in enumerate(sampler.timesteps):
    ...     x = sampler.step(x, 0.5 * sampler.scale_input(x, i), i, state=state, key=0)
    >>> x.shape
    (2, 3)
    """

    one_more = True
    spacing = "linspace"

    def __init__(
        self,
        schedule: Schedule,
        steps: int = 20,
        *,
        prediction: str = "epsilon",
        predictor_order: int = 2,
        corrector_order: int = 2,
        tau: float | Callable[[float], float] | None = None,
        of_data: bool = True,
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
        for name, order, least, most in (
            ("predictor_order", predictor_order, 1, MOST_PREDICTED),
            ("corrector_order", corrector_order, 0, MOST_CORRECTED),
        ):
            _checks.check_order("SASolver", tuple(range(least, most + 1)), order, name)
        if not of_data:
            _checks.check_of_data("SASolver", "of_data=True", clip=clip, threshold=threshold)
        self.predictor_order, self.corrector_order = int(predictor_order), int(corrector_order)
        self.memory = max(self.predictor_order - (not corrector_order), self.corrector_order - 1)
        self.of_data, self.lower_order_final = of_data, lower_order_final
        options: dict[str, Any] = {"spacing": spacing, "offset": offset, "sigmas": sigmas}
        options["timesteps"] = timesteps
        options |= {"threshold": threshold, "threshold_max": threshold_max}
        self._set_up(
            schedule, steps, prediction, clip, final_sigma=final_sigma, parity=parity, **options
        )
        self.taus = self._all_taus(tau)
        self._bind_steps()

    def _all_taus(self, tau: float | Callable[[float], float] | None) -> list[float]:
        """Return tau at each step."""
        low, high = (part * len(self.schedule) for part in NOISY_PART)
        taus = []
        for t, step in zip(self.timesteps.tolist(), self._places(), strict=True):
            value = float(low <= step <= high) if tau is None else tau(t) if callable(tau) else tau
            name = "tau" if not callable(tau) else f"tau({t:g})"
            taus.append(_checks.check_number("SASolver", name, value))
        return taus

    def _places(self) -> list[float]:
        """Return the step of the schedule at each node, as floats. Diffusers takes timesteps."""
        if self.grid.form == VARIANCE_PRESERVING or self.parity:
            return list(self.timesteps.tolist())
        table = self.schedule.sigma
        places = np.interp(self.grid.noise[:-1], table, np.arange(len(table), dtype=np.float64))
        return list(places.tolist())

    def _formula(self, i: int, available: int) -> StepFormula:
        a, b = self._x0(i) if self.of_data else self._epsilon(i)
        if self._leaps(i):
            return self._leap(i, (a, b), float(self.taus[i] > 0))
        kept, noise = self._kept(i)
        new, *rest = self._weights(i, i, self._predicted(i, available))
        rest += [0.0] * (self.memory - len(rest))
        if available and i and self.corrector_order:
            correction = self._correction(i, available)
            new += kept * correction[0]
            rest = [w + kept * c for w, c in zip(rest, correction[1:], strict=True)]
        while rest and rest[-1] == 0:
            rest.pop()
        return StepFormula(a, b, u=kept, k=new, history=tuple(rest), noise=noise)

    def _predicted(self, i: int, available: int) -> int:
        """Return the order of the predictor in step i."""
        left = len(self) - i
        if left == 1 and self.grid.noise[-1] == 0:
            return 1
        most = left if self.lower_order_final else self.predictor_order
        most = min(self.predictor_order - 1, available, most - 1)
        return 1 + self.grid.reach(i, most, cautious=self.parity is None)

    def _correction(self, i: int, available: int) -> list[float]:
        """Return the weights that correct the sample at node i. The new prediction comes first."""
        nothing = [0.0] * (self.memory + 1)
        if not 0 < self._length(i - 1) < math.inf or self._leaps(i - 1):
            return nothing
        most = len(self) - i + 2 if self.lower_order_final else self.corrector_order
        order = min(self.corrector_order, available + 1, most)
        order = 1 + self.grid.reach(i, order - 1, cautious=False)
        corrected = self._weights(i - 1, i, order)
        predicted = [0.0, *self._weights(i - 1, i - 1, self._predicted(i - 1, available - 1))]
        corrected += [0.0] * (len(nothing) - len(corrected))
        predicted += [0.0] * (len(nothing) - len(predicted))
        return [c - p for c, p in zip(corrected, predicted, strict=True)]

    def _leaps(self, i: int) -> bool:
        return self.grid.leaps(i, of_data=self.of_data or self.parity is not None)

    def _length(self, i: int) -> float:
        """Return h of step i."""
        here, after = self.grid.log_snr_half(i), self.grid.log_snr_half(i + 1)
        return 0.0 if here == after else after - here

    def _kept(self, i: int) -> tuple[float, float]:
        """Return the factors of the sample and of the noise in step i."""
        signal, sigma, h = self.grid.signal, self.grid.noise, self._length(i)
        added = self.taus[i] ** 2 * h if self.taus[i] and h else 0.0
        if self.of_data:
            kept = sigma[i + 1] / sigma[i] * math.exp(-added)
            return kept, sigma[i + 1] * math.sqrt(-math.expm1(-2 * added))
        noise = self.taus[i] * sigma[i + 1]
        return signal[i + 1] / signal[i], noise and noise * math.sqrt(math.expm1(2 * h))

    def _weights(self, i: int, latest: int, order: int) -> list[float]:
        """Return the weights of `order` predictions in step i. The latest comes first."""
        h, grid, growth = self._length(i), self.grid, 1 + self.taus[i] ** 2
        if h == 0:  # the same sigma twice
            return [0.0]
        if not self.of_data and grid.noise[i + 1] == 0:
            return [-grid.noise[i] * grid.signal[i + 1] / grid.signal[i]]
        here, z = grid.log_snr_half(i), growth * h if self.of_data else h
        nodes = [grid.log_snr_half(latest - j) for j in range(order)]
        places = [0.0 if node == here else (node - here) / h for node in nodes]
        for k in range(1, order):
            if not -math.inf < places[k] < places[k - 1]:  # up to a sigma that occurs twice
                places = places[:k]
                break
        halved = self.parity is not None and self.of_data and order == 2

        def moment(n: int) -> float:
            """Return the weighted integral of the power n over a step of length 1."""
            if n == 1 and halved:
                return z / 2
            if n == 0:
                return math.expm1(z) if not self.of_data else -math.expm1(-z)
            return math.factorial(n) * z * phi(n + 1, -z if self.of_data else z)

        scale = grid.signal[i + 1] if self.of_data else -growth * grid.noise[i + 1]
        return [scale * w for w in lagrange_moments(places, moment)]
