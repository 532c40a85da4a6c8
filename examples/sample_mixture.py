"""Draw a mixture of normals with every sampler, from the exact score, and compare their errors.

The score of a noisy mixture is known, so all errors come from the steps of the sampler.
Deterministic samplers are compared with the exact end of each path from noise to data: the slope of
the error over steps is their order. Stochastic samplers are compared with the distribution. The
distilled models of `LCM` and `ConsistencyModel` are perfect: they follow the path to its end by
many steps of Heun's method. The script fails if methods of second order do not beat the first, or
if samples do not follow the mixture.

    pip install '.[examples]'
    python examples/sample_mixture.py [--samples 2000] [--seed 0] [--out DIR]

DIR gets sampler_errors.png (over steps) and sampler_samples.png (of every sampler).
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

import fastgen
from fastgen.diffusion import Schedule, gaussian_mixture_score
from fastgen.diffusion import samplers as found
from fastgen.diffusion.samplers import ConsistencyModel, EDMEuler, FlowMatchHeun, Heun


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name, default in (("--samples", 2000), ("--seed", 0)):
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
Sampler = Any  # one of fastgen.diffusion.samplers

WEIGHTS = np.array([0.2, 0.3, 0.5])
MEANS = np.array([[-1.2, -0.7], [1.3, -0.9], [0.0, 1.2]])  # (components, 2)
LOGVARS = np.log(np.array([[0.05, 0.05], [0.2, 0.03], [0.25, 0.1]]))  # (components, 2)
VP, FLOW = Schedule.vp(), Schedule.flow()
ENDS = {"sigma_min": VP.sigma_over_signal[0], "sigma_max": VP.sigma_over_signal[-1]}
EDM, KARRAS = Schedule.edm(**ENDS), Schedule.karras(64, **ENDS)
STEPS, SHOWN = (8, 12, 16, 24, 32, 48, 64), 16
DISTILLED, FEW = ("LCM", "ConsistencyModel"), 3  # of these counts
DIRECTIONS = np.array([[1, 0], [0, 1], [1, 1], [1, -1]]) / [[1], [1], [2**0.5], [2**0.5]]

EVEN = {"spacing": "linspace"}
ON_A_PATH = {  # sampler, and options
    "DDIM": ("DDIM", EVEN),
    "Euler": ("Euler", {"sigmas": "karras"}),
    "EDMEuler": ("EDMEuler", {}),
    "Heun": ("Heun", {"sigmas": "karras"}),
    "DPM2": ("DPM2", {"sigmas": "karras"}),
    "LMS": ("LMS", {"sigmas": "karras"}),
    "PNDM": ("PNDM", EVEN | {"final_sigma": "zero"}),
    "IPNDM": ("IPNDM", EVEN | {"final_sigma": "zero"}),
    "DEIS": ("DEIS", {"order": 3, "sigmas": "exponential"}),
    "DPM-Solver++ 2M": ("DPMSolverMultistep", {"sigmas": "exponential"}),
    "DPM-Solver++ 3M": ("DPMSolverMultistep", {"order": 3, "sigmas": "exponential"}),
    "DPM-Solver++ 2S": ("DPMSolverSinglestep", {"sigmas": "exponential"}),
    "UniPC": ("UniPC", {"order": 3, "sigmas": "exponential"}),
    "FlowMatchEuler": ("FlowMatchEuler", {}),
    "FlowMatchHeun": ("FlowMatchHeun", {}),
}
WITH_NOISE = {
    "DDPM": ("DDPM", EVEN),
    "EulerAncestral": ("EulerAncestral", {"sigmas": "karras"}),
    "SDE-DPM-Solver++": ("DPMSolverMultistep", {"algorithm": "sde-dpmsolver++"}),
    "ER-SDE": ("ERSDE", {"sigmas": "karras"}),
    "SASolver": ("SASolver", {"tau": 1.0}),
    "TCD": ("TCD", {"original_steps": 1000}),
    "LCM": ("LCM", {}),
    "ConsistencyModel": ("ConsistencyModel", {"clip": None}),
}
SCHEDULES = {"EDMEuler": EDM, "ConsistencyModel": KARRAS}
SCHEDULES |= {"FlowMatchEuler": FLOW, "FlowMatchHeun": FLOW}


def make(method: tuple[str, dict], evaluations: int) -> Sampler:
    """Return a sampler with about so many evaluations, which predicts x0 if it may."""
    name, options = method
    if name not in ("EDMEuler", "ConsistencyModel"):
        options = options | {"prediction": "x0"}
    twice = name in ("Heun", "DPM2", "FlowMatchHeun")
    steps = (evaluations + 1) // 2 if twice else evaluations
    return getattr(found, name)(SCHEDULES.get(name, VP), steps, **options)


def denoised(y: Array, sigma: float) -> Array:
    """Return the mean of x0, given y = x0 + sigma noise."""
    if not np.isfinite(sigma):
        return np.broadcast_to(WEIGHTS @ MEANS, y.shape)
    return y + sigma**2 * gaussian_mixture_score(y, sigma, EDM, MEANS, LOGVARS, np.log(WEIGHTS))


def end_of_path(y: Array, sigma: float, steps: int) -> Array:
    """Return the x0 at the end of the deterministic path through y."""
    if sigma <= ENDS["sigma_min"]:
        return denoised(y, sigma)
    schedule = Schedule.karras(steps, sigma_min=ENDS["sigma_min"], sigma_max=sigma)
    heun = Heun(schedule, steps, prediction="x0")
    state = heun.state()
    for i in range(len(heun)):
        y = heun.step(y, denoised(y, heun.sigmas[i]), i, state=state)
    return y


def coefficients(sampler: Sampler, i: int) -> tuple[float, float]:
    """Return alpha and sigma of the samples at node i."""
    s = sampler.sigmas[i]
    if sampler.schedule is FLOW:
        return 1 - s, s
    exploding = sampler.exploding or sampler.schedule is not VP
    alpha = 1.0 if exploding else 1 / np.hypot(1, s)
    return alpha, alpha * s


def predict(sampler: Sampler, x: Array, i: int) -> Array:
    """Return the prediction of the perfect model at step i."""
    alpha, sigma = coefficients(sampler, i)
    y, s = (x / alpha, sigma / alpha) if alpha else (x, np.inf)
    if isinstance(sampler, found.LCM):
        return end_of_path(y, s, 16)
    if not isinstance(sampler, EDMEuler | ConsistencyModel):
        return denoised(y, s)
    # The output F of their networks: x0 = skip y + out F.
    data, edm = sampler.sigma_data, isinstance(sampler, EDMEuler)
    x0 = denoised(y, s) if edm else end_of_path(y, s, 16)
    above = s if edm else s - sampler.sigmas[-1]
    skip, out = data**2 / (above**2 + data**2), above * data / np.hypot(s, data)
    return (x0 - skip * y) / out


def run(sampler: Sampler, z: Array, key: int) -> Array:
    """Turn standard normal noise into samples."""
    x = coefficients(sampler, 0)[1] * z
    state = sampler.state()
    for i in range(len(sampler)):
        x = sampler.step(x, predict(sampler, x, i), i, state=state, key=key)
    return x


def distance(x: Array) -> float:
    """Return the largest difference from the mixture's distribution function, on a few lines."""
    largest, rank = 0.0, (np.arange(len(x)) + 0.5) / len(x)
    for line in DIRECTIONS:
        deviations = np.sqrt(np.exp(LOGVARS) @ line**2)
        places = (np.sort(x @ line)[:, None] - MEANS @ line) / deviations  # (samples, components)
        largest = max(largest, np.max(np.abs(fastgen.elementary.ndtr(places) @ WEIGHTS - rank)))
    return float(largest)


