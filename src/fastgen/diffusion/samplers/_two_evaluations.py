"""Methods that evaluate the model twice per step: their grids and their memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastgen.diffusion.samplers._bound_step import StepFormula
from fastgen.diffusion.samplers._coefficients import Pair
from fastgen.diffusion.samplers._grid import FLOW, Grid, timesteps_at
from fastgen.diffusion.samplers._sampler import Sampler
from fastgen.diffusion.schedule import Schedule


def doubled(grid: Grid) -> Grid:
    """Repeat every inner node, because it ends one step and begins the next."""

    def inner_twice(values: list[float]) -> list[float]:
        return [values[0], *(v for v in values[1:-1] for _ in range(2)), values[-1]]

    timesteps = np.concatenate([grid.timesteps[:1], np.repeat(grid.timesteps[1:], 2)])
    return Grid(timesteps, inner_twice(grid.signal), inner_twice(grid.noise), grid.form)


def raised(grid: Grid, begins: list[float], schedule: Schedule) -> Grid:
    """Let the steps of a doubled grid begin at these sigmas. The signal is 1 at all nodes."""
    noise, timesteps = list(grid.noise), grid.timesteps.copy()
    noise[::2] = begins[:-1]
    changed = np.array(noise[:-1]) != grid.noise[:-1]
    timesteps[changed] = timesteps_at(schedule, np.array(noise[:-1])[changed])
    return Grid(timesteps, grid.signal, noise, grid.form)


def with_middles(grid: Grid, middles: list[float | None], schedule: Schedule) -> Grid:
    """Add a node after each node but the last, at this sigma, if there is one.

    The samples have alpha = 1, or alpha = 1 - sigma on flows.
    """
    between = [sigma for sigma in middles if sigma is not None]
    inserted = zip(between, timesteps_at(schedule, np.array(between)).tolist(), strict=True)
    nodes: list[tuple[float, float]] = []
    for *node, middle in zip(grid.noise[:-1], grid.timesteps, middles, strict=True):
        nodes += [tuple(node)] if middle is None else [tuple(node), next(inserted)]
    sigmas, timesteps = (list(column) for column in zip(*nodes, strict=True))
    signal = [1 - s if grid.form == FLOW else 1.0 for s in sigmas]
    signal.append(grid.signal[-1])
    return Grid(np.array(timesteps, np.float64), signal, [*sigmas, grid.noise[-1]], grid.form)


def slopes_to_x0(
    x0: Pair, sigmas: list[float], i: int, shares: Pair, noise: float = 0.0
) -> StepFormula:
    """Return the formula of evaluation i in terms of x0, so that x0 can be limited.

    `shares` holds the factors of the two slopes in a step that ends with evaluation i, and `noise`
    the deviation of the noise that is added then. The second
    evaluation is at x', on the line from x through the first x0. So x and the first slope,
    (x' - x0) / sigma', follow from x' and x0.
    """
    if i % 2 == 0:
        part = sigmas[i + 1] / sigmas[i]
        return StepFormula(*x0, u=part, k=1 - part)
    first, second = (share / sigmas[i] for share in shares)
    back = sigmas[i - 1] / sigmas[i]
    kept = (1 - back - first,)
    return StepFormula(*x0, back + first + second, 0.0, -second, kept, noise)


class Halves(Sampler):
    """Steps of two halves. The first keeps its slope or x0, the second replaces it."""

    memory = 1

    def _is_second(self, i: int) -> bool:
        """Return whether evaluation i is the second of its step."""
        return i % 2 == 1

    def _span(self, i: int) -> tuple[int, int]:
        """Return the nodes of the noise: of the whole step, unless each half has its own noise."""
        whole = self._is_second(i) and not self.adds_noise(i - 1)
        return (i - 1 if whole else i), i + 1

    def _keeps(self, i: int) -> bool:
        return i + 1 < len(self) and self._is_second(i + 1)

    def _history(self, state: Any, i: int) -> tuple[Any, ...]:
        history = super()._history(state, i)
        if not history and self._is_second(i):
            raise ValueError(
                f"{type(self).__name__}: i must begin a step in the first call of a run, got {i}, "
                "which is the second evaluation of a step"
            )
        return history
