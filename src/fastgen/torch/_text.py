"""A call as text and lists: the form in which it passes through PyTorch's compiler (`_call_text`).

Sizes and numbers are in lists, so that they may be symbols.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from fastgen import _call_text
from fastgen.torch._arguments import Call, no_gradient
from fastgen.torch._doors import Owner, door


class Written(NamedTuple):
    """A call as text and lists."""

    text: str
    tensors: list[torch.Tensor]
    floats: list[float]
    ints: list[int]


def write(name: str, args: Sequence[Any], options: dict[str, Any]) -> Written:
    """Write a call. The compiler traces this function."""
    lists = Written("", [], [], [])
    parts = [_write(x, lists) for x in args]
    parts += [f"{key}={_write(x, lists)}" for key, x in options.items()]
    # Compilers of PyTorch before 2.9 do not know lists[1:].
    return Written(f"{name}({','.join(parts)})", lists.tensors, lists.floats, lists.ints)


def of_call(call: Call, tensors: Sequence[torch.Tensor]) -> Written:
    """Write a call with these tensors."""
    args, options = call.fill(tensors)
    return write(call.door.name, args, options)


def _write(x: Any, lists: Written) -> str:
    _, tensors, floats, ints = lists
    if isinstance(x, torch.Tensor):
        tensors.append(x)
        return f"t{len(tensors) - 1}"
    if x is None or isinstance(x, bool):
        return str(x)
    if isinstance(x, int) and x >= 2**63:  # a key that the list can't hold
        return str(x)
    if isinstance(x, (int, torch.SymInt)):
        ints.append(x)
        return f"i{len(ints) - 1}"
    if isinstance(x, (float, torch.SymFloat)):
        floats.append(x)
        return f"f{len(floats) - 1}"
    if isinstance(x, str):
        return repr(x)
    if x is ...:
        return "..."
    if isinstance(x, torch.dtype):
        return f"'{str(x).removeprefix('torch.')}'"
    if isinstance(x, (np.ndarray, np.generic)):
        return _write(torch.as_tensor(np.array(x)), lists)
    if isinstance(x, (tuple, list)):
        return "(" + "".join([f"{_write(y, lists)}," for y in x]) + ")"
    return f"o{_handle(x)}"


@torch._dynamo.assume_constant_result
def _handle(x: Any) -> str:
    """Return the name of an object."""
    return _call_text.handle(x)


def name_of(text: str) -> str:
    """Return the name of the function."""
    return _call_text.name_of(text)


def owners(text: str) -> list[Owner]:
    """Return the parameter of each tensor."""
    return _call_text.owners(text)


def filled(
    text: str, tensors: Sequence[Any], floats: Sequence[float], ints: Sequence[int]
) -> tuple[str, list[Any], dict[str, Any]]:
    """Return the name of the function, and its arguments."""
    lists = {"t": tensors, "f": floats, "i": ints}
    return name_of(text), *_call_text.filled(text, lambda place: lists[place.kind][place.k])


def read(text: str, tensors: Sequence[Any], floats: Sequence[float], ints: Sequence[int]) -> Call:
    """Return the call."""
    name, args, options = filled(text, tensors, floats, ints)
    return Call(door(name), args, options)


def check_gradients(text: str, tensors: Sequence[torch.Tensor]) -> None:
    """Raise if a tensor has gradients that would be lost."""
    entrance = door(name_of(text))
    for x, owner in zip(tensors, owners(text), strict=True):
        if x.requires_grad and not entrance.has_gradient(owner.place):
            raise TypeError(no_gradient(entrance, owner.place))
