"""The check that gradients are the slopes of the value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from fastgen import _core, cases
from fastgen.cli import compare
from fastgen.cli.subject import Outcome, Subject, same, verdict

SHAPE = (67, 5)


def derivative(subject: Subject) -> Iterator[Outcome]:
    """Gradients in float64 are near central differences; those in float32 are near them."""
    if subject.op.derivative is None:
        return
    # The inputs are exact in float32: both types get the same point.
    single = Subject(subject.name, subject.op, np.dtype(np.float32)).samples(SHAPE)
    inputs = [x.astype(np.float64) for x in single]
    values = cases.each(subject.op(tuple(inputs)))
    random = np.random.default_rng(1)
    cotangents = [random.standard_normal(v.shape).astype(np.float32) for v in values]
    given = [x.astype(subject.dtype) for x in (*inputs, *cotangents)]
    results = subject.op.derivative(tuple(given))
    along, gradients = results[: len(values)], results[len(values) :]
    yield verdict(
        all(map(same, along, cases.each(subject.op(tuple(given[: len(inputs)]))))),
        f"{subject}: the value that comes with the gradients has other bits than the value alone.",
    )
    doubles = [x.astype(np.float64) for x in cotangents]
    if subject.dtype == np.float64:
        batch = cases.signature(subject.name).batch_ndim(SHAPE)
        expected = _slopes(subject.op, inputs, doubles, batch)
        # The rounding error of the values limits the accuracy of their differences.
        floor = 1e-9 * (
            1 + compare.weighted(tuple(map(np.abs, values)), map(np.abs, doubles), batch)
        )
    else:
        expected = subject.op.derivative((*inputs, *doubles))[len(values) :]
        floor = np.asarray(1e-6)
    for k, (gradient, right) in enumerate(zip(gradients, expected, strict=True)):
        error = np.abs(np.asarray(gradient, np.float64) - right)
        least = floor.reshape(floor.shape + (1,) * (right.ndim - floor.ndim))
        excess = error / (1e-5 * np.abs(right) + least)
        worst = float(np.max(np.where(np.isnan(excess), np.inf, excess)))
        yield verdict(
            worst <= 1,
            f"{subject}: the gradient of input {k} is {worst:.2g} times as far from the slope of"
            f" the value as it may be.",
        )


def _slopes(op: _core.Op, inputs: list[Any], cotangents: list[Any], batch_ndim: int) -> list[Any]:
    """The derivative by each element; a step changes one place in all problems of the batch."""

    def function(*x: Any) -> Any:
        return compare.weighted(op(x), cotangents, batch_ndim)

    found = []
    for k, x in enumerate(inputs):
        slopes = np.empty_like(x)
        for place in np.ndindex(x.shape[batch_ndim:]):
            directions = [np.zeros_like(other) for other in inputs]
            directions[k][(..., *place)] = 1
            slopes[(..., *place)] = compare.slope(function, inputs, directions)
        found.append(slopes)
    return found
