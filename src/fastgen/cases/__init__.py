"""For every operation: sample inputs, exact values, and error bounds.

The tests, the benchmarks and `python -m fastgen check` go through all cases, so that a new
operation needs nothing but a case. `python -m fastgen.cases NAME` prints the numbers of a case.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import math
import pkgutil
from collections.abc import Callable
from typing import Any

import numpy as np

from fastgen._compose import Row
from fastgen._core import Op
from fastgen._ops import OPS, operands, public
from fastgen._registry import positional
from fastgen._signature import Shape, Signature, parse
from fastgen.cases.case import Array, Case

CASES: dict[str, Case] = {}
for _family in {name.partition(".")[0] for name in OPS}:
    _found = importlib.import_module(f"{__name__}.{_family}")
    CASES |= getattr(_found, "CASES", {})
    for _module in pkgutil.iter_modules(getattr(_found, "__path__", ()), f"{_found.__name__}."):
        CASES |= getattr(importlib.import_module(_module.name), "CASES", {})


def function(name: str) -> Callable[..., Any]:
    """Return the public function of an operation, with the option that chooses the operation.

    If the function takes the inputs in another form, return the operation with its derivative.
    """
    if CASES[name].call is not None:
        return _as_function(OPS[name])
    return through(name, public(name)[0])


def through(name: str, found: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of the operation's inputs, from one with the public function's arguments.

    Such are the public function itself, its reference, and the functions of `fastgen.torch`.
    """
    if CASES[name].call is not None:
        return in_its_own_form(name, found)
    options = public(name)[1]
    return functools.partial(found, **options) if options else _of_operands(name, found)


def _of_operands(name: str, found: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that takes all inputs by position, those with keywords too."""
    names = operands(name)
    count = len([n for n in names if n in positional(public(name)[0])])
    if count == len(names):
        return found

    def apart(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def of_operands(*inputs: Any, **options: Any) -> Any:
            keywords = dict(zip(names[count:], inputs[count:], strict=False))
            return function(*inputs[:count], **keywords, **options)

        return of_operands

    made: Any = apart(found)
    made.__fastgen_function__ = made
    if hasattr(found, "__fastgen_describe__"):
        made.__fastgen_describe__ = apart(found.__fastgen_describe__)
        made.__fastgen_inputs__ = tuple(names)
    return made  # type: ignore[no-any-return]


def _as_function(op: Op) -> Callable[..., Any]:
    def call(*inputs: Any, **options: Any) -> Any:
        return op(inputs, **options)

    made: Any = call
    made.__fastgen_describe__ = lambda *inputs, **options: Row(op, inputs, **options)
    made.__fastgen_inputs__ = tuple(operands(op.name))
    return made  # type: ignore[no-any-return]


def in_its_own_form(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a public function, or its reference, as a function of the operation's inputs."""
    call = CASES[name].call
    return function if call is None else functools.partial(call, function)


def reference(name: str) -> Callable[..., Any]:
    """Return the NumPy reference of an operation, as a function of the operation's inputs."""
    module = importlib.import_module(f"fastgen.reference.{name.partition('.')[0]}")
    return through(name, getattr(module, public(name)[0].__name__))


def signature(name: str) -> Signature:
    """Return the core dimensions of an operation."""
    return parse(OPS[name].signature)


def shapes(name: str, shape: Shape) -> tuple[list[Shape], list[Shape]]:
    """Return the shapes of inputs and outputs. Rows lie along the last axis of `shape`."""
    return signature(name).shapes(shape, CASES[name].dims)


def inputs(name: str, shape: Shape, dtype: Any = np.float64, seed: int = 0) -> Any:
    """Return sample inputs of an operation."""
    draw = np.random.default_rng(seed).standard_normal
    arrays = from_draws(name, [draw(s) for s in shapes(name, shape)[0]])
    return tuple(np.array(x, dtype, order="C") for x in arrays)


def from_draws(name: str, draws: list[Array]) -> tuple[Array, ...]:
    """Return the sample inputs that the case makes of draws of the inputs' shapes."""
    alike = len({z.shape for z in draws}) == 1
    return CASES[name].sample(np.array(draws) if alike else draws)


def at_point(name: str, point: tuple[Any, ...], dtype: Any = np.float64) -> tuple[Array, ...]:
    """Return the inputs at one point of a case, as a batch of one."""
    cores = signature(name).inputs
    return tuple(
        np.array(x, np.float64).reshape(1, *np.shape(x) or [1] * len(core)).astype(dtype)
        for x, core in zip(point, cores, strict=True)
    )


def each(results: Any) -> tuple[Any, ...]:
    """Return results as a tuple, whether there is one output or several."""
    return results if isinstance(results, tuple) else (results,)


def bounds(bound: float | tuple[float, ...], count: int) -> tuple[float, ...]:
    """Return the bounds of several results, from one for all or one for each."""
    return bound if isinstance(bound, tuple) else (bound,) * count


def flat(numbers: Any) -> list[Any]:
    """Return the numbers of a point or of a result in one list."""
    if isinstance(numbers, (tuple, list)):
        return [x for part in numbers for x in flat(part)]
    return [numbers]


def digest(op: Op, dtype: Any) -> str:
    """Return a digest of the bits of the value and gradients at fixed inputs."""
    wanted = shapes(op.name, (7, 1100))[0]
    ends = np.cumsum([math.prod(shape) for shape in wanted])
    # SplitMix64 gives 20 bits a number: exact in float32, and the same with every NumPy.
    k = np.arange(1, ends[-1] + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    k = (k ^ (k >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    k = (k ^ (k >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = np.split((k >> np.uint64(44)).astype(np.float64) / 2**17 - 4, ends[:-1])
    draws = [x.reshape(shape) for x, shape in zip(z, wanted, strict=True)]
    arrays = tuple(x.astype(dtype) for x in from_draws(op.name, draws))
    results = each(op(arrays))
    if op.derivative is not None:
        results += op.derivative((*arrays, *(0.5 / 2**j for j in range(op.nout))))
    return hashlib.sha256(b"".join(np.asarray(r).tobytes() for r in results)).hexdigest()[:16]
