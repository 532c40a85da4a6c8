"""Codes with the gradient of another function: what straight-through quantisers share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastgen import _messages
from fastgen._abstract import as_array, is_dask
from fastgen._axes import Axes
from fastgen._compose import Composition, Result, lazy
from fastgen._core import result_dtype
from fastgen._pullbacks import as_input


class Passed(Composition):
    """Codes of the first input. Its gradient is the cotangent times a slope, which is not theirs.

    The inputs have one shape. What follows the first input has no gradient: zeros.
    """

    def __init__(self, inputs: tuple[Any, ...]) -> None:
        self.inputs = inputs
        for k, x in enumerate(inputs):
            _messages.check_numbers(self.name, k, x)
        self.shape = as_array(inputs[0]).shape

    @abstractmethod
    def codes(self) -> Any:
        """Return the codes, of any float type."""

    def slope(self) -> Any:
        """Return the slope by which the cotangent of the codes goes to the first input."""
        return 1.0

    @property
    def arrays(self) -> tuple[Any, ...]:
        """The inputs."""
        return self.inputs

    def axes(self) -> Axes:
        """Return the axes: all but the last are batch axes."""
        n = len(self.shape)
        labels = (*range(n - 1), None) if n else ()
        return Axes((labels,) * len(self.inputs), (labels,))

    def value(self, out: Any = None) -> Any:
        """Return the codes."""
        if any(map(is_dask, self.inputs)):
            return lazy(self, out)
        return np.asarray(self.codes()).astype(result_dtype(self.inputs))[()]

    def gradients(
        self, wanted: Sequence[int], cotangent: Any, with_value: bool
    ) -> tuple[Any, tuple[Any, ...]]:
        """Return the codes, or None without `with_value`, and the wanted gradients."""
        _messages.check_cotangent(self.name.partition(".")[2], cotangent, self.shape)
        found = []
        for k in wanted:
            gradient = np.broadcast_to(np.asarray(cotangent, np.float64), self.shape)
            gradient = gradient * self.slope() if k == 0 else np.zeros(self.shape)
            found.append(as_input(np.asarray(gradient), self.inputs[k]))
        return self.value() if with_value else None, tuple(found)

    def results(self) -> tuple[Result, ...]:
        """Return the shape and type of the codes."""
        return (Result(self.shape, result_dtype(self.inputs)),)
