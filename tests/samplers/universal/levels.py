"""Levels of noise: at the nodes of a sampler, and as the model is told them."""

from __future__ import annotations

import numpy as np

from .schedules import FLOW, VP

DATA = 0.5  # the deviation of the data that preconditioned networks assume


def told(sampler, schedule):
    """Return alpha and sigma of each timestep that the sampler tells the model."""
    t, name = np.asarray(sampler.timesteps, np.float64), type(sampler).__name__
    if name == "EDMEuler":
        return np.ones_like(t), np.exp(4 * t)
    if name == "ConsistencyModel":
        return np.ones_like(t), np.exp(t / 250)
    if name == "SCM":
        return np.where(t < np.pi / 2, np.cos(t), 0.0), np.sin(t)
    if schedule.form == VP:
        return schedule.in_steps().coefficients(t)
    if schedule.form == FLOW:
        return 1 - t / len(schedule), t / len(schedule)
    return np.ones_like(t), t


def scales(sampler):
    """Return the factor of `scale_input` at each step."""
    return np.array([float(sampler.scale_input(np.ones(1), i)[0]) for i in range(len(sampler))])


def preconditioned(sampler):
    """Return whether the network takes x / sqrt(sigma^2 + data^2)."""
    return type(sampler).__name__ in ("EDMEuler", "ConsistencyModel")


def own(sampler, schedule, rescaled):
    """Return alpha and sigma of the samples, before each step and at the end.

    `rescaled` says whether the sampler scales the model's input. Then its samples are
    x0 + sigma noise.
    """
    ratio = np.asarray(sampler.sigmas, np.float64)
    if schedule.form == FLOW:
        return 1 - ratio, ratio
    if schedule.form == VP and not rescaled:
        with np.errstate(invalid="ignore"):
            return 1 / np.hypot(1, ratio), np.where(
                np.isinf(ratio), 1.0, ratio / np.hypot(1, ratio)
            )
    return np.ones_like(ratio), ratio


def nodes(layout, count):
    """Return which of `count` places are nodes: beginnings of steps, and the end."""
    places = np.arange(count)
    if layout == "pairs" and count % 2:  # the first step, from pure noise, is a single one
        return np.unique([0, *places[1::2], count - 1])
    if layout == "pairs":
        return np.unique([*places[::2], count - 1])
    if layout == "first twice" and count > 3:
        return np.delete(places, 2)
    if layout == "runge-kutta":
        return np.array([0, 4, 8, *range(12, count)])
    return places


def noisy_table(schedule):
    """Return sigma / alpha of the steps with noise, up to the first without signal."""
    ratio = schedule.sigma_over_signal
    end = int(np.argmax(np.isinf(ratio))) + 1 if np.isinf(ratio).any() else len(ratio)
    return ratio[:end][ratio[:end] > 0]
