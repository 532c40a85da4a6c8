"""Exact models of a normal distribution, in every form that a sampler takes."""

from __future__ import annotations

import math

import numpy as np

from .levels import DATA, preconditioned, told

MEAN = np.array([0.6, -1.1, 0.0])
DEVIATION = np.array([0.5, 1.0, 1.4])


def spread(alpha, sigma):
    """Return the deviations of alpha x0 + sigma noise."""
    return np.hypot(alpha * DEVIATION, sigma)


def predicted(kind, x, alpha, sigma):
    """Return the prediction for the model's input x = alpha x0 + sigma noise."""
    away = (x - alpha * MEAN) / spread(alpha, sigma) ** 2
    x0, epsilon = MEAN + alpha * DEVIATION**2 * away, sigma * away
    return {
        "x0": x0,
        "epsilon": epsilon,
        "v": alpha * epsilon - sigma * x0,
        "score": -away,
        "flow": epsilon - x0,
    }[kind]


def moved(x, level, target):
    """Return the end of the exact path from one level of noise to another."""
    return target[0] * MEAN + spread(*target) / spread(*level) * (x - level[0] * MEAN)


def as_kind(kind, x, x0, alpha, sigma):
    """Return the prediction of this kind that says x0 for the input x."""
    if kind == "x0":
        return x0
    epsilon = (x - alpha * x0) / sigma
    return {
        "epsilon": epsilon,
        "v": alpha * epsilon - sigma * x0,
        "score": -epsilon / sigma,
        "flow": epsilon - x0,
    }[kind]


class Model:
    """The exact model for one sampler: called with the model's input and the number of the step."""

    def __init__(self, sampler, schedule, kind, options):
        """Read the levels that the sampler tells."""
        self.sampler, self.schedule, self.kind, self.options = sampler, schedule, kind, options
        self.levels = list(zip(*map(np.ndarray.tolist, told(sampler, schedule)), strict=True))
        self.name = type(sampler).__name__

    def __call__(self, x, i):
        """Return the prediction at step i."""
        level = self.levels[i]
        if self.name == "LCM":
            return self.of_lcm(x, i, level)
        if self.name == "TCD":
            return self.of_tcd(x, i, level)
        if self.name == "SCM" or self.options.get("stochastic"):
            return as_kind(self.kind, x, moved(x, level, (1.0, 0.0)), *level)
        if preconditioned(self.sampler):
            return self.of_network(x * math.hypot(level[1], DATA), level[1])
        return predicted(self.kind, x, *level)

    def of_lcm(self, x, i, level):
        """Say x0 such that c_skip x + c_out x0 is the end of the path through x."""
        tau = float(self.sampler.timesteps[i]) * 10.0
        skip, out = 0.25 / (tau**2 + 0.25), tau / math.sqrt(tau**2 + 0.25)
        if out == 0:  # the sampler returns x
            return predicted(self.kind, x, *level)
        x0 = (moved(x, level, (1.0, 0.0)) - skip * x) / out
        return as_kind(self.kind, x, x0, *level)

    def of_tcd(self, x, i, level):
        """Say x0 such that alpha_s x0 + sigma_s epsilon is the point of the path at time s."""
        last = i + 1 == len(self.sampler)
        after = 0 if last else float(self.sampler.timesteps[i + 1])
        s = math.floor((1 - self.options["eta"]) * after)
        target = float(self.schedule.signal[s]), float(self.schedule.sigma[s])
        there, (alpha, sigma) = moved(x, level, target), level
        part = target[1] / sigma
        if target[0] == part * alpha:  # the level itself: nothing moves
            return predicted(self.kind, x, *level)
        x0 = (there - part * x) / (target[0] - part * alpha)
        return as_kind(self.kind, x, x0, *level)

    def of_network(self, x, sigma):
        """Return the output of a preconditioned network."""
        if self.name == "EDMEuler":
            x0, least = predicted("x0", x, 1.0, sigma), 0.0
        else:
            least = float(self.schedule.sigma[0])
            x0 = moved(x, (1.0, sigma), (1.0, least))
        above = sigma - least
        skip, out = DATA**2 / (above**2 + DATA**2), above * DATA / math.hypot(sigma, DATA)
        if out == 0:
            return np.zeros_like(x)
        return (x0 - skip * x) / out * (-1 if self.kind == "v" else 1)
