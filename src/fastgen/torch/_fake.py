"""The results of a call on tensors without values: their shapes and types.

Sizes may be symbols. The description of a call computes with the sizes that PyTorch has seen. Its
axes then tell which symbol each size of a result is. Where they do not, a symbol that is larger by
one tells: the sizes that grow with it are that symbol, and the others are constants.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

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


class Described(NamedTuple):
    """The results of a call, and the labels of the axes of results and inputs."""

    results: Sequence[Result]
    labels: Sequence[Labels]
    inputs: dict[str, Any]


def call(
    tensors: Sequence[torch.Tensor], floats: Sequence[float], ints: Sequence[int], text: str
) -> list[torch.Tensor]:
    """Return empty results."""
    entrance, owners = door(_text.name_of(text)), _text.owners(text)
    names = [entrance.own(owner.place) for owner in owners]

    def described(seen: Callable[[Any], Any]) -> Described:
        return _described(entrance, names, text, tensors, floats, ints, seen)

    found = described(_seen)
    sizes: dict[Any, Any] = {}
    for x, owner, name in zip(tensors, owners, names, strict=True):
        _name_sizes(sizes, x.shape, _labels(found.inputs.get(name, ()), owner))
    everything = [n for x in tensors for n in x.shape] + list(ints)
    symbols = {str(n): n for n in everything if isinstance(n, torch.SymInt)}
    made = []
    for k, (result, of) in enumerate(zip(found.results, found.labels, strict=True)):
        shape = []
        for axis, (n, b) in enumerate(zip(result.shape, of, strict=True)):
            if b is None or (n, b) not in sizes:
                candidates = [s for s in symbols.values() if _seen(s) == n]
                shape.append(_followed(candidates, described, k, axis, n) if candidates else n)
            else:
                shape.append(sizes[n, b])
        like = tensors[0] if tensors else torch.empty(())
        made.append(like.new_empty(shape, dtype=torch_type(result.dtype)))
    return made


def _described(
    entrance: Door,
    names: Sequence[str],
    text: str,
    tensors: Sequence[torch.Tensor],
    floats: Sequence[float],
    ints: Sequence[int],
    seen: Callable[[Any], Any],
) -> Described:
    """Describe a call whose sizes are what `seen` returns for them."""
    kinds = promoted([(x.dtype, x.dim()) for x in tensors], names)
    stand_ins: list[Any] = [
        1 if name in entrance.numbers else Abstract([*map(seen, x.shape)], numpy_type(name, kind))
        for name, x, kind in zip(names, tensors, kinds, strict=True)
    ]
    rest = list(map(seen, floats)), list(map(seen, ints))
    if entrance.function is None:
        return Described(*_tried(entrance, text, stand_ins, *rest), {})
    _, args, options = _text.filled(text, stand_ins, *rest)
    found = describe(entrance.f, *args, **options)
    return Described(found.results, found.axes, found.inputs)


def _followed(
    symbols: Sequence[Any], described: Callable[..., Described], k: int, axis: int, size: int
) -> Any:
    """Return the symbol that a size of result k is; the size itself if it is a constant."""
    possible = []
    for symbol in symbols:
        try:
            larger = described(functools.partial(_larger, symbol)).results[k].shape[axis]
        except (TypeError, ValueError):  # sizes that belong together
            possible.append(symbol)
            continue
        if larger != size:
            return symbol
    return possible[0] if possible else size


def _larger(symbol: Any, n: Any) -> Any:
    """Return the number for a symbol, which is larger by one for one of them."""
    return _seen(n) + (isinstance(n, torch.SymInt) and str(n) == str(symbol))


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
    """Return the number that PyTorch has seen for a symbol, or some number if it has none."""
    if isinstance(n, torch.SymFloat):
        return 1.0 if n.node.hint is None else float(n.node.hint)
    if isinstance(n, torch.SymInt):
        hint = n.node.hint
        return 720 * (2 + zlib.crc32(str(n).encode()) % 97) if hint is None else int(hint)
    return n
