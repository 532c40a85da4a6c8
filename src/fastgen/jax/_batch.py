"""The axis that `jax.vmap` adds: a call that takes it too, or a loop inside of one call."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from fastgen import _call_text
from fastgen._axes import Labels
from fastgen._doors import Owner
from fastgen.jax._tasks import Described, Task, described

Dims = Sequence[Any]


class Batched(NamedTuple):
    """A task with its operands, and the shapes of results that have lengths of 1 too many."""

    task: Task
    operands: list[Any]
    shapes: tuple[Any, ...] = ()

    def restored(self, results: Sequence[Any]) -> list[Any]:
        """Return the results in their shapes. None leaves one as it is."""
        if not self.shapes:
            return list(results)
        pairs = zip(results, self.shapes, strict=True)
        return [x if shape is None else x.reshape(shape) for x, shape in pairs]


def batched(task: Task, operands: Sequence[Any], dims: Dims) -> Batched:
    """Return a task for a batch."""
    return _in_one_call(task, operands, dims) or one_by_one(task, operands, dims)


def _size(operands: Sequence[Any], dims: Dims) -> int:
    (size,) = {x.shape[d] for x, d in zip(operands, dims, strict=True) if d is not None}
    return int(size)


def one_by_one(
    task: Task, operands: Sequence[Any], dims: Dims, spread: Iterable[int] = ()
) -> Batched:
    """Return a task that loops over the batch. The operands in `spread` get the axis too."""
    size, spread = _size(operands, dims), set(spread)
    moved = [x if d is None else jnp.moveaxis(x, d, 0) for x, d in zip(operands, dims, strict=True)]
    has = [d is not None for d in dims]
    for k in spread:
        if not has[k]:
            moved[k], has[k] = jnp.broadcast_to(moved[k], (size, *moved[k].shape)), True
    return Batched(task._replace(levels=(tuple(has), *task.levels)), moved)


def _in_one_call(task: Task, operands: Sequence[Any], dims: Dims) -> Batched | None:
    """Return a task that takes the batch as a new first axis of the call, or None.

    The description of the call says whether it does: each array must have the axes that it had, and
    the new one before them. Arrays are tried with the axes that they lack, and without.
    """
    arrays, door = task.arrays, task.door
    others = dims[arrays : task.inputs]
    if task.levels or door.function is None or any(d is not None for d in others):
        return None
    if task.keys or any(owner.place in door.numbers for owner in _call_text.owners(task.call)):
        return None
    size = _size(operands, dims)
    pairs = list(zip(operands, dims, strict=True))
    own = [without_axis(x.shape, d) for x, d in pairs]
    avals = [(shape, np.dtype(x.dtype)) for shape, x in zip(own, operands, strict=True)]
    before = described(task, tuple(avals))
    has = [d is not None for d in dims[:arrays]]
    for k, need in enumerate(task.needs):
        has[k] = has[k] or need
    for shapes in _candidates(own[:arrays], has, before, size):
        if not _fits(task, before, shapes, [x.dtype for x in operands[:arrays]], own):
            continue
        moved = [_moved(x, d, size, s) for (x, d), s in zip(pairs[:arrays], shapes, strict=True)]
        rest = [*operands[arrays : task.inputs]]
        for (x, d), shape in zip(pairs[task.inputs :], own[task.inputs :], strict=True):
            rest.append(_moved(x, d, size, (size, *shape)))
        return Batched(task, moved + rest, _shapes(task, before, size, own))
    return None


def without_axis(shape: Sequence[int], d: int | None) -> tuple[int, ...]:
    return tuple(shape) if d is None else (*shape[:d], *shape[d + 1 :])


def _candidates(
    own: Sequence[tuple[int, ...]], has: Sequence[bool], before: Described, size: int
) -> Iterable[list[tuple[int, ...]]]:
    """Yield shapes of the arrays: the axes that an array lacks stand after the new axis, or don't;
    arrays of no batch are left as they are, or have the new axis too."""
    batch = max([0, *[b + 1 for of in before.labels for b in of if b is not None]])
    labels = [_labels(before, owner) for owner in _owners(before)]
    for spread, aligned in itertools.product([False, True], [True, False]):
        shapes = []
        for shape, axes, new in zip(own, labels, has, strict=True):
            first = min([b for b in axes or () if b is not None], default=batch)
            lacking = (1,) * first if aligned else ()
            shapes.append((size, *lacking, *shape) if new or spread else shape)
        yield shapes


def _owners(before: Described) -> list[Owner]:
    return _call_text.owners(before.call)


def _labels(of: Described, owner: Owner) -> Labels | None:
    """Return the labels of an array, None where they are not known."""
    found: Any = of.inputs.get(of.door.own(owner.place))
    if found is None:
        return None
    if owner.item is not None:
        found = found[owner.item] if found and type(found[0]) is tuple else None
    return found


def _fits(
    task: Task,
    before: Described,
    shapes: Sequence[tuple[int, ...]],
    dtypes: Sequence[Any],
    own: Sequence[tuple[int, ...]],
) -> bool:
    """Whether a call of these shapes is the call for each element of the new axis."""
    avals = [(s, np.dtype(dtype)) for s, dtype in zip(shapes, dtypes, strict=True)]
    try:
        after = described(task, tuple(avals))
    except (TypeError, ValueError):
        return False
    for old, new in zip(before.labels, after.labels, strict=True):
        if new != (0, *_later(old)):
            return False
    for owner, shape, whole in zip(_owners(before), own, shapes, strict=False):
        if not shape and shape == whole:
            continue
        was, now = _labels(before, owner), _labels(after, owner)
        if was is None or now is None or len(now) != len(whole):
            return False
        if now[len(now) - len(shape) :] != _later(was) or (shape != whole and now[0] != 0):
            return False
    sizes = [r.shape[1:] for r in after.results]
    return sizes == [r.shape for r in before.results]


def _later(labels: Labels) -> Labels:
    """Return the labels after a new first axis."""
    return tuple([None if b is None else b + 1 for b in labels])


def _moved(x: Any, d: int | None, size: int, shape: tuple[int, ...]) -> Any:
    """Return an operand with its batch first, in this shape."""
    if d is not None:
        return jnp.moveaxis(x, d, 0).reshape(shape)
    if shape == tuple(x.shape):
        return x
    return jnp.broadcast_to(x.reshape((1, *shape[1:])), shape)


def _shapes(
    task: Task, before: Described, size: int, own: Sequence[tuple[int, ...]]
) -> tuple[Any, ...]:
    """Return the shapes of the gradients, without the axes that arrays lacked."""
    if task.kind == "value":
        return (None,) * len(before.results)
    return tuple([(size, *s) for s, need in zip(own, task.needs, strict=False) if need])
