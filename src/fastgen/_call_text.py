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
from fastgen.diffusion._of_time import OfTime

_OBJECTS: dict[str, Any] = {}
"""The objects of calls, such as schedules. The text of a call has their names."""
_names: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()


def handle(x: Any) -> str:
    """Return the name of an object. Equal schedules and paths have one name, in every process."""
    if type(x) is Schedule and x in _names:
        return _names[x]
    name = _name_of_contents(x) if isinstance(x, OfTime) else None
    if name is None:
        found = [name for name, known in _OBJECTS.items() if known is x]
        name = found[0] if found else uuid.uuid4().hex
    if type(x) is Schedule:
        _names[x] = name
    _OBJECTS.setdefault(name, x)
    return name


def _name_of_contents(x: Any) -> str | None:
    """Return a name by the pickle of an object, or None if it has none."""
    try:
        return hashlib.sha256(pickle.dumps(x)).hexdigest()[:32]
    except (pickle.PicklingError, AttributeError, TypeError):  # a class inside of a function
        return None


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
            "this program was made by another process, and its schedule or path is not in the "
            "file; call the function once with an equal one, in a compiled function or an export"
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
