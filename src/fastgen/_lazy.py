"""Calls of dask arrays: each block is a call of its own, and nothing is computed at once.

The description of a call names the batch axes, along which arrays may have chunks. The graph holds
descriptions, which pickle, so other processes can compute it.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastgen import _messages
from fastgen._abstract import Abstract, is_dask
from fastgen._axes import Labels, Space
from fastgen._blocks import Block, Gradients, Value
from fastgen._compose import Beside, Composition, Result, Row
from fastgen._core import Op, Stream
from fastgen._exact import exact_sum
from fastgen._pullbacks import for_each_output

__all__ = ["gradients", "is_dask", "of", "of_row"]

FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


def of_row(op: Op, inputs: tuple[Any, ...], axis: Any, keepdims: Any, out: Any, wanted: int) -> Any:
    """Return the results of a row. Bit j of `wanted` asks for result j; the others are None."""
    results = of(Row(op, inputs, axis, keepdims), out)
    if type(results) is not tuple:
        return results
    return tuple([r if wanted >> j & 1 else None for j, r in enumerate(results)])


def of(composition: Composition, out: Any = None) -> Any:
    """Return the results of a composition as dask arrays, or raise."""
    _check(composition, out)
    axes = composition.axes_of_value()
    _check_cores(composition.name, axes.operands, composition.arrays)
    labels = (*axes.operands, *axes.results)
    found = _called(composition, (), Value(), labels, composition.results())
    return found if len(found) > 1 else found[0]


def gradients(
    composition: Composition, wanted: Sequence[int], cotangent: Any, with_value: bool
) -> tuple[Any, tuple[Any, ...]]:
    """Return the value, or None without `with_value`, and the gradients of the wanted inputs.

    Where blocks share an input, its gradient is the exact sum of the gradients of all its uses,
    rounded once. So it does not depend on the chunks.
    """
    if type(composition) is Beside:
        first = for_each_output(composition.name, 1 + len(composition.known), cotangent)[0]
        value, found = gradients(composition.row, wanted, first, with_value)
        return (value, *composition.known) if with_value else None, found
    _check(composition, None)
    axes, results = composition.axes(), composition.results()
    _check_cores(composition.name, axes.operands, composition.arrays)
    dtype = results[0].dtype
    spots = [composition.place_of(k) for k in wanted]
    flat = [s for spot in spots for s in (spot if isinstance(spot, tuple) else (spot,))]
    noise = [k for k in flat if type(composition.arrays[k]) is Stream]
    flat = [k for k in flat if k not in noise]
    arrays, labels = _spread(composition, axes.operands, flat, dtype)
    cotangents = _cotangents(composition.name, cotangent, axes.results, results)
    further = [b[len(b) - np.ndim(c) :] for b, c in zip(axes.results, cotangents, strict=True)]
    _check_cores(composition.name, further, cotangents)
    made = [
        (labels[k], Result(np.shape(arrays[k]), _type_of_gradient(composition.arrays[k], dtype)))
        for k in flat
    ]
    if with_value:
        made = [*zip(axes.results, results, strict=True), *made]
    call, task = composition.on(tuple(arrays)), Gradients(flat, with_value)
    everything = (*labels, *further, *[b for b, _ in made])
    found = _called(call, cotangents, task, everything, [r for _, r in made])
    split = len(results) if with_value else 0
    shared = zip(flat, found[split:], strict=True)
    each = {k: _summed(g, composition.arrays[k]) for k, g in shared} | dict.fromkeys(noise)
    value = found[:split] if split > 1 else found[0] if split else None
    return value, tuple([_of_input(composition, k, each) for k in wanted])


def _called(
    composition: Composition,
    further: tuple[Any, ...],
    task: Value | Gradients,
    labels: Sequence[Labels],
    results: Sequence[Result],
) -> tuple[Any, ...]:
    """Return dask arrays of the results of a task: see `Block`."""
    da: Any = importlib.import_module("dask.array")
    own = itertools.count(-1, -1)  # indices of core axes; batch axes have their numbers
    operands = [*composition.arrays, *further]
    named: list[Any] = []  # arrays and their indices, as `blockwise` takes them
    which = []
    for k, x in enumerate(operands):
        if type(x) is not Stream and (np.ndim(x) > 0 or is_dask(x)):
            which.append(k)
            operands[k] = Abstract(np.shape(x), x.dtype)
            array = x if is_dask(x) else da.from_array(x, chunks=-1)
            named += [array, tuple([next(own) if b is None else b for b in labels[k]])]
    split = len(composition.arrays)
    space = _space(composition, labels[:split])
    for b, n in zip(*space, strict=True) if space else ():
        if b is not None:
            named += [da.arange(n, chunks=_chunks(named, b, n)), (b,)]
    _, aligned = da.core.unify_chunks(*named, warn=False)  # numbers per sample have few chunks
    named[::2] = aligned
    call = composition.on(tuple(operands[:split]))
    block = Block(call, tuple(operands[split:]), task, labels, which, space)
    return _blockwise(block, named, labels[len(operands) :], results)


def _chunks(named: Sequence[Any], b: int, n: int) -> Any:
    """Return the chunks of the arrays along a batch axis."""
    for array, index in zip(named[::2], named[1::2], strict=True):
        if b in index and array.shape[index.index(b)] == n:
            return (array.chunks[index.index(b)],)
    return -1


def _result(blocks: Any, k: int) -> Any:
    """Return one of the results of a block. Where it lacks a batch axis, there is one block."""
    while isinstance(blocks, list):
        (blocks,) = blocks
    return blocks[k]


def _blockwise(
    block: Block, named: Sequence[Any], labels: Sequence[Labels], results: Sequence[Result]
) -> tuple[Any, ...]:
    """Return dask arrays of the results. Several results come from one call of `block`."""
    da: Any = importlib.import_module("dask.array")
    if len(results) == 1:
        return (_array(block, named, labels[0], results[0], concatenate=True),)
    batch = tuple(sorted({b for each in labels for b in each if b is not None}))
    meta = np.empty((0,) * len(batch), object)
    options: dict[str, Any] = {"dtype": object, "meta": meta, "concatenate": True}
    options["align_arrays"] = False
    together = da.blockwise(block, batch, *named, **options)
    pairs = zip(labels, results, strict=True)
    return tuple([_array(_result, [together, batch], b, r, k=k) for k, (b, r) in enumerate(pairs)])


def _array(f: Any, named: Sequence[Any], labels: Labels, result: Result, **options: Any) -> Any:
    da: Any = importlib.import_module("dask.array")
    own = itertools.count(-1001, -1)
    indices = tuple([next(own) if b is None else b for b in labels])
    lengths = {i: n for i, n in zip(indices, result.shape, strict=True) if i < 0}
    meta = np.empty((0,) * len(labels), result.dtype)
    options |= {"dtype": result.dtype, "meta": meta, "align_arrays": False}
    return da.blockwise(f, indices, *named, new_axes=lengths, **options)


def _check(composition: Composition, out: Any) -> None:
    """Raise if an operand can't stand in a graph, or if `out` is given."""
    name = composition.name
    given = [x for x in (out if type(out) is tuple else (out,)) if x is not None]
    if given:
        raise TypeError(_messages.out_of_dask(name, composition.arrays))
    for k, x in enumerate(composition.arrays):
        if is_dask(x):
            _messages.check_shape_is_known(_messages.named(name, k), x)
            _messages.check_numbers(name, k, x)
        elif not isinstance(x, (np.ndarray, np.generic, int, float, Stream)):
            raise TypeError(_messages.beside_dask(name, k, x))


