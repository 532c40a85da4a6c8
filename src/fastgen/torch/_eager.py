"""Calls of plain tensors on the CPU, outside of transforms: values, and gradients by autograd."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from fastgen._compose import Beside
from fastgen.torch import _cotangents, _expected
from fastgen.torch._arguments import Call, no_forward, no_gradient, no_second
from fastgen.torch._doors import Slot
from fastgen.torch._one_pass import linear_in_rows
from fastgen.torch._tensors import to_array, to_tensor

_kept: Any = getattr(torch._C._autograd, "_get_current_graph_task_keep_graph", None)
_hooks: Any = getattr(torch._C._autograd, "_top_saved_tensors_default_hooks", None)
_has_internals = _kept is not None and _hooks is not None
_alive: Any = torch._C._functorch.unwrap_if_dead
_delayed: Any = torch._C._functions.DelayedError


def value(call: Call) -> Any:
    """Return the results of a call without gradients."""
    arrays = list(map(to_array, call.tensors))
    args, options = call.fill(arrays)
    found = call.door.f(*args, **options)
    for name in call.door.overwritten:
        if type(call.options.get(name)) is Slot:
            call.written(call.options[name])
    if options.get("out") is not None:
        return _written(call, found)
    return call.door.wrap(found, arrays)


def _written(call: Call, found: Any) -> Any:
    """Return the tensors of `out`, where they are, and the other results."""
    out = call.options["out"]
    if type(out) is not tuple:
        return call.written(out) if type(out) is Slot else to_tensor(found)
    pairs = zip(out, found, strict=False)
    return tuple([call.written(o) if type(o) is Slot else to_tensor(r) for o, r in pairs])


def with_gradients(call: Call) -> Any:
    """Return the results of a call, which autograd differentiates."""
    results = _apply(call, *map(_alive, call.release()))
    if type(results) is tuple and call.door.tuple_type is not None:
        return call.door.tuple_type(*results)
    return results


class Differentiable(torch.autograd.Function):
    """One call, and its gradients.

    Where the result is one number per row, and every input has whole rows of its own, the gradients
    are linear in one factor per row. Then one pass over memory computes the value and the
    gradients, and the backward pass multiplies. Otherwise the backward pass reads the inputs again.
    """

    @staticmethod
    def forward(ctx: Any, call: Call, *tensors: torch.Tensor) -> Any:
        """Compute the results."""
        arrays = [to_array(x) for x in tensors]
        args, options = call.fill(arrays)
        function: Any = call.door.function
        composition, _ = function.call(tuple(args), options)
        if not composition.differentiable:
            first = call.owners[ctx.needs_input_grad.index(True) - 1]
            raise TypeError(no_gradient(call.door, first.place))
        ctx.set_materialize_grads(False)
        ctx.call = call
        ctx.in_one_pass = linear_in_rows(composition, arrays)
        if ctx.in_one_pass:
            needs = ctx.needs_input_grad[1:]
            wanted = wanted_of(call, needs)
            ctx.key = _key(call, wanted, arrays)
            ctx.factor = _expected.factor(ctx.key) if ctx.key else 1.0
            found, gradients = composition.gradients(wanted, ctx.factor, True)
            ctx.save_for_backward(*_of_tensors(call, needs, wanted, gradients))
            ctx.own = _has_internals and _hooks(False) is None
            return to_tensor(found)
        ctx.save_for_backward(*tensors)
        results = call.door.wrap(composition.value(), arrays)
        if isinstance(composition, Beside):
            ctx.mark_non_differentiable(*results[1:])
        return tuple(results) if isinstance(results, tuple) else results

    @staticmethod
    def backward(ctx: Any, *cotangents: Any) -> Any:
        """Compute the gradients from one cotangent per result."""
        needs = ctx.needs_input_grad
        if all([c is None for c in cotangents]):
            return (None,) * len(needs)
        batched = _cotangents.are_batched(cotangents)
        if ctx.in_one_pass:
            found = _multiplied(ctx, cotangents[0], batched)
        elif batched:
            found = _of_batch(ctx.call, ctx.saved_tensors, needs[1:], cotangents)
        else:
            found = gradients(ctx.call, ctx.saved_tensors, needs[1:], cotangents)
        if torch.is_grad_enabled():
            found = once(ctx.call.door.name, found)
        rest = iter(found)
        return (None, *[next(rest) if need else None for need in needs[1:]])

    @staticmethod
    def jvp(ctx: Any, *_: Any) -> Any:
        """Raise: there are no forward-mode derivatives."""
        raise RuntimeError(no_forward(ctx.call.door))


_apply: Any = super(torch.autograd.Function, Differentiable).apply
"""What `Differentiable.apply` does outside of `torch.func`, whose calls do not come here."""


def wanted_of(call: Call, needs: Sequence[bool]) -> list[int]:
    """Return the positions of the inputs whose gradients are wanted."""
    if call.quick:
        return [k for k, need in enumerate(needs) if need]
    pairs = zip(call.owners, needs, strict=True)
    return sorted({owner.place for owner, need in pairs if need})


def gradients(
    call: Call, tensors: Sequence[torch.Tensor], needs: Sequence[bool], cotangents: Sequence[Any]
) -> list[Any]:
    """Return the gradient of each tensor that needs one."""
    args, options = call.fill(list(map(to_array, tensors)))
    function: Any = call.door.function
    composition, _ = function.call(tuple(args), options)
    given = tuple([None if c is None else to_array(c) for c in cotangents])
    cotangent = given if len(given) > 1 else given[0]
    wanted = wanted_of(call, needs)
    found = function.gradients(composition, wanted, cotangent, False)[1]
    return _of_tensors(call, needs, wanted, found)


def _of_tensors(
    call: Call, needs: Sequence[bool], wanted: Sequence[int], found: Sequence[Any]
) -> list[Any]:
    """Return the gradient of each tensor that needs one, from those of the inputs."""
    if call.quick:
        return [to_tensor(g) for g in found]
    of = dict(zip(wanted, found, strict=True))
    kept = []
    for owner, need in zip(call.owners, needs, strict=True):
        if need:
            g = of[owner.place]
            kept.append(to_tensor(g if owner.item is None else g[owner.item]))
    return kept


def _of_batch(
    call: Call, tensors: Sequence[torch.Tensor], needs: Sequence[bool], cotangents: Sequence[Any]
) -> list[Any]:
    """Return the gradients for a batch of cotangents, one sample after the other."""
    if _cotangents.transformed():
        from fastgen.torch import _functorch  # it imports this module

        return _functorch.gradients(call, tensors, needs, cotangents)

    def of_one(*given: Any) -> list[Any]:
        return gradients(call, tensors, needs, given)

    return _cotangents.of_each(of_one, cotangents)


def _key(call: Call, wanted: list[int], arrays: list[Any]) -> Any:
    """Return what two steps of a training loop have in common; None for a small call."""
    size, shape = arrays[0].size, arrays[0].shape
    return (call.door, shape, *wanted) if size >= _expected.LARGE and shape[-1] >= 16 else None


def _multiplied(ctx: Any, cotangent: torch.Tensor, batched: bool) -> list[torch.Tensor]:
    """Return the gradients of the forward pass, times what its factor lacks of the cotangent."""
    in_place = ctx.own and not batched and not _kept()
    if not batched:
        brought = _expected.number(cotangent, whole=ctx.key is not None)
        if ctx.key:
            _expected.learn(ctx.key, brought)
        if brought == ctx.factor:
            return [g if in_place else g.clone() for g in ctx.saved_tensors]
    if ctx.factor != 1.0:
        cotangent = cotangent / ctx.factor
    return [scaled(g, cotangent, in_place) for g in ctx.saved_tensors]


def scaled(gradient: torch.Tensor, factor: torch.Tensor, in_place: bool) -> torch.Tensor:
    """Return the gradient times one factor per row.

    It may change in place where the graph is freed, and no hook has seen it.
    """
    missing = gradient.dim() - factor.dim()
    if factor.dim() and missing:
        factor = factor.reshape(factor.shape + (1,) * missing)
    return gradient.mul_(factor) if in_place else gradient * factor


def once(name: str, gradients: list[torch.Tensor]) -> list[torch.Tensor]:
    """Return gradients that raise where they are differentiated."""
    guarded = _delayed(no_second(name), len(gradients))(
        *[g.detach().requires_grad_() for g in gradients]
    )
    return list(guarded) if isinstance(guarded, tuple) else [guarded]
