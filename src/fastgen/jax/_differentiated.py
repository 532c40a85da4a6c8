"""A row of a call whose derivative is computed."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from fastgen._abstract import Abstract
from fastgen._core import Op
from fastgen.jax._rows import What, call
from fastgen.jax._tasks import Aval, Described, Task


def place(task: Task, found: Described, part: int = 0) -> int:
    """Return where the cotangent of a row is kept: the same place in every process."""
    shapes = [(x.shape, x.dtype.name) for x in found.stand_ins]
    return zlib.crc32(f"{task.call} {task.needs} {shapes} {part}".encode())


class Differentiated(NamedTuple):
    """A row whose derivative is computed, in terms of the arrays of a call."""

    op: Op
    operands: Sequence[Any]
    """What stands for its operands: stand-ins of the call's arrays, and others."""
    cotangents: Sequence[Abstract]
    """What stands for the cotangents of its results."""
    options: Any
    """Its axis, and maybe keepdims."""
    needed: Sequence[Any]
    """What stands for the arrays that need gradients."""
    place: int
    """Where the cotangent that is expected is kept."""

    @property
    def keepdims(self) -> bool:
        """Whether the results keep the axes that are summed over."""
        return bool(getattr(self.options, "keepdims", False))

    def outputs(self) -> list[Aval | None] | None:
        """Return the outputs of the derivative: gradients of the arrays that need one.

        None where a gradient must be summed over axes along which its array is repeated.
        """
        derivative, needed = self.op.derivative, set(map(id, self.needed))
        if derivative is None or len(needed) != len(self.needed):
            return None
        standing, results = self.operands, self.cotangents
        shapes = derivative.shapes((*standing, *results), self.options.axis, self.keepdims)
        outputs: list[Aval | None] = []
        for x, shape in zip(standing, shapes[len(results) :], strict=True):
            if id(x) in needed and shape != x.shape:
                return None
            outputs.append((x.shape, x.dtype) if id(x) in needed else None)
        return outputs if len(set(self._order)) == len(self._order) else None

    @property
    def _order(self) -> list[int]:
        """Which of the arrays the gradients belong to, in the order of the derivative's outputs."""
        needed = list(map(id, self.needed))
        return [needed.index(id(x)) for x in self.operands if id(x) in needed]

    def gradients(
        self, given: Sequence[Any], cotangents: Sequence[Any], kept: Sequence[Any] = ()
    ) -> list[Any] | None:
        """Return the gradients. Those that were kept by `expect` may be right already."""
        outputs = self.outputs()
        if outputs is None:
            return None
        what, own = What.DERIVATIVE, list[Any]()
        if kept:
            what, own = What.CONFIRM, [kept[0], *[kept[1 + k] for k in self._order]]
        nothing: list[Aval | None] = [None] * len(self.cotangents)
        return self._sorted(self._call([*given, *cotangents], [*nothing, *outputs], what, own))

    def expect(self, given: Sequence[Any], value: Aval) -> list[Any]:
        """Return the value, the cotangent that is expected, and gradients for it."""
        outputs = self.outputs()
        assert outputs is not None, "only rows that have gradients expect a cotangent"
        first, *made, cotangent = self._call([*given, 0.0], [value, *outputs], What.EXPECT, [])
        return [first, cotangent, *self._sorted(made)]

    def _sorted(self, made: Sequence[Any]) -> list[Any]:
        """Return gradients in the order of the arrays."""
        return [made[self._order.index(k)] for k in range(len(made))]

    def _call(self, operands: Any, outputs: Any, what: What, kept: Sequence[Any]) -> list[Any]:
        axis, keepdims = self.options.axis, self.keepdims
        return call(self.op, operands, axis, keepdims, outputs, what, self.place, kept)
