"""Draw the exact score of a mixture of normals as noise is added, and samples that follow it.

The network of a diffusion model learns the score of noisy data. For a mixture of normal
distributions, `gaussian_mixture_score` computes the score exactly. So the target of training
becomes visible, and a sampler can be tested without a network. Here annealed Langevin dynamics
(Song and Ermon, 2019) walks from wide noise to the mixture. The script fails if the samples do not
fall on its components in their proportions.

    pip install '.[examples]'
    python examples/score_mixture.py [--samples 4000] [--seed 0] [--out DIR]

DIR gets score_mixture.png: the field at four noise levels, and the samples on their way there.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

import fastgen
from fastgen.diffusion import Schedule, gaussian_mixture_score, langevin_step


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name, default in (("--samples", 4000), ("--seed", 0)):
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

WEIGHTS = np.array([0.2, 0.3, 0.5])
MEANS = np.array([[-2.0, -1.0], [2.0, -1.5], [0.0, 2.0]])  # (components, 2)
LOGVARS = np.log(np.array([[0.1, 0.1], [0.3, 0.05], [0.4, 0.2]]))  # (components, 2)
SCHEDULE = Schedule.exponential(40, sigma_min=0.02, sigma_max=8.0).in_steps()
SHOWN = (34, 27, 20, 0)  # steps of the schedule
WALKS = 60  # Langevin steps at each noise level
REACH = 5.0


def score(x: Array, t: int) -> Array:
    """Return the score of the mixture with the noise of step t: (points, 2) like x."""
    return gaussian_mixture_score(x, t, SCHEDULE, MEANS, LOGVARS, np.log(WEIGHTS))


def sample(count: int, key: int) -> dict[int, Array]:
    """Run annealed Langevin dynamics; return the samples at the end of each shown noise level."""
    x = SCHEDULE.sigma[-1] * fastgen.noise.normal((count, 2), key=key)
    counter, shown = x.size, {}
    smallest = np.exp(LOGVARS).min()
    for t in range(len(SCHEDULE) - 1, -1, -1):
        # In units of the variance across the narrowest component.
        step_size = 0.15 * (SCHEDULE.sigma[t] ** 2 + smallest)
        for _ in range(WALKS):
            x = langevin_step(x, score(x, t), step_size, key=key, counter=counter)
            counter += x.size
        if t in SHOWN:
            shown[t] = x
    return shown


def proportions(x: Array) -> Array:
    """Return the share of points on each component, by their densities: (components,)."""
    log_densities = np.stack(
        [
            np.log(weight) - fastgen.vae.gaussian_nll(x, mean, logvar)
            for weight, mean, logvar in zip(WEIGHTS, MEANS, LOGVARS, strict=True)
        ]
    )
    return np.bincount(np.argmax(log_densities, axis=0), minlength=len(WEIGHTS)) / len(x)


def plot(shown: dict[int, Array], path: Path) -> None:
    """Plot the score and the samples at each noise level."""
    figure = Figure(figsize=(11, 11), layout="constrained")
    line = np.linspace(-REACH, REACH, 25)
    grid = np.stack(np.meshgrid(line, line), axis=-1)  # (25, 25, 2)
    for axis, t in zip(figure.subplots(2, 2).flat, SHOWN, strict=True):
        field = score(grid, t)
        length = np.linalg.norm(field, axis=-1)
        arrows = field / length[..., None]
        axis.scatter(*shown[t].T, s=2, alpha=0.3, color="tab:orange", linewidths=0)
        axis.quiver(
            *(grid[..., 0], grid[..., 1], arrows[..., 0], arrows[..., 1], np.log10(length)),
            cmap="viridis",
            pivot="mid",
            scale=40,
        )
        axis.set(
            title=f"sigma = {SCHEDULE.sigma[t]:.2f}",
            xlim=(-REACH, REACH),
            ylim=(-REACH, REACH),
            aspect="equal",
        )
    figure.suptitle("The score of a noisy mixture (colour: its length), and Langevin samples")
    figure.savefig(path, dpi=100)


def main(options: argparse.Namespace) -> None:
    """Sample, compare, draw."""
    options.out.mkdir(parents=True, exist_ok=True)
    print(SCHEDULE)
    shown = sample(options.samples, options.seed)
    found = proportions(shown[0])
    print(f"components of the mixture  {WEIGHTS}\namong the samples          {found.round(3)}")
    plot(shown, options.out / "score_mixture.png")
    # Five standard deviations of counting, and the error of annealing.
    allowed = 5 * np.sqrt(WEIGHTS * (1 - WEIGHTS) / options.samples) + 0.03
    if not np.all(np.abs(found - WEIGHTS) <= allowed):
        sys.exit("error: the samples should fall on the components in their proportions")


if __name__ == "__main__":
    main(OPTIONS)
