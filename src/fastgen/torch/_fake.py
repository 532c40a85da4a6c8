"""The results of a call on tensors without values: their shapes and types.

Sizes may be symbols. The description of a call computes with the sizes that PyTorch has seen. Its
axes then tell which symbol each size of a result is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from fastgen._abstract import Abstract
from fastgen._axes import Labels
from fastgen._compose import Result
from fastgen._describe import describe
from fastgen.torch import _text
from fastgen.torch._arguments import promoted
from fastgen.torch._doors import Door, Owner, door
from fastgen.torch._tensors import numpy_type, torch_type

Sizes = Sequence[Any]


def call(
    tensors: Sequence[torch.Tensor], floats: Sequence[float], ints: Sequence[int], text: str
) -> list[torch.Tensor]:
    """Return empty results."""
    entrance, owners = door(_text.name_of(text)), _text.owners(text)
    names = [entrance.own(owner.place) for owner in owners]
    kinds = promoted([(x.dtype, x.dim()) for x in tensors], names)
    stand_ins: list[Any] = [
        1 if name in entrance.numbers else Abstract([*map(_seen, x.shape)], numpy_type(name, kind))
        for name, x, kind in zip(names, tensors, kinds, strict=True)
    ]
    rest = list(map(_seen, floats)), list(map(_seen, ints))
    if entrance.function is None:
        results: Sequence[Result]
        labels: Sequence[Labels]
        results, labels = _tried(entrance, text, stand_ins, *rest)
    else:
        _, args, options = _text.filled(text, stand_ins, *rest)
        found = describe(entrance.f, *args, **options)
        results, labels = found.results, found.axes
    sizes: dict[Any, Any] = {}
    if entrance.function is not None:
        for x, owner, name in zip(tensors, owners, names, strict=True):
            _name_sizes(sizes, x.shape, _labels(found.inputs.get(name, ()), owner))
    everything = [n for x in tensors for n in x.shape] + list(ints)
    symbols = {_seen(n): n for n in everything if isinstance(n, torch.SymInt)}
    made = []
    for result, of in zip(results, labels, strict=True):
        shape = [
            sizes[n, b] if b is not None and (n, b) in sizes else symbols.get(n, n)
            for n, b in zip(result.shape, of, strict=True)
        ]
        like = tensors[0] if tensors else torch.empty(())
        made.append(like.new_empty(shape, dtype=torch_type(result.dtype)))
    return made


def gradients(
    tensors: Sequence[torch.Tensor], cotangents: Any, needs: Sequence[bool], *rest: Any
) -> list[torch.Tensor]:
    """Return empty gradients."""
    return [x.new_empty(x.shape) for x, need in zip(tensors, needs, strict=True) if need]


def _tried(
    entrance: Door, text: str, stand_ins: list[Any], floats: list[float], ints: list[int]
) -> tuple[list[Result], list[Labels]]:
    """Return the shapes and types that a function which is not made of rows returns for zeros."""
    zeros = [np.zeros(x.shape, x.dtype) if type(x) is Abstract else x for x in stand_ins]
    _, args, options = _text.filled(text, zeros, floats, ints)
    found = entrance.f(*args, **options)
    arrays = list(map(np.asarray, found if isinstance(found, tuple) else (found,)))
    return [Result(x.shape, x.dtype) for x in arrays], [(None,) * x.ndim for x in arrays]


def _name_sizes(sizes: dict[Any, Any], shape: Sizes, labels: Labels) -> None:
    """Note the size of each batch axis. It is a symbol if that of one tensor is one."""
    for n, b in zip(shape, labels, strict=False):
        key = (_seen(n), b)
        if b is not None and not isinstance(sizes.get(key), torch.SymInt):
            sizes[key] = n


def _labels(labels: Any, owner: Owner) -> Labels:
    """Return the labels of a tensor, which may be an element of a sequence."""
    if owner.item is not None and labels and type(labels[0]) is tuple:
        found: Labels = labels[owner.item]
        return found
    return labels


def _seen(n: Any) -> Any:
    """Return the number that PyTorch has seen for a symbol."""
    if isinstance(n, (torch.SymInt, torch.SymFloat)):
        hint = n.node.hint
        return (int if isinstance(n, torch.SymInt) else float)(n if hint is None else hint)
    return n
