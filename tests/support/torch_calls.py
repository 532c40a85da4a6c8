"""Calls of every function of `fastgen.torch`: every row, and every composed function."""

import functools

import torch
from door_calls import DoorCall, composed, converted, of_module, rows

import fastgen.torch
from fastgen.cases import each


class TorchCall(DoorCall):
    """A call on arrays, and the same call on tensors."""

    @property
    def on_tensors(self):
        """The call on tensors."""
        return self.of_door

    def with_tensors(self, change, dtype=torch.float64):
        """Call with tensors that `change` has made of plain ones, in the options too."""
        f, options = self.on_tensors, {}
        if isinstance(f, functools.partial):
            options = {name: changed(x, change) for name, x in f.keywords.items()}
        return f(*[changed(x, change) for x in self.tensors(dtype)], **options)

    def tensors(self, dtype=torch.float64, gradients=False):
        """Return the inputs as tensors."""
        made = [
            converted(x, lambda y: torch.from_numpy(y).to(dtype, copy=True)) for x in self.inputs
        ]
        if gradients:
            [x.requires_grad_() for x in leaves(made)]
        return made


def changed(x, change):
    """Return an input with its tensors changed."""
    if isinstance(x, (list, tuple)):
        return type(x)([changed(y, change) for y in x])
    return change(x) if isinstance(x, torch.Tensor) else x


def leaves(args):
    """Return the tensors of floats in arguments, of which a sequence may hold some."""
    found = []
    for x in args:
        found += leaves(x) if isinstance(x, (list, tuple)) else [x]
    return [x for x in found if isinstance(x, torch.Tensor) and x.is_floating_point()]


def door(f):
    """Return the function of `fastgen.torch` for one of fastgen."""
    return of_module(fastgen.torch, f)


CALLS = [
    TorchCall(*call) for call in [*rows(fastgen.torch), *composed(fastgen.torch, torch.from_numpy)]
]
IDS = [call.name for call in CALLS]
__all__ = ["CALLS", "IDS", "door", "each", "leaves"]
