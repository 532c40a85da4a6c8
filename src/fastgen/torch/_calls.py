"""A call of a function on tensors: which way it takes."""

from __future__ import annotations

from types import EllipsisType, NoneType
from typing import Any

import numpy as np
import torch
from torch.autograd import forward_ad

from fastgen.diffusion import Schedule
from fastgen.diffusion._of_time import OfTime
from fastgen.torch import _eager, _threads
from fastgen.torch._arguments import Call, no_forward
from fastgen.torch._doors import Door
from fastgen.torch._plain import CPU, DENSE, TENSORS, WIDE, interpreter, modes
from fastgen.torch._tensors import on_memory, to_tensor

_trace: Any = torch._C._get_tracing_state
_CONSTANTS = (bool, int, float, str, NoneType, EllipsisType, Schedule)
_ARRAYS = (np.ndarray, np.float32, np.float64)


def call(door: Door, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Call a function on tensors."""
    if torch.compiler.is_compiling():
        from fastgen.torch import _operator

        return _operator.traced(door, args, options)
    if _threads.shared:
        _threads.follow()
    if forward_ad._current_level >= 0:
        _refuse_tangents(door, args, options)
    if door.quick and not _seen() and _readable(door, options):
        noise = options.get("noise")
        plain, wants = _plain(door, args if noise is None else (*args, noise))
        if wants and not torch.is_grad_enabled():
            args, wants = tuple([x.detach() if type(x) in TENSORS else x for x in args]), False
        if plain and not wants:
            try:
                arrays = [on_memory(x) if type(x) in TENSORS else x for x in args]
                drawn = [] if noise is None else [on_memory(noise.detach())]
            except RuntimeError:  # memory that is no array, such as a negative view
                return _checked(door, args, options)
            if drawn:
                options = options | {"noise": drawn[0]}
            found = door.f(*arrays, **options)
            if type(found) in _ARRAYS:
                return to_tensor(found)
            return door.wrap(found, arrays + drawn)
        if plain and noise is None and len(args) <= len(door.differentiable) and _tensors(args):
            return _eager.with_gradients(Call.of_tensors(door, args, options))
    return _checked(door, args, options)


def _seen() -> bool:
    """Whether a transform, a mode or a trace must see the operator."""
    return interpreter() is not None or modes() > 0 or _trace() is not None


def _refuse_tangents(door: Door, args: tuple[Any, ...], options: dict[str, Any]) -> None:
    """Raise if a tensor has a tangent, which the call would lose."""
    for x in torch.utils._pytree.tree_leaves((args, options)):
        if isinstance(x, torch.Tensor) and forward_ad.unpack_dual(x).tangent is not None:
            raise RuntimeError(no_forward(door))


def _plain(door: Door, args: tuple[Any, ...]) -> tuple[bool, bool]:
    """Return whether tensors are on the CPU and of one type, and whether one wants gradients.

    Times may be integers beside it.
    """
    dtype = None
    wants = False
    for k, x in enumerate(args):
        if type(x) in TENSORS:
            if x.dtype is not dtype and not (x.dtype is torch.int64 and door.own(k) == "t"):
                if dtype is not None or x.dtype not in WIDE:
                    return False, False
                dtype = x.dtype
            if not x.is_cpu or x.layout is not DENSE:
                return False, False
            if x.requires_grad:
                wants = True
        elif type(x) not in _CONSTANTS and not isinstance(x, OfTime):
            return False, False
    return True, wants


def _tensors(args: tuple[Any, ...]) -> bool:
    return all([type(x) in TENSORS for x in args])


def _readable(door: Door, options: dict[str, Any]) -> bool:
    """Return whether no option is a tensor but noise, and no noise has to be drawn."""
    for name, x in options.items():
        if type(x) is tuple:
            if not all(type(y) in _CONSTANTS for y in x):
                return False
        elif type(x) not in _CONSTANTS and not (name == "noise" and type(x) in TENSORS):
            return False
    return not door.noisy or door.has_noise(options)


def _checked(door: Door, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Call a function on any tensors."""
    transformed = interpreter() is not None
    special = _seen()
    given, options = door.bind(args, options)
    if special:
        door.refuse_changes(options)
    if door.noisy:
        options = door.with_key(options, as_tensor=special)
    if door.takes_dtype:
        options = {"dtype": torch.get_default_dtype()} | options
    made = Call(door, given, options, values=not special)
    wants = torch.is_grad_enabled() and any(x.requires_grad for x in made.tensors)
    own = door.function is None and not door.noisy and not door.overwritten
    if not on_cpu(made) or (own and (wants or transformed)):
        from fastgen.torch import _native

        return _native.run(made)
    made.check()
    made.unify()
    if transformed:
        from fastgen.torch import _functorch

        return _functorch.run(made)
    if special or any(type(x) not in TENSORS for x in made.tensors):
        from fastgen.torch import _operator

        return _operator.run(made)
    return _eager.with_gradients(made) if wants else _eager.value(made)


def on_cpu(made: Call) -> bool:
    """Whether the tensors are on the CPU; raise if they are on several devices."""
    devices = {x.device: place for x, (place, _) in zip(made.tensors, made.owners, strict=True)}
    if len(devices) > 1:
        where = ", ".join(f"{made.name(place)} on {d}" for d, place in devices.items())
        raise TypeError(f"all tensors must be on one device, got {where}")
    return not devices or next(iter(devices)) == CPU
