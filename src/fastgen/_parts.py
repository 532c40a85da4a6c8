"""The terms of weighted sums of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fastgen import _messages
from fastgen._core import Op, empty
from fastgen._pullbacks import as_input

Array = np.ndarray[Any, np.dtype[Any]]
Shape = tuple[int, ...]
Axis = int | tuple[int, ...] | None
FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


class Space(NamedTuple):
    """The shapes and the type in which a part is computed."""

    shape: Shape
    events: Shape  # the axes of the sum
    batch: Shape  # the shape of the sums
    dtype: np.dtype[Any] = FLOAT64  # the type of the sums


class Part:
    """One term of a sum: a row of some of the function's inputs, times a weight.

    Parameters
    ----------
    op : Op
        The row. It sums over `axis`.
    of : tuple of int
        The positions of the inputs that are the row's first operands. They follow each other.
    constants : tuple of float
        The other operands of the row.
    weight : float
        The factor of the row's result.
    axis : int, tuple of int or None
        The event axes of the row.
    """

    __slots__ = ("_first", "_stop", "axis", "constants", "of", "op", "weight")

    whole = False
    """Whether the part needs the whole batch, so that no axis of the call may be divided."""

    def __init__(
        self,
        op: Op,
        of: tuple[int, ...],
        constants: tuple[float, ...] = (),
        weight: float = 1.0,
        axis: Axis = -1,
    ) -> None:
        self.op, self.of, self.constants = op, of, constants
        self.weight, self.axis = weight, axis
        self._first, self._stop = of[0], of[-1] + 1

    def operands(self, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the operands of the row."""
        return inputs[self._first : self._stop] + self.constants

    def space(self, name: str, inputs: Sequence[Any]) -> Space:
        """Return the shapes of the part, or raise an error that names the function `name`."""
        shape = self._shape(name, inputs)
        n, axis = len(shape), self.axis
        if axis is None:
            return Space(shape, tuple(range(n)), ())
        if axis == -1 and n > 0:
            return Space(shape, (n - 1,), shape[:-1])
        axes = axis if isinstance(axis, tuple) else (axis,)
        events = tuple([_messages.checked_axis(name, axis, a, max(n, 1)) for a in axes])
        if len(set(events)) < len(events):
            raise ValueError(_messages.repeated_axis(name, axis))
        return Space(shape, events, tuple([m for d, m in enumerate(shape) if d not in events]))

    def _shape(self, name: str, inputs: Sequence[Any]) -> Shape:
        arrays = [inputs[k] for k in self.of]
        shapes: list[Shape] = [np.shape(x) for x in arrays]
        shape = shapes[0]
        if len(shapes) == 1 or shapes.count(shape) == len(shapes):
            return shape
        try:
            return np.broadcast_shapes(*shapes)
        except ValueError:
            pairs = zip(self.of, shapes, strict=True)
            named = [f"{_messages.argument(name, k)} {s}" for k, s in pairs]
            raise ValueError(_messages.named_shapes(name, named)) from None

    def total(self, inputs: tuple[Any, ...], space: Space) -> Array:
        """Return the result of the row, without the weight."""
        room = empty(space.batch, space.dtype)
        operands = inputs[self._first : self._stop] + self.constants
        self.op(operands, self.axis, False, room)
        return room

    def gradients(
        self, inputs: tuple[Any, ...], cotangent: Any, wanted: list[int], space: Space
    ) -> tuple[Array, dict[int, Any]]:
        """Return the result without the weight, and the gradients of the wanted inputs."""
        op, room = self.op.derivative, empty(space.batch, space.dtype)
        if op is None:
            raise TypeError(_messages.no_derivative(self.op.name))
        places = {k: j + 1 for j, k in enumerate(self.of) if k in wanted}
        outputs = 1 | sum([1 << j for j in places.values()])
        out = (room, *[None] * (op.nout - 1))
        results = op((*self.operands(inputs), cotangent), self.axis, False, out, outputs)
        return room, {k: as_input(results[j], inputs[k]) for k, j in places.items()}

    def lazy(self, arrays: tuple[Any, ...], dtype: Any) -> Any:
        """Return the result for arrays of other libraries, by the ufunc of the row."""
        operands = self.operands(arrays)
        if self.axis == ():  # each element is a row of its own
            rows = [np.expand_dims(x, -1) for x in operands[: len(self.of)]]
            return self.op((*rows, *[np.full(1, c, dtype) for c in self.constants]))
        return self.op(operands, self.axis)
