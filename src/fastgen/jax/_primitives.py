"""The primitives of JAX that compute tasks, and their rules.

`run` computes a task. `tangent` stands for the linear map from the tangents of a call's arrays to
those of its results. There is no kernel for it: backward passes transpose it, which gives a task
for gradients. Forward mode raises, or has the plain formula if the task says so.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from fastgen import _call_text
from fastgen._compose import Beside
from fastgen.jax import _batch, _expected, _lowering
from fastgen.jax._arrays import axes_of
from fastgen.jax._tasks import Task, described, results_of

run = Primitive("fastgen")
tangent = Primitive("fastgen_tangent")
run.multiple_results = tangent.multiple_results = True


def avals_of(arrays: Sequence[Any]) -> tuple[Any, ...]:
    """Return the shapes and types of operands."""
    return tuple([(tuple(x.shape), np.dtype(x.dtype)) for x in arrays])


def _abstract(*avals: Any, task: Task) -> list[Any]:
    """Return the shapes and types of the results, as JAX describes them."""
    found = results_of(task, avals_of(avals))
    varying = [x for x in avals if axes_of(x)]
    if not varying:
        return [jax.core.ShapedArray(shape, dtype) for shape, dtype in found]
    like, made = varying[0], []
    for shape, dtype in found:
        sharding = like.sharding.update(spec=jax.sharding.PartitionSpec(*[None] * len(shape)))
        options = {"shape": shape, "dtype": dtype, "weak_type": False, "sharding": sharding}
        made.append(like.update(**options))
    return made


@functools.cache
def _compiled(task: Task) -> Any:
    """Return the primitive as a compiled function, for calls outside of programs."""

    def fastgen(*operands: Any) -> Any:
        return run.bind(*operands, task=task)

    return jax.jit(fastgen)


@run.def_impl
def _run(*operands: Any, task: Task) -> Any:
    return _compiled(task)(*operands)


run.def_abstract_eval(_abstract)
mlir.register_lowering(run, mlir.lower_fun(_lowering.native, multiple_results=True))
_expected.register(run, _lowering.on_cpu)


def _differentiate(operands: Sequence[Any], tangents: Sequence[Any], *, task: Task) -> Any:
    """Return the results of a call and their tangents."""
    if task.kind != "value":
        if not task.all_orders:
            raise TypeError(no_second(task))
        return _through_native(operands, tangents, task)
    needs = tuple([type(x) is not ad.Zero for x in tangents[: task.arrays]])
    if task.door.function is None:
        return _through_native(operands, tangents, task)
    found = described(task, _inner(task, operands))
    _check(task, needs, found)
    linear = _expected.expecting(task._replace(needs=needs), operands, found)
    values, kept = _values(operands, linear)
    moved = [x for x, need in zip(tangents, needs, strict=False) if need]
    slopes = tangent.bind(*operands, *kept, *moved, task=linear)
    return values, _slopes(found, values, slopes)


def _values(operands: Sequence[Any], task: Task) -> tuple[list[Any], list[Any]]:
    """Return the results of a call, and what its gradients keep."""
    if not task.rows:
        return run.bind(*operands, task=task._replace(needs=())), []
    found = run.bind(*operands, task=task._replace(kind="expected"))
    return found[: -task.kept], found[-task.kept :]


def _inner(task: Task, operands: Sequence[Any]) -> tuple[Any, ...]:
    """Return the shapes and types of the operands without the axes of the levels."""
    avals = avals_of(operands)
    for level in task.levels:
        pairs = zip(avals, level, strict=True)
        avals = tuple(
            [(shape[1:], dtype) if has else (shape, dtype) for (shape, dtype), has in pairs]
        )
    return avals


def _slopes(found: Any, values: Sequence[Any], slopes: Sequence[Any]) -> list[Any]:
    """Return tangents of the results. Those that need no computation have none."""
    if not isinstance(found.composition, Beside):
        return list(slopes)
    return [slopes[0], *map(jnp.zeros_like, values[1:])]


def _check(task: Task, needs: Sequence[bool], found: Any) -> None:
    """Raise where an array is differentiated for which there is no gradient."""
    entrance = task.door
    for owner, need in zip(_call_text.owners(task.call), needs, strict=True):
        differentiable = entrance.has_gradient(owner.place) and found.composition.differentiable
        if need and not differentiable:
            raise TypeError(
                f"{entrance.f.__name__}: {entrance.own(owner.place)} is differentiated, but the "
                "function has no gradient for it. Give its jax.lax.stop_gradient, or "
                f"differentiate fastgen.jax.native(fastgen.jax.{entrance.name})"
            )


def _through_native(operands: Sequence[Any], tangents: Sequence[Any], task: Task) -> Any:
    """Differentiate the plain formula."""
    own = [ad.instantiate_zeros(x) for x in tangents]
    return jax.jvp(functools.partial(_lowering.native, task=task), list(operands), own)


ad.primitive_jvps[run] = _differentiate


def no_second(task: Task) -> str:
    """Return the message for a second derivative."""
    name = f"fastgen.jax.{task.door.name}"
    return f"{name} has no second derivatives. Differentiate fastgen.jax.native({name}) instead"


def no_forward(task: Task) -> str:
    """Return the message for a forward-mode derivative."""
    name = f"fastgen.jax.{task.door.name}"
    return (
        f"{name} has no forward-mode derivatives. Differentiate fastgen.jax.native({name}) instead"
    )


def _pushed(*operands: Any, task: Task) -> Any:
    """Return the tangents of the results, those of the plain formula."""
    if not task.all_orders:
        raise TypeError(no_forward(task))
    if task.levels:
        axes = [0 if has else None for has in task.levels[0]]
        own = functools.partial(_pushed, task=task._replace(levels=task.levels[1:]))
        return jax.vmap(own, in_axes=axes)(*operands)
    needed = [k for k, need in enumerate(task.needs) if need]
    inputs, _, moved = map(list, _parts(operands, task))

    def of_needed(*some: Any) -> Any:
        own = dict(enumerate(inputs)) | dict(zip(needed, some, strict=True))
        return _lowering.native(*own.values(), task=_without_tangents(task))

    return jax.jvp(of_needed, [inputs[k] for k in needed], moved)[1]


@tangent.def_impl
def _push(*operands: Any, task: Task) -> Any:
    return _pushed(*operands, task=task)


def _of_tangent(*avals: Any, task: Task) -> list[Any]:
    return _abstract(*avals[: task.inputs], task=_without_tangents(task))


def _without_tangents(task: Task) -> Task:
    """Return the task of the values alone."""
    levels = tuple([level[: task.inputs] for level in task.levels])
    return task._replace(needs=(), levels=levels, rows=0)


def _parts(operands: Sequence[Any], task: Task) -> tuple[Sequence[Any], Sequence[Any], Any]:
    """Return the inputs of a call, what its gradients keep, and the tangents."""
    first, last = task.inputs, task.inputs + task.kept
    return operands[:first], operands[first:last], operands[last:]


def _tangent_of_tangent(operands: Any, tangents: Any, *, task: Task) -> Any:
    if not task.all_orders:
        raise TypeError(no_second(task))
    own = [ad.instantiate_zeros(x) for x in tangents]
    return jax.jvp(functools.partial(_pushed, task=task), list(operands), own)


tangent.def_abstract_eval(_of_tangent)
mlir.register_lowering(tangent, mlir.lower_fun(_pushed, multiple_results=True))
ad.primitive_jvps[tangent] = _tangent_of_tangent


def _transpose(cotangents: Sequence[Any], *operands: Any, task: Task) -> list[Any]:
    """Turn the cotangents of the results into those of the arrays that need one."""
    inputs, kept, linear = _parts(operands, task)
    given = tuple([type(c) is not ad.Zero for c in cotangents])
    wanted = tuple([ad.is_undefined_primal(x) for x in linear])
    if not any(given) or not any(wanted):
        return [None] * len(operands)
    which = iter(wanted)
    needs = tuple([need and next(which) for need in task.needs])
    if needs != task.needs:
        kept = ()
    backward = task._replace(
        kind="gradients", needs=needs, given=given, rows=task.rows if kept else 0
    )
    if task.levels:
        levels = [(*level[: task.inputs], *[True] * sum(given)) for level in task.levels]
        backward = backward._replace(levels=tuple(levels))
    own = [c for c, has in zip(cotangents, given, strict=True) if has]
    found = iter(run.bind(*inputs, *own, *kept, task=backward))
    rest = [next(found) if want else None for want in wanted]
    return [None] * (len(operands) - len(linear)) + rest


ad.primitive_transposes[tangent] = _transpose


def _batched(operands: Sequence[Any], dims: Sequence[Any], *, task: Task) -> Any:
    """Compute a task for a batch, in one call."""
    own, some, axes = _expected.without(task, operands, dims)
    made = _batch.batched(own, some, axes)
    found = run.bind(*made.operands, task=made.task)
    nothing = []
    if task.kind == "expected":
        pairs = zip(avals_of(operands), dims, strict=True)
        avals = [(_batch.without_axis(shape, d), dtype) for (shape, dtype), d in pairs]
        nothing = _expected.nothing(task, avals)
    axes = (0,) * len(found) + (None,) * len(nothing)
    return [*made.restored(found), *nothing], axes


def _batched_tangent(operands: Sequence[Any], dims: Sequence[Any], *, task: Task) -> Any:
    """Add an axis. Every tangent gets it, so that each has a cotangent of its own shape.

    So do the inputs if none of them has it, because they say which shape the results have.
    """
    task, operands, dims = _expected.without(task, operands, dims)
    first = task.inputs if any(d is not None for d in dims[: task.inputs]) else 0
    made = _batch.one_by_one(task, operands, dims, range(first, len(operands)))
    return tangent.bind(*made.operands, task=made.task), (0,) * _results(made)


def _results(made: Any) -> int:
    inputs = made.operands[: made.task.inputs]
    return len(results_of(_without_tangents(made.task), avals_of(inputs)))


batching.primitive_batchers[run] = _batched
batching.primitive_batchers[tangent] = _batched_tangent
