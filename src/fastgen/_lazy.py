"""Calls of dask arrays: each block is a call of its own, and nothing is computed at once.

The description of a call names the batch axes, along which arrays may have chunks. The graph holds
descriptions, which pickle, so other processes can compute it.
"""

from __future__ import annotations

import importlib
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastgen import _messages
from fastgen._abstract import Abstract, is_dask
from fastgen._axes import Axes, Labels
from fastgen._compose import Composition, Result, Row
from fastgen._core import Op, Stream, overrides_ufuncs

__all__ = ["is_dask", "of", "of_row"]


def of_row(op: Op, inputs: tuple[Any, ...], axis: Any, keepdims: Any, out: Any, wanted: int) -> Any:
    """Return the results of a row. Bit j of `wanted` asks for result j; the others are None."""
    results = of(Row(op, inputs, axis, keepdims), out)
    if type(results) is not tuple:
        return results
    return tuple([r if wanted >> j & 1 else None for j, r in enumerate(results)])


def of(composition: Composition, out: Any = None) -> Any:
    """Return the results of a composition as dask arrays, or raise."""
    da: Any = importlib.import_module("dask.array")
    _check(composition, out)
    axes, results = composition.axes(), composition.results()
    own = itertools.count(-1, -1)  # indices of core axes; batch axes have their numbers
    named: list[Any] = []  # arrays and their indices, as `blockwise` takes them
    which, literals = [], list(composition.arrays)
    for k, x in enumerate(composition.arrays):
        if type(x) is not Stream and np.ndim(x) > 0:
            which.append(k)
            literals[k] = Abstract(np.shape(x), x.dtype)
            array = x if is_dask(x) else da.from_array(x, chunks=-1)
            named += [array, tuple([next(own) if b is None else b for b in axes.operands[k]])]
    elements = 0
    if any(type(x) is Stream for x in literals):
        first, elements = _first_axis(composition, axes)
        if first is not None:
            which.append(-1)
            named += [first, (0,)]
    block = Block(composition.on(tuple(literals)), which, elements)
    return _blockwise(block, named, axes.results, results)


class Block:
    """A call on one block of each array: `which` says whose place the arrays take.

    The last array may hold the positions of the block along the first axis, each of so many
    `elements`. The noise of the block starts there.
    """

    def __init__(self, composition: Composition, which: Sequence[int], elements: int) -> None:
        self.composition, self.which, self.elements = composition, tuple(which), elements

    def __call__(self, *blocks: Any) -> Any:
        """Return the results of the blocks, as arrays."""
        arrays, moved = list(self.composition.arrays), 0
        for k, block in zip(self.which, blocks, strict=True):
            if k < 0:
                moved = int(block[0]) * self.elements if block.size else 0
            else:
                arrays[k] = block
        arrays = [x.moved(moved) if type(x) is Stream else x for x in arrays]
        found = self.composition.on(tuple(arrays)).value()
        return tuple(map(np.asarray, found)) if isinstance(found, tuple) else np.asarray(found)


def _result(blocks: Any, k: int) -> Any:
    """Return one of the results of a block."""
    return blocks[k]


def _blockwise(
    block: Block, named: Sequence[Any], labels: Sequence[Labels], results: Sequence[Result]
) -> Any:
    """Return dask arrays of the results. Several results come from one call of `block`."""
    da: Any = importlib.import_module("dask.array")
    if len(results) == 1:
        return _array(block, named, labels[0], results[0])
    batch = tuple(sorted({b for b in labels[0] if b is not None}))
    meta = np.empty((0,) * len(batch), object)
    options: dict[str, Any] = {"dtype": object, "meta": meta, "concatenate": True}
    together = da.blockwise(block, batch, *named, **options)
    pairs = zip(labels, results, strict=True)
    return tuple([_array(_result, [together, batch], b, r, k=k) for k, (b, r) in enumerate(pairs)])


def _array(f: Any, named: Sequence[Any], labels: Labels, result: Result, **options: Any) -> Any:
    da: Any = importlib.import_module("dask.array")
    own = itertools.count(-1001, -1)
    indices = tuple([next(own) if b is None else b for b in labels])
    lengths = {i: n for i, n in zip(indices, result.shape, strict=True) if i < 0}
    meta = np.empty((0,) * len(labels), result.dtype)
    options |= {"dtype": result.dtype, "meta": meta, "concatenate": True}
    return da.blockwise(f, indices, *named, new_axes=lengths, **options)


def _check(composition: Composition, out: Any) -> None:
    """Raise if the operands can't be divided into blocks, or if `out` is given."""
    name, axes = composition.name, composition.axes()
    given = [x for x in (out if type(out) is tuple else (out,)) if x is not None]
    if given:
        for x in given:
            if not isinstance(x, np.ndarray):
                raise TypeError(_messages.out_type(name, x))
        raise TypeError(_messages.out_of_dask(name, composition.arrays))
    for k, x in enumerate(composition.arrays):
        if is_dask(x):
            if any(math.isnan(n) for n in x.shape):
                raise ValueError(_messages.unknown_chunks(name, k))
            _messages.check_numbers(name, k, x)
            for d, b in enumerate(axes.operands[k]):
                if b is None and x.numblocks[d] > 1:
                    raise ValueError(_messages.chunked_axis(name, k, d, x.chunks[d]))
        elif overrides_ufuncs(x):
            raise TypeError(_messages.beside_dask(name, k, x))


def _first_axis(composition: Composition, axes: Axes) -> tuple[Any, int]:
    """Return the positions along the first axis, and how many elements of noise each one has.

    Element j of a call takes element j of the noise. So a block must hold whole entries of the
    first axis.
    """
    da: Any = importlib.import_module("dask.array")
    full = max(axes.operands, key=len)
    pairs = list(zip(axes.operands, composition.arrays, strict=True))
    shapes = [
        np.shape(x) for b, x in pairs if type(x) is not Stream and b == full[len(full) - len(b) :]
    ]
    shape = np.broadcast_shapes(*shapes)
    first = None
    for k, (labels, x) in enumerate(pairs):
        for d, b in enumerate(labels if is_dask(x) else ()):
            if b != full[0] and x.numblocks[d] > 1:
                raise ValueError(_messages.chunked_noise(composition.name, k, d, x.chunks[d]))
            if b == 0 == full[0] and x.shape[d] == shape[0]:
                first = da.arange(shape[0], chunks=(x.chunks[d],))
    return first, math.prod(shape[1:])
