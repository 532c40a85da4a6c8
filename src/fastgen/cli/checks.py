"""The checks of `fastgen check`: each yields None where it passed and a sentence where not."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np

import fastgen
from fastgen import _core, cases
from fastgen.cli import compare, ulps
from fastgen.cli.gradients import derivative
from fastgen.cli.subject import REPEATED, Outcome, Subject, equal, same, verdict

LARGE = (3000, 100)  # enough work for threads to share
NO_FMA = ("x86-64-v2", "baseline")  # where other bits are allowed

Check = Callable[[Subject], Iterator[Outcome]]


def case_is_complete(name: str) -> Iterator[Outcome]:
    """A check without anything to compare with would always pass."""
    case = cases.CASES.get(name)
    if case is None:
        yield "The registry of cases does not have this operation."
        return
    yield verdict(case.known, "No high-precision values are stored for this operation.")
    yield verdict(case.edges, "No special values are stored for this operation.")


def known_values(subject: Subject) -> Iterator[Outcome]:
    """The value is within the stated error of a value known to 25 digits."""
    known, bound = subject.case.known, subject.case.ulp
    if not known:
        return
    results = _at_points(subject, [point for point, _ in known])
    for k, (point, text) in enumerate(known):
        column = results[:, k].astype(np.float64).tolist()
        worst = ulps.distance(subject, point, Fraction(text), column)
        yield verdict(
            worst <= bound,
            f"{subject}: at {_shown(point)} the value should be {text} within {bound:g} ULP,"
            f" but is {results[0, k]}, off by {worst:.3g} ULP.",
        )


def edges(subject: Subject) -> Iterator[Outcome]:
    """Special inputs give exactly the stored result."""
    if not subject.case.edges:
        return
    results = _at_points(subject, [point for point, _ in subject.case.edges])
    for k, (point, value) in enumerate(subject.case.edges):
        expected = np.full(REPEATED, value).astype(subject.dtype)
        yield verdict(
            same(results[:, k], expected),
            f"{subject}: at {_shown(point)} the value should be {value} but is {results[0, k]}.",
        )


def near_reference(subject: Subject) -> Iterator[Outcome]:
    """Sample inputs give what the reference gives in float64."""
    for shape in subject.shapes:
        inputs = subject.samples(shape)
        expected = cases.reference(subject.name)(*(x.astype(np.float64) for x in inputs))
        error = compare.max_error(subject.name, subject.op(inputs), expected)
        bound = compare.tolerance(subject.name, subject.dtype)
        yield verdict(
            error <= bound,
            f"{subject}: on random inputs of shape {shape} the value differs from the NumPy"
            f" reference by {error:.2g}, more than {bound:.2g}.",
        )


def bits(subject: Subject) -> Iterator[Outcome]:
    """Where there is fused multiply-add, the bits are the same on every computer."""
    if subject.op.isa in NO_FMA:
        return
    stored = subject.case.bits[subject.dtype == np.float64]
    found = cases.digest(subject.op, subject.dtype)
    yield verdict(
        found == stored,
        f"{subject}: the digest of the results should be {stored!r} but is {found!r}."
        if stored
        else f"{subject}: no digest of the results is stored; it is {found!r}.",
    )


def threads(subject: Subject) -> Iterator[Outcome]:
    """One thread and many give the same bits."""
    shape = LARGE if subject.has_rows else (math.prod(LARGE),)
    inputs = subject.samples(shape)
    before = fastgen.get_num_threads()
    many = max(before, 4)
    try:
        fastgen.set_num_threads(1)
        alone = _everything(subject.op, inputs)
        fastgen.set_num_threads(many)
        together = _everything(subject.op, inputs)
    finally:
        fastgen.set_num_threads(before)
    yield verdict(
        all(map(same, alone, together)),
        f"{subject}: {many} threads give other bits than one, on inputs of shape {shape}.",
    )


def rounded_once(subject: Subject) -> Iterator[Outcome]:
    """Types of 16 bits hold the float32 result, rounded once."""
    points = [point for point, _ in (*subject.case.known, *subject.case.edges)]
    if points:
        yield _rounded(subject, subject.points(points), "known and special inputs")
    for shape in subject.shapes:
        yield _rounded(subject, subject.samples(shape), f"random inputs of shape {shape}")


FOR_FLOATS: tuple[Check, ...] = (known_values, edges, near_reference, derivative, bits, threads)
FOR_HALVES: tuple[Check, ...] = (rounded_once, near_reference, threads)


def _at_points(subject: Subject, points: list[tuple[float, ...]]) -> Any:
    """Results of shape (REPEATED, number of points)."""
    return np.reshape(subject.op(subject.points(points)), (REPEATED, len(points)))


def _rounded(subject: Subject, inputs: Any, where: str) -> Outcome:
    single = np.asarray(subject.op(tuple(x.astype(np.float32) for x in inputs)))
    wrong = ~equal(subject.op(inputs), single.astype(subject.dtype))
    return verdict(
        not np.any(wrong),
        f"{subject}: {np.count_nonzero(wrong)} of {wrong.size} results on {where} are not the"
        f" float32 result rounded once.",
    )


def _everything(op: _core.Op, inputs: Any) -> list[Any]:
    results = [op(inputs)]
    if op.derivative is not None:
        results += op.derivative((*inputs, np.asarray(0.5, inputs[0].dtype)))
    return results


def _shown(point: tuple[float, ...]) -> str:
    return f"({', '.join(map(str, point))})"
