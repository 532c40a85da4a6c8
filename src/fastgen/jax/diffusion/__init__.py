"""The functions of `fastgen.diffusion`, on arrays of JAX."""

from typing import Any as _Any

from fastgen.jax import _family

__all__, _function, _names = _family.of("diffusion")


def __getattr__(name: str) -> _Any:
    """Import a namespace at its first use; a function is made at its first use."""
    if name == "times":
        from fastgen.jax.diffusion import times

        return times
    return _function(name)


def __dir__() -> list[str]:
    return [*_names(), "times"]