def plot_errors(errors: dict[str, list[float]], floor: float, path: Path) -> None:
    """Plot the errors of paths and of distributions over evaluations."""
    figure = Figure(figsize=(12, 5.5), layout="constrained")
    titles = "distance from the end of the path", "distance from the distribution"
    for axis, names, title in zip(
        figure.subplots(1, 2), (ON_A_PATH, WITH_NOISE), titles, strict=True
    ):
        for k, name in enumerate(names):
            mark = "os^vDPX"[k % 7] + "-"
            axis.loglog(STEPS[: len(errors[name])], errors[name], mark, ms=4, lw=1, label=name)
        axis.set(title=title, xlabel="evaluations of the model")
        axis.set_xticks(STEPS, map(str, STEPS))
        axis.minorticks_off()
        axis.legend(fontsize="small", ncols=2)
        axis.grid(alpha=0.3)
    axis.axhline(floor, color="black", lw=0.8, ls="--")
    axis.text(STEPS[0], floor, "exact samples", va="bottom", fontsize="small")
    figure.savefig(path, dpi=100)


def plot_samples(samples: dict[str, Array], path: Path) -> None:
    """Plot the samples of every sampler, with the components."""
    figure = Figure(figsize=(14, 6.5), layout="constrained")
    axes = figure.subplots(3, -(-len(samples) // 3)).flat
    for axis in axes[len(samples) :]:
        axis.set_axis_off()
    for axis, (name, x) in zip(axes, samples.items(), strict=False):
        axis.scatter(*x.T, s=1, alpha=0.3, linewidths=0)
        axis.scatter(*MEANS.T, marker="+", color="black", lw=0.8)
        axis.set(xlim=(-3, 3), ylim=(-3, 3), aspect="equal", xticks=[], yticks=[])
        axis.set_title(name, fontsize="small")
    figure.suptitle(f"A mixture, with {SHOWN} evaluations of its exact score")
    figure.savefig(path, dpi=100)


def main(options: argparse.Namespace) -> None:
    """Sample, compare, draw."""
    options.out.mkdir(parents=True, exist_ok=True)
    z = fastgen.noise.normal((options.samples, 2), key=options.seed, counter=2**127)
    ends = end_of_path(ENDS["sigma_max"] * z, ENDS["sigma_max"], 500)
    flow_ends = run(FlowMatchHeun(FLOW, 500, prediction="x0"), z, 0)
    errors, samples = {}, {}
    print(f"{'':17} errors with {STEPS[0]} to {STEPS[-1]} evaluations")
    for name, method in (ON_A_PATH | WITH_NOISE).items():
        errors[name] = []
        for evaluations in STEPS[: FEW if name in DISTILLED else None]:
            x = run(make(method, evaluations), z, options.seed)
            if name in ON_A_PATH:
                away = x - (flow_ends if method[0].startswith("Flow") else ends)
                errors[name].append(float(np.sqrt(np.mean(away**2))))
            else:
                errors[name].append(distance(x))
            if evaluations == SHOWN:
                samples[name] = x
        print(f"{name:17}", *(f"{error:.1e}" for error in errors[name]))
    floor = 1.36 / np.sqrt(options.samples)  # 95 % of exact samples are nearer on one line
    plot_errors(errors, floor, options.out / "sampler_errors.png")
    plot_samples(samples, options.out / "sampler_samples.png")
    first, second = errors["DDIM"][-1], ("Heun", "DPM-Solver++ 2M", "DPM-Solver++ 2S", "UniPC")
    if any(errors[name][-1] > first / 2 for name in second):
        sys.exit("error: methods of second order should be nearer to the ends of paths")
    if any(errors[name][-1] > 2 * floor + 0.02 for name in WITH_NOISE):
        sys.exit("error: the samples should be of the mixture")


if __name__ == "__main__":
    main(OPTIONS)
