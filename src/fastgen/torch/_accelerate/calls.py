"""A call of a library's function that fastgen computes, with derivatives of every order.

First derivatives are fastgen's. Where these are differentiated again, the backward pass calls the
original, whose operations are PyTorch's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch.autograd import forward_ad

from fastgen._compose import Composition
from fastgen.torch import _threads
from fastgen.torch._cotangents import are_batched, gradients_of
from fastgen.torch._doors import Door, door
from fastgen.torch._eager import scaled
from fastgen.torch._one_pass import linear_in_rows
from fastgen.torch._plain import CPU, DENSE, TENSORS, WIDE, interpreter, modes
from fastgen.torch._tensors import to_array, to_tensor

Tensors = Sequence[torch.Tensor]


def plain(tensors: Sequence[Any]) -> bool:
    """Whether fastgen computes with tensors: on the CPU, of one float type, in no transform."""
    if torch.compiler.is_compiling() or torch.jit.is_tracing():
        return False
    dtype = getattr(tensors[0], "dtype", None)
    if dtype not in WIDE or interpreter() is not None or modes():
        return False
    for x in tensors:
        if type(x) not in TENSORS or x.dtype is not dtype or x.layout is not DENSE:
            return False
        if x.device != CPU or x.numel() == 0 or x.is_neg():
            return False
    return forward_ad._current_level < 0


def spreads(x: torch.Tensor, over: torch.Tensor) -> bool:
    """Whether a tensor broadcasts to the shape of another."""
    sizes = zip(x.shape[::-1], over.shape[::-1], strict=False)
    return x.dim() <= over.dim() and all(own in (1, n) for own, n in sizes)


class Parts(NamedTuple):
    """Where the inputs of a function after the first lie in one tensor of parameters."""

    places: tuple[Any, ...]
    """An index for each input."""
    divisor: float = 1.0
    divided: int = 0
    """The first of the last axis are divided by the divisor, as many as this."""


class Task:
    """A function of fastgen with its options, and the original as a function of the tensors."""

    __slots__ = ("again", "door", "options", "parts")

    def __init__(
        self,
        name: str,
        options: dict[str, Any],
        again: Callable[..., Any],
        parts: Parts | None = None,
    ) -> None:
        self.door: Door = door(name)
        self.options, self.again, self.parts = options, again, parts

    def __call__(self, *tensors: torch.Tensor) -> Any:
        """Return what the function makes of tensors, as tensors."""
        if _threads.shared:
            _threads.follow()
        if torch.is_grad_enabled() and any(x.requires_grad for x in tensors):
            return _Computed.apply(self, *tensors)
        arrays = self.arrays(tensors)
        return self.door.wrap(self.door.f(*arrays, **self.options), arrays)

    def arrays(self, tensors: Tensors) -> list[Any]:
        """Return the inputs of the function."""
        if self.parts is None:
            return list(map(to_array, tensors))
        first, parameters = tensors
        parameters = parameters.detach()
        if self.parts.divided:
            parameters = self._divide(parameters.clone())
        array = parameters.numpy()
        return [to_array(first), *[array[place] for place in self.parts.places]]

    def described(self, arrays: list[Any]) -> Composition:
        """Return the description of the call."""
        function: Any = self.door.function
        composition: Composition = function.call(tuple(arrays), self.options)[0]
        return composition

    def gradients(self, tensors: Tensors, needs: Sequence[bool], cotangents: Any) -> list[Any]:
        """Return the gradient of each tensor that needs one, or None."""
        composition: Any = self.described(self.arrays(tensors))
        given = tuple([None if c is None else to_array(c) for c in cotangents])
        if self.parts is None:
            wanted = [k for k, need in enumerate(needs) if need]
            found = iter(composition.gradients(wanted, _one(given), False)[1])
            return [to_tensor(next(found)) if need else None for need in needs]
        made = [
            torch.empty_like(x) if need else None for x, need in zip(tensors, needs, strict=True)
        ]
        op, nin = composition.op, 1 + len(self.parts.places)
        outs: list[Any] = [None] * (op.nout + op.nin)
        x, parameters = made
        if x is not None:
            outs[op.nout] = x.numpy()
        if parameters is not None:
            array = parameters.numpy()
            outs[op.nout + 1 : op.nout + nin] = [array[place] for place in self.parts.places]
        mask = sum([1 << k for k, out in enumerate(outs) if out is not None])
        inputs = (*composition.operands, *[0.0 if c is None else c for c in given])
        op.derivative(inputs, composition.axis, composition.keepdims, tuple(outs), mask)
        if parameters is not None and self.parts.divided:
            self._divide(parameters)
        return made

    def _divide(self, parameters: torch.Tensor) -> torch.Tensor:
        """Divide in place what is to be divided."""
        _, divisor, divided = self.parts  # type: ignore[misc]
        parameters[..., :divided].div_(divisor)
        return parameters


class _Computed(torch.autograd.Function):
    """A task, and its gradients."""

    @staticmethod
    def forward(ctx: Any, task: Task, *tensors: torch.Tensor) -> Any:
        """Compute the results; and the gradients, where the backward pass only scales them."""
        ctx.set_materialize_grads(False)
        ctx.task, ctx.count = task, len(tensors)
        arrays = task.arrays(tensors)
        composition = task.described(arrays)
        kept: list[torch.Tensor] = []
        if task.parts is None and linear_in_rows(composition, arrays):
            wanted = [k for k, need in enumerate(ctx.needs_input_grad[1:]) if need]
            found, gradients = composition.gradients(wanted, 1.0, True)
            kept = list(map(to_tensor, gradients))
        else:
            found = composition.value()
        ctx.save_for_backward(*tensors, *kept)
        results = task.door.wrap(found, arrays)
        return tuple(results) if isinstance(results, tuple) else results

    @staticmethod
    def backward(ctx: Any, *cotangents: Any) -> Any:
        """Compute the gradients from one cotangent per result."""
        needs, task = ctx.needs_input_grad[1:], ctx.task
        if all(c is None for c in cotangents):
            return None, *[None] * len(needs)
        saved = ctx.saved_tensors
        tensors, kept = saved[: ctx.count], saved[ctx.count :]
        if torch.is_grad_enabled() or are_batched(cotangents):
            return None, *_by_original(task, tensors, needs, cotangents)
        if kept:
            found = iter([scaled(g, cotangents[0], in_place=False) for g in kept])
            return None, *[next(found) if need else None for need in needs]
        return None, *task.gradients(tensors, needs, cotangents)


def _by_original(
    task: Task, tensors: Tensors, needs: Sequence[bool], cotangents: Sequence[Any]
) -> list[Any]:
    """Return gradients that can be differentiated again."""
    create = torch.is_grad_enabled()
    with torch.enable_grad():
        inputs = [x.clone() for x in tensors]
        results = task.again(*[x.clone() for x in inputs])  # which may change in place
        wanted = [x for x, need in zip(inputs, needs, strict=True) if need]
        found = iter(gradients_of(results, wanted, cotangents, create))
    return [next(found) if need else None for need in needs]


def _one(values: tuple[Any, ...]) -> Any:
    return values if len(values) > 1 else values[0]
