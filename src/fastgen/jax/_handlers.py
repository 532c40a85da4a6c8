"""What XLA calls on the CPU, and its registration at the first compilation."""

from __future__ import annotations

import atexit
import functools
import time
from collections.abc import Sequence
from typing import Any

import jax
import ml_dtypes
import numpy as np

from fastgen import _core
from fastgen._ops import OPS
from fastgen.jax import _tasks

_TYPES = {
    1: np.bool_,
    2: np.int8,
    3: np.int16,
    4: np.int32,
    5: np.int64,
    6: np.uint8,
    7: np.uint16,
    8: np.uint32,
    9: np.uint64,
    10: np.float16,
    11: np.float32,
    12: np.float64,
    16: ml_dtypes.bfloat16,
}
"""The types of XLA's buffers, by its numbers."""


@functools.cache
def register() -> None:
    """Register the handlers. A program that calls them is compiled later."""
    ffi: Any = getattr(jax, "ffi", None) or __import__("jax.extend.ffi").extend.ffi
    for name, capsule in _core.xla_handlers(OPS).items():
        ffi.register_ffi_target(name, capsule, platform="cpu")
    _core.use_xla(_run, {number: np.dtype(kind) for number, kind in _TYPES.items()})
    atexit.register(_close)


def _run(text: str, operands: Sequence[Any], results: Sequence[Any]) -> None:
    """Compute a task on the memory of XLA's buffers."""
    if not any(x.size for x in results):
        return
    found = _tasks.compute(_tasks.read(text), operands)
    for x, result in zip(found, results, strict=True):
        np.copyto(result, x, casting="unsafe")


def _close() -> None:
    """Let no program call Python while the interpreter ends, and wait for calls that run."""
    end = time.monotonic() + 10
    while _core.use_xla(None, {}) > 0 and time.monotonic() < end:
        time.sleep(0.001)
