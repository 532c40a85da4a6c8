"""The description of a call: what each kind of description can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from fastgen._abstract import is_dask
from fastgen._arrays import belongs_elsewhere
from fastgen._axes import Axes, Labels, Space
from fastgen._core import Stream, overrides_ufuncs

Place = int | tuple[int, ...]
Adjoint = Callable[[Any], Any]


class Result(NamedTuple):
    """The shape and type of a result, known before it is computed."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class Composition(ABC):
    """The description of one call: it computes the results, their gradients, shapes and types."""

    name: str
    """The name of the function or row, with its family."""

    differentiable: bool = True
    """Whether the call has gradients."""

    @property
    @abstractmethod
    def arrays(self) -> tuple[Any, ...]:
        """The operands: arrays, numbers and Streams."""

    @abstractmethod
    def on(self, arrays: tuple[Any, ...]) -> Composition:
        """Return the same composition on other operands of the same numbers of dimensions."""

    @abstractmethod
    def axes(self) -> Axes:
        """Return the batch axes and core axes of the operands and of the results."""

    def axes_of_value(self) -> Axes:
        """Return the axes for the value alone, which may have more batch axes than gradients."""
        return self.axes()

    def spaces(self) -> tuple[Space, ...]:
        """Return the axes to which each operand is broadcast. By default they are its own."""
        shapes = [() if type(x) is Stream else np.shape(x) for x in self.arrays]
        return tuple([Space(b, s) for b, s in zip(self.axes().operands, shapes, strict=True)])

    def of_inputs(self, labels: tuple[Labels, ...]) -> tuple[Any, ...]:
        """Return the labels of the function's inputs, from those of the operands."""
        return labels

    def place_of(self, k: int) -> Place:
        """Return the position of the operand of input k, or those of a sequence of arrays."""
        return k

    def adjoint_of(self, k: int) -> Adjoint | None:
        """Return what turns the gradient of the operand into that of input k; None for nothing."""
        return None

    @abstractmethod
    def value(self, out: Any = None) -> Any:
        """Return the results, or write them to `out`."""

    @abstractmethod
    def gradients(
        self, wanted: Sequence[int], cotangent: Any, with_value: bool
    ) -> tuple[Any, tuple[Any, ...]]:
        """Return the value, or None without `with_value`, and the wanted gradients."""

    @abstractmethod
    def results(self) -> tuple[Result, ...]:
        """Return the shape and type of each result. Nothing is computed."""


def refuse_foreign(name: str, inputs: Sequence[Any], instead: str) -> Any:
    """Refuse arrays of other libraries, such as dask. `instead` says what the user can do."""
    for x in inputs:
        if overrides_ufuncs(x):
            reason = None if is_dask(x) else belongs_elsewhere(x)
            if reason:
                raise TypeError(f"{name.partition('.')[2]}: an input {reason}")
            raise TypeError(
                f"{name.partition('.')[2]}: expected NumPy arrays, got {type(x).__module__}."
                f"{type(x).__name__}; {instead}"
            )
