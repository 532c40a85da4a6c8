"""Calls of every function of `fastgen.torch`: every row, and every composed function."""

import functools
from typing import Any, NamedTuple

import numpy as np
import torch
from composed_calls import CALLS as COMPOSED
from composed_calls import logits

import fastgen.torch
from fastgen import cases
from fastgen._ops import OPS, public
from fastgen._registry import name_of, positional
from fastgen.cases import each

OF_ARRAYS = ("real", "noise", "weight")  # options that hold arrays


class TorchCall(NamedTuple):
    """A call on arrays, and the same call on tensors."""

    name: str
    on_arrays: Any
    on_tensors: Any
    inputs: tuple
    """Arrays of float64, integers, sequences of arrays, or schedules."""

    def arrays(self, dtype=np.float64):
        """Return the inputs with floats of one type."""
        return [converted(x, lambda y: y.astype(dtype)) for x in self.inputs]

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


def converted(x, change):
    """Return an input with its arrays changed. Floats alone change their type."""
    if isinstance(x, (list, tuple)):
        return type(x)([converted(y, change) for y in x])
    if isinstance(x, np.ndarray):
        return change(x) if x.dtype.kind == "f" else x
    return x


def leaves(args):
    """Return the tensors of floats in arguments, of which a sequence may hold some."""
    found = []
    for x in args:
        found += leaves(x) if isinstance(x, (list, tuple)) else [x]
    return [x for x in found if isinstance(x, torch.Tensor) and x.is_floating_point()]


def door(f):
    """Return the function of `fastgen.torch` for one of fastgen."""
    family, name = name_of(f).split(".")
    return getattr(getattr(fastgen.torch, family), name)


def rows():
    """Yield a call of each row."""
    for name in sorted(OPS):
        function, options = public(name)
        call = cases.CASES[name].call
        if name == "guidance.apg":  # its case needs arrays
            continue
        inputs = tuple(cases.inputs(name, (3, 5), np.float64))
        further = cases.operands(name)[len(positional(function)) :] if call is None else []
        if call is None:
            own = functools.partial(with_keywords, door(function), further, options)
        else:
            own = functools.partial(call, door(function))
        yield TorchCall(name, cases.function(name), own, inputs)


def with_keywords(function, further, options, *inputs):
    """Call a function whose last inputs are keywords."""
    count = len(inputs) - len(further)
    return function(*inputs[:count], **dict(zip(further, inputs[count:], strict=True)), **options)


APG = [
    (fastgen.guidance.apg, (logits(3, 8), logits(2, 8)[:1], 2.0), options)
    for options in (
        {},
        {"eta": 0.5, "norm_threshold": 2.0},
    )
]


def composed():
    """Yield the calls of composed functions."""
    for k, (f, inputs, options) in enumerate([*COMPOSED, *APG]):
        on_tensors = {
            name: torch.from_numpy(np.array(x)) if name in OF_ARRAYS else x
            for name, x in options.items()
        }
        own = functools.partial(door(f), **on_tensors)
        yield TorchCall(f"{f.__name__}-{k}", functools.partial(f, **options), own, inputs)


CALLS = [*rows(), *composed()]
IDS = [call.name for call in CALLS]
__all__ = ["CALLS", "IDS", "door", "each", "leaves"]
