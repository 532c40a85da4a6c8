"""``fastgen bench --plot``: a point for every speed-up over NumPy, losses in another colour."""

from __future__ import annotations

import importlib
import io
import math
from typing import Any

from fastgen.cli.row import GRADIENT, OUT, VALUE, Row

SUFFIXES = (".png", ".pdf", ".svg")
WIN, LOSS, INK, GRID = "#1f6f8b", "#d1495b", "#333333", "#dddddd"
MARKERS = {VALUE: "o", OUT: "D", GRADIENT: "^"}
MEANINGS = {
    VALUE: "value (larger: more elements)",
    OUT: "into out= (NumPy allocates)",
    GRADIENT: "value and gradient (NumPy: value)",
}
SHIFTS = {VALUE: 0.0, OUT: -0.27, GRADIENT: 0.27}  # kinds do not hide each other


def draw(form: str, rows: list[Row], found: dict[str, Any]) -> bytes:
    """Return the chart in a format such as "png"."""
    figures: Any = importlib.import_module("matplotlib.figure")
    names = list(dict.fromkeys(row.operation for row in rows))
    # pyplot would look for a display, a Figure does not.
    figure = figures.Figure(figsize=(9, 1.9 + 0.36 * len(names)), layout="constrained")
    axes = figure.add_subplot()
    for y in range(len(names)):
        axes.axhline(y, color=GRID, linewidth=0.8, zorder=0)
    axes.axvline(1, color=INK, linewidth=1.2, zorder=1)
    for row in rows:
        _point(axes, row, names.index(row.operation))
    _arrange(axes, rows, names)
    here = found["environment"]
    axes.set_title("Speed-up over NumPy", loc="left", fontsize=13, color=INK, pad=22)
    axes.annotate(
        f"{found['slower']} of {sum(r.kind != GRADIENT for r in rows)} slower than NumPy; "
        f"{here['cpu']}, {here['instruction_sets']['chosen']}, {here['threads']['count']} threads, "
        f"{found['dtype']}, NumPy {here['numpy']}, fastgen {here['fastgen']}",
        (0, 1), (0, 8), xycoords="axes fraction", textcoords="offset points",
        fontsize=8.5, color=INK,
    )  # fmt: skip
    _legend(figure)
    content = io.BytesIO()
    figure.savefig(content, dpi=150, format=form)
    return content.getvalue()


def _point(axes: Any, row: Row, y: int) -> None:
    colour = LOSS if row.speed_up < 1 else WIN
    filled = row.kind == VALUE
    area = 14 + 13 * math.log10(math.prod(row.shape))
    # Small points lie over large ones, and losses over wins: none is hidden.
    height = 5 - area / 1000 + (row.speed_up < 1)
    axes.scatter(
        row.speed_up, y + SHIFTS[row.kind], s=area if filled else 26, marker=MARKERS[row.kind],
        facecolors=colour if filled else "none", edgecolors="white" if filled else colour,
        linewidths=0.6 if filled else 1.1, alpha=0.85, zorder=height,
    )  # fmt: skip


def _arrange(axes: Any, rows: list[Row], names: list[str]) -> None:
    axes.set_xscale("log")
    low = min(0.5, 0.8 * min(row.speed_up for row in rows))
    high = max(2.0, 1.25 * max(row.speed_up for row in rows))
    axes.set_xlim(low, high)
    ticks = [digit * 10.0**power for power in range(-3, 5) for digit in (1, 2, 5)]
    ticks = [tick for tick in ticks if low <= tick <= high]
    axes.set_xticks(ticks, [f"{tick:g}x" for tick in ticks])
    axes.minorticks_off()
    axes.grid(axis="x", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(length=0, colors=INK)
    for side in axes.spines.values():
        side.set_visible(False)


def _legend(figure: Any) -> None:
    lines: Any = importlib.import_module("matplotlib.lines")

    def sign(marker: str, colour: str, filled: bool, label: str) -> Any:
        face = colour if filled else "none"
        return lines.Line2D(
            [], [], linestyle="none", marker=marker, color=colour, markerfacecolor=face, label=label
        )

    signs = [sign("s", WIN, True, "faster"), sign("s", LOSS, True, "slower")]
    signs += [sign(MARKERS[k], INK, k == VALUE, MEANINGS[k]) for k in MARKERS]
    figure.legend(
        handles=signs,
        loc="outside lower center",
        ncols=5,
        frameon=False,
        fontsize=8,
        columnspacing=1.2,
        handletextpad=0.2,
    )
