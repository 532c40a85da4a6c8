"""A table: in colours on a terminal if rich is installed, else plain aligned text."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

from fastgen._extras import is_installed

GAP = "  "


class Cell(NamedTuple):
    """The text of one cell of a table, and its style."""

    text: str
    style: str = ""


def has_rich() -> bool:
    """Return whether output is for a person's terminal and rich is installed."""
    return sys.stdout.isatty() and is_installed("rich")


def show(heads: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    """Print a table: the first column to the left, the others to the right.

    A row with fewer cells than there are heads starts a section.
    """
    widths = [len(head) for head in heads]
    for row in rows:
        if len(row) == len(heads):
            widths = [max(w, len(cell.text)) for w, cell in zip(widths, row, strict=True)]
    say(_line([Cell(head, "bold") for head in heads], widths))
    say([Cell("-" * (sum(widths) + len(GAP) * (len(widths) - 1)), "dim")])
    for row in rows:
        say(_line(row, widths))


def say(cells: Sequence[Cell] | str) -> None:
    """Print one line."""
    if isinstance(cells, str):
        cells = [Cell(cells)]
    if not has_rich():
        print("".join(cell.text for cell in cells).rstrip())
        return
    text: Any = importlib.import_module("rich.text").Text()
    for cell in cells:
        text.append(cell.text, cell.style)
    # A line that does not fit is wrapped by the terminal, as plain text is.
    importlib.import_module("rich").get_console().print(text, soft_wrap=True)


def _line(row: Sequence[Cell], widths: Sequence[int]) -> list[Cell]:
    cells = []
    for k, (cell, width) in enumerate(zip(row, widths, strict=False)):
        gap = GAP if k else ""
        text = cell.text.rjust(width) if k else cell.text.ljust(width)
        cells.append(Cell(gap + text, cell.style))
    return cells
