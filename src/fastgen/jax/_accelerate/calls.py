"""A call of a library's function that fastgen computes, with derivatives of every order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax

from fastgen.jax import _calls
from fastgen.jax._family import door


def plain(arrays: Sequence[Any]) -> bool:
    """Whether fastgen computes with arrays: on the CPU, of one float type."""
    if any(not isinstance(x, jax.Array) or x.size == 0 for x in arrays):
        return False
    dtype = arrays[0].dtype
    if dtype not in ("float32", "float64") or any(x.dtype != dtype for x in arrays):
        return False
    return jax.default_backend() == "cpu"


def computed(name: str, *arrays: Any, **options: Any) -> Any:
    """Return what a function of fastgen makes of arrays.

    Other derivatives than the first, backward, are those of the plain formula.
    """
    return _calls.call(door(name), arrays, options, all_orders=True)
