"""Ancestral steps of two evaluations: to less noise than at the next node, and then up to it."""

from __future__ import annotations

import abc
from typing import Any

from fastgen.diffusion.samplers._bound_step import StepFormula
from fastgen.diffusion.samplers._checks import check_number
from fastgen.diffusion.samplers._coefficients import Pair, split_noise
from fastgen.diffusion.samplers._grid import FLOW
from fastgen.diffusion.samplers._two_evaluations import Halves, with_middles
from fastgen.diffusion.schedule import Schedule


class Ancestral(Halves):
    """Steps of one evaluation, or of two: at the node and at a middle.

    A step ends at (alpha, sigma) of the next node. Its predicted part ends at (alpha, below), and
    new noise has the deviation sqrt(sigma^2 - below^2), as in the step of `DDIM`.
    """

    exploding = True
    rounded = False

    def _lay(
        self, schedule: Schedule, steps: int, prediction: str, eta: float, **options: Any
    ) -> None:
        """Check the options, and lay the grid of all evaluations."""
        self.eta = check_number(type(self).__name__, "eta", eta, 0, 1)
        self._set_up(schedule, steps, prediction, **options)
        self._steps = self.grid  # the nodes of the steps, without middles
        middles = [self._middle(j) for j in range(len(self._steps))]
        self._places: list[tuple[int, bool]] = []
        for j, middle in enumerate(middles):  # step of each evaluation, and whether it is second
            self._places += [(j, False)] if middle is None else [(j, False), (j, True)]
        self._take(with_middles(self._steps, middles, schedule))

    @abc.abstractmethod
    def _middle(self, j: int) -> float | None:
        """Return sigma of the second evaluation of step j, or None if there is none."""

    def _is_second(self, i: int) -> bool:
        return self._places[i][1]

    def _node(self, j: int) -> Pair:
        """Return alpha and sigma at the start of step j."""
        return self._steps.signal[j], self._steps.noise[j]

    def _split(self, j: int) -> Pair:
        """Return the deviations of the predicted noise and of the new noise after step j."""
        return split_noise(self._node(j), self._node(j + 1), self.eta)

    def _of_level(self, level: float) -> Pair:
        """Return alpha and sigma where sigma / alpha has this value."""
        return (1 / (1 + level), level / (1 + level)) if self._steps.form == FLOW else (1.0, level)

    def _single(self, i: int) -> StepFormula:
        """Return the step of one evaluation, which is that of `DDIM`."""
        after = self._node(self._places[i][0] + 1)
        (a, b), (alpha, sigma) = self._x0(i), (self.grid.signal[i], self.grid.noise[i])
        below, noise = split_noise((alpha, sigma), after, self.eta)
        kept = below / sigma
        return StepFormula(a, b, kept, 0.0, after[0] - alpha * kept, (), noise)
