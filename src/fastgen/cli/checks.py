"""The checks of `fastgen check`. Each yields None for a pass, a sentence for a failure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np

import fastgen
from fastgen import _core, cases
from fastgen.cases import ulp
from fastgen.cli import compare
from fastgen.cli.gradients import derivative
from fastgen.cli.subject import Outcome, Subject, equal, same, verdict

# Enough work for several threads: rows, elements, and problems of vectors or matrices.
LARGE, ELEMENTS, PROBLEMS = (3000, 100), (300_000,), (30_000,)
NO_FMA = ("x86-64-v2", "baseline")  # may give other bits

Check = Callable[[Subject], Iterator[Outcome]]


def case_is_complete(name: str) -> Iterator[Outcome]:
    """The case has values to compare with."""
    case = cases.CASES.get(name)
    if case is None:
        yield "The registry of cases does not have this operation."
        return
    yield verdict(case.known, "No high-precision values are stored for this operation.")
    yield verdict(case.edges, "No special values are stored for this operation.")


def known_values(subject: Subject) -> Iterator[Outcome]:
    """The value is within the stated error of a value known to 25 digits."""
    case = subject.case
    for point, digits in case.known:
        bounds = cases.bounds(case.ulp, len(cases.each(digits)))
        pairs = zip(bounds, cases.each(digits), strict=True)
        limits = [limit for limit, part in pairs for _ in cases.flat(part)]
        texts, results = cases.flat(digits), subject.numbers_at(point)
        # Floats are enough for the size of a term.
        scales = cases.flat(case.scale(ulp.FLOATS, *point)) if case.scale else [0.0] * len(texts)
        rows = zip(texts, limits, scales, results, strict=True)
        for text, bound, scale, repeated in rows:
            exact = Fraction(text)
            size = max(abs(exact), abs(Fraction(float(scale))))
            worst = max(ulp.error(r, exact, subject.dtype, size) for r in set(repeated.tolist()))
            yield verdict(
                worst <= bound,
                f"{subject}: at {_shown(point)} the value should be {text} within {bound:g} ULP,"
                f" but is {repeated[0]}, off by {worst:.3g} ULP.",
            )


def edges(subject: Subject) -> Iterator[Outcome]:
    """Special inputs give exactly the stored result."""
    for point, values in subject.case.edges:
        for value, repeated in zip(cases.flat(values), subject.numbers_at(point), strict=True):
            yield verdict(
                same(repeated, np.full(repeated.shape, value).astype(subject.dtype)),
                f"{subject}: at {_shown(point)} the value should be {value} but is {repeated[0]}.",
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
    """With fused multiply-add, the bits are the same on every computer."""
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
    dims = cases.signature(subject.name).dims
    shape = LARGE if subject.has_rows else PROBLEMS if dims else ELEMENTS
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
    """A result of 16 bits is the float32 result, rounded once."""
    for point, _ in (*subject.case.known, *subject.case.edges):
        yield _rounded(subject, subject.at_point(point), f"inputs {_shown(point)}")
    for shape in subject.shapes:
        yield _rounded(subject, subject.samples(shape), f"random inputs of shape {shape}")


FOR_FLOATS: tuple[Check, ...] = (known_values, edges, near_reference, derivative, bits, threads)
FOR_HALVES: tuple[Check, ...] = (edges, rounded_once, near_reference, threads)


def _rounded(subject: Subject, inputs: Any, where: str) -> Outcome:
    results = cases.each(subject.op(inputs))
    single = tuple(x.astype(np.float32) for x in inputs)
    # An output of float64 has the sums before they are rounded.
    unrounded = tuple(np.empty(r.shape) for r in results)
    subject.op(single, out=unrounded)
    pairs = zip(results, unrounded, strict=True)
    wrong = [np.ravel(~equal(r, u.astype(subject.dtype))) for r, u in pairs]
    count, of = sum(map(np.count_nonzero, wrong)), sum(map(np.size, wrong))
    return verdict(
        not count,
        f"{subject}: {count} of {of} results on {where} are not the float32 result rounded once.",
    )


def _everything(op: _core.Op, inputs: Any) -> tuple[Any, ...]:
    results = cases.each(op(inputs))
    if op.derivative is not None:
        results += op.derivative((*inputs, *[np.asarray(0.5, inputs[0].dtype)] * op.nout))
    return results


def _shown(point: tuple[float, ...]) -> str:
    return f"({', '.join(map(str, point))})"
