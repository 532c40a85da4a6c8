"""The output of ``fastgen bench``: a table for people, JSON for programs."""

from __future__ import annotations

import dataclasses
import json
import statistics
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from fastgen.cli import info, standing, summary
from fastgen.cli.peers import COMPILED
from fastgen.cli.row import GRADIENT, OUT, Row, Setting
from fastgen.cli.table import Cell, say
from fastgen.cli.table import show as show_table
from fastgen.cli.texts import LOSS, WIN, WRONG, duration, size, size_of, times

HEADS = ("operation", "size", "NumPy", "fastgen", "speed-up", "bandwidth", "max error")
LABELS = {
    OUT: "  into out= (NumPy allocates)",
    GRADIENT: "  value_and_grad (NumPy: value only)",
}
PEER_LABELS = {GRADIENT: "  value and gradients"}
WIDTH = 98


def collect(rows: list[Row], setting: Setting, seconds: float) -> dict[str, Any]:
    """Return the facts of the whole run."""
    return {
        "environment": info.collect(),
        "dtype": setting.dtype.name,
        "peers": list(setting.peers),
        "seconds": seconds,
        "bandwidth_bytes_per_second": setting.bandwidth,
        "free_cpu_share": setting.free,
        "last_level_cache_bytes": setting.cache,
        "slower": sum(row.speed_up < 1 for row in rows if row.kind != GRADIENT),
        "gradients_slower": sum(row.speed_up < 1 for row in rows if row.kind == GRADIENT),
        "wrong": sum(row.wrong for row in rows),
    }


def as_json(rows: list[Row], found: dict[str, Any]) -> bytes:
    """Return every number as JSON."""
    everything = {**found, "rows": [dataclasses.asdict(row) for row in rows]}
    return (json.dumps(everything, indent=1) + "\n").encode()


def show(rows: list[Row], found: dict[str, Any]) -> None:
    """Print the table, the table of peers if there are any, and explanations."""
    if found["summary"]:
        summary.show(rows)
        if found["peers"]:
            _show_peers(rows, found["peers"])
            say("")
        _show_counts(rows, found)
        _show_machine(found)
        _show_more(rows, found)
        return
    one_screen = found["extent"] == "screen"
    for part in [rows] if one_screen else _by_family(rows).values():
        show_table(HEADS, [[_label(row, rows, LABELS), *_cells(row)] for row in part])
        say("")
    if found["peers"]:
        _show_peers(rows, found["peers"])
        say("")
    if not one_screen:
        _show_families(rows)
        say("")
    _show_foot(rows, found)
    if found["planned"] < found["rows_of_full"]:
        say(f"{found['planned']} of {found['rows_of_full']} rows: `--full` shows all of them")


def _show_more(rows: list[Row], found: dict[str, Any]) -> None:
    """Say what the other options would add."""
    _explain(
        f"{len(rows)} of {found['rows_of_full']} rows are measured. `bench --full` shows all, with"
        " their errors and shares of the memory's bandwidth, and takes minutes. `bench --only"
        " vae.kl` shows a few. `bench --peers` also compares with torch, torch.compile, jax.jit and"
        " numexpr, and takes an hour."
    )


def _label(row: Row, rows: list[Row], labels: dict[str, str]) -> Cell:
    """The operation in its first row, the kind in its other rows."""
    first = next(other for other in rows if other.operation == row.operation)
    return Cell(row.operation, "bold") if row is first else Cell(labels.get(row.kind, ""))


def _cells(row: Row) -> list[Cell]:
    share = "-" if row.bandwidth_share is None else f"{row.bandwidth_share:.0%}"
    error = Cell("WRONG", WRONG) if row.wrong else Cell(f"{row.max_error:.1e}")
    return [
        Cell(size_of(row)),
        Cell("~" * row.numpy_estimated + duration(row.numpy_seconds)),
        Cell(duration(row.fastgen_seconds)),
        _speed([row.speed_up]),
        Cell(share),
        error,
    ]


def _show_peers(rows: list[Row], peers: list[str]) -> None:
    compared = [row for row in rows if row.peer_seconds]
    compiled = [peer for peer in peers if peer in COMPILED]
    cells = [
        [
            _label(row, compared, PEER_LABELS),
            Cell(size_of(row)),
            Cell(duration(row.fastgen_seconds)),
            *(_peer_cell(row, peer) for peer in peers),
            *(_compile_cell(row, peer) for peer in compiled),
        ]
        for row in compared
    ]
    standing.show(rows, peers)
    say("\nspeed-up over other libraries, with the same threads; seconds of the first call")
    heads = ("operation", "size", "fastgen", *peers, *[f"{peer} 1st" for peer in compiled])
    show_table(heads, cells)
    say("! the error of this result is larger than the bound for fastgen")
    for peer in peers:
        failed = {
            row.operation: row.peer_failures[peer] for row in rows if peer in row.peer_failures
        }
        for name, reason in failed.items():
            say(f"{peer} can't compute {name}: {reason}")


