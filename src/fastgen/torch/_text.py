"""A call as text and lists: the form in which it passes through PyTorch's compiler.

The text of ``kl_standard_normal(mu, logvar, axis=-1)`` is ``vae.kl_standard_normal(t0,t1,axis=i0)``
with two tensors and the integer -1. So a shape or number that changes does not change the text.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import pickle
import uuid
import weakref
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from fastgen.diffusion import Schedule
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


_OBJECTS: dict[str, Any] = {}
"""The objects of traced calls, such as schedules. The text of a call has their names."""
_names: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()


@torch._dynamo.assume_constant_result
def _handle(x: Any) -> str:
    """Return the name of an object. Equal schedules have one name, in every process."""
    if type(x) is not Schedule:
        found = [name for name, known in _OBJECTS.items() if known is x]
        name = found[0] if found else uuid.uuid4().hex
    elif x in _names:
        name = _names[x]
    else:
        name = _names[x] = hashlib.sha256(pickle.dumps(x)).hexdigest()[:32]
    _OBJECTS.setdefault(name, x)
    return name


class Place(NamedTuple):
    """An element of one of the lists."""

    kind: str
    k: int


@functools.lru_cache(maxsize=4096)
def _parsed(text: str) -> tuple[list[Any], dict[str, Any]]:
    node: Any = ast.parse(text, mode="eval").body
    return [_value(x) for x in node.args], {k.arg: _value(k.value) for k in node.keywords}


def _value(node: Any) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Tuple):
        return tuple([_value(x) for x in node.elts])
    kind, k = node.id[0], node.id[1:]
    return _object(k) if kind == "o" else Place(kind, int(k))


def _object(name: str) -> Any:
    if name not in _OBJECTS:
        raise RuntimeError(
            "this program was exported by another process, and its schedule is not in the file; "
            "call the function once with an equal schedule, in a compiled function or an export"
        )
    return _OBJECTS[name]


def name_of(text: str) -> str:
    """Return the name of the function."""
    return text.partition("(")[0]


@functools.lru_cache(maxsize=4096)
def owners(text: str) -> list[Owner]:
    """Return the parameter of each tensor."""
    args, options = _parsed(text)
    found: list[Owner] = []
    places: list[tuple[int | str, Any]] = [*enumerate(args), *options.items()]
    for place, x in places:
        for item, y in enumerate(x) if type(x) is tuple else [(None, x)]:
            if type(y) is Place and y.kind == "t":
                found.append(Owner(place, item))
    return found


def filled(
    text: str, tensors: Sequence[Any], floats: Sequence[float], ints: Sequence[int]
) -> tuple[str, list[Any], dict[str, Any]]:
    """Return the name of the function, and its arguments."""
    args, options = _parsed(text)
    lists = {"t": tensors, "f": floats, "i": ints}

    def fill(x: Any) -> Any:
        if type(x) is Place:
            return lists[x.kind][x.k]
        return tuple([fill(y) for y in x]) if type(x) is tuple else x

    return name_of(text), [fill(x) for x in args], {k: fill(x) for k, x in options.items()}


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
