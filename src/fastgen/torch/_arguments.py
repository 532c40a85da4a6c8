"""The tensors in the arguments of a call, and the arguments with something else in their places."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import torch

from fastgen.torch._doors import Door, Owner, Slot
from fastgen.torch._tensors import FLOATS, HALVES, check, check_writable, numpy_type


class Call:
    """A call: its arguments with a `Slot` for each tensor, the tensors, and their owners.

    Where tensors have `values`, one in the place of a number becomes that number. In a `quick` call
    the tensors are the positional arguments.
    """

    __slots__ = ("args", "door", "options", "owners", "quick", "tensors", "values")

    def __init__(
        self, door: Door, args: Sequence[Any], options: dict[str, Any], values: bool = True
    ) -> None:
        self.door, self.values, self.quick = door, values, False
        self.tensors: Any = []
        self.owners: Any = []
        self.args: Sequence[Any] = [self._slots(k, None, x) for k, x in enumerate(args)]
        self.options = {name: self._slots(name, None, x) for name, x in options.items()}

    @classmethod
    def of_tensors(
        cls, door: Door, tensors: tuple[torch.Tensor, ...], options: dict[str, Any]
    ) -> Call:
        """Return a call whose positional arguments are all tensors, and no option is one."""
        made = cls.__new__(cls)
        count = len(tensors)
        made.door, made.options, made.values, made.quick = door, options, True, True
        made.args, made.owners, made.tensors = door.slots[:count], door.owners[:count], tensors
        return made

    def _slots(self, place: int | str, item: int | None, x: Any) -> Any:
        """Return the argument with slots. A sequence may hold tensors."""
        if isinstance(x, torch.Tensor):
            if self.values and place in self.door.numbers and not _wants(x):
                return x.item()
            self.tensors.append(x)
            self.owners.append(Owner(place, item))
            return Slot(len(self.tensors) - 1)
        if type(x) in (list, tuple) and item is None:
            return type(x)([self._slots(place, k, y) for k, y in enumerate(x)])
        if isinstance(x, torch.dtype):
            return numpy_type(self.name(place), x)
        return x

    def name(self, place: int | str) -> str:
        """Return the name of a parameter, with that of the function."""
        return f"{self.door.f.__name__}: {self.door.own(place)}"

    def fill(self, values: Sequence[Any]) -> tuple[Sequence[Any], dict[str, Any]]:
        """Return the arguments with these values in place of the tensors."""
        if self.quick:
            return values, self.options
        return (
            [_filled(x, values) for x in self.args],
            {name: _filled(x, values) for name, x in self.options.items()},
        )

    def written(self, slot: Slot) -> torch.Tensor:
        """Return a tensor whose memory has changed, and tell autograd."""
        tensor = self.tensors[slot.k]
        torch.autograd.graph.increment_version(tensor)
        return tensor

    def check(self) -> None:
        """Raise if a tensor can't be read as an array, or has gradients that would be lost."""
        for x, (place, _) in zip(self.tensors, self.owners, strict=True):
            check(self.name(place), x)
            if place == "out" or place in self.door.overwritten:
                check_writable(self.name(place), x)
            if _wants(x) and not self.door.has_gradient(place):
                raise TypeError(no_gradient(self.door, place))

    def release(self) -> Any:
        """Return the tensors, and hold them no longer: a backward pass saves what it needs."""
        tensors, self.tensors = self.tensors, ()
        return tensors

    def unify(self) -> None:
        """Cast tensors to one float type; see `promoted`."""
        owners = [self.door.own(place) for place, _ in self.owners]
        kinds = promoted([(x.dtype, x.dim()) for x in self.tensors], owners)
        for k, (x, kind) in enumerate(zip(self.tensors, kinds, strict=True)):
            if x.dtype is not kind:
                self.tensors[k] = x.to(kind)
            elif x.is_neg():  # its memory holds the negative
                self.tensors[k] = x.resolve_neg()


_OTHERS = ("t", "labels", "key", "counter", "step", "steps", "out")
"""Parameters that do not take part in the choice of a float type."""


def promoted(given: Sequence[tuple[torch.dtype, int]], owners: Sequence[str]) -> list[torch.dtype]:
    """Return the types in which tensors take part, from their types and numbers of dimensions.

    They follow PyTorch's rules of promotion: a tensor without dimensions, or of integers, takes the
    float type of the others. Under autocast, half precision becomes float32.
    """
    kinds = [kind for kind, _ in given]
    if all(kind is kinds[0] for kind in kinds) and kinds and kinds[0] not in HALVES:
        return kinds
    part = [k for k, owner in enumerate(owners) if owner not in _OTHERS]
    if torch.is_autocast_enabled("cpu"):
        for k in part:
            kinds[k] = torch.float32 if kinds[k] in HALVES else kinds[k]
    floats = [k for k in part if kinds[k] in FLOATS]
    full = [k for k in floats if given[k][1] > 0] or floats
    if full:
        base = functools.reduce(torch.promote_types, [kinds[k] for k in full])
        for k in part:
            if given[k][1] == 0 or kinds[k] not in FLOATS:
                kinds[k] = base
    return kinds


def no_gradient(door: Door, place: int | str) -> str:
    """Return the message for a tensor that requires a gradient which does not exist."""
    return (
        f"{door.f.__name__}: {door.own(place)} requires a gradient, but the function has none for "
        f"it. Give its detach(), or differentiate fastgen.torch.native(fastgen.torch.{door.name})"
    )


def no_second(name: str) -> str:
    """Return the message for a second derivative."""
    return (
        f"fastgen.torch.{name} has no second derivatives. "
        f"Differentiate fastgen.torch.native(fastgen.torch.{name}) instead"
    )


def no_forward(door: Door) -> str:
    """Return the message for a forward-mode derivative."""
    return (
        f"fastgen.torch.{door.name} has no forward-mode derivatives. "
        f"Differentiate fastgen.torch.native(fastgen.torch.{door.name}) instead"
    )


def _wants(x: torch.Tensor) -> bool:
    return x.requires_grad and torch.is_grad_enabled()


def _filled(x: Any, values: Sequence[Any]) -> Any:
    if type(x) is Slot:
        return values[x.k]
    if type(x) in (list, tuple):
        return type(x)([_filled(y, values) for y in x])
    return x
