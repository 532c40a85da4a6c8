"""Draws the picture of README, from files of `python -m fastgen bench --quick --peers --json FILE`.

python docs/pictures/_speed.py FILE...

The pages do not run this: it needs PyTorch and JAX, and a machine that does nothing else.
"""

import json
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt

TARGET = Path(__file__).parent / "speed.svg"
OURS = "#1f6f8b"
# The name in the files, the name in the picture, the marker and the colour.
LIBRARIES = (
    ("numpy", "NumPy", "s", "#7f7f7f"),
    ("compile", "torch.compile", "o", "#d1495b"),
    ("jax.jit", "jax.jit", "^", "#e0a030"),
)
LEAST = 2e-8  # errors below half a unit in the last place of float32 are drawn there
plt.rcParams.update({"svg.hashsalt": "fastgen", "font.size": 9})


def speed_up(row, library):
    """Return the time of a library over that of fastgen, or None where it has no such operation."""
    if library == "numpy":
        return row["speed_up"]
    seconds = row["peer_seconds"].get(library)
    return seconds and seconds / row["fastgen_seconds"]


def error(row, library):
    """Return the largest relative error of a library against NumPy in float64, or None."""
    return None if library == "numpy" else row["peer_errors"].get(library)


def size(row):
    """Return the shape in words, such as 4096x512."""
    return "x".join(map(str, row["shape"]))


def draw(rows, environment):
    """Draw the speed-ups of all rows, and the errors of the libraries and of fastgen."""
    figure, (left, right) = plt.subplots(
        1, 2, sharey=True, width_ratios=(3, 2), layout="constrained",
        figsize=(9, 1.7 + 0.24 * len(rows)),
    )  # fmt: skip
    for y, row in enumerate(rows):
        for axis in (left, right):
            axis.axhline(y, color="#eeeeee", lw=0.8, zorder=0)
        right.plot(max(row["max_error"], LEAST), y, "D", color=OURS, ms=4.5, zorder=3)
        for library, _, marker, colour in LIBRARIES:
            if (value := speed_up(row, library)) is not None:
                left.plot(value, y, marker, color=colour, ms=5)
            if (value := error(row, library)) is not None:
                right.plot(min(max(value, LEAST), 1), y, marker, color=colour, ms=4.5)
    left.axvspan(1e-3, 1, color="#f7e3e3", zorder=-1)
    left.axvline(1, color=OURS, lw=1.2)
    values = [v for row in rows for library, *_ in LIBRARIES if (v := speed_up(row, library))]
    left.set(xscale="log", xlim=(0.7 * min(*values, 0.7), 1.4 * max(values)))
    left.set_xticks([1, 10, 100], ["1x", "10x", "100x"])
    left.set_yticks(range(len(rows)), [f"{r['operation']}  {size(r)}" for r in rows])
    left.set_ylim(len(rows) - 0.5, -0.5)
    left.set_title("Their time / time of fastgen (red ground: they are faster)", fontsize=9)
    right.set(xscale="log")
    right.set_title("Largest relative error", fontsize=9)
    for axis in (left, right):
        axis.tick_params(length=0)
        axis.spines[["top", "right", "left"]].set_visible(False)
    signs = [
        plt.Line2D([], [], ls="none", marker=marker, color=colour, label=name)
        for _, name, marker, colour in LIBRARIES
    ]
    signs.append(plt.Line2D([], [], ls="none", marker="D", color=OURS, label="fastgen"))
    figure.legend(handles=signs, loc="outside upper center", ncols=4, frameon=False)
    packages = environment["packages"]
    figure.text(
        0.01, 0,
        f"{environment['cpu']}, {environment['instruction_sets']['chosen']}, "
        f"{environment['threads']['count']} thread(s), float32; NumPy {environment['numpy']}, "
        f"PyTorch {packages['torch']}, JAX {packages['jax']}",
        fontsize=7.5, color="#555555", va="bottom",
    )  # fmt: skip
    figure.get_layout_engine().set(rect=(0, 0.03, 1, 0.97))
    figure.savefig(TARGET, metadata={"Date": None})


def main(files):
    """Read the files, which must be of one machine, and draw their rows of values."""
    found = [json.loads(Path(file).read_text(encoding="utf-8")) for file in files]
    environment = found[0]["environment"]
    if any(f["environment"]["cpu"] != environment["cpu"] for f in found):
        sys.exit("error: the files are of different machines")
    rows = [row for f in found for row in f["rows"] if row["kind"] == "value"]
    draw(rows, environment)


if __name__ == "__main__":
    main(sys.argv[1:])
