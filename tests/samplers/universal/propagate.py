"""The exact mean and deviation of the samples of a run, without random draws.

With the model of a normal distribution, every step is linear in the sample and the noise. So a run
from 0, a run from 1, and a run with one unit of noise at each noisy step determine the final
distribution. All these runs are rows of one batch.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .models import MEAN, Model


class Run(NamedTuple):
    """The final samples of the probes."""

    ends: Any
    """(probes, distributions): from 0, from `start`, and for each noisy step."""
    start: float
    """The second probe."""
    most: float
    """The largest magnitude of any sample during the run."""

    def law(self, mean, deviation):
        """Return the final mean and deviation, for these at the start."""
        zero, one, *noises = self.ends
        gain = (one - zero) / self.start
        variance = (gain * deviation) ** 2 + sum((row - zero) ** 2 for row in noises)
        return zero + gain * mean, np.sqrt(variance)


def run(sampler, schedule, kind, options, dtype=np.float64, rounded_to=None):
    """Run the probes. `rounded_to` rounds samples and predictions between steps to a type."""
    model, state = Model(sampler, schedule, kind, options), sampler.state()
    noisy = [i for i in range(len(sampler)) if sampler.adds_noise(i)]
    row_of = {i: 2 + k for k, i in enumerate(noisy)}
    x = np.zeros((2 + len(noisy), len(MEAN)), dtype)
    start = float(dtype(max(float(sampler.init_noise_scale), 1e-3)))
    x[1], most = start, start
    for i in range(len(sampler)):
        noise = None
        if i in row_of:
            noise = np.zeros_like(x)
            noise[row_of[i]] = 1
        prediction = model(sampler.scale_input(x, i).astype(np.float64), i).astype(dtype)
        if rounded_to is not None:
            x, prediction = (a.astype(rounded_to).astype(dtype) for a in (x, prediction))
        x = sampler.step(x, prediction, i, state=state, noise=noise)
        most = max(most, float(np.abs(x).max()))
    return Run(x.astype(np.float64), start, most)
