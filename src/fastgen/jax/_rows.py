"""Tasks that C computes alone: a row, its derivative, and weighted sums of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fastgen import _call_text
from fastgen._abstract import Abstract
from fastgen._compose import Row
from fastgen._core import Op
from fastgen._ops import OPS
from fastgen._sums import Part, Plan, Sum, add
from fastgen.jax._tasks import Aval, Described, Task

ffi: Any = getattr(jax, "ffi", None) or __import__("jax.extend.ffi").extend.ffi

_combination = OPS["diffusion.linear_combination"]


FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


class Number(NamedTuple):
    """A number of double precision in an array of words."""

    words: Any
    k: int


def call(
    op: Op,
    operands: Sequence[Any],
    axis: Any,
    keepdims: bool,
    outputs: Sequence[Aval | None],
    derivative: bool = False,
) -> list[Any]:
    """Run a row, or its derivative, on arrays, numbers and `Number`s; see csrc/xla/handlers.h.

    None stands for an output that is not wanted.
    """
    parts: Any = op.__reduce__()[1]
    name, options, _ = parts
    buffers: list[Any] = []
    numbers = list(options)
    run: Any = op.derivative if derivative else op
    kinds = [1.0 if _is_number(x) else Abstract(x.shape, x.dtype) for x in operands]
    plan = [int(derivative), int(run.dtype(tuple(kinds)) == np.float64), int(keepdims)]
    axes = axis if type(axis) is tuple else () if axis is None else (axis,)
    plan += [-1 if axis is None else len(axes), *axes]
    for x in operands:
        if type(x) is not Number and _is_number(x):
            plan += [-1, len(numbers)]
            numbers.append(float(x))
            continue
        array, position = x if type(x) is Number else (x, -1)
        known = [k for k, other in enumerate(buffers) if other is array]
        plan += [known[0] if known else len(buffers), position]
        if not known:
            buffers.append(array)
    count = 0
    for output in outputs:
        plan.append(-1 if output is None else count)
        count += output is not None
    wanted = [jax.ShapeDtypeStruct(*output) for output in outputs if output is not None]
    attributes = {"row": name, "plan": np.array(plan, np.int64), "numbers": np.array(numbers)}
    return list(ffi.ffi_call("fastgen_row", wanted)(*buffers, **attributes))


def _is_number(x: Any) -> bool:
    return isinstance(x, (int, float, Number))


def compute(operands: Sequence[Any], task: Task, found: Described) -> list[Any] | None:
    """Compute a task, or return None where C alone can't.

    An array in the place of an option is read by Python, because the description lacks its value.
    """
    composition = found.composition
    arrays = operands[: task.arrays]
    if any(owner.place in task.door.numbers for owner in _call_text.owners(task.call)):
        return None
    if not all(_of_c(x.dtype) for x in arrays):
        return None
    if any(jax.dtypes.canonicalize_dtype(r.dtype) != r.dtype for r in found.results):
        return None
    if type(composition) is Row:
        return _row(operands, task, found, composition)
    if type(composition) is Sum and composition.adjoints is None:
        return _sum(operands, task, found, composition)
    return None


def _of_c(dtype: Any) -> bool:
    """Whether C reads arrays of a type."""
    return np.dtype(dtype).kind == "f" or np.dtype(dtype).name == "bfloat16"


def _given(x: Any, operands: Sequence[Any], task: Task, found: Described) -> Any:
    """Return what an operand of a row stands for: an array, or a number; None for anything else."""
    for k, stand_in in enumerate(found.stand_ins):
        if x is stand_in and type(x) is Abstract:
            return operands[k]
    for k, stand_in in enumerate(found.numbers):
        if x is stand_in:
            return Number(operands[task.inputs - 1], k)
    return x if type(x) in (int, float) else None


def _row(operands: Sequence[Any], task: Task, found: Described, row: Row) -> list[Any] | None:
    """Compute a call that is one row, or its gradients."""
    given = [_given(x, operands, task, found) for x in row.operands]
    if any(x is None for x in given):
        return None
    results = [(r.shape, r.dtype) for r in found.results]
    if task.kind == "value":
        return call(row.op, given, row.axis, row.keepdims, results)
    rest = iter(operands[task.inputs :])
    cotangents = [next(rest) if has else 0.0 for has in task.given]
    standing = [Abstract(*r) for r in results]
    return _gradients(row.op, row.operands, given, standing, cotangents, row, task, found)


def _gradients(
    op: Op,
    standing: Sequence[Any],
    given: Sequence[Any],
    results: Sequence[Abstract],
    cotangents: Sequence[Any],
    options: Any,
    task: Task,
    found: Described,
) -> list[Any] | None:
    """Return the gradients of the arrays among the operands of a row that need one.

    None where a gradient must be summed over axes along which its array is repeated.
    """
    derivative, keepdims = op.derivative, getattr(options, "keepdims", False)
    needed = {id(x) for x, need in zip(found.stand_ins, task.needs, strict=True) if need}
    if derivative is None or len(needed) != sum(task.needs):
        return None
    shapes = derivative.shapes((*standing, *results), options.axis, keepdims)[len(results) :]
    outputs: list[Aval | None] = [None] * len(results)
    for x, shape in zip(standing, shapes, strict=True):
        if id(x) in needed and shape != x.shape:
            return None
        outputs.append((x.shape, x.dtype) if id(x) in needed else None)
    order = [id(x) for x in standing if id(x) in needed]
    if len(set(order)) < len(order):
        return None
    own = [*given, *cotangents]
    made = dict(zip(order, call(op, own, options.axis, keepdims, outputs, True), strict=True))
    return [made[id(x)] for x in found.stand_ins if id(x) in made]


def _sum(operands: Sequence[Any], task: Task, found: Described, total: Sum) -> list[Any] | None:
    """Compute a weighted sum, or its gradients. The terms are rows."""
    given = [_given(x, operands, task, found) for x in total.inputs]
    parts, plan = total.form.parts, total.form.of(total.inputs)
    if any(x is None for x in given) or any(type(part) is not Part for part in parts):
        return None
    if task.kind == "gradients":
        return _gradients_of_sum(operands[task.inputs], given, plan, total, task, found)
    if not plan.shape:  # the terms are numbers, which Python adds
        return None
    terms = []
    for part, space in zip(parts, plan.spaces, strict=True):
        own = part.operands(tuple(given))
        terms += call(part.op, own, part.axis, False, [(space.batch, space.dtype)])

    def combine(operands: tuple[Any, ...], last: bool) -> Any:
        kind = plan.dtype if last else FLOAT64
        return call(_combination, operands, -1, False, [(plan.batch, kind)])[0]

    if not all(space.dtype == FLOAT64 for space in plan.spaces) and len(terms) > 2:
        return None  # what is between the terms has their type
    return [add(terms, plan.weights, total.form.offset, combine).reshape(plan.shape)]


def _gradients_of_sum(
    cotangent: Any, given: Sequence[Any], plan: Plan, total: Sum, task: Task, found: Described
) -> list[Any] | None:
    """Return the gradients of the terms, whose cotangent is that of the sum times a weight."""
    wide = FLOAT64 if plan.dtype == FLOAT64 else FLOAT32
    made: dict[int, Any] = {}
    needed = {id(x) for x, need in zip(found.stand_ins, task.needs, strict=True) if need}
    for part, space, weight in zip(total.form.parts, plan.spaces, plan.weights, strict=True):
        own = [id(total.inputs[k]) for k in part.of if id(total.inputs[k]) in needed]
        if not own:
            continue
        if space.batch != plan.batch:
            return None
        share = cotangent.reshape(plan.batch).astype(wide) * jnp.asarray(weight, wide)
        needs = [id(x) in own for x in found.stand_ins]
        gradients = _gradients(
            part.op,
            part.operands(total.inputs),
            part.operands(tuple(given)),
            [Abstract(space.batch, wide)],
            [share],
            part,
            task._replace(needs=tuple(needs)),
            found,
        )
        if gradients is None:
            return None
        names = [id(x) for x, need in zip(found.stand_ins, needs, strict=True) if need]
        made |= zip(names, gradients, strict=True)
    return [made[id(x)] for x in found.stand_ins if id(x) in needed]
