"""The functions of `fastgen.diffusion`, on arrays of JAX."""

import importlib as _importlib
from typing import Any as _Any

from fastgen._registry import SPACES as _SPACES
from fastgen.jax import _family

__all__, _function, _names = _family.of("diffusion")


def __getattr__(name: str) -> _Any:
    """Import a namespace at its first use; a function is made at its first use."""
    if f"diffusion.{name}" in _SPACES:
        return _importlib.import_module(f"fastgen.jax.diffusion.{name}")
    return _function(name)


def __dir__() -> list[str]:
    return [*_names(), *[space.partition(".")[2] for space in _SPACES]]
