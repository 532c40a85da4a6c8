"""Tasks that C computes alone: a row, a weighted sum of rows, their gradients, and both at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

import jax
import jax.numpy as jnp
import numpy as np

from fastgen import _call_text
from fastgen._abstract import Abstract
from fastgen._compose import Row
from fastgen._ops import OPS
from fastgen._sums import Part, Plan, Sum, add
from fastgen.jax._differentiated import Differentiated, place
from fastgen.jax._rows import Number, call
from fastgen.jax._tasks import Described, Task

_combination = OPS["diffusion.linear_combination"]

FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


def alone(arrays: Sequence[Any], task: Task, found: Described) -> bool:
    """Whether C alone may compute a task on these arrays: it reads them, and gives the results.

    An array in the place of an option is read by Python, because the description lacks its value.
    """
    if any(owner.place in task.door.numbers for owner in _call_text.owners(task.call)):
        return False
    if not all(_of_c(x.dtype) for x in arrays):
        return False
    return all(jax.dtypes.canonicalize_dtype(r.dtype) == r.dtype for r in found.results)


def compute(operands: Sequence[Any], task: Task, found: Described) -> list[Any] | None:
    """Compute a task, or return None where C alone can't."""
    composition = found.composition
    if not alone(operands[: task.arrays], task, found):
        return None
    if type(composition) is Row:
        return _row(operands, task, found, composition)
    if _is_sum(composition):
        return _sum(operands, task, found, composition)
    return None


def rows(task: Task, found: Described) -> int:
    """Return how many rows give the gradients that a task needs; 0 where C alone can't."""
    composition = found.composition
    if not alone(found.stand_ins, task, found):
        return 0
    own: dict[int, Differentiated] | None = None
    if type(composition) is Row:
        if composition.op.nout == 1 and _all_given(composition.operands, found):
            own = {0: _of_row(composition, task, found)}
    elif _is_sum(composition) and _all_given(composition.inputs, found):
        plan = composition.form.of(composition.inputs)
        own = _of_sum(plan, composition, task, found) if _adds(plan) else None
    if own is None or any(row.outputs() is None for row in own.values()):
        return 0
    return len(own)


def _is_sum(composition: Any) -> TypeGuard[Sum]:
    """Whether a composition is a weighted sum whose terms are rows."""
    if type(composition) is not Sum or composition.adjoints is not None:
        return False
    return all([type(part) is Part for part in composition.form.parts])


def _adds(plan: Plan) -> bool:
    """Whether C adds the terms. It does not if they are numbers, which Python adds, or if what is
    between three terms has the type of terms in float32."""
    terms = [space.dtype for space in plan.spaces]
    return plan.shape != () and (len(terms) <= 2 or all([kind == FLOAT64 for kind in terms]))


def _of_c(dtype: Any) -> bool:
    """Whether C reads arrays of a type."""
    return np.dtype(dtype).kind == "f" or np.dtype(dtype).name == "bfloat16"


def _given(x: Any, operands: Sequence[Any], task: Task, found: Described) -> Any:
    """Return what an operand of a row stands for: an array, or a number."""
    for k, stand_in in enumerate(found.stand_ins):
        if x is stand_in and type(x) is Abstract:
            return operands[k]
    for k, stand_in in enumerate(found.numbers):
        if x is stand_in:
            return Number(operands[task.inputs - 1], k)
    return x


def _all_given(inputs: Sequence[Any], found: Described) -> bool:
    """Whether each operand of rows stands for an array of the call, or a number."""
    known = {id(x) for x in found.stand_ins if type(x) is Abstract} | set(map(id, found.numbers))
    return all([id(x) in known or type(x) in (int, float) for x in inputs])


def _row(operands: Sequence[Any], task: Task, found: Described, row: Row) -> list[Any] | None:
    """Compute a call that is one row, or its gradients."""
    if not _all_given(row.operands, found):
        return None
    given = [_given(x, operands, task, found) for x in row.operands]
    results = [(r.shape, r.dtype) for r in found.results]
    if task.kind == "value":
        return call(row.op, given, row.axis, row.keepdims, results)
    own = _of_row(row, task, found)
    if task.kind == "expected":
        return own.expect(given, results[0])
    rest = list(operands[task.inputs :])
    cotangents = [rest.pop(0) if has else 0.0 for has in task.given]
    return own.gradients(given, cotangents, rest)


