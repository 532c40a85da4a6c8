"""A call on one block of each array, as the tasks of a dask graph make it.

A block holds a description, which pickles, so other processes can compute it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastgen._axes import Labels, Space
from fastgen._compose import Composition
from fastgen._core import Stream

Array = np.ndarray[Any, np.dtype[Any]]
Slices = tuple[slice, ...]


class Value:
    """The task of a call: its results."""

    def __call__(self, composition: Composition, _: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the results."""
        found = composition.value()
        return found if isinstance(found, tuple) else (found,)


class Gradients:
    """The task of a derivative: its value, if wanted, and the gradients of operands."""

    def __init__(self, wanted: Sequence[int], with_value: bool) -> None:
        self.wanted, self.with_value = list(wanted), with_value

    def __call__(self, composition: Composition, cotangents: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the results and gradients, in one tuple."""
        cotangent = cotangents if len(cotangents) > 1 else cotangents[0]
        value, found = composition.gradients(self.wanted, cotangent, self.with_value)
        if not self.with_value:
            return found
        return (*value, *found) if isinstance(value, tuple) else (value, *found)


class Block:
    """A task on one block of each array.

    Parameters
    ----------
    composition : Composition
        The description of the whole call.
    further : tuple
        Further operands of the task: the cotangents.
    task : Value or Gradients
        What is computed.
    labels : sequence of Labels
        The labels of each operand, and then of each result.
    which : sequence of int
        The operands whose place the blocks take, in turn. The others are numbers and Streams.
    space : Space or None
        The elements of noise, if the call draws any. Then more blocks follow: for each batch axis
        of the space, the positions of the block along it.
    """

    def __init__(
        self,
        composition: Composition,
        further: tuple[Any, ...],
        task: Value | Gradients,
        labels: Sequence[Labels],
        which: Sequence[int],
        space: Space | None,
    ) -> None:
        self.composition, self.further, self.task = composition, further, task
        self.labels, self.which, self.space = list(labels), list(which), space

    def __call__(self, *blocks: Any) -> Any:
        """Return the results of the blocks: an array, or a tuple of them."""
        operands = [*self.composition.arrays, *self.further]
        count = len(self.which)
        for k, block in zip(self.which, blocks, strict=False):
            operands[k] = block
        if self.space is None:
            found = self._run(operands, 0)
        else:
            found = self._with_noise(operands, self.space, blocks[count:])
        return found if len(found) > 1 else found[0]

    def _run(self, operands: list[Any], moved: int) -> tuple[Array, ...]:
        arrays = [x.moved(moved) if type(x) is Stream and moved else x for x in operands]
        split = len(self.composition.arrays)
        composition = self.composition.on(tuple(arrays[:split]))
        return tuple(map(np.asarray, self.task(composition, tuple(arrays[split:]))))

    def _with_noise(
        self, operands: list[Any], space: Space, positions: Sequence[Any]
    ) -> tuple[Array, ...]:
        """Run the task for each part of the block whose elements follow each other in the noise."""
        rest = iter(positions)
        places = [None if b is None else next(rest) for b in space.labels]
        if any(p is not None and not p.size for p in places):
            return self._run(operands, 0)
        local = tuple(
            [n if p is None else p.size for n, p in zip(space.shape, places, strict=True)]
        )
        first = [0 if p is None else int(p[0]) for p in places]
        results: list[Array] = []
        for index, start in pieces(first, local, space.shape):
            cut = dict(zip(space.labels, index, strict=False))
            parts = [_part(x, b, cut) for x, b in zip(operands, self.labels, strict=False)]
            found = self._run(parts, start)
            if not any(index):
                results = self._room(found, dict(zip(space.labels, local, strict=True)), cut)
            for whole, part, b in zip(results, found, self._of_results(found), strict=True):
                whole[_slices(whole, b, cut)] = part
        return tuple(results)

    def _of_results(self, found: Sequence[Any]) -> Sequence[Labels]:
        return self.labels[len(self.labels) - len(found) :]

    def _room(
        self, found: Sequence[Array], local: dict[int | None, int], cut: dict[int | None, int]
    ) -> list[Array]:
        """Return arrays for the results of the block, of which `found` is the first part."""
        room = []
        for part, labels in zip(found, self._of_results(found), strict=True):
            lengths = [local[b] if b in cut else n for n, b in zip(part.shape, labels, strict=True)]
            room.append(np.empty(lengths, part.dtype))
        return room


def pieces(first: Sequence[int], local: Sequence[int], shape: Sequence[int]) -> Any:
    """Yield the parts of a block whose elements follow each other in the whole array.

    The block begins at `first`, and has the lengths `local`. A part is an index of the leading
    axes, and the position of its first element in the whole, in the order of ``ravel()``.
    """
    inner = len(shape) - 1  # the axes behind it are whole
    while inner > 0 and local[inner] == shape[inner]:
        inner -= 1
    strides = [math.prod(shape[d + 1 :]) for d in range(len(shape))]
    corner = sum([a * s for a, s in zip(first, strides, strict=True)])
    for index in np.ndindex(*local[: max(inner, 0)]):
        yield index, corner + sum([a * s for a, s in zip(index, strides, strict=False)])


def _part(x: Any, labels: Labels, cut: dict[int | None, int]) -> Any:
    """Return the part of an operand at an index of the cut batch axes."""
    return x if type(x) is Stream or np.ndim(x) == 0 else x[_slices(x, labels, cut)]


def _slices(x: Any, labels: Labels, cut: dict[int | None, int]) -> Slices:
    """Return the place of a part in an array. Axes of length 1 are broadcast."""
    return tuple(
        [
            slice(cut[b], cut[b] + 1) if b in cut and n > 1 else slice(None)
            for n, b in zip(x.shape, labels, strict=True)
        ]
    )
