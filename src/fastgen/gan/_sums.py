"""Losses that are sums of terms: their value and gradients, in one pass over each input.

A term is an operation on one input, or on a pair of them, and no input is in two terms.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastgen._core import Op
from fastgen._derivatives import as_input
from fastgen._ops import OPS, chosen

Array = np.ndarray[Any, np.dtype[Any]]
_REDUCTIONS = {"mean": None, "sum": None, "none": ()}  # the axes that a term is summed over


@dataclass(frozen=True)
class Term:
    """`sign` times an operation that sums over rows, of some of the inputs and a constant."""

    row: str
    of: tuple[int, ...]
    constants: tuple[float, ...] = ()
    sign: float = 1.0

    @property
    def op(self) -> Op:
        """The operation."""
        return OPS[self.row]

    def inputs(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        """Those that the operation takes, the constants at the end."""
        return tuple(inputs[k] for k in self.of) + self.constants

    def shape(self, inputs: Sequence[Any]) -> tuple[int, ...]:
        """The shape over which the term is summed or averaged."""
        return np.broadcast_shapes(*(np.shape(inputs[k]) for k in self.of))


def float_type(inputs: Sequence[Any]) -> np.dtype[Any]:
    """Return the type of the result: that of the inputs, where integers count as float64."""
    dtypes = [np.asarray(x).dtype for x in inputs]
    return np.result_type(*(np.dtype(float) if d.kind in "biu" else d for d in dtypes))


def _axis_and_scales(
    function: str, terms: Sequence[Term], inputs: Sequence[Any], reduction: str
) -> tuple[Any, list[float]]:
    """The axes that terms are summed over, and what each is multiplied with: sign / size."""
    axis = chosen(function, "reduction", _REDUCTIONS, reduction)
    if reduction != "mean":
        return axis, [term.sign for term in terms]
    sizes = [math.prod(term.shape(inputs)) for term in terms]
    return axis, [t.sign / n if n else math.nan for t, n in zip(terms, sizes, strict=True)]


def _accumulator(term: Term, inputs: Sequence[Any], axis: Any) -> Array:
    """Where the operation puts its value: with more digits than the sum of the terms will have."""
    if axis is None:
        return np.empty((), np.float64)
    double = float_type(inputs) == np.float64
    return np.empty(term.shape(inputs), np.float64 if double else np.float32)


def _sum(totals: Sequence[Array], scales: Sequence[float], offset: float, inputs: Any) -> Any:
    """The value in the type of the inputs, rounded to it once."""
    parts = [t if scale == 1 else t * scale for t, scale in zip(totals, scales, strict=True)]
    value = functools.reduce(operator.add, parts)
    with np.errstate(over="ignore"):
        return np.asarray(value + offset if offset else value).astype(float_type(inputs))[()]


def value(
    function: str, terms: Sequence[Term], inputs: Sequence[Any], reduction: str, offset: float = 0
) -> Any:
    """Return the sum of the terms, each averaged, summed or left by itself, and of the offset."""
    axis, scales = _axis_and_scales(function, terms, inputs, reduction)
    totals = [
        term.op(term.inputs(inputs), axis, False, _accumulator(term, inputs, axis))
        for term in terms
    ]
    return _sum(totals, scales, offset, inputs)


def value_and_gradients(
    function: str,
    terms: Sequence[Term],
    inputs: Sequence[Any],
    reduction: str,
    call: tuple[Sequence[int], Any, bool],
    offset: float = 0,
) -> tuple[Any, tuple[Any, ...]]:
    """Return what a rule does, for call = (wanted, cotangent, with_value): one pass per input."""
    wanted, cotangent, with_value = call
    axis, scales = _axis_and_scales(function, terms, inputs, reduction)
    totals: list[Array] = []
    gradients: dict[int, Any] = {}
    for term, scale in zip(terms, scales, strict=True):
        op = term.op.derivative
        assert op is not None
        places = {k: j + 1 for j, k in enumerate(term.of) if k in wanted}  # of input k's gradient
        total = _accumulator(term, inputs, axis)
        out = (total, *[None] * (op.nout - 1))
        outputs = int(with_value) | sum(1 << j for j in places.values())
        results = op((*term.inputs(inputs), _times(cotangent, scale)), axis, False, out, outputs)
        totals.append(total)
        gradients |= {k: as_input(results[j], inputs[k]) for k, j in places.items()}
    result = _sum(totals, scales, offset, inputs) if with_value else None
    return result, tuple(gradients[k] for k in wanted)


def _times(cotangent: Any, scale: float) -> Any:
    """Cotangent times scale, in the cotangent's own type."""
    if isinstance(cotangent, (int, float)):
        return cotangent * scale
    array = np.asarray(cotangent)
    return array * scale if array.dtype.kind in "biu" else array * array.dtype.type(scale)
