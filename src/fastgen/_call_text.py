"""A call as text: the form in which it passes through the compilers of other libraries.

The text of ``kl_standard_normal(mu, logvar, axis=-1)`` is ``vae.kl_standard_normal(t0,t1,axis=i0)``
with two arrays and the integer -1. So what changes from call to call does not change the text.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import pickle
import uuid
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

from fastgen._doors import Owner
from fastgen.diffusion import Schedule

_OBJECTS: dict[str, Any] = {}
"""The objects of calls, such as schedules. The text of a call has their names."""
_names: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()


def handle(x: Any) -> str:
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
    """An element of one of the lists of a call: a letter for the list, and the position."""

    kind: str
    k: int


@functools.lru_cache(maxsize=4096)
def parsed(text: str) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments of a call, with a `Place` for each element of a list."""
    node: Any = ast.parse(text, mode="eval").body
    return [_value(x) for x in node.args], {k.arg: _value(k.value) for k in node.keywords}


def _value(node: Any) -> Any:
    if isinstance(node, ast.Tuple):
        return tuple([_value(x) for x in node.elts])
    if not isinstance(node, ast.Name):
        return ast.literal_eval(node)
    kind, k = node.id[0], node.id[1:]
    return _object(k) if kind == "o" else Place(kind, int(k))


def _object(name: str) -> Any:
    if name not in _OBJECTS:
        raise RuntimeError(
            "this program was made by another process, and its schedule is not in the file; "
            "call the function once with an equal schedule, in a compiled function or an export"
        )
    return _OBJECTS[name]


def name_of(text: str) -> str:
    """Return the name of the function."""
    return text.partition("(")[0]


@functools.lru_cache(maxsize=4096)
def owners(text: str, kind: str = "t") -> list[Owner]:
    """Return the parameter of each element of a list: of each array, for "t"."""
    args, options = parsed(text)
    found: list[Owner] = []
    places: list[tuple[int | str, Any]] = [*enumerate(args), *options.items()]
    for place, x in places:
        for item, y in enumerate(x) if type(x) is tuple else [(None, x)]:
            if type(y) is Place and y.kind == kind:
                found.append(Owner(place, item))
    return found


def filled(text: str, element: Callable[[Place], Any]) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments of a call, where `element` gives the elements of lists."""
    args, options = parsed(text)

    def fill(x: Any) -> Any:
        if type(x) is Place:
            return element(x)
        return tuple([fill(y) for y in x]) if type(x) is tuple else x

    return [fill(x) for x in args], {k: fill(x) for k, x in options.items()}
