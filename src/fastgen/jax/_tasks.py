"""A task is what one primitive of JAX computes: the results of a call, or gradients.

Tasks are hashable, and have a form as text, which compiled programs contain.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from fastgen import _call_text
from fastgen._abstract import Abstract
from fastgen._axes import Labels
from fastgen._call_text import Place
from fastgen._compose import Composition, Result
from fastgen._describe import describe
from fastgen._doors import Door
from fastgen.jax._arrays import number_of_key, of_bits
from fastgen.jax._family import door

Aval = tuple[tuple[int, ...], Any]
"""The shape and type of an operand."""


class Task(NamedTuple):
    """What a primitive computes.

    The operands are the arrays of the call, its keys, all its numbers as one array, the
    cotangents, and what was kept.
    """

    call: str
    """The call as text: "t0" is array 0, "k0" key 0, "f0" number 0."""
    kind: str = "value"
    """"value"; "gradients"; or "expected": the value, with gradients for the cotangent that is
    expected, see `fastgen.jax._expected`."""
    needs: tuple[bool, ...] = ()
    """Which arrays need gradients."""
    given: tuple[bool, ...] = ()
    """Which results have cotangents; those of the others are 0."""
    levels: tuple[tuple[bool, ...], ...] = ()
    """For each axis that `jax.vmap` added and that the call can't take: which operands have it."""
    all_orders: bool = False
    """Whether other derivatives than the first, backward, are those of the plain formula. Else
    they raise."""
    rows: int = 0
    """Of an "expected" task, or of gradients after one: how many rows expect a cotangent."""

    @property
    def kept(self) -> int:
        """How many results of an "expected" task are no values: cotangents, then gradients."""
        return self.rows and self.rows + sum(self.needs)

    @property
    def door(self) -> Door:
        """The door of the function."""
        return door(_call_text.name_of(self.call))

    @property
    def arrays(self) -> int:
        """The number of arrays."""
        return len(_call_text.owners(self.call))

    @property
    def keys(self) -> int:
        """The number of keys."""
        return len(_call_text.owners(self.call, "k"))

    @property
    def numbers(self) -> int:
        """The number of numbers."""
        return count(self.call, "f")

    @property
    def inputs(self) -> int:
        """The number of operands before the cotangents."""
        return self.arrays + self.keys + (self.numbers > 0)

    def written(self) -> str:
        """Return the task as text."""
        flags = [_bits(x) for x in (self.needs, self.given)]
        levels = ",".join(map(_bits, self.levels))
        return f"{self.kind};{flags[0]};{flags[1]};{levels};{self.call}"


def _bits(flags: Sequence[bool]) -> str:
    return "".join(["1" if x else "0" for x in flags])


def _flags(bits: str) -> tuple[bool, ...]:
    return tuple([x == "1" for x in bits])


@functools.lru_cache(maxsize=4096)
def read(text: str) -> Task:
    """Return the task of a text."""
    kind, needs, given, levels, call = text.split(";", 4)
    axes = tuple([_flags(x) for x in levels.split(",")]) if levels else ()
    return Task(call, kind, _flags(needs), _flags(given), axes)


@functools.lru_cache(maxsize=4096)
def count(call: str, kind: str) -> int:
    """Return how many elements of a list a call has; they may lie in sequences of sequences."""
    args, options = _call_text.parsed(call)

    def found(x: Any) -> int:
        if type(x) is Place:
            return x.kind == kind
        return sum(map(found, x)) if type(x) is tuple else 0

    return sum(map(found, [*args, *options.values()]))


class Described(NamedTuple):
    """What is known of a call without its values."""

    call: str
    results: tuple[Result, ...]
    labels: tuple[Labels, ...]
    """For each axis of each result: its batch axis, or None."""
    inputs: dict[str, Any]
    """The same for the inputs, by name."""
    composition: Composition | None
    stand_ins: tuple[Any, ...]
    """The objects that stand for the arrays in the composition."""
    numbers: tuple[Any, ...]
    """The objects that stand for the numbers."""

    @property
    def door(self) -> Door:
        """The door of the function."""
        return door(_call_text.name_of(self.call))


def described(task: Task, avals: Sequence[Aval]) -> Described:
    """Describe a call of a task without levels. Raise where its arguments are wrong."""
    return _described(task.call, tuple(avals[: task.arrays]))


