"""Blocks of rows, for functions that would need too much memory for all of them at once."""

from __future__ import annotations

from collections.abc import Iterator


def row_blocks(rows: int, width: int, most: int) -> Iterator[slice]:
    """Yield slices of rows that have `width` elements each, and about `most` together.

    Their length depends on the shape alone, so bits do not depend on the machine.
    """
    step = max(1, most // max(width, 1))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))
