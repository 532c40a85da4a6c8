"""Two trainings side by side: what the examples torch_*.py share.

Both models start from the same weights, and take each epoch in turn on the same batches. So both
see the same load of the machine, and their times compare. PyTorch and fastgen use one thread each:
more only cost, with matrices as small as those of the examples.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure  # draws to files, without a display
from matplotlib.ticker import NullFormatter
from torch.optim.lr_scheduler import CosineAnnealingLR

import fastgen.torch as ft

FIRST = 20  # the steps whose losses must agree closely: rounding has not grown yet
NAMES = "PyTorch", "fastgen"
Times = dict[str, list[float]]  # of each part: microseconds of PyTorch, of fastgen

torch.set_num_threads(1)
ft.share_threads()


class Training:
    """A model, its optimizer, and loss and seconds of every step."""

    def __init__(
        self,
        model: torch.nn.Module,
        loss: Callable[..., torch.Tensor],
        rate: float,
        decay: float = 0.0,
        within: Callable[[], AbstractContextManager] = nullcontext,
    ) -> None:
        """Start without training: `loss(model, *batch)`, and its gradients, in a context."""
        self.model, self.loss, self.within = model, loss, within
        self.optimizer = torch.optim.AdamW(model.parameters(), rate, weight_decay=decay)
        self.losses: list[float] = []
        self.seconds: list[float] = []

    def step(self, *batch: Any) -> None:
        """Make one step."""
        start = perf_counter()
        self.optimizer.zero_grad()
        loss = self.loss(self.model, *batch)
        loss.backward()
        self.optimizer.step()
        self.seconds.append(perf_counter() - start)
        self.losses.append(loss.item())


def train(
    pair: list[Training],
    epochs: int,
    batches: Callable[[], Iterable[tuple]],
    after: Callable[[Training], None] = lambda training: None,
) -> None:
    """Let both take each epoch in turn, with a rate that falls to 0; `after` ends an epoch."""
    cosines = {training: CosineAnnealingLR(training.optimizer, epochs) for training in pair}
    for epoch in range(1, epochs + 1):
        drawn, before = list(batches()), len(pair[0].losses)
        for training in pair[:: 2 * (epoch % 2) - 1]:  # the second one is first next time
            with training.within():
                for batch in drawn:
                    training.step(*batch)
                cosines[training].step()
                after(training)
        if epoch in (1, epochs) or epoch % -(-epochs // 10) == 0:
            both = [np.mean(training.losses[before:]) for training in pair]
            text = ", ".join(f"{name} {loss:.4f}" for name, loss in zip(NAMES, both, strict=True))
            print(f"epoch {epoch:{len(str(epochs))}}/{epochs}  loss: {text}", flush=True)


def step_times(pair: list[Training]) -> list[float]:
    """Return the median time of a training step of both, in microseconds."""
    return [1e6 * float(np.median(training.seconds)) for training in pair]


def times_in_turn(once: Callable[[Any], Any], ways: Sequence[Any], rounds: int) -> list[float]:
    """Return the median time of `once(way)` for each way, called in turn, in microseconds."""
    seconds: list[list[float]] = [[] for _ in ways]
    for _ in range(rounds):
        for way, found in zip(ways, seconds, strict=True):
            start = perf_counter()
            once(way)
            found.append(perf_counter() - start)
    return [1e6 * float(np.median(found)) for found in seconds]


def print_times(times: Times) -> None:
    """Print the times side by side; the second part is what differs in the first, a step."""
    width = max(map(len, times))
    print(f"\n{'median time':{width}}  {NAMES[0]:>10}  {NAMES[1]:>10}  {' / '.join(NAMES)}")
    for part, (theirs, ours) in times.items():
        print(f"{part:{width}}  {theirs:7.1f} us  {ours:7.1f} us  {theirs / ours:17.2f}")
    (step, _), (part, _) = list(times.values())[:2]
    print(f"{list(times)[1]}: {100 * part / step:.0f} % of the step in PyTorch. The rest", end=" ")
    print("of it, network and optimizer, is the same for both.")


def differences(pair: list[Training]) -> np.ndarray:
    """Return the absolute difference of both losses at every step."""
    return np.abs(np.subtract(*[training.losses for training in pair]))


def check(pair: list[Training], closely: float, loosely: float, unit: str = "") -> None:
    """Print the largest differences; end the program if one is too large, or is NaN."""
    found = differences(pair)
    first, all_steps = found[:FIRST].max(), found.max()
    print(f"\nLargest difference of the two curves: {all_steps:.1e}{unit}", end=" ")
    print(f"(in the first {FIRST} steps {first:.1e}{unit})")
    if not (first <= closely and all_steps <= loosely):
        sys.exit(f"error: they should agree within {loosely:.0e}, at first within {closely:.0e}")


def plot(pair: list[Training], times: Times, title: str, unit: str, path: Path) -> None:
    """Plot both curves, their difference, and the times."""
    figure = Figure(figsize=(9, 7 + 0.5 * len(times)), layout="constrained")
    top, bottom = figure.subfigures(2, height_ratios=(6, 1 + 0.5 * len(times)))
    curves, apart = top.subplots(2, sharex=True, height_ratios=(3, 1))
    steps = np.arange(1, len(pair[0].losses) + 1)
    styles = {"lw": 4, "alpha": 0.4}, {"lw": 0.7}
    for name, training, style in zip(NAMES, pair, styles, strict=True):
        curves.plot(steps, training.losses, label=name, **style)
    curves.set(title=title, ylabel=f"training loss ({unit})")
    curves.legend()
    apart.semilogy(steps, differences(pair), "k.", ms=1)  # equal losses leave a gap
    apart.set(xlabel="step", ylabel=f"difference\n({unit})")
    plot_times(bottom.subplots(), times)
    figure.savefig(path, dpi=120)


def plot_times(axis: Axes, times: Times) -> None:
    """Plot two bars for each part, the first part on top."""
    for k, name in enumerate(NAMES):
        places = np.arange(len(times)) + 0.4 * (k - 0.5)
        bars = axis.barh(places, [both[k] for both in times.values()], 0.4, label=name)
        axis.bar_label(bars, fmt="{:,.0f}", padding=3)
    axis.set_yticks(range(len(times)), list(times))
    axis.set_title("Median time, side by side", loc="left")
    axis.set(xlabel="microseconds", xscale="log")
    axis.xaxis.set_minor_formatter(NullFormatter())
    shortest, longest = (find(map(find, times.values())) for find in (min, max))
    axis.set_xlim(10 ** np.floor(np.log10(shortest / 1.5)), 2 * longest)  # begins at a power of ten
    axis.invert_yaxis()
    axis.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2)


def plot_images(rows: dict[str, torch.Tensor], low: float, high: float, path: Path) -> None:
    """Plot images of 8x8 pixels, (images, pixels): 14 in a row, under the titles."""
    counts = [len(images) // 14 for images in rows.values()]
    figure = Figure(figsize=(10, 1.0 + 0.75 * sum(counts)), layout="constrained")
    axes = figure.subplots(len(rows), height_ratios=counts)
    for axis, (title, images) in zip(axes, rows.items(), strict=True):
        whole = images.detach().numpy()[: len(images) // 14 * 14].reshape(-1, 8, 8)
        framed = np.pad(whole, ((0, 0), (1, 0), (1, 0)), constant_values=np.nan)
        mosaic = framed.reshape(-1, 14, 9, 9).swapaxes(1, 2).reshape(-1, 14 * 9)
        axis.imshow(mosaic, cmap="gray", vmin=low, vmax=high)  # NaN stays white: the frames
        axis.set_title(title, loc="left")
        axis.axis("off")
    figure.savefig(path, dpi=120)
