"""The operators ``fastgen::call`` and ``fastgen::gradients``, through which compilers see calls.

One operator serves all functions: its text says which one, with which options (`_text`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from fastgen.torch import _calls, _eager, _fake, _text
from fastgen.torch._arguments import Call, no_second
from fastgen.torch._cotangents import gradients_of
from fastgen.torch._doors import Door
from fastgen.torch._plain import interpreter
from fastgen.torch._tensors import HALVES

Tensors = list[torch.Tensor]
Rest = tuple[Sequence[float], Sequence[int], str]

_library = torch.library.Library("fastgen", "FRAGMENT")
_REST = "float[] floats, SymInt[] ints, str text"
_library.define(f"call(Tensor[] tensors, {_REST}) -> Tensor[]")
_library.define(
    f"gradients(Tensor[] tensors, Tensor?[] cotangents, bool[] needs, {_REST}) -> Tensor[]"
)


def traced(door: Door, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Call a function whose call a compiler traces."""
    given, options = door.bind(args, options)
    door.refuse_changes(options)
    if door.noisy:
        options = door.with_key(options, as_tensor=True)
    if door.takes_dtype:
        options = {"dtype": torch.get_default_dtype()} | options
    # As a tensor, a number that changes from step to step does not compile again.
    options = {
        name: torch.ones((), dtype=torch.float64, device="cpu") * x
        if name in door.numbers and isinstance(x, float)
        else x
        for name, x in options.items()
    }
    text, tensors, floats, ints = _text.write(door.name, given, options)
    if torch.is_autocast_enabled("cpu"):
        tensors = [x.to(torch.float32) if x.dtype in HALVES else x for x in tensors]
    return door.structured(list(_traced(tensors, floats, ints, text)))


@torch._dynamo.allow_in_graph
def _traced(
    tensors: Tensors, floats: Sequence[float], ints: Sequence[int], text: str
) -> Sequence[torch.Tensor]:
    """Return the results of the operator, in a compiled transform too."""
    if interpreter() is None:
        found: Sequence[torch.Tensor] = torch.ops.fastgen.call(tensors, floats, ints, text)
        return found
    from fastgen.torch._functorch import Transformed  # it imports this module

    return Transformed.apply((tuple(floats), tuple(ints), text), *tensors)


def run(made: Call) -> Any:
    """Call a function on tensors that PyTorch must see, such as fake ones."""
    text, tensors, floats, ints = _text.of_call(made, made.tensors)
    return made.door.structured(torch.ops.fastgen.call(tensors, floats, ints, text))


def _call(tensors: Tensors, *rest: Any) -> Tensors:
    floats, ints, text = rest
    made = _text.read(text, tensors, floats, ints)
    if _calls.on_cpu(made):
        made.check()
        made.unify()
        found = _eager.value(made)
    else:
        found = _native_run(made)
    found = found if isinstance(found, tuple) else (found,)
    return [x.contiguous() if isinstance(x, torch.Tensor) else torch.tensor(x) for x in found]


def _gradients(
    tensors: Tensors, cotangents: Sequence[Any], needs: Sequence[bool], *rest: Any
) -> Tensors:
    floats, ints, text = rest
    made = _text.read(text, tensors, floats, ints)
    if not _calls.on_cpu(made):
        return _native_gradients(tensors, cotangents, needs, *rest)
    wanted = _needs(made, tensors, needs)
    kinds = [x.dtype for x, need in zip(made.tensors, wanted, strict=True) if need]
    made.unify()
    found = _eager.gradients(made, made.tensors, wanted, cotangents)
    return [g.to(kind).contiguous() for g, kind in zip(found, kinds, strict=True)]


def _native_run(made: Call) -> Any:
    from fastgen.torch import _native

    return _native.run(made)


def _native_gradients(
    tensors: Tensors, cotangents: Sequence[Any], needs: Sequence[bool], *rest: Any
) -> Tensors:
    """Compute gradients on another device."""
    floats, ints, text = rest
    with torch.enable_grad():
        own = [x.detach().requires_grad_(n) for x, n in zip(tensors, needs, strict=True)]
        found = _native_run(_text.read(text, own, floats, ints))
    wanted = [x for x in own if x.requires_grad]
    gradients = gradients_of(found, wanted, cotangents, create_graph=False)
    pairs = zip(wanted, gradients, strict=True)
    return [torch.zeros_like(x) if g is None else g for x, g in pairs]


def _needs(made: Call, tensors: Tensors, needs: Sequence[bool]) -> list[bool]:
    """Return which tensors of the call need gradients. Numbers are not among them."""
    needed = {id(x) for x, need in zip(tensors, needs, strict=True) if need}
    return [id(x) in needed for x in made.tensors]


def _setup_context(ctx: Any, inputs: Any, output: Any) -> None:
    tensors, *ctx.rest = inputs
    _text.check_gradients(ctx.rest[-1], tensors)
    ctx.save_for_backward(*tensors)


def _backward(ctx: Any, cotangents: Sequence[Any]) -> Any:
    needs = list(ctx.needs_input_grad[0])
    tensors = list(ctx.saved_tensors)
    found = iter(torch.ops.fastgen.gradients(tensors, list(cotangents), needs, *ctx.rest))
    floats, ints, _ = ctx.rest
    # PyTorch counts an empty list as one of tensors.
    nothing: list[Any] = [None if len(numbers) else [] for numbers in (floats, ints)]
    return [next(found) if need else None for need in needs], *nothing, None


def _again(ctx: Any, inputs: Any, output: Any) -> None:
    ctx.text = inputs[-1]


def _no_second(ctx: Any, _: Any) -> Any:
    raise RuntimeError(no_second(_text.name_of(ctx.text)))


_library.impl("call", _call, "CompositeExplicitAutograd")
_library.impl("gradients", _gradients, "CompositeExplicitAutograd")
torch.library.register_fake("fastgen::call", _fake.call, lib=_library)
torch.library.register_fake("fastgen::gradients", _fake.gradients, lib=_library)
torch.library.register_autograd(
    "fastgen::call", _backward, setup_context=_setup_context, lib=_library
)
torch.library.register_autograd(
    "fastgen::gradients", _no_second, setup_context=_again, lib=_library
)
