"""``fastgen bench``: how fast every operation is, compared with NumPy, and whether it is right."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import fastgen
from fastgen import cases
from fastgen._ops import OPS
from fastgen.cli import compare, machine, report, selected, timing
from fastgen.cli.progress import progress
from fastgen.cli.sample import Sample, sample
from fastgen.cli.timing import Timed

SECONDS, QUICK_SECONDS = 70.0, 6.0
ROW_SECONDS = 2.0
PEER_PAUSE = 0.003
SLOW_SECONDS = 1.0  # NumPy is not made to work longer than this at a time
PLOT_SUFFIXES = (".png", ".pdf", ".svg")

VALUE, OUT, GRADIENT = "value", "out", "value_and_grad"

Shape = tuple[int, ...]
Call = Callable[[], Any]
Step = tuple[str, str, Shape]


class Sizes(NamedTuple):
    """Shapes of the inputs, and those at which the gradient is timed too."""

    value: tuple[Shape, ...]
    gradient: tuple[Shape, ...]


# A single sample, a batch of latents, long rows, many short rows, and more than the caches hold.
ROWS = Sizes(
    ((1, 4), (128, 20), (64, 4096), (65536, 20), (4096, 512), (16384, 512)),
    ((128, 20), (4096, 512)),
)
ELEMENTS = Sizes(((10,), (1_000,), (100_000,), (10_000_000,)), ((1_000,), (100_000,)))
SMALL = Sizes(((1,), (1_000,), (100_000,)), ((1_000,),))  # vectors and matrices
QUICK_ROWS = Sizes(((1, 4), (4096, 512)), ((4096, 512),))
QUICK_ELEMENTS = Sizes(((10,), (100_000,)), ((100_000,),))
QUICK_SMALL = Sizes(((1,), (1_000,)), ((1_000,),))


@dataclass
class Row:
    """One operation at one size."""

    operation: str
    kind: str
    shape: Shape
    numpy_seconds: float
    fastgen_seconds: float
    speed_up: float
    bytes: int
    bandwidth_share: float | None
    max_error: float
    tolerance: float
    gradient_error: float | None
    wrong: bool
    numpy_estimated: bool
    peer_seconds: dict[str, float] = field(default_factory=dict)
    peer_errors: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Setting:
    """What is the same for every row."""

    dtype: Any
    cache: int
    bandwidth: float
    free: float
    peers: dict[str, Callable[[str, Any, bool], Call | None]]


def run(args: argparse.Namespace) -> int:
    """Time, compare, and print the table; 1 where a result is wrong."""
    names = selected(args)
    dtype = _checked_dtype(args)
    _check_files(args)
    start = time.perf_counter()
    peers: Any = importlib.import_module("fastgen.cli.peers").found() if args.peers else {}
    threads, cache = fastgen.get_num_threads(), machine.last_level_cache()
    with np.errstate(all="ignore"):
        bandwidth, free = machine.read_bandwidth(threads, cache), machine.free_share(threads)
        setting = Setting(dtype, cache, bandwidth, free, peers)
        rows = _rows(names, setting, args.quick, start)
    found = report.collect(rows, setting, time.perf_counter() - start)
    report.show(rows, found)
    if args.json:
        report.write_json(args.json, rows, found)
    if args.plot:
        importlib.import_module("fastgen.cli.plot").draw(args.plot, rows, found)
    return 1 if any(row.wrong for row in rows) else 0


def _checked_dtype(args: argparse.Namespace) -> Any:
    if args.peers and args.dtype not in ("float32", "float64"):
        args.error("--peers: needs --dtype float32 or float64")
    try:
        return compare.dtype_of(args.dtype)
    except ImportError:
        args.error("--dtype bfloat16: needs ml_dtypes; pip install 'fastgen[bf16]'")


def _check_files(args: argparse.Namespace) -> None:
    """Complain before any time is spent."""
    if args.plot and importlib.util.find_spec("matplotlib") is None:
        args.error("--plot: needs matplotlib; pip install 'fastgen[cli]'")
    if args.plot and Path(args.plot).suffix.lower() not in PLOT_SUFFIXES:
        args.error(f"--plot: {args.plot!r} must end in one of {', '.join(PLOT_SUFFIXES)}")
    for option, file in (("--json", args.json), ("--plot", args.plot)):
        if file and (Path(file).is_dir() or not os.access(Path(file).absolute().parent, os.W_OK)):
            args.error(f"{option}: can't write to {file!r}")


def _plan(names: list[str], cache: int, dtype: Any, quick: bool) -> Iterator[Step]:
    """Operation, kind and shape of every row, in the order of the table."""
    for name in names:
        sizes = _sizes(name, quick)
        for shape in sizes.value:
            # Fresh memory costs the operating system more than a pass costs the CPU: a large result
            # without out= says little about the operation.
            written = sum(map(math.prod, cases.shapes(name, shape)[1])) * dtype.itemsize
            yield name, OUT if written > cache else VALUE, shape
        if OPS[name].derivative is not None:
            for shape in sizes.gradient:
                yield name, GRADIENT, shape


def _sizes(name: str, quick: bool) -> Sizes:
    if cases.signature(name).has_rows:
        return QUICK_ROWS if quick else ROWS
    if cases.signature(name).dims:
        return QUICK_SMALL if quick else SMALL
    return QUICK_ELEMENTS if quick else ELEMENTS


def _rows(names: list[str], setting: Setting, quick: bool, start: float) -> list[Row]:
    plan = list(_plan(names, setting.cache, setting.dtype, quick))
    end = start + (QUICK_SECONDS if quick else SECONDS)
    rows: dict[Step, Row] = {}
    with progress(len(plan)) as advance:
        # The largest first: they take what they need, and the others share what is left.
        for done, step in enumerate(sorted(plan, key=lambda step: -math.prod(step[2]))):
            advance(f"{step[0]} {report.size(step[2])}")
            left = (end - time.perf_counter()) / (len(plan) - done)
            # Peers may take what they need: compiling alone takes longer than all the rest.
            seconds = ROW_SECONDS / 4 if setting.peers else min(ROW_SECONDS, left)
            rows[step] = _row(*step, setting, seconds)
    return [rows[step] for step in plan]


def _row(name: str, kind: str, shape: Shape, setting: Setting, seconds: float) -> Row:
    of = sample(name, shape, setting.dtype)
    inputs = of.whole()
    function, reference = cases.function(name), cases.reference(name)
    ours: Callable[..., Any] = function
    if kind == OUT:
        out = tuple(np.empty(s, setting.dtype) for s in cases.shapes(name, shape)[1])
        ours = partial(function, out=out if len(out) > 1 else out[0])
    elif kind == GRADIENT:
        ours = fastgen.value_and_grad(function)
    estimated = _seconds_of(partial(reference, *of.inputs)) * of.repeats > SLOW_SECONDS
    calls: dict[str, Call] = {
        "numpy": partial(reference, *(of.inputs if estimated else inputs)),
        "fastgen": partial(ours, *inputs),
    }
    for peer, prepare in setting.peers.items():
        call = None if kind == GRADIENT else prepare(name, inputs, kind == OUT)
        if call is not None:
            calls[peer] = call
    timed = timing.take_turns(calls, seconds, PEER_PAUSE if setting.peers else 0.0)
    return _judged((name, kind, shape), of, timed, estimated, setting)


def _seconds_of(call: Call) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _judged(
    step: Step, of: Sample, timed: dict[str, Timed], estimated: bool, setting: Setting
) -> Row:
    name, kind, shape = step
    expected = cases.reference(name)(*(x.astype(np.float64) for x in of.inputs))

    def error_of(result: Any) -> float:
        return compare.max_error(name, tuple(map(of.part, cases.each(result))), expected)

    numpy, ours = timed.pop("numpy").seconds, timed.pop("fastgen")
    numpy *= of.repeats if estimated else 1
    value, gradients = ours.result if kind == GRADIENT else (ours.result, ())
    error, bound = error_of(value), compare.tolerance(name, setting.dtype)
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
        numpy_seconds=numpy,
        fastgen_seconds=ours.seconds,
        speed_up=numpy / ours.seconds,
        bytes=nbytes,
        bandwidth_share=share,
        max_error=error,
        tolerance=bound,
        gradient_error=slope_error,
        wrong=wrong,
        numpy_estimated=estimated,
        peer_seconds={peer: t.seconds for peer, t in timed.items()},
        peer_errors={peer: error_of(t.result) for peer, t in timed.items()},
    )
