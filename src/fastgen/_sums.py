"""Weighted sums of rows: the ELBOs, and the losses of adversarial training."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from fastgen import _messages
from fastgen._compose import Adjoint, Composition, Result, is_foreign, refuse_foreign
from fastgen._core import Op, result_dtype
from fastgen._pullbacks import as_input, share_of

Array = np.ndarray[Any, np.dtype[Any]]
Shape = tuple[int, ...]
Axis = int | tuple[int, ...] | None


class Space(NamedTuple):
    """The shape that a part is computed over, its event axes, and the shape of its sums."""

    shape: Shape
    events: Shape
    batch: Shape


class Part:
    """A row of some of the function's inputs, times a weight.

    Parameters
    ----------
    op : Op
        The row. Its result is a sum over `axis`.
    of : tuple of int
        The inputs that it takes.
    constants : tuple of float
        What it takes after them.
    weight : float
        The factor of its result.
    axis : int, tuple of int or None
        The axes that it is summed over.
    """

    __slots__ = ("axis", "constants", "of", "op", "weight")

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

    def operands(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        """Return what the row takes."""
        return tuple([inputs[k] for k in self.of]) + self.constants

    def space(self, name: str, inputs: Sequence[Any]) -> Space:
        """Return where the part is computed, or raise in the words of the function `name`."""
        shapes = [np.shape(inputs[k]) for k in self.of]
        shape = shapes[0]
        if shapes.count(shape) < len(shapes):
            try:
                shape = np.broadcast_shapes(*shapes)
            except ValueError:
                pairs = zip(self.of, shapes, strict=True)
                named = [f"{_messages.argument(name, k)} {s}" for k, s in pairs]
                raise ValueError(_messages.named_shapes(name, named)) from None
        n, axis = len(shape), self.axis
        if axis is None or (n == 1 and axis == -1):
            return Space(shape, tuple(range(n)), ())
        if axis == () or (axis == -1 and n > 0):
            return Space(shape, (n - 1,) if axis else (), shape[:-1] if axis else shape)
        axes = axis if isinstance(axis, tuple) else (axis,)
        events = tuple([_messages.checked_axis(name, axis, a, max(n, 1)) for a in axes])
        if len(set(events)) < len(events):
            raise ValueError(_messages.repeated_axis(name, axis))
        return Space(shape, events, tuple([m for d, m in enumerate(shape) if d not in events]))

    def room(self, space: Space, dtype: Any) -> Array:
        """Return an array for the result. Sums keep all digits of float64 until the end."""
        double = self.axis != () or dtype == np.float64
        return np.empty(space.batch, np.float64 if double else np.float32)

    def total(self, inputs: Sequence[Any], space: Space, dtype: Any) -> Array:
        """Return the row's result, without the weight."""
        room = self.room(space, dtype)
        self.op(self.operands(inputs), self.axis, False, room)
        return room

    def gradients(
        self, inputs: Sequence[Any], cotangent: Any, wanted: list[int], space: Space, dtype: Any
    ) -> tuple[Array, dict[int, Any]]:
        """Return the result without the weight, and the gradients of the wanted inputs."""
        op, room = self.op.derivative, self.room(space, dtype)
        if op is None:
            raise TypeError(_messages.no_derivative(self.op.name))
        places = {k: j + 1 for j, k in enumerate(self.of) if k in wanted}
        outputs = 1 | sum([1 << j for j in places.values()])
        out = (room, *[None] * (op.nout - 1))
        results = op((*self.operands(inputs), cotangent), self.axis, False, out, outputs)
        return room, {k: as_input(results[j], inputs[k]) for k, j in places.items()}

    def lazy(self, arrays: Sequence[Any], dtype: Any) -> Any:
        """Return the result for arrays of other libraries, through the row's ufunc."""
        operands = self.operands(arrays)
        if self.axis == ():  # each element is a row of its own
            rows = [np.expand_dims(x, -1) for x in operands[: len(self.of)]]
            return self.op((*rows, *[np.full(1, c, dtype) for c in self.constants]))
        return self.op(operands, self.axis)