def _compile_cell(row: Row, peer: str) -> Cell:
    seconds = row.peer_compile_seconds.get(peer)
    return Cell("-" if seconds is None else duration(seconds))


def _by_family(rows: list[Row]) -> dict[str, list[Row]]:
    families: dict[str, list[Row]] = {}
    for row in rows:
        families.setdefault(row.operation.partition(".")[0], []).append(row)
    return families


def _show_families(rows: list[Row]) -> None:
    """Print one line for each family."""
    cells = []
    for family, its in _by_family(rows).items():
        values = [row.speed_up for row in its if row.kind != GRADIENT]
        gradients = [row.speed_up for row in its if row.kind == GRADIENT]
        cells.append(
            [
                Cell(family, "bold"),
                Cell(str(len({row.operation for row in its}))),
                *(_speed(values, pick) for pick in (min, statistics.median, max)),
                _speed(gradients, statistics.median),
            ]
        )
    show_table(("family", "operations", "least", "median", "most", "value_and_grad"), cells)


def _speed(ratios: Sequence[float], pick: Callable[[Sequence[float]], float] = max) -> Cell:
    if not ratios:  # after Ctrl-C
        return Cell("-")
    ratio = pick(ratios)
    return Cell(times(ratio), LOSS if ratio < 1 else WIN)


def _peer_cell(row: Row, peer: str) -> Cell:
    if peer not in row.peer_seconds:
        return Cell("-")
    ratio = row.peer_seconds[peer] / row.fastgen_seconds
    mark = "" if row.peer_errors[peer] <= row.tolerance else "!"
    return Cell(mark + times(ratio), LOSS if ratio < 1 else WIN)


def _show_counts(rows: list[Row], found: dict[str, Any]) -> None:
    gradients = sum(row.kind == GRADIENT for row in rows)
    _count(found["slower"], len(rows) - gradients, "slower than NumPy", LOSS)
    if gradients:
        _count(found["gradients_slower"], gradients, f"{GRADIENT} slower than NumPy's value", LOSS)
    _count(found["wrong"], len(rows), "wrong", WRONG)
    for row in rows:
        if row.wrong:
            say([Cell(_why_wrong(row), WRONG)])


def _show_machine(found: dict[str, Any]) -> None:
    here = found["environment"]
    isa, threads = here["instruction_sets"]["chosen"], here["threads"]["count"]
    say(
        f"{here['cpu']}, {isa}, {_plural(threads, 'thread')}, {found['dtype']}, "
        f"NumPy {here['numpy']}, fastgen {here['fastgen']}; {found['seconds']:.0f} s"
    )
    if found["free_cpu_share"] < 0.75:
        share = f"{found['free_cpu_share']:.0%} of {_plural(threads, 'CPU')}"
        say([Cell(f"Other programs left only {share}: times with threads are too long.", LOSS)])


def _show_foot(rows: list[Row], found: dict[str, Any]) -> None:
    _show_counts(rows, found)
    _show_machine(found)
    threads = found["environment"]["threads"]["count"]
    cache = found["last_level_cache_bytes"] / 2**20
    rate = found["bandwidth_bytes_per_second"] / 1e9
    _explain(
        "max error: relative to the NumPy reference in float64; where a sum may cancel, to the"
        " median result. Gradients are compared with differences of the reference."
    )
    if any(row.numpy_estimated for row in rows):
        _explain("~ the time of a part of the inputs, times the number of parts.")
    if any(row.numpy_dtype != found["dtype"] for row in rows):
        others = dict.fromkeys(row.operation for row in rows if row.numpy_dtype != found["dtype"])
        _explain(f"NumPy does not take {found['dtype']} in {', '.join(others)}: float32 there.")
    _explain(
        f"bandwidth: bytes read and written per second, as a share of the {rate:.1f} GB/s that"
        f" NumPy reaches here with {_plural(threads, 'thread')}, where the bytes are more than"
        f" twice the cache ({cache:.0f} MiB). Results larger than the cache go into out=."
    )


def _explain(text: str) -> None:
    say(textwrap.fill(text, WIDTH, subsequent_indent="  "))


def _count(count: int, of: int, what: str, style: str) -> None:
    say([Cell(f"{count} of {of} {what}", style if count else WIN)])


def _why_wrong(row: Row) -> str:
    start = f"WRONG: {row.operation}, {row.kind} at {size(row.shape)}:"
    if row.gradient_error is None or not row.max_error <= row.tolerance:
        return f"{start} error {row.max_error:.1e}, more than {row.tolerance:.1e}"
    return f"{start} the gradient is off by {row.gradient_error:.1e}"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")
