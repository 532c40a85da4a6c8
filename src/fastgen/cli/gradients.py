"""The check that gradients are the slopes of the value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from fastgen import _core
from fastgen.cli import compare
from fastgen.cli.subject import Outcome, Subject, same, verdict

ROWS, ELEMENTS = (67, 5), (335,)


def derivative(subject: Subject) -> Iterator[Outcome]:
    """Gradients in float64 are central differences of the value; float32 has the same ones."""
    if subject.op.derivative is None:
        return
    # Exact in float32, so that both types mean the same point.
    inputs = [x.astype(np.float64) for x in _single(subject)]
    value = np.asarray(subject.op(tuple(inputs)))
    cotangent = np.random.default_rng(1).standard_normal(value.shape)
    cotangent = cotangent.astype(np.float32).astype(np.float64)
    given = tuple(x.astype(subject.dtype) for x in (*inputs, cotangent))
    along, *gradients = subject.op.derivative(given)
    yield verdict(
        same(along, subject.op(given[:-1])),
        f"{subject}: the value that comes with the gradients has other bits than the value alone.",
    )
    if subject.dtype == np.float64:
        expected = _slopes(subject.op, inputs, cotangent)
        # A difference of values cannot tell less than their rounding.
        floor = 1e-9 * (1 + np.abs(value))
        floor = floor[:, None] if value.ndim < inputs[0].ndim else floor
    else:
        _, *expected = subject.op.derivative((*inputs, cotangent))
        floor = np.asarray(1e-6)
    for k, (gradient, right) in enumerate(zip(gradients, expected, strict=True)):
        error = np.abs(np.asarray(gradient, np.float64) - right)
        excess = error / (1e-5 * np.abs(right) + floor)
        worst = float(np.max(np.where(np.isnan(excess), np.inf, excess)))
        yield verdict(
            worst <= 1,
            f"{subject}: the gradient of input {k} is {worst:.2g} times as far from the slope of"
            f" the value as it may be.",
        )


def _single(subject: Subject) -> tuple[Any, ...]:
    shape = ROWS if subject.has_rows else ELEMENTS
    return Subject(subject.name, subject.op, np.dtype(np.float32)).samples(shape)


def _slopes(op: _core.Op, inputs: list[Any], cotangent: Any) -> list[Any]:
    """The derivative by each element, moving one place of all rows at a time."""
    found = []
    for k, x in enumerate(inputs):
        slope = np.empty_like(x)
        places: list[Any] = [(..., place) for place in range(x.shape[-1])] if x.ndim > 1 else [...]
        for place in places:
            directions = [np.zeros_like(other) for other in inputs]
            directions[k][place] = 1
            moved = cotangent * compare.slopes(lambda *x: op(x), inputs, directions)
            slope[place] = np.sum(moved, axis=-1) if moved.ndim > 1 else moved
        found.append(slope)
    return found
