"""Draw the noise schedules, and the densities of the times at which models are trained.

A schedule says how much of the data (alpha) and of the noise (sigma) x_t has. The first picture has
the logarithm of the signal-to-noise ratio alpha^2 / sigma^2 over time, for the named schedules.
Training draws its times from a density, which decides what noise the model learns best. The second
picture has densities of `diffusion.times`. The script fails if a schedule adds no noise in a step,
or if the logit-normal times are not spread as their formula says.

    pip install '.[examples]'
    python examples/schedules.py [--samples 200000] [--seed 0] [--out DIR]

DIR gets schedules.png and training_times.png.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

import fastgen
from fastgen.diffusion import Schedule, times


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name, default in (("--samples", 200_000), ("--seed", 0)):
        parser.add_argument(name, type=int, default=default, help=f"default {default}")
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="default: here")
    options = parser.parse_args()
    if min(options.samples - 99, options.seed + 1) < 1:
        parser.error("--samples must be at least 100, --seed at least 0")
    return options


if __name__ == "__main__":  # wrong arguments are refused before the slow imports
    OPTIONS = arguments()

try:
    from matplotlib.figure import Figure  # draws to files, without a display
except ImportError as error:
    sys.exit(f"{error}; this example needs: pip install '.[examples]'")

Array = np.ndarray  # of float64

SCHEDULES = {
    "linear": Schedule.linear(),
    "scaled linear": Schedule.scaled_linear(),
    "cosine": Schedule.cosine(),
    "sigmoid": Schedule.sigmoid(),
    "flow": Schedule.flow(),
    "Karras": Schedule.karras(1000, sigma_min=0.002, sigma_max=80.0),
    "exponential": Schedule.exponential(1000, sigma_min=0.002, sigma_max=80.0),
}


def draw_times(count: int, key: int) -> dict[str, Array]:
    """Draw times of training in (0, 1), where 1 is noise: (count,) each."""
    return {
        "uniform": times.uniform(count, key=key),
        "logit-normal": times.logit_normal(count, key=key),
        "logit-normal, shift 3": times.logit_normal(count, shift=3.0, key=key),
        "mode 1.29": times.mode(count, key=key),
        "cosmap": times.cosmap(count, key=key),
    }


def farthest(t: Array) -> float:
    """Return the distance of logit-normal times from their distribution function."""
    t = np.sort(t)
    of_formula = fastgen.elementary.ndtr(np.log(t) - np.log1p(-t))
    return float(np.max(np.abs(of_formula - (np.arange(len(t)) + 0.5) / len(t))))


def plot_schedules(path: Path) -> None:
    """Plot log(alpha^2 / sigma^2) over the part of the steps that is done."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    axis = figure.subplots()
    for name, schedule in SCHEDULES.items():
        axis.plot(np.linspace(0, 1, len(schedule)), schedule.log_snr, label=name)
    axis.set(xlabel="step, as a part of all", ylabel="log signal-to-noise ratio", ylim=(-20, 20))
    axis.set_title("Noise schedules: from data, at 0, to noise", loc="left")
    axis.legend()
    figure.savefig(path, dpi=100)


def plot_times(drawn: dict[str, Array], path: Path) -> None:
    """Plot histograms of the times."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    axis = figure.subplots()
    for name, t in drawn.items():
        axis.hist(t, bins=100, range=(0, 1), density=True, histtype="step", lw=1.5, label=name)
    axis.set(xlabel="time (0 data, 1 noise)", ylabel="density", ylim=(0, 3.5))
    axis.set_title("Times at which models are trained", loc="left")
    axis.legend()
    figure.savefig(path, dpi=100)


def main(options: argparse.Namespace) -> None:
    """Draw both pictures, and check what they show."""
    options.out.mkdir(parents=True, exist_ok=True)
    for name, schedule in SCHEDULES.items():
        first, last = schedule.log_snr[[0, -1]]
        print(f"{name:14} log signal-to-noise ratio {first:6.2f} to {last:6.2f}")
        if not np.all(np.diff(schedule.log_snr) < 0):
            sys.exit(f"error: {name} should add noise in every step")
    drawn = draw_times(options.samples, options.seed)
    for name, t in drawn.items():
        print(f"{name:22} mean time {t.mean():.3f}, middle half from", end=" ")
        print("{:.3f} to {:.3f}".format(*np.quantile(t, (0.25, 0.75))))
    plot_schedules(options.out / "schedules.png")
    plot_times(drawn, options.out / "training_times.png")
    if not farthest(drawn["logit-normal"]) <= 3 / np.sqrt(options.samples):
        sys.exit("error: the logit-normal times should follow their distribution function")


if __name__ == "__main__":
    main(OPTIONS)
