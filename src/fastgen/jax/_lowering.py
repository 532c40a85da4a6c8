"""How a task becomes a part of a compiled program."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from fastgen._abstract import Abstract
from fastgen._compose import Row
from fastgen._core import Op
from fastgen.jax import _handlers
from fastgen.jax._tasks import Described, Task, described, results_of

_ffi: Any = getattr(jax, "ffi", None) or __import__("jax.extend.ffi").extend.ffi


kernels = True
"""Whether programs on the CPU call the code in C. False is for tests of the other devices' way."""


def on_cpu(*operands: Any, task: Task) -> Any:
    """Call the code in C: a row by itself, or what is composed of rows."""
    if not kernels:
        return native(*operands, task=task)
    _handlers.register()
    avals = tuple([(tuple(x.shape), np.dtype(x.dtype)) for x in operands])
    results = [jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in results_of(task, avals)]
    plan = plan_of(task, avals)
    if plan is not None:
        return _ffi.ffi_call("fastgen_row", results)(*operands, **plan)
    return _ffi.ffi_call("fastgen_call", results)(*operands, call=task.written())


def plan_of(task: Task, avals: Sequence[Any]) -> dict[str, Any] | None:
    """Return the attributes of a call that is one row (csrc/xla/handlers.h), or None."""
    if task.levels or task.door.function is None:
        return None
    found = described(task, avals)
    row = found.composition
    if type(row) is not Row or not all(_of_c(dtype) for _, dtype in avals[: task.arrays]):
        return None
    if any(jax.dtypes.canonicalize_dtype(r.dtype) != r.dtype for r in found.results):
        return None
    op = row.op if task.kind == "value" else row.op.derivative
    parts: Any = row.op.__reduce__()[1]
    name, options, _ = parts
    numbers = list(options)
    inputs = [_place(x, found, task, numbers) for x in row.operands]
    if op is None or None in inputs:
        return None
    outputs = _outputs(task, found, row, op, avals)
    if outputs is None:
        return None
    inputs += _cotangents(task, op.nin - len(inputs), numbers)
    axes = None if row.axis is None else row.axis if type(row.axis) is tuple else (row.axis,)
    head = [task.kind != "value", bool(row.keepdims), -1 if axes is None else len(axes)]
    flat = [n for place in inputs for n in place or ()]
    plan = [*head, *(axes or ()), *flat, *outputs]
    return {"row": name, "plan": np.array(plan, np.int64), "numbers": np.array(numbers)}


def _of_c(dtype: Any) -> bool:
    """Whether C reads arrays of a type."""
    return dtype.kind == "f" or dtype.name == "bfloat16"


def _place(x: Any, found: Described, task: Task, numbers: list[float]) -> tuple[int, int] | None:
    """Return the place of an operand of a row: an array, or a number in a buffer or attribute."""
    for k, stand_in in enumerate(found.stand_ins):
        if x is stand_in and type(x) is Abstract:
            return k, -1
    for k, stand_in in enumerate(found.numbers):
        if x is stand_in:
            return task.inputs - 1, k
    if type(x) in (int, float):
        numbers.append(float(x))
        return -1, len(numbers) - 1
    return None


def _cotangents(task: Task, count: int, numbers: list[float]) -> list[tuple[int, int]]:
    """Return the places of the cotangents: buffers, or the numbers 0 and 1."""
    if task.kind == "value":
        return []
    if task.kind == "both":
        numbers.append(1.0)
        return [(-1, len(numbers) - 1)] * count
    numbers.append(0.0)
    buffers = iter(range(task.inputs, task.inputs + sum(task.given)))
    return [(next(buffers), -1) if has else (-1, len(numbers) - 1) for has in task.given]


def _outputs(
    task: Task, found: Described, row: Row, op: Op, avals: Sequence[Any]
) -> list[int] | None:
    """Return the buffer of each output of the row or its derivative, -1 for one not wanted.

    None where a gradient must be summed over axes along which its array is repeated.
    """
    count = len(found.results)
    if task.kind == "value":
        return list(range(count))
    given = [Abstract(r.shape, r.dtype) for r in found.results]
    shapes = op.shapes((*row.operands, *given), row.axis, row.keepdims)
    buffers = iter(range(count if task.kind == "both" else 0, 10**6))
    outputs = [*range(count)] if task.kind == "both" else [-1] * count
    wanted = dict(zip(map(id, found.stand_ins), task.needs, strict=True))
    of = {id(x): next(buffers) for x, need in zip(found.stand_ins, task.needs, strict=True) if need}
    placed = 0
    for x, shape in zip(row.operands, shapes[count:], strict=True):
        if not wanted.get(id(x)):
            outputs.append(-1)
            continue
        if shape != x.shape:
            return None
        outputs.append(of[id(x)])
        placed += 1
    return outputs if placed == len(of) else None


@functools.cache
def _native() -> Any:
    from fastgen.jax import _native as found  # few programs need it

    return found


def native(*operands: Any, task: Task) -> Any:
    """Compute in JAX's own operations: the plain formula."""
    return _native().compute(operands, task)
