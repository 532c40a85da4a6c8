"""Methods that evaluate the model twice per step: their grids and their memory."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastgen.diffusion.samplers._grid import Grid
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
    sigmas, timesteps = grid.noise[:1], [float(grid.timesteps[0])]
    table = np.log(schedule.sigma_over_signal)
    for i in range(1, len(grid)):
        middle = math.sqrt(grid.noise[i - 1] * grid.noise[i])
        time = np.interp(math.log(middle), table, np.arange(len(table)))
        timesteps += [float(time), float(grid.timesteps[i])]
        sigmas += [middle, grid.noise[i]]
    sigmas.append(grid.noise[-1])
    return Grid(np.array(timesteps), [1.0] * len(sigmas), sigmas, grid.form)


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
