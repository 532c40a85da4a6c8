"""The distribution of the samples of a mixture of two normal distributions."""

from __future__ import annotations

import numpy as np

import fastgen

from . import checks, levels
from .schedules import SCHEDULES

MEANS, DEVIATIONS, WEIGHTS = np.array([-1.5, 1.0]), np.array([0.6, 0.35]), np.array([0.4, 0.6])
STARTS, DRAWS = 400, 6000
NEAR = 0.02
"""The distance allowed on top of twice the bound of the deviation of a normal distribution."""


def means(x, alpha, sigma):
    """Return the means of x0 and of the noise, given x = alpha x0 + sigma noise."""
    variance = alpha**2 * DEVIATIONS**2 + sigma**2
    away = x[..., None] - alpha * MEANS
    log_p = np.log(WEIGHTS / np.sqrt(variance)) - away**2 / (2 * variance)
    share = np.exp(log_p - log_p.max(-1, keepdims=True))
    share /= share.sum(-1, keepdims=True)
    x0 = np.sum(share * (MEANS + alpha * DEVIATIONS**2 * away / variance), axis=-1)
    return x0, sigma * np.sum(share * away / variance, axis=-1)


def predicted(kind, x, alpha, sigma):
    """Return the prediction for the model's input."""
    x0, epsilon = means(x, alpha, sigma)
    kinds = {"x0": x0, "v": alpha * epsilon - sigma * x0, "flow": epsilon - x0}
    return kinds[kind]


def cdf(x, alpha, sigma):
    """Return the distribution function of alpha x0 + sigma noise."""
    sizes = np.hypot(alpha * DEVIATIONS, sigma)
    return sum(
        w * fastgen.elementary.ndtr((x - alpha * m) / s)
        for w, m, s in zip(WEIGHTS, MEANS, sizes, strict=True)
    )


def quantiles(count, alpha, sigma):
    """Return evenly spaced quantiles of alpha x0 + sigma noise."""
    wanted = (np.arange(count) + 0.5) / count
    low, high = (np.full(count, s * (4 * alpha + 9 * sigma)) for s in (-1.0, 1.0))
    for _ in range(60):
        middle = (low + high) / 2
        less = cdf(middle, alpha, sigma) < wanted
        low, high = np.where(less, middle, low), np.where(less, high, middle)
    return high


def distance(made):
    """Return the largest difference of distribution functions at the end of a run."""
    sampler, case = made.sampler, made.case
    alpha, sigma = made.nodes()
    rng = np.random.default_rng(5)
    x = quantiles(DRAWS if case.method.noisy else STARTS, alpha[0], sigma[0])[:, None]
    x = rng.permutation(x)
    told, state = list(zip(*levels.told(sampler, made.schedule), strict=True)), sampler.state()
    for i in range(len(sampler)):
        level, given = told[i], sampler.scale_input(x, i)
        if made.preconditioned:
            data = levels.DATA
            given = given * np.hypot(level[1], data)
            x0 = predicted("x0", given, *level)
            skip, out = data**2 / (level[1] ** 2 + data**2), level[1] * data
            prediction = (x0 - skip * given) / (out / np.hypot(level[1], data))
            prediction *= -1 if case.kind == "v" else 1
        else:
            prediction = predicted(case.kind, given, *level)
        noise = rng.standard_normal(x.shape) if sampler.adds_noise(i) else None
        x = sampler.step(x, prediction, i, state=state, noise=noise)
    x = np.sort(x[:, 0])
    return float(np.abs(cdf(x, alpha[-1], sigma[-1]) - (np.arange(x.size) + 0.5) / x.size).max())


def check(case):
    """Return the faults of a combination whose sampler was made."""
    sampler, _ = checks.make(case)
    if sampler is None or case.method.exact:
        return []
    made = checks.Made(case, sampler)
    with np.errstate(all="ignore"):
        found = distance(made)
    allowed = NEAR + 2 * made.bound().max() + (2 / np.sqrt(DRAWS) if case.method.noisy else 0)
    if not found <= allowed:
        return [("mixture", f"distance {found:.3g}, allowed {allowed:.3g}")]
    return []


def steps_for(name):
    """Return the number of steps, or None for a table that is too short."""
    length = len(levels.noisy_table(SCHEDULES[name]))
    return min(100, length) if length >= 49 else None