def _check_cores(name: str, labels: Sequence[Labels], arrays: Sequence[Any]) -> None:
    """Raise if a dask array has several chunks along a core axis."""
    for k, (b, x) in enumerate(zip(labels, arrays, strict=True)):
        for d in range(len(b)) if is_dask(x) else ():
            if b[d] is None and x.numblocks[d] > 1:
                raise ValueError(_messages.chunked_axis(name, k, d, x.chunks[d]))


def _space(composition: Composition, labels: Sequence[Labels]) -> Space | None:
    """Return the space of the noise, or None without noise.

    Element j of a call takes element j of the noise. A core axis before a batch axis that has
    several chunks would tear the elements of an event apart.
    """
    arrays = composition.arrays
    if not any(type(x) is Stream for x in arrays):
        return None
    full = max(labels, key=len)
    pairs = [(b, x) for b, x in zip(labels, arrays, strict=True) if type(x) is not Stream]
    shapes = [np.shape(x) for b, x in pairs if b == full[len(full) - len(b) :]]
    space = Space(full, np.broadcast_shapes(*shapes))
    for k, (b, x) in enumerate(zip(labels, arrays, strict=True)):
        for d in range(len(b)) if is_dask(x) else ():
            if b[d] is not None and x.numblocks[d] > 1 and None in full[: full.index(b[d])]:
                raise ValueError(_messages.chunked_noise(composition.name, k, d, x.chunks[d]))
    return space