@functools.lru_cache(maxsize=4096)
def _described(call: str, avals: tuple[Aval, ...]) -> Described:
    entrance = door(_call_text.name_of(call))
    owners = _call_text.owners(call)
    stand_ins: list[Any] = [
        1 if owner.place in entrance.numbers else Abstract(shape, dtype)
        for (shape, dtype), owner in zip(avals, owners, strict=True)
    ]
    numbers = tuple([Abstract((), np.float64) for _ in range(count(call, "f"))])
    lists: dict[str, Any] = {"t": stand_ins, "f": numbers, "k": [0] * count(call, "k")}
    args, options = _call_text.filled(call, lambda place: lists[place.kind][place.k])
    if entrance.function is None:
        results, labels = _tried(entrance, call, stand_ins)
        return Described(call, results, labels, {}, None, tuple(stand_ins), numbers)
    found = describe(entrance.f, *args, **options)
    composition, _ = entrance.function.call(tuple(args), options)
    return Described(
        call, found.results, found.axes, found.inputs, composition, tuple(stand_ins), numbers
    )


def _tried(
    entrance: Door, call: str, stand_ins: list[Any]
) -> tuple[tuple[Result, ...], tuple[Labels, ...]]:
    """Return the shapes and types that a function which is not made of rows returns for ones."""
    ones = [np.ones(x.shape, x.dtype) if type(x) is Abstract else x for x in stand_ins]
    lists: dict[str, Any] = {"t": ones, "f": [1.0] * count(call, "f"), "k": [0] * count(call, "k")}
    args, options = _call_text.filled(call, lambda place: lists[place.kind][place.k])
    found = entrance.f(*args, **options)
    arrays = list(map(np.asarray, found if isinstance(found, tuple) else (found,)))
    results = tuple([Result(x.shape, x.dtype) for x in arrays])
    return results, tuple([(None,) * x.ndim for x in arrays])


def results_of(task: Task, avals: Sequence[Aval]) -> list[Aval]:
    """Return the shapes and types of the results of a task."""
    sizes = []
    for level in task.levels:
        own = zip(avals, level, strict=True)
        (size,) = {shape[0] for (shape, _), has in zip(avals, level, strict=True) if has}
        sizes.append(size)
        avals = [(shape[1:], dtype) if has else (shape, dtype) for (shape, dtype), has in own]
    values = [
        (r.shape, jax.dtypes.canonicalize_dtype(r.dtype)) for r in described(task, avals).results
    ]
    gradients = [x for x, need in zip(avals, task.needs, strict=False) if need]
    cotangents = [((2,), np.dtype(np.uint32))] * task.rows
    expected = [*values, *cotangents, *gradients]
    found = {"value": values, "gradients": gradients, "expected": expected}[task.kind]
    return [((*sizes, *shape), dtype) for shape, dtype in found]


def compute(task: Task, operands: Sequence[Any]) -> list[Any]:
    """Compute a task on NumPy arrays."""
    if task.levels:
        return _one_by_one(task, operands)
    entrance: Any = task.door
    args, options = _filled(task, operands)
    if task.kind == "value":
        found = entrance.f(*args, **options)
        return list(found) if isinstance(found, tuple) else [found]
    composition, _ = entrance.function.call(tuple(args), options)
    cotangents = iter(operands[task.inputs :])
    given: Any = tuple([next(cotangents) if has else None for has in task.given])
    cotangent = given if len(given) > 1 else given[0]
    owners = _call_text.owners(task.call)
    needed = [owner for owner, need in zip(owners, task.needs, strict=True) if need]
    wanted = sorted({owner.place for owner in needed})
    _, found = entrance.function.gradients(composition, wanted, cotangent, False)
    of = dict(zip(wanted, found, strict=True))
    return [of[o.place] if o.item is None else of[o.place][o.item] for o in needed]


def _filled(task: Task, operands: Sequence[Any]) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments of the call."""
    entrance = task.door
    arrays = [
        x.item() if owner.place == "counter" or owner.place in entrance.numbers else x
        for x, owner in zip(operands, _call_text.owners(task.call), strict=False)
    ]
    numbers = of_bits(operands[task.inputs - 1]).tolist() if task.numbers else []
    keys = [number_of_key(x) for x in operands[task.arrays : task.arrays + task.keys]]
    lists = {"t": arrays, "f": numbers, "k": keys}
    return _call_text.filled(task.call, lambda place: lists[place.kind][place.k])


def _one_by_one(task: Task, operands: Sequence[Any]) -> list[Any]:
    """Compute a task for each element of the outermost axis, and stack the results."""
    level, rest = task.levels[0], task._replace(levels=task.levels[1:])
    (size,) = {len(x) for x, has in zip(operands, level, strict=True) if has}
    rows = [
        compute(rest, [x[k] if has else x for x, has in zip(operands, level, strict=True)])
        for k in range(size)
    ]
    return [np.stack([np.asarray(x) for x in column]) for column in zip(*rows, strict=True)]
