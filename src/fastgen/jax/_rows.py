"""Calls of a row, or of its derivative, in compiled programs."""

from __future__ import annotations

import enum
import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from fastgen._abstract import Abstract
from fastgen._core import Op
from fastgen._ops import OPS
from fastgen.jax._tasks import Aval

ffi: Any = getattr(jax, "ffi", None) or __import__("jax.extend.ffi").extend.ffi


class Number(NamedTuple):
    """A number of double precision in an array of words."""

    words: Any
    k: int


class What(enum.IntEnum):
    """What a call of a row computes: `fg_xla_what` of csrc/xla/plan.h."""

    VALUE = 0
    DERIVATIVE = 1
    EXPECT = 2
    CONFIRM = 3


def call(
    op: Op,
    operands: Sequence[Any],
    axis: Any,
    keepdims: bool,
    outputs: Sequence[Aval | None],
    what: What = What.VALUE,
    place: int = 0,
    kept: Sequence[Any] = (),
) -> list[Any]:
    """Run a row, or its derivative, on arrays, numbers and `Number`s; see csrc/xla/plan.h.

    None stands for an output that is not wanted. `kept` are the cotangent and the gradients that
    are to be confirmed.
    """
    parts: Any = op.__reduce__()[1]
    name, options, _ = parts
    buffers: list[Any] = []
    numbers = list(options)
    run: Any = op.derivative if what else op
    kinds = [1.0 if is_number(x) else Abstract(x.shape, x.dtype) for x in operands]
    plan = [_places()[name], int(what), place]
    plan += [int(run.dtype(tuple(kinds)) == np.float64), int(keepdims)]
    axes = axis if type(axis) is tuple else () if axis is None else (axis,)
    plan += [-1 if axis is None else len(axes), *axes]
    for x in operands:
        if type(x) is not Number and is_number(x):
            plan += [-1, len(numbers)]
            numbers.append(float(x))
            continue
        array, position = x if type(x) is Number else (x, -1)
        known = [k for k, other in enumerate(buffers) if other is array]
        plan += [known[0] if known else len(buffers), position]
        if not known:
            buffers.append(array)
    count = 0
    for output in outputs:
        plan.append(-1 if output is None else count)
        count += output is not None
    wanted = [jax.ShapeDtypeStruct(*output) for output in outputs if output is not None]
    if what == What.EXPECT:
        wanted.append(jax.ShapeDtypeStruct((2,), np.uint32))
    buffers += kept
    own = {len(buffers) - k: len(wanted) - k for k in range(1, len(kept))}
    attributes = {"row": name, "plan": np.array(plan, np.int64), "numbers": np.array(numbers)}
    ask = ffi.ffi_call("fastgen_row", wanted, input_output_aliases=own)
    return list(ask(*buffers, **attributes))


@functools.cache
def _places() -> dict[str, int]:
    """Return where each row stands in the order in which XLA's handler has them."""
    return {name: k for k, name in enumerate(sorted(OPS, key=str.encode))}


def is_number(x: Any) -> bool:
    """Whether an operand is a number."""
    return isinstance(x, (int, float, Number))