def _spread(
    composition: Composition, labels: Sequence[Labels], wanted: Sequence[int], dtype: Any
) -> tuple[list[Any], list[Labels]]:
    """Return the operands and their labels. Wanted operands are broadcast to their whole space.

    Then each block has gradients of its own.
    """
    da: Any = importlib.import_module("dask.array")
    arrays, found = list(composition.arrays), list(labels)
    wide = FLOAT64 if dtype == FLOAT64 else FLOAT32
    spaces = composition.spaces()
    for k in wanted:
        x, space = arrays[k], spaces[k]
        _check_shared(composition, labels, k, space)
        if np.shape(x) != space.shape:
            if not is_dask(x):
                x = da.from_array(np.asarray(x) if np.ndim(x) else np.asarray(x, wide), chunks=-1)
            chunks = [_chunks_along(arrays, labels, b, n) for b, n in zip(*space, strict=True)]
            arrays[k] = da.broadcast_to(x, space.shape, chunks=tuple(chunks))
            found[k] = space.labels
    return arrays, found


def _check_shared(composition: Composition, labels: Sequence[Labels], k: int, space: Space) -> None:
    """Raise if operand k is used by several blocks, and can't be broadcast to them."""
    for b, x in zip(labels, composition.arrays, strict=True):
        for d in range(len(b)) if is_dask(x) else ():
            if b[d] is not None and b[d] not in space.labels and x.numblocks[d] > 1:
                raise ValueError(_messages.shared_by_blocks(composition.name, k))


def _chunks_along(
    arrays: Sequence[Any], labels: Sequence[Labels], b: int | None, n: int
) -> tuple[int, ...]:
    """Return the chunks of the first array that has several along a batch axis."""
    for x, own in zip(arrays, labels, strict=True):
        for d in range(len(own)) if is_dask(x) and b is not None else ():
            if own[d] == b and x.shape[d] == n and x.numblocks[d] > 1:
                return tuple(x.chunks[d])
    return (n,)


def _cotangents(
    name: str, cotangent: Any, labels: Sequence[Labels], results: Sequence[Result]
) -> tuple[Any, ...]:
    """Return a cotangent for each result: a number, or an array that broadcasts to it."""
    given = (cotangent,) if len(results) == 1 else for_each_output(name, len(results), cotangent)
    found = []
    for c, result in zip(given, results, strict=True):
        array = c if is_dask(c) else np.asarray(c)
        _messages.check_cotangent(name.partition(".")[2], array, result.shape)
        found.append(c if array.ndim == 0 and not is_dask(c) else array)
    return tuple(found)


def _type_of_gradient(x: Any, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type of the gradient of an operand, in a call whose results have this type."""
    own: Any = getattr(x, "dtype", None)
    if own is None or own.kind in "biu":
        return FLOAT64 if dtype == FLOAT64 or own is not None else dtype
    native: np.dtype[Any] = own.newbyteorder("=")
    return native


def _summed(gradient: Any, like: Any) -> Any:
    """Return the gradient in the shape of its operand: the exact sum over all its uses."""
    shape = np.shape(like)
    if gradient.shape == shape:
        return gradient
    lead = gradient.ndim - len(shape)
    pairs = enumerate(zip(shape, gradient.shape[lead:], strict=True), lead)
    axes = (*range(lead), *[d for d, (n, m) in pairs if n != m])
    return exact_sum(gradient, axis=axes).astype(gradient.dtype).reshape(shape)


def _of_input(composition: Composition, k: int, found: dict[int, Any]) -> Any:
    """Return the gradient of input k, from those of the operands."""
    spot = composition.place_of(k)
    if isinstance(spot, tuple):
        return tuple([found[s] for s in spot])
    adjoint = composition.adjoint_of(k)
    if adjoint is None or found[spot] is None:
        return found[spot]
    gradient = found[spot]
    new = gradient.ndim  # an adjoint puts a vector on the diagonal of a matrix
    chunks = (*gradient.chunks, (gradient.shape[-1],))
    return gradient.map_blocks(adjoint, chunks=chunks, new_axis=[new], dtype=gradient.dtype)
