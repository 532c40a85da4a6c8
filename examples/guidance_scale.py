"""Guide samples of an exact model, and measure what a larger scale gains and what it costs.

The data are a mixture of normals in the plane, of two classes that overlap. The score with and
without a class is known, so no network is needed, and all that is seen comes from the guidance. For
each scale the script draws one class, and measures two things: how sure the class of a sample is,
and how wide the samples are spread, against the data. A larger scale makes the class surer and the
samples more alike, and the script fails if it does not.

    pip install '.[examples]'
    python examples/guidance_scale.py [--samples 4000] [--seed 0] [--out DIR]

DIR gets guidance_samples.png and guidance_scale.png.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

import fastgen
from fastgen.diffusion import Schedule, gaussian_mixture_score
from fastgen.diffusion.samplers import DPMSolverMultistep


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

# Two classes of three components each, which take turns on a circle.
ANGLES = np.pi / 3 * np.arange(6)
MEANS = 1.5 * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)  # (components, 2)
LOGVARS = np.full(MEANS.shape, np.log(0.25))
SHOWN_CLASS = np.arange(6) % 2 == 0  # the components of the class that is drawn
SCHEDULE = Schedule.vp()
STEPS, SCALES, SHOWN = 40, (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0), (1.0, 2.0, 4.0, 8.0)


def predictions(x: Array, t: float) -> tuple[Array, Array]:
    """Return the noise that the exact model predicts, without and with the class."""
    _, sigma = SCHEDULE.coefficients(t)
    found = []
    for part in (slice(None), SHOWN_CLASS):
        means, logvars = MEANS[part], LOGVARS[part]
        score = gaussian_mixture_score(x, t, SCHEDULE, means, logvars, np.zeros(len(means)))
        found.append(-sigma * score)
    return found[0], found[1]


def sample(count: int, scale: float, key: int) -> Array:
    """Draw samples of the class with guidance: (count, 2)."""
    sampler = DPMSolverMultistep(SCHEDULE, STEPS, sigmas="exponential")
    state = sampler.state()
    x = fastgen.noise.normal((count, 2), key=key)
    for i in range(len(sampler)):
        uncond, cond = predictions(x, float(sampler.times[i]))
        x = sampler.guided_step(x, uncond, cond, i, state=state, scale=scale)
    return x


def certainty(x: Array) -> float:
    """Return the mean probability of the class, given a sample."""
    log_densities = -fastgen.vae.gaussian_nll(x[:, None], MEANS, LOGVARS)  # (samples, components)
    of_all = fastgen.elementary.logsumexp(log_densities)
    of_class = fastgen.elementary.logsumexp(log_densities[:, SHOWN_CLASS])
    return float(np.mean(np.exp(of_class - of_all)))


def spread(x: Array) -> float:
    """Return the mean deviation of samples around their nearest component, against the data's."""
    offsets = x[:, None] - MEANS[SHOWN_CLASS]  # (samples, components, 2)
    nearest = np.argmin(np.sum(offsets**2, axis=-1), axis=-1)
    deviations = [
        np.std(x[nearest == k], axis=0) for k in range(3) if np.count_nonzero(nearest == k) > 1
    ]
    return float(np.mean(deviations) / np.exp(LOGVARS[0, 0] / 2))


def plot_samples(samples: dict[float, Array], path: Path) -> None:
    """Plot the samples of some scales, on the ellipses of both classes."""
    figure = Figure(figsize=(13, 3.9), layout="constrained")
    axes = figure.subplots(1, len(samples), sharex=True, sharey=True)
    circle = np.linspace(0, 2 * np.pi, 60)
    for axis, (scale, x) in zip(axes, samples.items(), strict=True):
        axis.scatter(*x.T, s=2, alpha=0.3, color="tab:orange", linewidths=0)
        for mean, own in zip(MEANS, SHOWN_CLASS, strict=True):
            ring = mean[:, None] + 0.5 * np.stack([np.cos(circle), np.sin(circle)])
            axis.plot(*ring, color="black" if own else "tab:blue", lw=1)
        axis.set(title=f"scale {scale:g}", aspect="equal", xlim=(-4, 4), ylim=(-4, 4))
    figure.suptitle("Samples of the black class; the rings are one deviation of the data")
    figure.savefig(path, dpi=100)


def plot_scales(points: list[tuple[float, float]], path: Path) -> None:
    """Plot certainty against spread, one point for each scale."""
    figure = Figure(figsize=(7, 5), layout="constrained")
    axis = figure.subplots()
    axis.plot(*np.transpose(points), "o-")
    for scale, point in zip(SCALES, points, strict=True):
        axis.annotate(f"{scale:g}", point, xytext=(6, 4), textcoords="offset points")
    axis.set(xlabel="probability of the class", ylabel="spread, against the data")
    axis.set_title("What a larger scale of guidance gains and costs", loc="left")
    figure.savefig(path, dpi=100)


def main(options: argparse.Namespace) -> None:
    """Sample, measure, draw."""
    options.out.mkdir(parents=True, exist_ok=True)
    samples = {scale: sample(options.samples, scale, options.seed) for scale in SCALES}
    points = [(certainty(x), spread(x)) for x in samples.values()]
    for scale, (sure, wide) in zip(SCALES, points, strict=True):
        print(f"scale {scale:3g}  probability of the class {sure:.3f}  spread {wide:.3f}")
    plot_samples({scale: samples[scale] for scale in SHOWN}, options.out / "guidance_samples.png")
    plot_scales(points, options.out / "guidance_scale.png")
    if not (np.all(np.diff(points, axis=0) * [1, -1] > 0)):
        sys.exit("error: a larger scale should make the class surer, and the samples more alike")


if __name__ == "__main__":
    main(OPTIONS)
