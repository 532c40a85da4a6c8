"""Methods that extrapolate the slopes of earlier steps by polynomials."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastgen.diffusion.samplers import _checks
from fastgen.diffusion.samplers._bound_step import StepFormula
from fastgen.diffusion.samplers._grid import LONGEST, VARIANCE_PRESERVING, Grid
from fastgen.diffusion.samplers._polynomial import lagrange_integrals
from fastgen.diffusion.samplers._sampler import Sampler
from fastgen.diffusion.schedule import Schedule

__all__ = ["LMS", "PNDM"]


class LMS(Sampler):
    r"""Linear multistep method in sigma: of order up to 4.

    .. math:: x_{i+1} = x_i + \sum_j d_{i-j} \int_{\sigma_i}^{\sigma_{i+1}} \ell_j(s) \, ds,
              \quad d = \frac{x - \hat x_0}{\sigma}

    with the Lagrange polynomials of the latest sigmas, whose integrals have a closed form.

    Parameters
    ----------
    schedule, steps, prediction, spacing, offset, timesteps, sigmas
        As in `Euler`.
    parity : {None, "diffusers"}, default None
        As in `Euler`. With "diffusers", the first steps of a run that starts in the middle have the
        weights of the full order, without the slopes that were not computed.
    order : {1, 2, 3, 4}, default 4
        How many slopes a step uses. The first steps have fewer at hand.
    clip, threshold : None
        They are refused: the method combines slopes, not predictions of x0.

    Raises
    ------
    ValueError
        If an option is out of range, or the schedule ends without signal.

    References
    ----------
    .. [1] Crowson, "k-diffusion", 2022, `sample_lms`: the method of Adams and Bashforth on uneven
       steps.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgen.diffusion import Schedule
    >>> from fastgen.diffusion.samplers import LMS
    >>> sampler = LMS(Schedule.scaled_linear(), steps=4)
    >>> x, state = sampler.init_noise_scale * np.ones((2, 3), np.float32), sampler.state()
    >>> for i, t in enumerate(sampler.timesteps):
    ...     x = sampler.step(x, 0.5 * sampler.scale_input(x, i), i, state=state)
    >>> x.shape
    (2, 3)
    """

    exploding = True
    rounded = False

    def __init__(
        self,
        schedule: Schedule,
        steps: int = 50,
        *,
        prediction: str = "epsilon",
        order: int = 4,
        spacing: str = "linspace",
        offset: int = 0,
        timesteps: Sequence[float] | None = None,
        sigmas: str | Sequence[float] | None = None,
        clip: None = None,
        threshold: None = None,
        parity: str | None = None,
    ) -> None:
        """Lay the grid and bind the steps."""
        _checks.check_of_data("LMS", f"{OF_DATA} slopes", clip=clip, threshold=threshold)
        self.order = _checks.check_order("LMS", (1, 2, 3, 4), order)
        self.memory = self.order - 1
        options: dict[str, Any] = {"spacing": spacing, "offset": offset, "sigmas": sigmas}
        options["timesteps"] = timesteps
        self._set_up(schedule, steps, prediction, parity=parity, **options)
        self._bind_steps()

    def _formula(self, i: int, available: int) -> StepFormula:
        sigmas, (a, b) = self.grid.noise, self._slope(i)
        used = available if self.parity is None else min(i, self.memory)
        points = [sigmas[i - j] for j in range(used + 1)]
        weights = lagrange_integrals(points, sigmas[i + 1])[: available + 1]
        return StepFormula(a, b, u=1.0, k=weights[0], history=weights[1:])


class PNDM(Sampler):
    r"""Pseudo linear multistep method (PLMS): of second order, with Adams-Bashforth weights.

    .. math:: x_{i+1} = \frac{\alpha_{i+1}}{\alpha_i} x_i + \left(\sigma_{i+1} -
              \frac{\alpha_{i+1} \sigma_i}{\alpha_i}\right) \bar\epsilon, \quad
              \bar\epsilon = \tfrac1{24} (55 \epsilon_i - 59 \epsilon_{i-1}
              + 37 \epsilon_{i-2} - 9 \epsilon_{i-3})

    The first step is made twice, the second time with the mean of the slopes at its two ends, so
    the model is evaluated ``steps + 1`` times. This is the variant of Stable Diffusion. With
    `runge_kutta`, the first three steps are pseudo Runge-Kutta steps of four evaluations each.

    Parameters
    ----------
    schedule : Schedule
        The schedule that the model was trained on. The method is not defined at a step without
        signal, so not on flow schedules and those with zero terminal SNR.
    steps : int, default 50
        The number of steps.
    prediction : {"epsilon", "x0", "v", "score", "flow"}, default "epsilon"
        What the model predicts; it is converted to the noise at its own node.
    spacing, offset, timesteps, sigmas
        As in `DDIM`. The weights are those of even steps.
    final_sigma : {"zero", "min"}, default "zero"
        Where to end: at clean data, or at the first step of the schedule.
    runge_kutta : bool, default False
        Start with Runge-Kutta steps, as in the paper: of fourth order. It needs a schedule that is
        variance preserving, and at least 4 steps; the model is evaluated ``steps + 9`` times.
    clip, threshold : None
        They are refused: the method combines predictions of the noise, not of x0.
    parity : {None, "diffusers"}, default None
        With "diffusers", the stride of leading spacing is T // steps; and v is combined as it is,
        and converted to the noise with the sample at the start of the step.

    Raises
    ------
    ValueError
        If an option is out of range, or the prediction does not determine the noise.

    References
    ----------
    .. [1] Liu, Ren, Lin and Zhao, "Pseudo Numerical Methods for Diffusion Models on Manifolds",
       ICLR 2022, eq. 12 and 13.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgen.diffusion import Schedule
    >>> from fastgen.diffusion.samplers import PNDM
    >>> sampler = PNDM(Schedule.scaled_linear(), steps=4)
    >>> x, state = sampler.init_noise_scale * np.ones((2, 3), np.float32), sampler.state()
    >>> for i, t in enumerate(sampler.timesteps):
    ...     x = sampler.step(x, 0.5 * sampler.scale_input(x, i), i, state=state)
    >>> x.shape
    (2, 3)
    """

    memory = 3

    def __init__(
        self,
        schedule: Schedule,
        steps: int = 50,
        *,
        prediction: str = "epsilon",
        spacing: str = "trailing",
        offset: int = 0,
        timesteps: Sequence[float] | None = None,
        sigmas: str | Sequence[float] | None = None,
        final_sigma: str = "zero",
        runge_kutta: bool = False,
        clip: None = None,
        threshold: None = None,
        parity: str | None = None,
    ) -> None:
        """Lay the grid and bind the steps."""
        needed = f"{OF_DATA} predictions of the noise"
        _checks.check_of_data("PNDM", needed, clip=clip, threshold=threshold)
        options: dict[str, Any] = {"spacing": spacing, "offset": offset, "parity": parity}
        options |= {"timesteps": timesteps, "sigmas": sigmas, "final_sigma": final_sigma}
        self._set_up(schedule, steps, prediction, **options)
        steps = len(self.grid)
        if self.grid.signal[0] == 0:
            raise ValueError(
                "PNDM: step 0 has no signal, where the method is not defined, as on every flow "
                "schedule; use DPMSolverMultistep or UniPC, or timesteps with signal"
            )
        self._start = 0  # the number of evaluations in Runge-Kutta steps
        self._first = 0  # the evaluation that begins the step that is made twice
        if runge_kutta:
            self._take(self._with_runge_kutta(self.grid))
            self._start, self.memory = 4 * RUNGE_KUTTA_STEPS, 3 + RUNGE_KUTTA_STEPS - 1
        elif steps > 1:
            grid, twice = self.grid, [0, 1, *range(1, steps)]
            signal = [grid.signal[j] for j in (*twice, steps)]
            noise = [grid.noise[j] for j in (*twice, steps)]
            self._take(Grid(np.asarray(grid.timesteps)[twice], signal, noise, grid.form))
        self._bind_steps()

    def _beginning_at(self, i: int) -> PNDM:
        """Return the run that diffusers makes of the timesteps from evaluation i on.

        It takes the first of them twice, as that of a whole run, though it occurs once. So the
        sample lags by a step behind the timesteps that the model is told.
        """
        if self._start or i == 1:
            where = "in a Runge-Kutta step" if self._start else "in the step that is made twice"
            raise ValueError(f"PNDM: a run can't begin {where}, at evaluation {i}")
        made = copy.copy(self)
        made._first = i
        made._bind_steps()
        return made

    def _with_runge_kutta(self, grid: Grid) -> Grid:
        """Return a grid whose first steps have evaluations at the start, middle (twice) and end."""
        if grid.form != VARIANCE_PRESERVING or len(grid) <= RUNGE_KUTTA_STEPS:
            raise ValueError(
                f"PNDM: runge_kutta=True needs a schedule that is variance preserving and at least "
                f"{RUNGE_KUTTA_STEPS + 1} steps, got {self.schedule!r} and {len(grid)}"
            )
        leaps = any(grid.leaps(i, of_data=False) for i in range(RUNGE_KUTTA_STEPS))
        if leaps and self.parity is None:
            raise ValueError(
                f"PNDM: runge_kutta=True needs first steps shorter than {LONGEST:g} in log(alpha / "
                "sigma), where it is stable; use runge_kutta=False, more steps, or timesteps that "
                "start lower"
            )
        if np.any(grid.timesteps != np.round(grid.timesteps)):
            raise ValueError(
                "PNDM: runge_kutta=True needs whole timesteps; use sigmas=None, or "
                "runge_kutta=False"
            )
        times = list(map(int, grid.timesteps))
        chosen: list[int] = []
        for before, after in itertools.pairwise(times[: RUNGE_KUTTA_STEPS + 1]):
            middle = after + (before - after) // 2
            chosen += [before, middle, middle, after]
        chosen += times[RUNGE_KUTTA_STEPS:]
        tables = self.schedule.signal, self.schedule.sigma
        signal, noise = (table[chosen].tolist() for table in tables)
        nodes = [*signal, grid.signal[-1]], [*noise, grid.noise[-1]]
        return Grid(np.array(chosen, np.float64), *nodes, grid.form)

    def _keeps(self, i: int) -> bool:
        return (i != self._first + 1 or self._start > 0) and i + 1 < len(self)

    def _remembered(self, i: int, history: tuple[Any, ...], new: Any) -> tuple[Any, ...]:
        """Return the memories. A finished Runge-Kutta step keeps only its first evaluation."""
        if i < self._start:
            return history[2:] if i % 4 == 3 else (new, *history)
        return (new, *history[:2])

    def _history(self, state: Any, i: int) -> tuple[Any, ...]:
        history = super()._history(state, i)
        if i < self._start and len(history) < i % 4:
            raise ValueError(
                f"PNDM: i must be a multiple of 4 in the first step of a run, got {i}: others, "
                f"below {self._start}, are later evaluations of a Runge-Kutta step"
            )
        return history

    def _way(self, i: int, j: int) -> tuple[float, float]:
        """Return the factors of the sample and of the noise, or of v, from node i to node j."""
        signal, noise = self.grid.signal, self.grid.noise
        ratio = signal[j] / signal[i]
        slope = noise[j] - ratio * noise[i]
        if self._combines_v():
            of_x, of_v = self._epsilon(i)
            return ratio + slope * of_x, slope * of_v
        return ratio, slope

    def _combines_v(self) -> bool:
        return self.parity is not None and self.prediction == "v"

    def _formula(self, i: int, available: int) -> StepFormula:
        a, b = (0.0, 1.0) if self._combines_v() else self._epsilon(i)
        if i < self._start:
            return self._runge_kutta(i - i % 4, i % 4)._replace(a=a, b=b)
        if i == self._first + 1 and available and not self._start:  # the step, the second time
            _, slope = self._way(self._first, i)
            return StepFormula(a, b, u=1.0, k=slope / 2, history=(-slope / 2,))
        ratio, slope = self._way(i, i + 1)
        first, *rest = (slope * w for w in ADAMS_BASHFORTH[available])
        return StepFormula(a, b, u=ratio, k=first, history=tuple(rest))

    def _runge_kutta(self, first: int, stage: int) -> StepFormula:
        """Return a stage. It starts at node `first`, so it subtracts the stage before."""
        (to_middle, half), (ratio, slope) = self._way(first, first + 1), self._way(first, first + 3)
        if stage == 0:
            return StepFormula(u=to_middle, k=half)
        if stage == 1:
            return StepFormula(u=1.0, k=half, history=(-half,))
        if stage == 2:
            u = ratio / to_middle
            return StepFormula(u=u, k=slope, history=(-u * half,))
        return StepFormula(u=1.0, k=slope / 6, history=(-2 * slope / 3, slope / 3, slope / 6))


OF_DATA = "a sampler of x0, such as UniPC or Heun, because this one combines"
RUNGE_KUTTA_STEPS = 3
ADAMS_BASHFORTH = (
    (1.0,),
    (3 / 2, -1 / 2),
    (23 / 12, -16 / 12, 5 / 12),
    (55 / 24, -59 / 24, 37 / 24, -9 / 24),
)
