"""Steps of DPM-Solver++ with an estimate of their error: two orders from the same evaluations."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fastgen.diffusion import solver_steps
from fastgen.diffusion._conversions import of_x, x0_of
from fastgen.diffusion.samplers._bound_step import LINEAR
from fastgen.diffusion.samplers._grid import FLOW, VARIANCE_PRESERVING, timesteps_at
from fastgen.diffusion.samplers._per_sample import apply
from fastgen.diffusion.schedule import Schedule
from fastgen.elementary import expm1_minus_x

Array = np.ndarray[Any, np.dtype[Any]]


class Levels:
    """alpha, sigma and the model's time input at log(sigma / alpha), one per sample."""

    def __init__(self, schedule: Schedule, log_rho: Array) -> None:
        rho = np.exp(log_rho)
        if schedule.form == FLOW:
            self.alpha, self.sigma = 1 / (1 + rho), rho / (1 + rho)
        elif schedule.form == VARIANCE_PRESERVING:
            self.alpha, self.sigma = 1 / np.hypot(1, rho), rho / np.hypot(1, rho)
        else:
            self.alpha, self.sigma = np.ones_like(rho), rho
        self.schedule = schedule

    @property
    def timesteps(self) -> Array:
        """Return the model's time input."""
        ratio = self.sigma if self.schedule.form == FLOW else self.sigma / self.alpha
        return timesteps_at(self.schedule, ratio)


class Denoiser:
    """The predictions of x0 of a model. It counts the calls, and raises if one is not finite."""

    def __init__(self, model: Callable[[Array, Array], Any], prediction: str, limit: float) -> None:
        self.model, self.prediction, self.limit = model, prediction, limit
        self.calls = 0

    def __call__(self, x: Array, levels: Levels) -> Array:
        """Return x0 for samples at these levels."""
        return self.at(x, levels.alpha, levels.sigma, levels.timesteps)

    def at(self, x: Array, alpha: Array, sigma: Array, timesteps: Array) -> Array:
        """Return x0 for samples with these coefficients."""
        prediction = np.asarray(self.model(x, timesteps), x.dtype)
        self.calls += 1
        if prediction.shape != x.shape:
            raise ValueError(
                f"sample_adaptive: model must give the shape {x.shape} of x, got {prediction.shape}"
            )
        finite = np.isfinite(prediction).reshape(len(x), -1).all(axis=1)
        if not finite.all():
            b = int(np.argmin(finite))
            raise ValueError(
                f"sample_adaptive: model must give finite predictions, but that of sample {b} at "
                f"t={timesteps[b]:g}, in call {self.calls}, is not finite"
            )
        a, b = x0_of(self.prediction, alpha, sigma, of_x(alpha, sigma))
        if self.limit == math.inf:
            return np.asarray(apply(LINEAR, (x, prediction), (a, b)))
        numbers = (a, b, self.limit, 0.0, 0.0, 1.0)
        return np.asarray(apply(solver_steps.ROWS[0], (x, prediction), numbers)[0])


def combined(x: Array, first: Array, second: Array, numbers: tuple[Any, Any, Any]) -> Array:
    """Return the combination of a sample and two predictions."""
    u, v, w = numbers
    row = (0.0, 0.0, math.inf, u, v, 0.0, w)
    return np.asarray(apply(solver_steps.ROWS[1], (x, first, second), row)[0])


def _slope(z: Array) -> Array:
    """Return the integral over s from 0 to z of e^(s - z) s / z: z phi_2(-z)."""
    positive = np.where(z > 0, z, 1.0)
    return np.where(z > 0, expm1_minus_x(-positive) / positive, 0.0)


def pair(
    denoise: Denoiser, schedule: Schedule, order: int, x: Array, log_rho: Array, h: Array, x0: Array
) -> tuple[Array, Array]:
    """Return the ends of steps of length h in log(alpha / sigma), of order - 1 and of `order`.

    x0 is the prediction at the beginning. The other evaluations are at even places in the step.
    A step of length 0 gives x.
    """
    here, after = Levels(schedule, log_rho), Levels(schedule, log_rho - h)

    def moved(levels: Levels, z: Array, r: float, other: Array) -> Array:
        """Return the sample after a step of length z, by x0 and a prediction at r z."""
        slope, whole = levels.alpha * _slope(z) / r, -levels.alpha * np.expm1(-z)
        return combined(x, x0, other, (levels.sigma / here.sigma, whole - slope, slope))

    z = h / order
    middle = Levels(schedule, log_rho - z)
    kept = middle.sigma / here.sigma, -middle.alpha * np.expm1(-z)
    second = denoise(np.asarray(apply(LINEAR, (x, x0), kept)), middle)
    if order == 2:
        whole = after.sigma / here.sigma, -after.alpha * np.expm1(-h)
        return np.asarray(apply(LINEAR, (x, x0), whole)), moved(after, h, 1 / 2, second)
    late = Levels(schedule, log_rho - 2 * z)
    third = denoise(moved(late, 2 * z, 1 / 2, second), late)
    return moved(after, h, 1 / 3, second), moved(after, h, 2 / 3, third)
