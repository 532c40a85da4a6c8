"""Sizes, times and ratios as the tables of ``fastgen bench`` have them."""

from __future__ import annotations

from fastgen import cases
from fastgen.cli.row import Row

WIN, LOSS, WRONG = "green", "yellow", "bold red"
"""Styles of cells."""


def size(shape: tuple[int, ...]) -> str:
    """Return a shape as the table has it."""
    if len(shape) == 1 and shape[0] >= 1000:
        return f"10^{len(str(shape[0])) - 1}"
    return "x".join(map(str, shape))


def size_of(row: Row) -> str:
    """Return the shape; for vectors and matrices, the shape of the batch and their lengths."""
    if cases.signature(row.operation).has_rows:
        return size(row.shape)
    dims = [f"{dim}={length}" for dim, length in cases.CASES[row.operation].dims.items()]
    return " ".join([size(row.shape), *dims])


def duration(seconds: float) -> str:
    """Return a time with three digits."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if seconds * factor >= 0.9995:
            return f"{_three_digits(seconds * factor)} {unit}"
    return f"{_three_digits(seconds * 1e9)} ns"


def _three_digits(number: float) -> str:
    decimals = 2 if number < 9.995 else 1 if number < 99.95 else 0
    return f"{number:.{decimals}f}"


def times(ratio: float) -> str:
    """Return a ratio with three digits."""
    return f"{_three_digits(ratio)}x" if ratio < 99.95 else f"{ratio:.0f}x"
