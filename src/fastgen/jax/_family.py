"""The functions of a family of fastgen, on arrays of JAX. Each is made at its first use."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from fastgen import _doors
from fastgen._doors import Door


@functools.cache
def door(name: str) -> Door:
    """Return the door of a function, such as "vae.kl_standard_normal"."""
    family, _, function = name.rpartition(".")
    return Door(_doors.public(family, function))


def of(family: str) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__all__`, `__getattr__` and `__dir__` of the module ``fastgen.jax.<family>``."""
    return _doors.family("jax", family, door, _call)


def _call(entrance: Door, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Call a function. The first call imports what calls need."""
    from fastgen.jax import _calls

    return _calls.call(entrance, args, options)
