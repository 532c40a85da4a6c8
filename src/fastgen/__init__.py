"""The mathematics of generative models as fast, accurate, reproducible CPU functions."""

import sys as _sys

from fastgen import _environment, _threads
from fastgen._core import get_num_threads, set_num_threads

_count, NUM_THREADS_REASON = _environment.num_threads()
set_num_threads(_count)
if "threadpoolctl" in _sys.modules:
    _threads.register_with_threadpoolctl()

# The thread count comes first.
from fastgen import diffusion, elementary, flow, gan, guidance, noise, vae  # noqa: E402
from fastgen._derivatives import value_and_grad, vjp  # noqa: E402
from fastgen._version import __version__  # noqa: E402

__all__ = [
    "__version__",
    "diffusion",
    "elementary",
    "flow",
    "gan",
    "get_num_threads",
    "guidance",
    "noise",
    "set_num_threads",
    "vae",
    "value_and_grad",
    "vjp",
]
