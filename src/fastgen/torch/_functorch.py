"""Calls under `torch.func`: grad, vjp, jacrev, vmap, and these inside each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from fastgen.torch import _batch, _text
from fastgen.torch import _operator as _operator  # it registers the operators
from fastgen.torch._arguments import Call, no_forward, no_second
from fastgen.torch._doors import door

Rest = tuple[tuple[float, ...], tuple[int, ...], str]


def run(made: Call) -> Any:
    """Call a function on tensors of a transform."""
    text, tensors, floats, ints = _text.of_call(made, made.tensors)
    found = Transformed.apply((tuple(floats), tuple(ints), text), *tensors)
    return made.door.structured(list(found))


def gradients(
    call: Call, tensors: Sequence[torch.Tensor], needs: Sequence[bool], cotangents: Sequence[Any]
) -> list[Any]:
    """Return the gradients of a call outside of the transform, for cotangents inside of it."""
    text, every, floats, ints = _text.of_call(call, tensors)
    wanted = {id(x) for x, need in zip(tensors, needs, strict=True) if need}
    of = tuple([id(x) in wanted for x in every])
    return list(Gradients.apply((tuple(floats), tuple(ints), text), of, *every, *cotangents))


class Transformed(torch.autograd.Function):
    """One call."""

    @staticmethod
    def forward(rest: Rest, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Compute the results."""
        return tuple(torch.ops.fastgen.call(list(tensors), *rest))

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Keep what the gradients need."""
        ctx.rest, *tensors = inputs
        _text.check_gradients(ctx.rest[-1], tensors)
        ctx.save_for_backward(*tensors)

    @staticmethod
    def backward(ctx: Any, *cotangents: Any) -> Any:
        """Compute the gradients."""
        needs = tuple(ctx.needs_input_grad[1:])
        if not any(needs):
            return (None,) * (1 + len(needs))
        found = iter(Gradients.apply(ctx.rest, needs, *ctx.saved_tensors, *cotangents))
        return (None, *[next(found) if need else None for need in needs])

    @staticmethod
    def jvp(ctx: Any, *_: Any) -> Any:
        """Raise: there are no forward-mode derivatives."""
        raise RuntimeError(no_forward(door(_text.name_of(ctx.rest[-1]))))

    @staticmethod
    def vmap(info: Any, in_dims: Any, rest: Rest, *tensors: torch.Tensor) -> Any:
        """Compute the results of a batch."""
        dims = in_dims[1:]
        together = _batch.in_one_call(info.batch_size, dims, rest, tensors)
        if together is not None:
            found = Transformed.apply(*together)
        else:
            found = _batch.one_by_one(
                info.batch_size, dims, tensors, lambda *own: Transformed.apply(rest, *own)
            )
        return found, (0,) * len(found)


class Gradients(torch.autograd.Function):
    """The gradients of one call. They have no derivatives."""

    @staticmethod
    def forward(rest: Rest, needs: Sequence[bool], *given: torch.Tensor) -> Any:
        """Compute the gradients of the tensors that need one; cotangents follow the tensors."""
        tensors, cotangents = list(given[: len(needs)]), list(given[len(needs) :])
        return tuple(torch.ops.fastgen.gradients(tensors, cotangents, list(needs), *rest))

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Keep the name for the message."""
        ctx.name = _text.name_of(inputs[0][-1])

    @staticmethod
    def backward(ctx: Any, *_: Any) -> Any:
        """Raise: there are no second derivatives."""
        raise RuntimeError(no_second(ctx.name))

    @staticmethod
    def vmap(info: Any, in_dims: Any, rest: Rest, needs: Any, *given: torch.Tensor) -> Any:
        """Compute the gradients of a batch, one sample after the other."""
        found = _batch.one_by_one(
            info.batch_size, in_dims[2:], given, lambda *own: Gradients.apply(rest, needs, *own)
        )
        return found, (0,) * len(found)
