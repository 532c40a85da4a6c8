"""What gives the coefficients of noisy data at any time: schedules and paths."""

from __future__ import annotations

from typing import Any


class OfTime:
    """An argument of functions that does not change, and gives coefficients at given times.

    `fastgen.torch` and `fastgen.jax` know by it that they have to ask for coefficients in NumPy.
    """

    coefficient_count: int
    """How many arrays `coefficients` returns."""

    def coefficients(self, t: Any) -> tuple[Any, ...]:
        """Return the coefficients at times, each in float64 and of the shape of t."""
        raise NotImplementedError
