"""The one screen of ``fastgen bench``: each family in a line, what loses, what the whole adds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from fastgen import cases
from fastgen.cli.row import GRADIENT, Row
from fastgen.cli.table import Cell, say
from fastgen.cli.table import show as show_table
from fastgen.cli.texts import LOSS, WIN, duration, size_of, times

SMALL = 1000
"""The most elements of the largest input of a small call."""
LOSSES = 12
"""The most losses that are listed."""
HEADS = ("family", "measured", "small", "large", "value_and_grad", "least", "most")


def is_small(row: Row) -> bool:
    """Return whether a row is of small inputs: the cost of a call, not that of its elements."""
    elements = max(math.prod(shape) for shape in cases.shapes(row.operation, row.shape)[0])
    return elements <= SMALL


def show(rows: Sequence[Row]) -> None:
    """Print one line for each family, and the rows that are slower than NumPy."""
    say("speed-up over NumPy: the geometric mean of each family")
    families = dict.fromkeys(row.operation.partition(".")[0] for row in rows)
    lines = [
        _line(family, [row for row in rows if row.operation.startswith(f"{family}.")])
        for family in families
    ]
    if len(families) > 1:
        lines.append(_line("all", rows))
    show_table(HEADS, lines)
    say(
        f"small: up to {SMALL} elements; large: 10^5 or 4096x512;"
        " value_and_grad: large, NumPy's value only"
    )
    losses = sorted([row for row in rows if row.speed_up < 1], key=lambda row: row.speed_up)
    if losses:
        say("")
        heads = ("slower than NumPy", "kind", "size", "NumPy", "fastgen", "speed-up")
        show_table(heads, [_loss(row) for row in losses[:LOSSES]])
        if len(losses) > LOSSES:
            say(f"and {len(losses) - LOSSES} more")
    say("")


def _line(family: str, rows: Sequence[Row]) -> list[Cell]:
    values = [row for row in rows if row.kind != GRADIENT]
    parts = (
        [row for row in values if is_small(row)],
        [row for row in values if not is_small(row)],
        [row for row in rows if row.kind == GRADIENT],
    )
    count = len({row.operation for row in rows})
    every = [row.speed_up for row in values]
    ends = [_cell(pick(every)) if every else Cell("-") for pick in (min, max)]
    return [Cell(family, "bold"), Cell(str(count)), *map(_mean, parts), *ends]


def _mean(rows: Sequence[Row]) -> Cell:
    if not rows:
        return Cell("-")
    return _cell(statistics.geometric_mean([row.speed_up for row in rows]))


def _cell(ratio: float) -> Cell:
    return Cell(times(ratio), LOSS if ratio < 1 else WIN)


def _loss(row: Row) -> list[Cell]:
    return [
        Cell(row.operation, "bold"),
        Cell(row.kind),
        Cell(size_of(row)),
        Cell(duration(row.numpy_seconds)),
        Cell(duration(row.fastgen_seconds)),
        Cell(times(row.speed_up), LOSS),
    ]
