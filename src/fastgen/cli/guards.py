"""``fastgen bench --guard FILE``: whether a row has become slower than it was.

What counts are ratios to NumPy and to the peers in one run, not seconds: another computer, or a
busy one, changes all of them alike. A row that seems slower is measured again, for longer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from fastgen.cli.measure import measure
from fastgen.cli.row import Row, Setting, Step
from fastgen.cli.table import Cell, say
from fastgen.cli.table import show as show_table
from fastgen.cli.texts import LOSS, size_of, times

SHARE = 0.8  # of the stored ratio
AGAIN = (1.0, 2.0)  # seconds of the further measurements


class GuardError(Exception):
    """A file that holds no rows to compare with."""


class Slower(NamedTuple):
    """A row that has become slower than it was, beside `other`."""

    row: Row
    other: str
    now: float
    before: float


@dataclass(frozen=True)
class Guard:
    """The ratios of a file, by row."""

    stored: dict[Step, dict[str, float]]

    @property
    def plan(self) -> list[Step]:
        """The rows to measure."""
        return list(self.stored)

    def slower(self, rows: list[Row], setting: Setting) -> list[Slower]:
        """Return the rows that are slower, after further measurements, which replace the rows."""
        for seconds in AGAIN:
            for k, row in enumerate(rows):
                if any(self._compared(row)):
                    again = measure(Step(row.operation, row.kind, row.shape), setting, seconds)
                    if again.speed_up > row.speed_up or again.wrong:
                        rows[k] = again
        return [found for row in rows for found in self._compared(row)]

    def _compared(self, row: Row) -> Iterator[Slower]:
        before = self.stored[Step(row.operation, row.kind, row.shape)]
        for other, now in ratios(row.speed_up, row.fastgen_seconds, row.peer_seconds).items():
            if other in before and now < SHARE * before[other]:
                yield Slower(row, other, now, before[other])


def ratios(
    speed_up: float, fastgen_seconds: float, peer_seconds: dict[str, float]
) -> dict[str, float]:
    """Return how many times as fast as NumPy and each peer fastgen is."""
    return {"NumPy": speed_up} | {
        peer: seconds / fastgen_seconds for peer, seconds in peer_seconds.items()
    }


def read(file: str, names: Sequence[str], dtype: str) -> Guard:
    """Return the ratios that ``bench --json FILE`` has written, of these operations."""
    try:
        with open(file, encoding="utf-8") as stream:
            found: Any = json.load(stream)
        stored = {
            Step(row["operation"], row["kind"], tuple(row["shape"])): ratios(
                row["speed_up"], row["fastgen_seconds"], row["peer_seconds"]
            )
            for row in found["rows"]
            if row["operation"] in names
        }
        written = found["dtype"]
    except OSError as error:
        raise GuardError(f"can't read {file!r}: {error.strerror}") from None
    except (KeyError, TypeError, ValueError):
        raise GuardError(f"{file!r} is not a file that bench --json has written") from None
    if written != dtype:
        raise GuardError(f"{file!r} has rows of {written}, not {dtype}: add --dtype {written}")
    if not stored:
        raise GuardError(f"{file!r} has no rows of the operations chosen")
    return Guard(stored)


def show(slower: Sequence[Slower]) -> None:
    """Print the rows that are slower."""
    if not slower:
        return
    say([Cell(f"\n{len(slower)} ratios fell by more than {1 - SHARE:.0%}", LOSS)])
    cells = [
        [
            Cell(row.operation, "bold"),
            Cell(row.kind),
            Cell(size_of(row)),
            Cell(other),
            Cell(times(before)),
            Cell(times(now), LOSS),
        ]
        for row, other, now, before in slower
    ]
    show_table(("operation", "kind", "size", "beside", "before", "now"), cells)
