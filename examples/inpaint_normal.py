"""Inpaint a curve by RePaint, with the exact model of a normal distribution, and measure the error.

The data are curves of 12 points, normal with a known covariance. Both ends are known, and RePaint
draws the middle. After each step the known points are taken from the data, with the noise of the
next node. Then the whole curve goes back to the node before and makes the step again, several
times, so that the middle adapts to the ends. Given the ends, the middle is normal with a known mean
and deviation. The script prints the errors of both, and fails if that of the mean does not fall
with the number of resamplings. The error of the deviation is that of DDPM's steps: it falls with
more steps.

    python examples/inpaint_normal.py [--samples 2000] [--steps 100] [--seed 0]

Source: Lugmayr et al., "RePaint: Inpainting using Denoising Diffusion Probabilistic Models", CVPR
2022, algorithm 1. A jump of k steps back is `sampler.renoise(x, i + 1, i + 1 - k)`.
"""

import argparse
import sys

import numpy as np

from fastgen.diffusion import Schedule
from fastgen.diffusion.samplers import DDPM
from fastgen.noise import normal

Array = np.ndarray  # of float64

POINTS = np.arange(12)
COVARIANCE = np.exp(-((POINTS[:, None] - POINTS) ** 2) / 18) + 0.05 * np.eye(12)
KNOWN = (POINTS < 4) | (POINTS > 7)
CURVE = 2.0 * np.cos((POINTS - 5.5) / 5)  # its ends are given
RESAMPLINGS = (1, 4, 16)
BACK, STEP, DATA = 0, 1, 2  # what noise is for; each use and visit has a key


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name, default in (("--samples", 2000), ("--steps", 100), ("--seed", 0)):
        parser.add_argument(name, type=int, default=default, help=f"default {default}")
    options = parser.parse_args()
    if min(options.samples - 99, options.steps - 9, options.seed + 1) < 1:
        parser.error("--samples must be at least 100, --steps at least 10, --seed at least 0")
    return options


def predicted(sampler: DDPM, x: Array, i: int) -> Array:
    """Return the mean of x0, given the samples at node i."""
    alpha, sigma = sampler.schedule.coefficients(sampler.timesteps[i])
    noisy = alpha**2 * COVARIANCE + sigma**2 * np.eye(len(COVARIANCE))
    return x @ np.linalg.solve(noisy, alpha * COVARIANCE)


def inpaint(sampler: DDPM, data: Array, known: Array, resamplings: int, seed: int) -> Array:
    """Draw the points of `data` that are not known, by RePaint."""

    def key(use: int, visit: int) -> int:
        return 3 * (visit + 2**32 * seed) + use

    x = sampler.init_noise_scale * normal(
        data.shape, key=key(BACK, 0), counter=2**127, dtype=np.float64
    )
    for i in range(len(sampler)):
        for visit in range(resamplings):
            before = sampler.renoise(x, i + 1, i, key=key(BACK, visit)) if visit else x
            x = sampler.step(before, predicted(sampler, before, i), i, key=key(STEP, visit))
            given = sampler.renoise(data, len(sampler), i + 1, key=key(DATA, visit))
            x = np.where(known, given, x)
    return x


def conditional() -> tuple[Array, Array]:
    """Return the mean and the deviation of the other points, given the known ones."""
    both = COVARIANCE[np.ix_(~KNOWN, KNOWN)]
    gain = both @ np.linalg.inv(COVARIANCE[np.ix_(KNOWN, KNOWN)])
    covariance = COVARIANCE[np.ix_(~KNOWN, ~KNOWN)] - gain @ both.T
    return gain @ CURVE[KNOWN], np.sqrt(np.diag(covariance))


def main(options: argparse.Namespace) -> None:
    """Inpaint with more and more resamplings, and compare."""
    sampler = DDPM(Schedule.linear(), options.steps, prediction="x0")
    data = np.tile(np.where(KNOWN, CURVE, 0.0), (options.samples, 1))
    mean, deviation = conditional()
    errors = []
    print("resamplings   error of the mean   of the deviation")
    for resamplings in RESAMPLINGS:
        x = inpaint(sampler, data, KNOWN, resamplings, options.seed)
        if (x[:, KNOWN] != CURVE[KNOWN]).any():
            sys.exit("error: the known points should stay as they are")
        others = x[:, ~KNOWN]
        errors.append(float(np.abs(others.mean(0) - mean).max()))
        spread = float(np.abs(others.std(0) - deviation).max())
        print(f"{resamplings:11} {errors[-1]:19.3f} {spread:18.3f}")
    if not errors[0] > 1.5 * errors[1] > 2 * errors[2]:
        sys.exit("error: the mean should come nearer with resamplings")


if __name__ == "__main__":
    main(arguments())
