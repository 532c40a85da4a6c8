"""The axes of a call's arrays: batch axes, along which it may be split, and core axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fastgen import _messages
from fastgen._core import Op, Stream
from fastgen._signature import parse

Labels = tuple[int | None, ...]


class Space(NamedTuple):
    """Axes to which operands are broadcast: their labels and lengths."""

    labels: Labels
    shape: tuple[int, ...]


class Axes(NamedTuple):
    """For each axis of an array: the number of its batch axis, or None for a core axis.

    A call on a part of a batch axis gives that part of the results, to the bit. An operand lacks a
    batch axis, or has it with length 1, where it is broadcast.
    """

    operands: tuple[Labels, ...]
    results: tuple[Labels, ...]


def axes_from(first: int, ndim: int) -> int | tuple[int, ...]:
    """Return the axes from `first` on: -1 for a single one, which a call takes faster."""
    return -1 if first == ndim - 1 else tuple(range(first, ndim))


def axes_of_row(
    op: Op, ndims: Sequence[int], axis: Any, keepdims: bool, fine: bool = False
) -> Axes:
    """Return the axes of a row whose operands have these numbers of dimensions.

    With `fine`, the event axes of a pointwise row are batch axes too. Its value may be divided
    along them, but the gradients of numbers per event are sums over them.
    """
    signature = parse(op.signature)
    if op.lanes or not signature.dims:  # the core axes are the last ones
        cores = [len(core) for core in signature.inputs]
        batch = max([n - c for n, c in zip(ndims, cores, strict=True)])
        return Axes(
            tuple([_last(batch, n - c) + (None,) * c for n, c in zip(ndims, cores, strict=True)]),
            tuple([_last(batch, batch) + (None,) * len(core) for core in signature.outputs]),
        )
    pairs = list(zip(ndims, signature.inputs, strict=True))
    ndim = max([n for n, core in pairs if core])
    events = events_of(op.name, axis, ndim)
    labels = labelled(ndim, events)
    rows = labels if keepdims else tuple([b for b in labels if b is not None])
    if fine and op.pointwise:
        labels = tuple(range(ndim))
        rows = tuple([b for b in labels if b not in events])
    return Axes(
        tuple([_tail(labels if core else rows, n) for n, core in pairs]),
        tuple([labels if core else rows for core in signature.outputs]),
    )


def spaces_of_row(op: Op, operands: Sequence[Any], labels: Sequence[Labels]) -> tuple[Space, ...]:
    """Return the space to which each operand of a row is broadcast. Streams have no shape."""
    cores = parse(op.signature).inputs
    summed = not op.lanes and any(cores)
    shapes = [() if type(x) is Stream else np.shape(x) for x in operands]
    outer = [s if summed else s[: len(s) - len(c)] for s, c in zip(shapes, cores, strict=True)]
    full = max([b for b, c in zip(labels, cores, strict=True) if c or not summed], key=len)
    whole = np.broadcast_shapes(*[s for s, c in zip(outer, cores, strict=True) if c or not summed])
    if summed:
        rows = [(b, n) for b, n in zip(full, whole, strict=True) if b is not None]
        of_rows = Space(tuple([b for b, _ in rows]), tuple([n for _, n in rows]))
        return tuple([Space(full, whole) if core else of_rows for core in cores])
    batch = tuple(range(len(whole)))
    return tuple(
        [
            Space(batch + (None,) * len(c), whole + s[len(s) - len(c) :])
            for s, c in zip(shapes, cores, strict=True)
        ]
    )


def events_of(name: str, axis: Any, ndim: int) -> tuple[int, ...]:
    """Return the event axes, counted from the front, or raise."""
    if axis is None:
        return tuple(range(ndim))
    axes = axis if isinstance(axis, tuple) else (axis,)
    return tuple([_messages.checked_axis(name, axis, a, max(ndim, 1)) for a in axes])


def labelled(ndim: int, events: Sequence[int], first: int = 0) -> Labels:
    """Return the labels of a full array: batch axes are numbered from `first`."""
    numbers = iter(range(first, first + ndim))
    return tuple([None if d in events else next(numbers) for d in range(ndim)])


def _last(batch: int, ndim: int) -> Labels:
    return tuple(range(batch - ndim, batch))


def _tail(labels: Labels, ndim: int) -> Labels:
    return labels[len(labels) - ndim :]
