"""Random points, and the errors of an operation there: the distance from exact results."""

from __future__ import annotations

import inspect
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from fastgen import cases
from fastgen._core import Op
from fastgen._ops import OPS
from fastgen.cases.case import Case
from fastgen.cases.ulp import error, exactly

Arrays = tuple[Any, ...]

SCALES = (1, 10, 1e-1, 1e-3, 1e-6)
TINY_SCALES = (1e-9, 1e-12)  # for float64 only


class Distance(NamedTuple):
    """The error of one number of a result, and the bound that the case states."""

    of: str
    """"value", or "gradient 0" and so on; with several outputs, "value 0"."""
    ulp: float
    bound: float
    where: tuple[str, Arrays, Arrays]
    """The instruction set, the inputs and the cotangents."""


def points(name: str, dtype: Any, random: np.random.Generator, draws: int = 0) -> list[Arrays]:
    """Return ordinary, nearly degenerate and large inputs. Each point is a batch of one.

    The case makes its inputs from normal draws at several scales. There are about `draws` points,
    or by default 12 per scale.
    """
    nin = OPS[name].nin
    scales = [*SCALES, *(TINY_SCALES if dtype == np.float64 else ())]
    pairs = _paired_inputs(name)
    few = min(nin, 2)
    parts = len(scales) ** few + 2 * len(scales) * bool(pairs)
    shapes = _shapes(name, math.ceil(draws / parts) or 12)
    grid = []
    for combination in itertools.product(scales, repeat=few):
        chosen = (combination * nin)[:nin]
        z = [c * random.normal(size=s) for c, s in zip(chosen, shapes, strict=True)]
        grid.append(cases.from_draws(name, z))
    for scale, size in itertools.product(scales if pairs else (), (1, 10)):
        z = [size * random.normal(size=shape) for shape in shapes]
        for q, p in pairs:  # two distributions, nearly the same
            z[p] = z[q] + scale * random.normal(size=shapes[p])
        grid.append(cases.from_draws(name, z))
    tiny = float(np.finfo(dtype).smallest_normal) ** 0.45  # its square is a normal number
    columns = [np.concatenate(column) for column in zip(*grid, strict=True)]
    columns = [np.where(np.abs(c) < tiny, 0, c).astype(dtype) for c in columns]
    return [tuple(c[i : i + 1] for c in columns) for i in range(len(columns[0]))]


def _shapes(name: str, count: int) -> list[Any]:
    row = (cases.CASES[name].dims.get("n", 1),) if cases.signature(name).has_rows else ()
    return cases.shapes(name, (count, *row))[0]


def _paired_inputs(name: str) -> list[tuple[int, int]]:
    """Return the positions of inputs that belong together, such as mu_q and mu_p."""
    names = list(inspect.signature(cases.reference(name)).parameters)
    partners = {n: n.removesuffix("_q") + "_p" for n in names if n.endswith("_q")}
    return [(names.index(q), names.index(p)) for q, p in partners.items() if p in names]


def cotangents(op: Op, arrays: Arrays, turn: int, random: np.random.Generator) -> Arrays:
    """Return cotangents of all outputs, or of one output in turn; 1 if the value is a scalar."""
    values = cases.each(op(arrays))
    if sum(map(np.size, values)) == 1:
        return tuple(map(np.ones_like, values))
    chosen = turn % (op.nout + 1)
    return tuple(
        (random.normal(size=v.shape) * (chosen in (j, op.nout))).astype(v.dtype)
        for j, v in enumerate(values)
    )


def distances(ops: Sequence[Op], arrays: Arrays, along: Arrays) -> Iterator[Distance]:
    """Yield the errors at one point, once for each different result of the instruction sets.

    `along` holds the cotangents. The value from the derivative must have the bits of the value that
    is computed alone.
    """
    case, nout = cases.CASES[ops[0].name], ops[0].nout
    point = _numbers(case, arrays)
    several = sum(map(np.size, along)) > 1
    slope_point = [*point, *_numbers(case, along)] if several else point
    exact = cases.each(exactly(case.exact, point))
    scales = cases.each(exactly(case.scale, point)) if case.scale else exact
    slopes = exactly(case.gradient, slope_point) if case.gradient else ()
    terms = exactly(case.gradient_scale, slope_point) if case.gradient_scale else slopes
    value_bounds = cases.bounds(case.ulp, nout)
    slope_bounds = cases.bounds(case.gradient_ulp, len(slopes))
    measured = []
    for op in ops:
        where = op.isa, arrays, along
        results = cases.each(op(arrays))
        if op.derivative is not None:
            alone, results = results, op.derivative((*arrays, *along))
            if not all(map(np.array_equal, alone, results)):
                yield Distance("value with the gradient", math.inf, 0, where)
        bits = [np.asarray(r).tobytes() for r in results]
        if bits in measured:
            continue
        measured.append(bits)
        yield from _of_results("value", results[:nout], exact, scales, value_bounds, where)
        yield from _of_results("gradient", results[nout:], slopes, terms, slope_bounds, where)


def _of_results(
    word: str, results: Any, exact: Any, scales: Any, bounds: Sequence[float], where: Any
) -> Iterator[Distance]:
    rows = zip(results, exact, scales, bounds, strict=True)
    for k, (found, wanted, scale, bound) in enumerate(rows):
        of = f"{word} {k}" if len(bounds) > 1 or word == "gradient" else word
        numbers = zip(found.flat, cases.flat(wanted), cases.flat(scale), strict=True)
        for got, number, size in numbers:
            yield Distance(of, error(got, number, found.dtype, size), bound, where)


def _numbers(case: Case, arrays: Arrays) -> list[Any]:
    """Return the operands of a formula, from arrays that are a batch of one."""
    return [x[0].tolist() if case.dims else x.item() for x in arrays]


def worst(
    name: str, ops: Sequence[Op], dtype: Any, draws: int, random: np.random.Generator
) -> dict[str, Distance]:
    """Return the largest errors of the value and of each gradient, over random points."""
    found: dict[str, Distance] = {}
    for turn, arrays in enumerate(points(name, dtype, random, draws)):
        for distance in distances(ops, arrays, cotangents(ops[0], arrays, turn, random)):
            if distance.of not in found or distance.ulp > found[distance.of].ulp:
                found[distance.of] = distance
    return found
