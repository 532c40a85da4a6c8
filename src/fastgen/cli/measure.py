"""One row of ``fastgen bench``: the time of NumPy, fastgen and its peers, and the errors."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import fastgen
from fastgen import cases
from fastgen.cli import compare, timing
from fastgen.cli.candidates import prepared
from fastgen.cli.peers import COMPILED
from fastgen.cli.repeated import Repeated, repeated
from fastgen.cli.row import GRADIENT, OUT, Call, Row, Setting, Step
from fastgen.cli.timing import Timed

PEER_PAUSE = 0.003
SLOW_SECONDS = 1.0  # NumPy is not made to work longer than this at a time


def measure(step: Step, setting: Setting, seconds: float) -> Row:
    """Time one operation at one size for about `seconds`, and compare the results."""
    name, kind, shape = step
    of = repeated(name, shape, setting.dtype)
    inputs = of.whole()
    function, reference = cases.function(name), cases.reference(name)
    ours: Callable[..., Any] = function
    if kind == OUT:
        out = tuple(np.empty(s, setting.dtype) for s in cases.shapes(name, shape)[1])
        ours = partial(function, out=out if len(out) > 1 else out[0])
    elif kind == GRADIENT:
        ours = fastgen.value_and_grad(function)
    numpy_dtype = _numpy_dtype(reference, of)
    part = [x.astype(numpy_dtype) for x in of.inputs]
    estimated = _seconds_of(partial(reference, *part)) * of.repeats > SLOW_SECONDS
    given = part if estimated else [x.astype(numpy_dtype, copy=False) for x in inputs]
    calls: dict[str, Call] = {
        "numpy": partial(reference, *given),
        "fastgen": partial(ours, *inputs),
    }
    others = prepared(step, inputs, setting)
    calls |= others.calls
    timed = timing.take_turns(calls, seconds, PEER_PAUSE if setting.peers else 0.0)
    chosen = others.fastest(timed)
    row = _judged(step, of, timed["numpy"], timed["fastgen"], estimated, setting)
    row.numpy_dtype = numpy_dtype.name
    row.peer_failures = others.failures
    for peer, way in chosen.items():
        row.peer_seconds[peer] = timed[way].seconds
        row.peer_errors[peer] = _error(name, of, value_of(timed[way].result, kind))
        if peer in COMPILED:
            row.peer_compile_seconds[peer] = others.first_seconds[way]
    return row


def _numpy_dtype(reference: Callable[..., Any], of: Repeated) -> Any:
    """The type to time NumPy with: float32 where it refuses 16 bits, as its linear algebra does."""
    try:
        reference(*(x[:1] for x in of.inputs))
    except TypeError:
        return np.dtype(np.float32)
    return of.inputs[0].dtype


def _seconds_of(call: Call) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def value_of(result: Any, kind: str) -> Any:
    """Return the value, without the gradients."""
    value = result[0] if kind == GRADIENT else result
    return tuple(value) if isinstance(value, (list, tuple)) else value


def _error(name: str, of: Repeated, value: Any) -> float:
    expected = cases.reference(name)(*(x.astype(np.float64) for x in of.inputs))
    return compare.max_error(name, tuple(map(of.part, cases.each(value))), expected)


def _judged(
    step: Step, of: Repeated, numpy: Timed, ours: Timed, estimated: bool, setting: Setting
) -> Row:
    name, kind, shape = step
    numpy_seconds = numpy.seconds * (of.repeats if estimated else 1)
    value, gradients = ours.result if kind == GRADIENT else (ours.result, ())
    error, bound = _error(name, of, value), compare.tolerance(name, setting.dtype)
    wrong, slope_error = not error <= bound, None
    if kind == GRADIENT:
        slope_error = compare.gradient_error(
            name, tuple(map(of.part, gradients)), of.inputs, of.shape
        )
        wrong |= not slope_error <= compare.gradient_tolerance(setting.dtype)
    nbytes = of.repeats * sum(x.nbytes for x in of.inputs)
    nbytes += sum(x.nbytes for x in (*cases.each(value), *gradients))
    # Less than twice the cache may still be in it from the call before.
    share = nbytes / ours.seconds / setting.bandwidth if nbytes > 2 * setting.cache else None
    return Row(
        operation=name,
        kind=kind,
        shape=shape,
        numpy_seconds=numpy_seconds,
        fastgen_seconds=ours.seconds,
        speed_up=numpy_seconds / ours.seconds,
        bytes=nbytes,
        bandwidth_share=share,
        max_error=error,
        tolerance=bound,
        gradient_error=slope_error,
        wrong=wrong,
        numpy_estimated=estimated,
        numpy_dtype=setting.dtype.name,
    )
