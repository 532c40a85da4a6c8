"""Bounds of the error of a method, from its order and its nodes.

For normal data of deviation s, a level of noise is an angle phi with tan phi = sigma / (alpha s). A
step of DDIM multiplies the deviation by cos(theta), where theta is the difference of the angles at
its two ends. The exact path multiplies it by 1. So the error of the first-order method is exactly
1 - prod cos(theta).

A method of order p interpolates the prediction, a function of the angle, in the log-SNR. So it adds
at most K theta H^p in a step, where H is the longest of the steps in log-SNR that it uses. Methods
that combine predictions of the noise weigh them by up to e^(c H) - 1, times the weights of an
extrapolation, so there this replaces one of the factors H; c is 1, and 2 where noise is added. The
order is lower in the first steps, which have fewer predictions at hand; in the last steps, if the
method lowers it there; and it is 1 in a step from no signal or to no noise. Churn begins a step at
a level above its node.

The mean has no error at all, because a prediction at the mean is exact.
"""

from __future__ import annotations

import numpy as np

from .models import DEVIATION

FACTOR = 2.0
"""K for the methods of higher order and the stochastic ones."""
WEIGHTS = {1: 1.0, 2: 2.0, 3: 11 / 3, 4: 20 / 3}
"""The sum of the magnitudes of the weights of an extrapolation (Adams and Bashforth), by their
number."""
MOST = 3.0
"""The bound of log deviation beyond which nothing is claimed."""


def latest(values, count):
    """Return the largest of the latest `count` values at each place."""
    shifted = [np.append(np.zeros(k), values[: len(values) - k]) for k in range(count)]
    return np.max([s[: len(values)] for s in shifted], axis=0)


def of_steps(nodes, order, *, reach=1, explicit=True, growing=0, up=1.0, to_end=False):
    """Return the bound of the relative error of the deviation of each step, (distributions, N)."""
    alpha, sigma = nodes
    size, raised = DEVIATION[:, None], np.append(sigma[:-1] * up, sigma[-1])
    theta = np.arctan2(raised, alpha * size)[:, :-1] - np.arctan2(sigma, alpha * size)[:, 1:]
    first = -np.log(np.maximum(np.cos(theta), 1e-9))
    if order == 1 and explicit:
        return first
    with np.errstate(divide="ignore"):
        h = np.log(up) - np.diff(np.log(sigma) - np.log(alpha))
    ends, number = ~np.isfinite(h), np.arange(1, len(h) + 1)
    longest = latest(np.where(ends, 0.0, h), min(reach, len(h)))
    orders = np.minimum(order, number)
    if not to_end:
        orders = np.minimum(orders, number[::-1])
    growth = np.minimum(longest, 1.0)
    if growing:
        growth = WEIGHTS[reach] * np.expm1(np.minimum(growing * longest, 20.0))
    turned = np.array([latest(row, min(reach, len(h))) for row in theta])
    bound = FACTOR * turned * growth * np.minimum(longest, 1.0) ** (orders - 1)
    return np.where(ends, first, bound)


def at_ends(nodes):
    """Return the relative error of the steps from no signal and to no noise, which stay."""
    with np.errstate(divide="ignore"):
        finite = np.isfinite(np.diff(np.log(nodes[1]) - np.log(nodes[0])))
    return np.expm1(np.where(finite, 0.0, of_steps(nodes, 1)).sum(axis=1))


def relative(nodes, order, **how):
    """Return the bound of the relative error of the deviation, one for each distribution."""
    bound = of_steps(nodes, order, **how).sum(axis=1)
    return np.where(bound > MOST, np.inf, np.expm1(np.minimum(bound, MOST)))
