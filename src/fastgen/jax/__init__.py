"""The functions of fastgen on arrays of JAX, with gradients; see ``docs/jax.md``."""

import importlib as _importlib
from typing import Any as _Any

from fastgen import _extras

_extras.need("jax", "fastgen.jax")

from fastgen.jax import diffusion, elementary, ema, flow, gan, guidance, noise, vae  # noqa: E402

__all__ = [
    "accelerate",
    "accelerated",
    "diffusion",
    "elementary",
    "ema",
    "flow",
    "gan",
    "guidance",
    "native",
    "noise",
    "vae",
]


def __getattr__(name: str) -> _Any:
    """Import what few programs use at its first use."""
    if name == "native":
        return _importlib.import_module("fastgen.jax._native").native
    if name in ("accelerate", "accelerated"):
        return getattr(_importlib.import_module("fastgen.jax._accelerate"), name)
    raise AttributeError(f"module 'fastgen.jax' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
