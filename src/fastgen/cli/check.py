"""``fastgen check``: whether every operation is right on this computer, by the stored cases."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import suppress

import numpy as np

from fastgen import _core, cases
from fastgen.cli import checks, selected, sweep
from fastgen.cli.compare import dtype_of
from fastgen.cli.progress import progress
from fastgen.cli.subject import Outcome, Subject
from fastgen.cli.table import Cell, say

MOST_SHOWN = 10


def run(args: argparse.Namespace) -> int:
    """Check, print one line per operation, and say what failed; 1 where anything did."""
    names = selected(args)
    isas = [name for name, here in _core.isas() if here]
    dtypes = available_dtypes()
    say(f"instruction sets: {', '.join(isas)}; types: {', '.join(dtypes)}")
    start = time.perf_counter()
    total, failed, wrong = 0, 0, 0
    width = max(map(len, names))
    for name, count, failures in _results(names, isas, dtypes, args.full):
        total, failed, wrong = total + count, failed + len(failures), wrong + bool(failures)
        _print_operation(name.ljust(width), count, failures)
    seconds = f"{time.perf_counter() - start:.1f} s"
    if failed:
        text = f"{failed} of {total} checks failed, in {wrong} of {len(names)} operations"
        say([Cell(text, "bold red"), Cell(f"; {seconds}")])
        return 1
    say([Cell(f"all {total} checks passed", "bold green"), Cell(f"; {seconds}")])
    return 0


def available_dtypes() -> list[str]:
    """Return the names of the types to check: bfloat16 only where ml_dtypes is installed."""
    dtypes = ["float32", "float64", "float16"]
    with suppress(ImportError):
        dtypes.append(dtype_of("bfloat16").name)
    return dtypes


def _results(
    names: list[str], isas: list[str], dtypes: list[str], full: bool
) -> list[tuple[str, int, list[str]]]:
    bound = {isa: _core.bind(isa) for isa in isas}
    results = []
    with np.errstate(all="ignore"), progress(len(names)) as advance:
        for name in names:
            advance(name)
            count, failures = 0, []
            for outcome in outcomes(name, [bound[isa][name] for isa in isas], dtypes, full):
                count += 1
                if outcome:
                    failures.append(outcome)
            results.append((name, count, failures))
    return results


def outcomes(name: str, ops: list[_core.Op], dtypes: list[str], full: bool) -> Iterator[Outcome]:
    """Every check of one operation: None where it passed, a sentence where not."""
    yield from checks.case_is_complete(name)
    if name not in cases.CASES:
        return
    for dtype_name in dtypes:
        dtype = dtype_of(dtype_name)
        half = dtype.itemsize == 2
        for op in ops:
            subject = Subject(name, op, dtype)
            for check in checks.FOR_HALVES if half else checks.FOR_FLOATS:
                yield from _safely(subject, check)
        if full and not half:
            yield from sweep.across_instruction_sets(name, ops, dtype)


def _safely(subject: Subject, check: checks.Check) -> Iterator[Outcome]:
    try:
        yield from check(subject)
    except Exception as error:  # a crash is a finding, not the end of the report
        yield f"{subject}: {type(error).__name__} while checking {check.__name__}: {error}."


def _print_operation(name: str, count: int, failures: list[str]) -> None:
    if not failures:
        say([Cell(f"{name}  {count:>4} checks  "), Cell("ok", "green")])
        return
    say([Cell(f"{name}  {count:>4} checks  "), Cell(f"{len(failures)} FAILED", "bold red")])
    for failure in failures[:MOST_SHOWN]:
        say(f"    {failure}")
    if len(failures) > MOST_SHOWN:
        say(f"    {len(failures) - MOST_SHOWN} more failed.")
