"""How a task becomes a part of a compiled program."""

from __future__ import annotations

import functools
from typing import Any

import jax
import numpy as np

from fastgen.jax import _alone, _handlers, _rows
from fastgen.jax._tasks import Task, described, results_of

kernels = True
"""Whether programs on the CPU call the code in C. False is for tests of the other devices' way."""


def on_cpu(*operands: Any, task: Task) -> Any:
    """Compute in C: rows by themselves, or what is composed of rows, through Python."""
    if not kernels:
        return native(*operands, task=task)
    _handlers.register()
    avals = tuple([(tuple(x.shape), np.dtype(x.dtype)) for x in operands])
    if not task.levels and task.door.function is not None:
        found = _alone.compute(operands, task, described(task, avals))
        if found is not None:
            return found
    results = [jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in results_of(task, avals)]
    return _rows.ffi.ffi_call("fastgen_call", results)(*operands, call=task.written())


@functools.cache
def _native() -> Any:
    from fastgen.jax import _native as found  # few programs need it

    return found


def native(*operands: Any, task: Task) -> Any:
    """Compute in JAX's own operations: the plain formula."""
    return _native().compute(operands, task)