def _of_row(row: Row, task: Task, found: Described) -> Differentiated:
    cotangents = [Abstract(r.shape, r.dtype) for r in found.results]
    needed = wanted(task, found)
    return Differentiated(row.op, row.operands, cotangents, row, needed, place(task, found))


def wanted(task: Task, found: Described) -> list[Any]:
    """Return what stands for the arrays that need gradients."""
    return [x for x, need in zip(found.stand_ins, task.needs, strict=False) if need]


def _sum(operands: Sequence[Any], task: Task, found: Described, total: Sum) -> list[Any] | None:
    """Compute a weighted sum, or its gradients. The terms are rows."""
    if not _all_given(total.inputs, found):
        return None
    given = [_given(x, operands, task, found) for x in total.inputs]
    parts, plan = total.form.parts, total.form.of(total.inputs)
    if task.kind == "gradients":
        rest = operands[task.inputs :]
        return _gradients_of_sum(rest[0], rest[1:], given, plan, total, task, found)
    if not _adds(plan):
        return None
    own = _of_sum(plan, total, task, found) if task.kind == "expected" else {}
    if own is None:
        return None
    terms, cotangents = [], []
    made: dict[int, Any] = {}
    for k, (part, space) in enumerate(zip(parts, plan.spaces, strict=True)):
        operands, value = part.operands(tuple(given)), (space.batch, space.dtype)
        if k in own:
            term, cotangent, *gradients = own[k].expect(operands, value)
            cotangents.append(cotangent)
            made |= zip(map(id, own[k].needed), gradients, strict=True)
        else:
            (term,) = call(part.op, operands, part.axis, False, [value])
        terms.append(term)

    def combine(operands: tuple[Any, ...], last: bool) -> Any:
        kind = plan.dtype if last else FLOAT64
        return call(_combination, operands, -1, False, [(plan.batch, kind)])[0]

    value = add(terms, plan.weights, total.form.offset, combine).reshape(plan.shape)
    return [value, *cotangents, *[made[id(x)] for x in wanted(task, found)]]


def _of_sum(
    plan: Plan, total: Sum, task: Task, found: Described
) -> dict[int, Differentiated] | None:
    """Return the terms whose derivatives are needed, by their numbers; None where C can't."""
    wide = FLOAT64 if plan.dtype == FLOAT64 else FLOAT32
    needed, made = wanted(task, found), {}
    for k, (part, space) in enumerate(zip(total.form.parts, plan.spaces, strict=True)):
        inputs = [id(total.inputs[i]) for i in part.of]
        own = [x for x in needed if id(x) in inputs]
        if not own:
            continue
        if space.batch != plan.batch:
            return None
        made[k] = Differentiated(
            part.op,
            part.operands(total.inputs),
            [Abstract(space.batch, wide)],
            part,
            own,
            place(task, found, k),
        )
    return made


def _gradients_of_sum(
    cotangent: Any,
    kept: Sequence[Any],
    given: Sequence[Any],
    plan: Plan,
    total: Sum,
    task: Task,
    found: Described,
) -> list[Any] | None:
    """Return the gradients of the terms, whose cotangent is that of the sum times a weight."""
    wide = FLOAT64 if plan.dtype == FLOAT64 else FLOAT32
    needed, own = wanted(task, found), _of_sum(plan, total, task, found)
    if own is None:
        return None
    cotangents = list(kept[: task.rows])
    of_kept = dict(zip(map(id, needed), kept[task.rows :], strict=False))
    made: dict[int, Any] = {}
    for k, row in own.items():
        share = cotangent.reshape(plan.batch).astype(wide) * jnp.asarray(plan.weights[k], wide)
        rest = [cotangents.pop(0), *[of_kept[id(x)] for x in row.needed]] if kept else []
        operands = total.form.parts[k].operands(tuple(given))
        gradients = row.gradients(operands, [share], rest)
        if gradients is None:
            return None
        made |= zip(map(id, row.needed), gradients, strict=True)
    return [made[id(x)] for x in needed]
