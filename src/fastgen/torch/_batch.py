"""The batch axis that `torch.vmap` adds: one call for all samples, or one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from fastgen._abstract import Abstract
from fastgen._compose import Row
from fastgen._signature import parse
from fastgen.torch import _text
from fastgen.torch._doors import door

Rest = tuple[tuple[float, ...], tuple[int, ...], str]
Dims = Sequence[int | None]


def one_by_one(
    size: int, dims: Dims, tensors: Sequence[torch.Tensor], function: Callable[..., Any]
) -> tuple[torch.Tensor, ...]:
    """Call a function for each sample, and stack the results."""
    rows = [
        function(*[_sample(x, d, k) for x, d in zip(tensors, dims, strict=True)])
        for k in range(max(size, 1))
    ]
    return tuple([torch.stack(column)[:size] for column in zip(*rows, strict=True)])


def _sample(x: torch.Tensor, dim: int | None, k: int) -> torch.Tensor:
    """Return sample k, of zeros if there are no samples."""
    if dim is None:
        return x
    if x.shape[dim]:
        return x.select(dim, k)
    return x.new_zeros(x.shape[:dim] + x.shape[dim + 1 :])


def in_one_call(
    size: int, dims: Dims, rest: Rest, tensors: Sequence[torch.Tensor]
) -> tuple[Any, ...] | None:
    """Return the arguments of one call for all samples, or None.

    One row with its events in the last axis takes a new first axis. Each operand gets the axes
    that it lacks, with length 1, after the new one.
    """
    floats, ints, text = rest
    owners = _text.owners(text)
    own = [
        x.shape if d is None else x.shape[:d] + x.shape[d + 1 :]
        for x, d in zip(tensors, dims, strict=True)
    ]
    entrance = door(_text.name_of(text))
    function: Any = entrance.function
    if function is None or function.composed:
        return None
    if any(o.item is not None or o.place in entrance.numbers for o in owners):
        return None
    stand_ins = [Abstract(shape, "float32") for shape in own]
    _, args, options = _text.filled(text, stand_ins, floats, ints)
    try:
        composition, _ = function.call(tuple(args), options)
    except (TypeError, ValueError):
        return None  # the call of one sample says what is wrong
    if type(composition) is not Row or composition.axis != -1:
        return None
    if any(type(x) is not Abstract for x in composition.operands):
        return None
    labels = composition.axes().operands
    cores = parse(composition.op.signature).inputs
    batch = max([0, *[b + 1 for of in labels for b in of if b is not None]])
    moved = []
    for x, d, of, core in zip(tensors, dims, labels, cores, strict=True):
        full = x.unsqueeze(0) if d is None else x.movedim(d, 0)
        events = of.count(None)
        lacking = (1,) * (batch - (len(of) - events))
        missing = (1,) * (len(core) - events)
        full = full.reshape(full.shape[:1] + lacking + full.shape[1:] + missing)
        moved.append(full.expand(size, *full.shape[1:]) if core else full)
    if all(x.shape[0] < size for x in moved):
        return None
    return rest, *moved
