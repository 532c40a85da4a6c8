"""The common part of the two forms of DPM-Solver: their options and their grid."""

from __future__ import annotations

from typing import Any

from fastgen.diffusion.samplers import _checks
from fastgen.diffusion.samplers._sampler import Sampler


class DPMSolver(Sampler):
    """A solver of order 1 to 3, from predictions of x0 ("...++") or of the noise."""

    spacing = "linspace"
    one_more = True
    algorithms: tuple[str, ...]

    def _choose(
        self,
        order: int,
        algorithm: str,
        solver: str,
        lay: tuple[Any, ...],
        options: dict[str, Any],
    ) -> None:
        """Check the options, and lay the grid. `lay` holds schedule, steps, prediction and clip."""
        name = type(self).__name__
        _checks.check_choice(name, "algorithm", self.algorithms, algorithm)
        _checks.check_choice(name, "solver", ("midpoint", "heun"), solver)
        self.order = _checks.check_order(name, (1, 2, 3), order)
        self.of_data = algorithm.endswith("++")
        if not self.of_data:
            needed = f"an algorithm that predicts x0, got {algorithm!r}"
            _checks.check_of_data(name, needed, clip=lay[-1], threshold=options["threshold"])
        self.algorithm, self.solver = algorithm, solver
        self.memory = self.order - 1
        self._set_up(*lay, **options)
