"""Where fastgen stands beside its peers: what it loses first, then each family in one line."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from fastgen import cases
from fastgen.cli.row import GRADIENT, Row
from fastgen.cli.table import Cell, say
from fastgen.cli.table import show as show_table
from fastgen.cli.texts import LOSS, WIN, size_of, times

CLASSES = ((1e3, "to 10^3"), (1e5, "to 10^5"), (math.inf, "larger"))
"""The classes of sizes, by the number of elements of the largest input."""
LOSSES = 30
"""The most losses that are listed."""


def ratio(row: Row, peer: str) -> float:
    """Return how many times as fast as a peer fastgen is."""
    return row.peer_seconds[peer] / row.fastgen_seconds


def best(row: Row) -> tuple[float, str]:
    """Return how many times as fast as the fastest peer fastgen is, and which peer that is."""
    return min((ratio(row, peer), peer) for peer in row.peer_seconds)


def show(rows: Sequence[Row], peers: Sequence[str]) -> None:
    """Print the losses, and the geometric mean of each family by size."""
    compared = [row for row in rows if row.peer_seconds]
    if not compared:
        return
    losses = sorted([row for row in compared if best(row)[0] < 1], key=best)
    say(f"\nslower than the fastest peer: {len(losses)} of {len(compared)} rows")
    if losses:
        show_table(("operation", "kind", "size", "fastest peer", "speed-up"), _losses(losses))
    if len(losses) > LOSSES:
        say(f"and {len(losses) - LOSSES} more")
    say("\ngeometric mean of the speed-up over each peer, by the number of elements")
    heads = [f"{kind}{text}" for kind in ("", "grad ") for _, text in CLASSES]
    show_table(("family, peer", *heads), _families(compared, peers))


def _losses(losses: Sequence[Row]) -> list[list[Cell]]:
    return [
        [
            Cell(row.operation, "bold"),
            Cell(row.kind),
            Cell(size_of(row)),
            Cell(best(row)[1]),
            Cell(times(best(row)[0]), LOSS),
        ]
        for row in losses[:LOSSES]
    ]


def _families(compared: Sequence[Row], peers: Sequence[str]) -> list[list[Cell]]:
    lines = []
    families = dict.fromkeys(row.operation.partition(".")[0] for row in compared)
    for family in [*families, ""]:
        its = [row for row in compared if row.operation.startswith(family and f"{family}.")]
        for peer in peers:
            found = [row for row in its if peer in row.peer_seconds]
            if found:
                lines.append([Cell(f"{family or 'all'}, {peer}"), *_means(found, peer)])
    return lines


def _means(rows: Sequence[Row], peer: str) -> list[Cell]:
    cells = []
    for gradient in (False, True):
        for k in range(len(CLASSES)):
            its = [
                ratio(row, peer)
                for row in rows
                if (row.kind == GRADIENT) == gradient and class_of(row) == k
            ]
            mean = statistics.geometric_mean(its) if its else None
            style = "" if mean is None else LOSS if mean < 1 else WIN
            cells.append(Cell("-" if mean is None else times(mean), style))
    return cells


def class_of(row: Row) -> int:
    """Return the class of sizes of a row."""
    elements = max(math.prod(shape) for shape in cases.shapes(row.operation, row.shape)[0])
    return next(k for k, (most, _) in enumerate(CLASSES) if elements <= most)
