"""The functions of fastgen on PyTorch's tensors, with gradients; see ``docs/torch.md``."""

import importlib as _importlib
from typing import Any as _Any

from fastgen import _extras

_extras.need("torch", "fastgen.torch")

from fastgen.torch import diffusion, elementary, ema, flow, gan, guidance, noise, vae  # noqa: E402
from fastgen.torch._threads import share_threads  # noqa: E402

__all__ = [
    "Scheduler",
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
    "share_threads",
    "vae",
]


def __getattr__(name: str) -> _Any:
    """Import what few programs use at its first use."""
    if name == "native":
        return _importlib.import_module("fastgen.torch._native").native
    if name in ("accelerate", "accelerated"):
        return getattr(_importlib.import_module("fastgen.torch._accelerate"), name)
    if name == "Scheduler":
        return _importlib.import_module("fastgen.torch._scheduler").Scheduler
    raise AttributeError(f"module 'fastgen.torch' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
