"""Calls of every function of a door, such as `fastgen.torch`: every row and composed function."""

import functools
import operator
from typing import Any, NamedTuple

import numpy as np
from composed_calls import CALLS as COMPOSED
from composed_calls import logits

import fastgen
from fastgen import cases
from fastgen._ops import OPS, public
from fastgen._registry import name_of, positional

OF_ARRAYS = ("real", "noise", "weight")  # options that hold arrays


class DoorCall(NamedTuple):
    """A call on NumPy arrays, and the same call of a door."""

    name: str
    on_arrays: Any
    of_door: Any
    """It takes the arrays of the door."""
    inputs: tuple
    """Arrays of float64, integers, sequences of arrays, or schedules."""

    def arrays(self, dtype=np.float64):
        """Return the inputs with floats of one type."""
        return [converted(x, lambda y: y.astype(dtype)) for x in self.inputs]


def converted(x, change):
    """Return an input with its arrays changed. Floats alone change their type."""
    if isinstance(x, (list, tuple)):
        return type(x)([converted(y, change) for y in x])
    if isinstance(x, np.ndarray):
        return change(x) if x.dtype.kind == "f" else x
    return x


def of_module(module, f):
    """Return the function of a door for one of fastgen."""
    return operator.attrgetter(name_of(f))(module)


def rows(module):
    """Yield a call of each row."""
    for name in sorted(OPS):
        function, options = public(name)
        call = cases.CASES[name].call
        if name == "guidance.apg":  # its case needs arrays
            continue
        inputs = tuple(cases.inputs(name, (3, 5), np.float64))
        further = cases.operands(name)[len(positional(function)) :] if call is None else []
        found = of_module(module, function)
        if call is None:
            own = functools.partial(with_keywords, found, further, options)
        else:
            own = functools.partial(call, found)
        yield DoorCall(name, cases.function(name), own, inputs)


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


def composed(module, to_door):
    """Yield the calls of composed functions."""
    for k, (f, inputs, options) in enumerate([*COMPOSED, *APG]):
        own = {
            name: to_door(np.array(x)) if name in OF_ARRAYS else x for name, x in options.items()
        }
        function = functools.partial(of_module(module, f), **own)
        yield DoorCall(f"{f.__name__}-{k}", functools.partial(f, **options), function, inputs)
