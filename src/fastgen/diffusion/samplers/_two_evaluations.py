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


def with_middles(grid: Grid, schedule: Schedule) -> Grid:
    """Add the geometric mean between neighbouring sigmas, except before the last, which is 0."""
    inner = np.array(grid.noise[:-1])
    sigmas = np.empty(2 * len(inner) - 1)
    sigmas[::2], sigmas[1::2] = inner, np.sqrt(inner[:-1] * inner[1:])
    timesteps = np.empty_like(sigmas)
    timesteps[::2], timesteps[1::2] = grid.timesteps, timesteps_at(schedule, sigmas[1::2])
    nodes = np.append(sigmas, grid.noise[-1])
    signal = 1 - nodes if grid.form == FLOW else np.ones_like(nodes)
    return Grid(timesteps, signal.tolist(), nodes.tolist(), grid.form)


def slopes_to_x0(x0: Pair, sigmas: list[float], i: int, shares: Pair) -> StepFormula:
    """Return the formula of evaluation i in terms of x0, so that x0 can be limited.

    `shares` holds the factors of the two slopes in a step that ends with evaluation i. The second
    evaluation is at x', on the line from x through the first x0. So x and the first slope,
    (x' - x0) / sigma', follow from x' and x0.
    """
    if i % 2 == 0:
        part = sigmas[i + 1] / sigmas[i]
        return StepFormula(*x0, u=part, k=1 - part)
    first, second = (share / sigmas[i] for share in shares)
    back = sigmas[i - 1] / sigmas[i]
    return StepFormula(*x0, u=back + first + second, k=-second, history=(1 - back - first,))


class Halves(Sampler):
    """Steps of two halves. The first keeps its slope, the second replaces it."""

    memory = 1

    def _keeps(self, i: int) -> bool:
        return i % 2 == 0 and i + 1 < len(self)

    def _history(self, state: Any, i: int) -> tuple[Any, ...]:
        history = super()._history(state, i)
        if i % 2 and not history:
            raise ValueError(
                f"{type(self).__name__}: i must be even in the first step of a run, got {i}: odd "
                "ones are the second halves of steps"
            )
        return history