class Sum(Composition):
    """offset + the sum of weight * part, in float64, rounded once.

    Parameters
    ----------
    name : str
        The function's, with its family.
    inputs : tuple
        The function's inputs.
    parts : sequence of Part
        What is summed. Their batch shapes broadcast.
    mean : bool
        Whether each part is divided by the number of its elements.
    offset : float
        What is added.
    keepdims : bool
        Whether the event axes of the first part stay, with length 1.
    adjoints : mapping, optional
        As in `Row`.
    """

    __slots__ = ("adjoints", "inputs", "keepdims", "mean", "name", "offset", "parts")

    def __init__(
        self,
        name: str,
        inputs: tuple[Any, ...],
        parts: Sequence[Part],
        *,
        mean: bool = False,
        offset: float = 0.0,
        keepdims: bool = False,
        adjoints: Mapping[int, Adjoint] | None = None,
    ) -> None:
        self.name, self.inputs, self.parts = name, inputs, parts
        self.mean, self.offset, self.keepdims = mean, offset, keepdims
        self.adjoints = adjoints

    def _weights(self, spaces: Sequence[Space]) -> list[float]:
        if not self.mean:
            return [part.weight for part in self.parts]
        sizes = [math.prod(space.shape) for space in spaces]
        return [p.weight / n if n else math.nan for p, n in zip(self.parts, sizes, strict=True)]

    def _batch(self, spaces: Sequence[Space]) -> Shape:
        batches = [space.batch for space in spaces]
        if batches.count(batches[0]) == len(batches):
            return batches[0]
        try:
            return np.broadcast_shapes(*batches)
        except ValueError:
            pairs = zip(self.parts, batches, strict=True)
            named = [f"{b} of {_messages.argument(self.name, p.of[0])}" for p, b in pairs]
            raise ValueError(_messages.named_shapes(self.name, named, "batch shapes")) from None

    def _kept(self, spaces: Sequence[Space], batch: Shape) -> Shape:
        """Return where the event axes of the first part stand in a result that keeps them."""
        lead = len(batch) - len(spaces[0].batch)
        return tuple([d + lead for d in spaces[0].events])

    def _check_types(self) -> None:
        for k, x in enumerate(self.inputs):
            if isinstance(x, np.ma.MaskedArray):
                raise TypeError(_messages.masked(self.name, k))
            dtype = np.asarray(x).dtype
            if (dtype.kind not in "biuf" and dtype.name != "bfloat16") or dtype.itemsize > 8:
                raise TypeError(_messages.dtype(self.name, k, dtype))

    def _spaces(self) -> tuple[list[Space], Shape]:
        try:
            spaces = [part.space(self.name, self.inputs) for part in self.parts]
            return spaces, self._batch(spaces)
        except (TypeError, ValueError):
            self._check_types()  # what holds no numbers has no shape worth a word either
            raise

    def value(self, out: Any = None) -> Any:
        """Run the rows and add their results."""
        if is_foreign(self.inputs):
            return self._lazy(out)
        spaces, batch = self._spaces()
        dtype = result_dtype(self.inputs)
        if out is not None:
            _messages.check_out(self.name, out, self._shape(spaces, batch))
        try:
            pairs = zip(self.parts, spaces, strict=True)
            totals = [part.total(self.inputs, space, dtype) for part, space in pairs]
        except TypeError:
            self._check_types()
            raise
        return self._added(totals, spaces, batch, dtype, out)

    def _shape(self, spaces: Sequence[Space], batch: Shape) -> Shape:
        if not self.keepdims:
            return batch
        kept = self._kept(spaces, batch)
        rest = iter(batch)
        return tuple([1 if d in kept else next(rest) for d in range(len(batch) + len(kept))])

    def _added(
        self, totals: list[Array], spaces: Sequence[Space], batch: Shape, dtype: Any, out: Any
    ) -> Any:
        weights = self._weights(spaces)
        if batch == () and out is None and not self.keepdims:
            numbers = [t.item() * w for t, w in zip(totals, weights, strict=True)]
            found = functools.reduce(operator.add, numbers) + self.offset
            if dtype.char == "f" and 1e-37 < abs(found) < 1e38:
                return np.float32(found)
            with np.errstate(over="ignore", under="ignore"):
                return np.float64(found).astype(dtype)
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            for total, weight in zip(totals, weights, strict=True):
                if weight != 1:
                    np.multiply(total, weight, total)
            value: Any = functools.reduce(operator.add, totals)
            if self.offset:
                value = value + self.offset
            if self.keepdims:
                value = value.reshape(self._shape(spaces, batch))
            if out is None:
                return value.astype(dtype, copy=False)[()]
            np.copyto(out, value, casting="unsafe")
        return out

    def gradients(
        self, wanted: Sequence[int], cotangent: Any, with_value: bool
    ) -> tuple[Any, tuple[Any, ...]]:
        """Run the derivatives of the rows that hold a wanted input."""
        refuse_foreign(self.name, self.inputs, "compute them first, or differentiate each block")
        spaces, batch = self._spaces()
        dtype = result_dtype(self.inputs)
        if self.keepdims and np.ndim(cotangent) > 0:
            ndim = len(batch) + len(spaces[0].events)
            kept = [d - ndim for d in self._kept(spaces, batch)]
            axes = tuple(d for d in kept if -d <= np.ndim(cotangent))
            cotangent = np.squeeze(cotangent, axes)
        totals: list[Array] = []
        gradients: dict[int, Any] = {}
        each = zip(self.parts, spaces, self._weights(spaces), strict=True)
        try:
            for part, space, weight in each:
                own = [k for k in part.of if k in wanted]
                if own:
                    share = share_of(cotangent, weight, batch, space.batch)
                    total, found = part.gradients(self.inputs, share, own, space, dtype)
                    gradients |= found
                    totals.append(total)
                elif with_value:
                    totals.append(part.total(self.inputs, space, dtype))
        except TypeError:
            self._check_types()
            raise
        value = self._added(totals, spaces, batch, dtype, None) if with_value else None
        adjoints = self.adjoints or {}
        return value, tuple([adjoints.get(k, _same)(gradients[k]) for k in wanted])

    def results(self) -> tuple[Result, ...]:
        """Return the shape and type of the sum."""
        spaces, batch = self._spaces()
        return (Result(self._shape(spaces, batch), result_dtype(self.inputs)),)

    def _lazy(self, out: Any) -> Any:
        if out is not None or self.keepdims:
            raise TypeError(
                f"{self.name.partition('.')[2]}: keepdims and out are for NumPy arrays; "
                f"got {', '.join(sorted({type(x).__name__ for x in self.inputs}))}"
            )
        if self.mean or any(part.axis is None for part in self.parts):
            refuse_foreign(
                self.name, self.inputs, "take reduction='none', and average or sum the result"
            )
        dtype = result_dtype(self.inputs)
        wide = np.float64 if dtype == np.float64 else np.float32
        arrays = [x if hasattr(x, "dtype") else np.asarray(x) for x in self.inputs]
        # Half precision is rounded once, at the end.
        arrays = [x.astype(wide) if x.dtype.itemsize == 2 else x for x in arrays]
        found = [part.lazy(arrays, wide) * part.weight for part in self.parts]
        total = functools.reduce(operator.add, found)
        return (total + self.offset if self.offset else total).astype(dtype)


def _same(gradient: Any) -> Any:
    return gradient


def weighted_sum(name: str, inputs: tuple[Any, ...], parts: Sequence[Part], **options: Any) -> Any:
    """Return a `Sum`. Any, because the composed function that returns it returns arrays."""
    return Sum(name, inputs, parts, **options)
