"""The value and the gradients in one pass, for the cotangent that the last steps had.

The forward pass of a loss computes its gradients too, for the cotangent that is expected; see
csrc/xla/expected.h. The backward pass keeps them if this cotangent comes, and computes them if not.
So the bits are those of two passes.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import mlir
from jaxlib.mlir import ir

from fastgen.jax import _alone
from fastgen.jax._tasks import Aval, Described, Task, results_of

_OPTIONS = inspect.signature(mlir.register_lowering).parameters


def expecting(task: Task, operands: Sequence[Any], found: Described) -> Task:
    """Return the task with the number of rows that expect a cotangent, to give the gradients.

    Only losses do: their results are smaller than their arrays. Gradients of other functions would
    take memory from the forward pass to the backward pass. Outside of a compiled program, each of
    the two passes is a program of its own, which would copy them.
    """
    if task.all_orders or task.levels or len(found.results) != 1:
        return task
    sizes = [math.prod(x.shape) for x in _alone.wanted(task, found)]
    if min(sizes, default=0) <= math.prod(found.results[0].shape):
        return task
    if not any(isinstance(x, jax.core.Tracer) for x in operands):
        return task
    return task._replace(rows=_alone.rows(task, found))


def without(task: Task, operands: Sequence[Any], dims: Sequence[Any]) -> tuple[Task, Any, Any]:
    """Return a task that expects and keeps nothing, its operands, and their axes of a batch."""
    if not task.rows:
        return task, operands, dims
    if task.kind == "expected":
        return task._replace(kind="value", needs=(), rows=0), operands, dims
    first = task.inputs + sum(task.given)
    rest = [k for k in range(len(operands)) if not first <= k < first + task.kept]
    own = [operands[k] for k in rest]
    return task._replace(rows=0), own, [dims[k] for k in rest]


def nothing(task: Task, avals: Sequence[Aval]) -> list[Any]:
    """Return what a task keeps where nothing is expected: cotangents of NaN, and zeros."""
    shapes = results_of(task, avals)[-task.kept :]
    cotangents = [jnp.asarray(np.array([np.nan]).view(np.uint32))] * task.rows
    return cotangents + [jnp.zeros(*shape) for shape in shapes[task.rows :]]


def register(run: Primitive, compute: Callable[..., Any]) -> None:
    """Register the lowering rule of a primitive that computes tasks on the CPU.

    Where what is kept is an argument of the program, as in a backward pass by itself, it would be
    copied before it is written. So it is not used. The rule must see the program around it.
    """
    rule = mlir.lower_fun(compute, multiple_results=True)

    def lowered(ctx: Any, *operands: Any, task: Task) -> Any:
        kept = operands[len(operands) - task.kept :]
        if task.kind == "gradients" and any(map(_is_argument, kept)):
            task, operands, avals = without(task, operands, ctx.avals_in)
            ctx = ctx.replace(avals_in=avals)
        return rule(ctx, *operands, task=task)

    options = {"cacheable": False} if "cacheable" in _OPTIONS else {}
    mlir.register_lowering(run, lowered, platform="cpu", **options)


def _is_argument(x: Any) -> bool:
    """Whether a value of a program is an argument of it, or of a loop in it."""
    if not isinstance(x, ir.Value) or not isinstance(x.owner, ir.Block):
        return False
    holder = x.owner.owner.operation
    if holder.name != "func.func" or "sym_visibility" not in holder.attributes:
        return True
    return str(holder.attributes["sym_visibility"]) != '"private"'  # which XLA inlines
