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

from fastgen import _messages
from fastgen._core import Op, overrides_ufuncs, result_dtype
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

    @functools.cached_property
    def op(self) -> Op:
        """The operation."""
        return OPS[self.row]

    def inputs(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        """Those that the operation takes, the constants at the end."""
        return tuple(inputs[k] for k in self.of) + self.constants

    def shape(self, inputs: Sequence[Any]) -> tuple[int, ...]:
        """The shape over which the term is summed or averaged."""
        shapes = [np.shape(inputs[k]) for k in self.of]
        return shapes[0] if shapes.count(shapes[0]) == len(shapes) else np.broadcast_shapes(*shapes)


def _axis_and_scales(
    function: str, terms: Sequence[Term], inputs: Sequence[Any], reduction: str
) -> tuple[Any, list[float]]:
    """The axes that terms are summed over, and what each is multiplied with: sign / size."""
    axis = chosen(function, "reduction", _REDUCTIONS, reduction)
    if reduction != "mean":
        return axis, [term.sign for term in terms]
    sizes = [math.prod(term.shape(inputs)) for term in terms]
    return None, [t.sign / n if n else math.nan for t, n in zip(terms, sizes, strict=True)]


def _accumulator(term: Term, inputs: Sequence[Any], axis: Any, dtype: Any) -> Array:
    """Where the operation puts its value: with more digits than the sum of the terms will have."""
    if axis is None:
        return np.empty((), np.float64)
    return np.empty(term.shape(inputs), np.float64 if dtype == np.float64 else np.float32)


def _sum(totals: Sequence[Any], scales: Sequence[float], offset: float, dtype: Any) -> Any:
    """The value, rounded to its type once."""
    if not any(total.ndim for total in totals):  # Python's numbers are faster, and do the same
        totals = [float(total) for total in totals]
    value = totals[0] if scales[0] == 1 else totals[0] * scales[0]
    for total, scale in zip(totals[1:], scales[1:], strict=True):
        value = value + (total if scale == 1 else total * scale)
    if offset:
        value = value + offset
    if dtype.char == "f" and type(value) is float and 1e-37 < abs(value) < 1e38:
        return np.float32(value)
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(value).astype(dtype, copy=False)[()]


def value(
    function: str,
    terms: Sequence[Term],
    inputs: Sequence[Any],
    reduction: str,
    offset: float = 0,
    out: Any = None,
) -> Any:
    """Return the sum of the terms, each averaged, summed or left by itself, and of the offset."""
    inputs, dtype = tuple(inputs), result_dtype(tuple(inputs))
    axis, scales = _axis_and_scales(function, terms, inputs, reduction)
    if any(map(overrides_ufuncs, inputs)):
        return _lazy(function, terms, inputs, axis, dtype)
    if out is not None:
        shapes = [() if axis is None else term.shape(inputs) for term in terms]
        check_out(f"gan.{function}", out, np.broadcast_shapes(*shapes))
        if shapes != [()] and scales == [1] and out.dtype == dtype and dtype.char in "fd":
            return terms[0].op(terms[0].inputs(inputs), axis, False, out)
    totals = [
        term.op(term.inputs(inputs), axis, False, _accumulator(term, inputs, axis, dtype))
        for term in terms
    ]
    result = _sum(totals, scales, offset, dtype)
    if out is None:
        return result
    np.copyto(out, result, casting="unsafe")
    return out


def check_out(name: str, out: Any, shape: tuple[int, ...]) -> None:
    """Refuse an `out` of the public function `name` that can't take a result of this shape."""
    if not isinstance(out, np.ndarray) or isinstance(out, np.ma.MaskedArray):
        raise TypeError(_messages.out_type(name, out))
    if not out.flags.writeable:
        raise ValueError(_messages.out_read_only(name))
    if out.shape != shape:
        raise ValueError(_messages.out_shape(name, out.shape, shape))
    if out.dtype.char not in "efd" and out.dtype.name != "bfloat16":
        raise TypeError(_messages.out_dtype(name, out.dtype))


def refuse_foreign(function: str, inputs: Sequence[Any], instead: str) -> None:
    """Refuse arrays of other libraries, such as dask, that NumPy's protocols can't serve here."""
    for x in inputs:
        if overrides_ufuncs(x):
            raise TypeError(
                f"{function}: expected NumPy arrays, got {type(x).__module__}.{type(x).__name__}; "
                f"{instead}"
            )


def _lazy(
    function: str, terms: Sequence[Term], inputs: Sequence[Any], axis: Any, dtype: Any
) -> Any:
    """The terms by themselves, for arrays of other libraries: through the operations' ufuncs."""
    if axis is None:
        refuse_foreign(function, inputs, "take reduction='none', and average or sum the result")
    wide = np.float64 if dtype == np.float64 else np.float32
    parts = []
    for term in terms:
        arrays = [x if overrides_ufuncs(x) else np.asarray(x) for x in inputs]
        # Half precision is rounded once, at the end.
        arrays = [x.astype(wide) if x.dtype.itemsize == 2 else x for x in arrays]
        rows = [np.expand_dims(arrays[k], -1) for k in term.of]  # of one element each
        constants = [np.full(1, c, wide) for c in term.constants]
        parts.append(term.sign * term.op((*rows, *constants)))
    return functools.reduce(operator.add, parts).astype(dtype)


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
    refuse_foreign(function, inputs, "compute them first, or differentiate block by block")
    dtype = result_dtype(tuple(inputs))
    axis, scales = _axis_and_scales(function, terms, inputs, reduction)
    totals: list[Array] = []
    gradients: dict[int, Any] = {}
    for term, scale in zip(terms, scales, strict=True):
        places = {k: j + 1 for j, k in enumerate(term.of) if k in wanted}  # of input k's gradient
        total = _accumulator(term, inputs, axis, dtype)
        totals.append(total)
        if not places:
            if with_value:
                term.op(term.inputs(inputs), axis, False, total)
            continue
        op = term.op.derivative
        assert op is not None
        out = (total, *[None] * (op.nout - 1))
        outputs = int(with_value) | sum(1 << j for j in places.values())
        results = op((*term.inputs(inputs), _times(cotangent, scale)), axis, False, out, outputs)
        gradients |= {k: as_input(results[j], inputs[k]) for k, j in places.items()}
    result = _sum(totals, scales, offset, dtype) if with_value else None
    return result, tuple(gradients[k] for k in wanted)


def _times(cotangent: Any, scale: float) -> Any:
    """Cotangent times scale, in the cotangent's own type."""
    if isinstance(cotangent, (int, float)):
        return cotangent * scale
    array = np.asarray(cotangent)
    return array * scale if array.dtype.kind in "biu" else array * array.dtype.type(scale)
