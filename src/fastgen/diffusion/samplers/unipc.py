"""Unified predictor-corrector."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastgen.diffusion.samplers import _checks
from fastgen.diffusion.samplers._bound_step import StepFormula
from fastgen.diffusion.samplers._coefficients import phi
from fastgen.diffusion.samplers._sampler import Sampler
from fastgen.diffusion.schedule import Schedule

__all__ = ["UniPC"]

Weights = list[float]


class UniPC(Sampler):
    r"""Unified predictor-corrector (UniPC): its corrector raises the order by one, at no cost.

    A step corrects the sample that it is given with the new prediction, and predicts the next from
    it; both are one linear combination. The order of the predictor is `order`.

    .. math:: x_{i+1} = \frac{\sigma_{i+1}}{\sigma_i} x_i - \alpha_{i+1} (e^{-h} - 1) m_i
              - \alpha_{i+1} B(h) \sum_k \rho_k \frac{m_{i-k} - m_i}{r_k}

    Parameters
    ----------
    schedule : Schedule
        The schedule that the model was trained on.
    steps : int, default 20
        The number of evaluations of the model.
    prediction : {"epsilon", "x0", "v", "score", "flow"}, default "epsilon"
        What the model predicts.
    order : {1, 2, 3}, default 2
        The order of the predictor.
    solver : {"bh2", "bh1"}, default "bh2"
        :math:`B(h) = e^{-h} - 1`, or :math:`-h`.
    of_data : bool, default True
        Combine predictions of x0, else of the noise.
    corrector : bool, default True
        Correct.
    spacing, offset, timesteps, sigmas, final_sigma
        As in `DPMSolverMultistep`.
    lower_order_final : bool, default True
        Lower the order of the last steps.
    clip : float, optional
        Clip the predicted x0 to [-clip, clip]; with `of_data`.
    threshold, threshold_max
        As in `DDIM`.

    Raises
    ------
    ValueError
        If an option is out of range, or the prediction does not determine x0.

    References
    ----------
    .. [1] Zhao, Bai, Rao, Zhou and Lu, "UniPC: A Unified Predictor-Corrector Framework for Fast
       Sampling of Diffusion Models", NeurIPS 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgen.diffusion import Schedule
    >>> from fastgen.diffusion.samplers import UniPC
    >>> sampler = UniPC(Schedule.scaled_linear(), steps=4)
    >>> x, state = sampler.init_noise_scale * np.ones((2, 3), np.float32), sampler.state()
    >>> for i, t in enumerate(sampler.timesteps):
    ...     x = sampler.step(x, 0.5 * sampler.scale_input(x, i), i, state=state)
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
        order: int = 2,
        solver: str = "bh2",
        of_data: bool = True,
        corrector: bool = True,
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
        _checks.check_choice("UniPC", "solver", ("bh1", "bh2"), solver)
        self.order = self.memory = _checks.check_order("UniPC", (1, 2, 3), order)
        if not of_data:
            _checks.check_of_data("UniPC", "of_data=True", clip=clip, threshold=threshold)
        self.solver, self.of_data, self.corrector = solver, of_data, corrector
        self.lower_order_final = lower_order_final
        options: dict[str, Any] = {"spacing": spacing, "offset": offset, "sigmas": sigmas}
        options["timesteps"] = timesteps
        options |= {"threshold": threshold, "threshold_max": threshold_max}
        self._set_up(
            schedule, steps, prediction, clip, final_sigma=final_sigma, parity=parity, **options
        )
        self._bind_steps()

    def _order(self, i: int, available: int) -> int:
        left = len(self) - i
        if left == 1 and self.grid.noise[-1] == 0:
            return 1
        most = min(self.order, left if self.lower_order_final else self.order)
        most = min(most - 1, available)
        return 1 + self.grid.reach(i, most, cautious=self.parity is None)

    def _formula(self, i: int, available: int) -> StepFormula:
        a, b = self._x0(i) if self.of_data else self._epsilon(i)
        if self._leaps(i):
            return self._leap(i, (a, b), 0.0)
        kept, weights = self._predictor(i, self._order(i, available))
        new, *rest = weights + [0.0] * (self.order + 1 - len(weights))
        if available and i and self.corrector:
            correction = self._correction(i, self._order(i - 1, available - 1))
            new += kept * correction[0]
            rest = [w + kept * c for w, c in zip(rest, correction[1:], strict=True)]
        while rest and rest[-1] == 0:
            rest.pop()
        return StepFormula(a, b, u=kept, k=new, history=tuple(rest))

    def _step_facts(self, i: int) -> tuple[float, float, float]:
        """Return z = -h or h, B(h), and the common factor of all weights."""
        h = self.grid.log_snr_half(i + 1) - self.grid.log_snr_half(i)
        z = -h if self.of_data else h
        scale = (self.grid.signal if self.of_data else self.grid.noise)[i + 1]
        return z, z if self.solver == "bh1" else math.expm1(z), scale

    def _places(self, i: int, order: int) -> Weights:
        """Return r_k of the earlier predictions, in units of step i."""
        here = self.grid.log_snr_half(i)
        h = self.grid.log_snr_half(i + 1) - here
        return [(self.grid.log_snr_half(i - k) - here) / h for k in range(1, order)]

    def _solved(self, z: float, base: float, places: Weights) -> Weights:
        """Return rho, with which polynomials of degree up to len(places) are integrated exactly."""
        n = len(places)
        powers = np.array([[r**j for r in places] for j in range(n)])
        wanted = [math.factorial(j + 1) * z * phi(j + 2, z) / base for j in range(n)]
        return [float(rho) for rho in np.linalg.solve(powers, wanted)]

    def _predictor(self, i: int, order: int) -> tuple[float, Weights]:
        """Return the coefficient of x, and the weights of the predictions. Node i comes first."""
        grid = self.grid
        kept = (grid.noise if self.of_data else grid.signal)[i + 1]
        kept /= (grid.noise if self.of_data else grid.signal)[i]
        if grid.log_snr_half(i + 1) == grid.log_snr_half(i):
            return 1.0, [0.0]
        z, base, scale = self._step_facts(i)
        if grid.noise[i + 1] == 0 and not self.of_data:  # the limit sigma -> 0
            return kept, [-kept * grid.noise[i]]
        places = self._places(i, order)
        places = places[: next((k for k, r in enumerate(places) if r >= 0), len(places))]
        rho = [0.5] if len(places) == 1 else self._solved(z, base, places) if places else []
        shares = [scale * base * p / r for p, r in zip(rho, places, strict=True)]
        return kept, [math.fsum(shares) - scale * math.expm1(z), *(-s for s in shares)]

    def _correction(self, i: int, order: int) -> Weights:
        """Return the weights that correct the sample at node i. The new prediction comes first."""
        nothing = [0.0] * (self.order + 1)
        if self._no_length(i - 1) or self._leaps(i - 1):
            return nothing
        _, predicted = self._predictor(i - 1, order)
        places = self._places(i - 1, order)
        if any(not (-math.inf < r < 0) for r in places):
            return nothing
        z, base, scale = self._step_facts(i - 1)
        places.append(1.0)
        rho = [0.5] if order == 1 else self._solved(z, base, places)
        shares = [scale * base * p / r for p, r in zip(rho, places, strict=True)]
        corrected = [math.fsum(shares) - scale * math.expm1(z), *(-s for s in shares[:-1])]
        change = [c - p for c, p in zip(corrected, predicted, strict=True)]
        return [-shares[-1], *change, *[0.0] * (self.order - order)]

    def _leaps(self, i: int) -> bool:
        return self.grid.leaps(i, of_data=self.of_data or self.parity is not None)

    def _no_length(self, i: int) -> bool:
        """Return whether the length of a step is 0 or infinite."""
        h = self.grid.log_snr_half(i + 1) - self.grid.log_snr_half(i)
        return not 0 < h < math.inf
