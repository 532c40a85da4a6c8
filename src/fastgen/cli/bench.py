"""``fastgen bench``: how fast every operation is, compared with NumPy, and whether it is right."""

from __future__ import annotations

import argparse
import contextlib
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import fastgen
from fastgen._extras import how_to_install, is_installed
from fastgen.cli import compare, files, guards, machine, peers, plot, report, selected, texts
from fastgen.cli.measure import measure
from fastgen.cli.plan import Extent, fits, steps
from fastgen.cli.progress import progress
from fastgen.cli.row import Row, Setting, Step

SECONDS: dict[Extent, float] = {"screen": 10.0, "quick": 6.0, "full": 70.0}
MOST_SECONDS = 38.0
"""After so long, one screen leaves out the rest: it may take 45 seconds with all else."""
ROW_SECONDS = 2.0
INTERRUPTED = 130


def run(args: argparse.Namespace) -> int:
    """Time, compare, and print the table; 1 where a result is wrong or a file is not written."""
    names, extent = selected(args), _extent(args)
    dtype = _checked_dtype(args)
    _check_files(args)
    guard = _guard(args, names)
    start = time.perf_counter()
    others: Any = _peers(args) if args.peers else {}
    threads, cache = fastgen.get_num_threads(), machine.last_level_cache()
    with np.errstate(all="ignore"):
        bandwidth, free = machine.read_bandwidth(threads, cache), machine.free_share(threads)
        setting = Setting(dtype, cache, bandwidth, free, others)
        plan = guard.plan if guard else _plan(args, names, cache, dtype)
        last = start + MOST_SECONDS if extent == "screen" and not (guard or others) else math.inf
        rows, interrupted = _rows(plan, setting, start + SECONDS[extent], last)
        slower = guard.slower(rows, setting) if guard else []
    found = report.collect(rows, setting, time.perf_counter() - start)
    found |= {
        "extent": extent,
        "planned": len(plan),
        "rows_of_full": len(steps(names, "full", cache, dtype)),
        "interrupted": interrupted,
        "summary": extent == "screen" and not fits(plan),
    }
    if not rows:
        raise KeyboardInterrupt
    report.show(rows, found)
    sys.stdout.flush()  # the table comes first, whatever happens to the files
    guards.show(slower)
    written = _write(args, rows, found)
    if found["interrupted"]:
        print(f"interrupted after {len(rows)} of {len(plan)} rows", file=sys.stderr)
        return INTERRUPTED
    return 1 if found["wrong"] or slower or not written else 0


def _plan(args: argparse.Namespace, names: list[str], cache: int, dtype: Any) -> list[Step]:
    """Return the rows. Beside peers, which allocate their results, fastgen does so too."""
    return steps(names, _extent(args), sys.maxsize if args.peers else cache, dtype)


def _guard(args: argparse.Namespace, names: list[str]) -> guards.Guard | None:
    """Return what ``--guard`` compares with, or None without it."""
    if args.guard is None:
        return None
    if args.full or args.quick:
        args.error("--guard: the file says which rows to measure, without --full or --quick")
    guard: guards.Guard | None = None
    try:
        guard = guards.read(args.guard, names, args.dtype)
    except guards.GuardError as error:
        args.error(f"--guard: {error}")
    return guard


def _extent(args: argparse.Namespace) -> Extent:
    return "full" if args.full else "quick" if args.quick else "screen"


def _peers(args: argparse.Namespace) -> Any:
    found = peers.found()
    if not found:
        ways = ", ".join(how_to_install(name) for name in peers.PACKAGES)
        args.error(f"--peers: needs torch, jax or numexpr; {ways}")
    return found


def _checked_dtype(args: argparse.Namespace) -> Any:
    if args.peers and args.dtype not in ("float32", "float64"):
        args.error("--peers: needs --dtype float32 or float64")
    try:
        return compare.dtype_of(args.dtype)
    except ImportError:
        args.error(f"--dtype bfloat16: needs ml_dtypes; {how_to_install('ml_dtypes')}")


def _check_files(args: argparse.Namespace) -> None:
    """Complain before any time is spent."""
    if args.plot is not None and not is_installed("matplotlib"):
        args.error(f"--plot: needs matplotlib; {how_to_install('matplotlib')}")
    if args.plot and Path(args.plot).suffix.lower() not in plot.SUFFIXES:
        args.error(f"--plot: {args.plot!r} must end in one of {', '.join(plot.SUFFIXES)}")
    for option, file in (("--json", args.json), ("--plot", args.plot)):
        if file is not None:
            try:
                files.check(option, file)
            except files.FileError as error:
                args.error(str(error))


def _rows(plan: list[Step], setting: Setting, end: float, last: float) -> tuple[list[Row], bool]:
    """Measure the rows, and return those that are complete, and whether Ctrl-C came.

    No row starts after the time `last`.
    """
    rows: dict[Step, Row] = {}
    interrupted = True
    # The largest first: they take what they need, and the others share what is left. Where some
    # must be left out, these are of every family and size.
    order = sorted(plan, key=lambda step: -math.prod(step.shape))
    if last < math.inf:
        order = [plan[k] for k in np.random.default_rng(0).permutation(len(plan))]
    with progress(len(plan)) as advance, contextlib.suppress(KeyboardInterrupt):
        for done, step in enumerate(order):
            if rows and time.perf_counter() > last:
                break
            advance(f"{step.operation} {texts.size(step.shape)}")
            left = (end - time.perf_counter()) / (len(plan) - done)
            # Peers may take what they need: compiling alone takes longer than all the rest.
            seconds = ROW_SECONDS / 4 if setting.peers else min(ROW_SECONDS, left)
            rows[step] = measure(step, setting, seconds)
        interrupted = False
    return [rows[step] for step in plan if step in rows], interrupted


def _write(args: argparse.Namespace, rows: list[Row], found: dict[str, Any]) -> bool:
    """Write the files that were asked for, and return whether all are written."""
    contents: list[tuple[str, str | None, Callable[[], bytes]]] = [
        ("--json", args.json, lambda: report.as_json(rows, found)),
        ("--plot", args.plot, lambda: plot.draw(Path(args.plot).suffix[1:], rows, found)),
    ]
    written = True
    for option, file, content in contents:
        if file is None:
            continue
        try:
            files.write(option, file, content())
        except files.FileError as error:
            print(f"fastgen bench: error: {error}", file=sys.stderr)
            written = False
    return written
