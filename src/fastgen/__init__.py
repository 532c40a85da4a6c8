"""The mathematics of generative models as fast, accurate, reproducible CPU functions."""

import gc as _gc
import importlib as _importlib
import sys as _sys
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from fastgen import _buffers, _core, _environment, _threads
from fastgen._core import get_buffer_limit, get_num_threads, set_buffer_limit, set_num_threads

(_count, NUM_THREADS_REASON), (_limit, BUFFER_LIMIT_REASON) = _environment.defaults()
set_num_threads(_count)
set_buffer_limit(_limit)
_buffers.limit_in_forked_children(_limit, BUFFER_LIMIT_REASON)
_gc.callbacks.append(_core.drop_buffers)
if "threadpoolctl" in _sys.modules:
    _threads.register_with_threadpoolctl()

# These imports stand below the code that sets the thread count and the limit.
from fastgen import diffusion, elementary, ema, flow, gan, guidance, noise, vae  # noqa: E402
from fastgen._derivatives import value_and_grad, vjp  # noqa: E402
from fastgen._exact import exact_mean, exact_sum  # noqa: E402
from fastgen._show_config import show_config  # noqa: E402
from fastgen._test import test  # noqa: E402
from fastgen._version import __version__  # noqa: E402

if _TYPE_CHECKING:
    from fastgen import reference

__all__ = [
    "__version__",
    "diffusion",
    "elementary",
    "ema",
    "exact_mean",
    "exact_sum",
    "flow",
    "gan",
    "get_buffer_limit",
    "get_num_threads",
    "guidance",
    "noise",
    "reference",
    "set_buffer_limit",
    "set_num_threads",
    "show_config",
    "test",
    "vae",
    "value_and_grad",
    "vjp",
]


def __getattr__(name: str) -> _Any:
    """Import `fastgen.reference` at its first use: most programs never use it."""
    if name == "reference":
        return _importlib.import_module("fastgen.reference")
    raise AttributeError(f"module 'fastgen' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
