"""Runs of diffusers' schedulers and of fastgen's samplers with the same model and noise."""

import contextlib
import importlib
import types

import numpy as np
import pytest

from fastgen.diffusion import Schedule

SHAPE = (2, 3, 4)
DTYPES = [np.float32, np.float64]
PREDICTIONS = {"epsilon": "epsilon", "x0": "sample", "v": "v_prediction"}
SCHEDULES = {
    "linear": (
        Schedule.linear(),
        {"beta_schedule": "linear", "beta_start": 1e-4, "beta_end": 0.02},
    ),
    "scaled": (
        Schedule.scaled_linear(),
        {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012},
    ),
    "cosine": (Schedule.cosine(), {"beta_schedule": "squaredcos_cap_v2"}),
}
RESPACINGS = ["karras", "exponential", "beta"]


class Double(types.SimpleNamespace):
    """A module whose float32 is float64, so that diffusers computes in double throughout."""

    def __init__(self, module):
        super().__init__(float32=module.float64)
        self._module = module

    def __getattr__(self, name):
        return getattr(self._module, name)


def theirs(monkeypatch, name, dtype, noises, **options):
    """Return a scheduler of diffusers that computes in dtype and takes its noise from a list."""
    schedulers = pytest.importorskip("diffusers.schedulers", reason="pip install diffusers")
    torch = pytest.importorskip("torch", reason="pip install torch")
    found = getattr(schedulers, name)
    utils = importlib.import_module("diffusers.schedulers.scheduling_utils")
    for module in (importlib.import_module(found.__module__), utils):
        if dtype == np.float64:
            for package in (torch, np):
                short = "np" if package is np else "torch"
                if hasattr(module, short):
                    monkeypatch.setattr(module, short, Double(package))
        if hasattr(module, "randn_tensor"):
            queue = map(torch.from_numpy, noises)
            monkeypatch.setattr(module, "randn_tensor", lambda *_, q=queue, **__: next(q))
    with default_dtype(dtype):
        return found(**options)


@contextlib.contextmanager
def default_dtype(dtype):
    """Make torch create numbers of this type."""
    import torch

    torch.set_default_dtype(torch.float64 if dtype == np.float64 else torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


def some(count, **axes):
    """Return a pytest mark of `count` combinations of options, with all values equally often."""
    rng = np.random.default_rng(len(axes))
    columns = []
    for values in axes.values():
        column = [values[k % len(values)] for k in range(count)]
        rng.shuffle(order := np.arange(count))
        columns.append([column[k] for k in order])
    return pytest.mark.parametrize(",".join(axes), list(zip(*columns, strict=True)))


def model(x, i):
    """Return a prediction that depends on x and on the step."""
    offset = np.sin(np.arange(x.size).reshape(x.shape) * 0.7 + i)
    return (0.4 * x / np.sqrt(1 + np.mean(x**2)) + 0.5 * offset).astype(x.dtype)


def with_variances(x, i):
    """Return a prediction, and after it positive variances."""
    return np.concatenate([model(x, i), 0.2 + 0.2 * model(x, i + 1) ** 2], axis=1, dtype=x.dtype)


def draws(count, dtype, seed=1):
    """Return noise for each step."""
    return list(np.random.default_rng(seed).standard_normal((count, *SHAPE)).astype(dtype))


def run_theirs(scheduler, steps, x, *, clean=False, says=model, **step_options):
    """Return the samples of diffusers after every step."""
    with default_dtype(x.dtype):
        scheduler.set_timesteps(steps)
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(0)  # it does not find rounded timesteps that occur twice
        return list(their_samples(scheduler, x, clean, says, step_options))


def their_samples(scheduler, x, clean, says, step_options, timesteps=None):
    import torch

    for i, t in enumerate(scheduler.timesteps if timesteps is None else timesteps):
        scaled = x if clean else scheduler.scale_model_input(torch.from_numpy(x), t).numpy()
        prediction = torch.from_numpy(says(scaled.astype(x.dtype), i))
        given = scheduler.step(prediction, t, torch.from_numpy(x), **step_options)
        x = given.prev_sample.numpy().astype(x.dtype)
        yield x


def run_ours(sampler, x, noises, *, every=False, says=model):
    """Return fastgen's samples after every step. With `every`, each step gets noise."""
    state, path, queue = sampler.state(), [], iter(noises)
    for i in range(len(sampler)):
        prediction = says(np.asarray(sampler.scale_input(x, i)), i)
        adds = sampler.adds_noise(i)
        drawn = next(queue) if adds or every else None
        noise = drawn if adds else None
        x = sampler.step(x, prediction, i, state=state, noise=noise)
        path.append(x)
    return path


def agree(path, other, dtype, tolerance=2e-3):
    """Compare every sample, within a tolerance relative to its largest element; 1e-9 in double."""
    limit = 1e-9 if dtype == np.float64 else tolerance
    assert len(path) == len(other)
    for i, (a, b) in enumerate(zip(path, other, strict=True)):
        assert a.dtype == dtype and np.isfinite(a).all(), i
        if i == len(other) - 1 and not np.isfinite(b).all():
            break  # diffusers fails at a last step of length 0
        assert np.max(np.abs(a - b)) <= limit * max(1, np.max(np.abs(b))), i


def start(sampler, dtype):
    z = np.random.default_rng(0).standard_normal(SHAPE)
    return (sampler.init_noise_scale * z).astype(dtype)


def compare(
    monkeypatch, name, sampler, dtype, steps, clean=False, step=None, says=model, **options
):
    """Compare both runs, their timesteps, and their sigmas if diffusers has them."""
    noises = draws(len(sampler), dtype)
    scheduler = theirs(monkeypatch, name, dtype, noises, **options)
    x = start(sampler, dtype)
    path = run_theirs(scheduler, steps, x, clean=clean, says=says, **(step or {}))
    np.testing.assert_allclose(sampler.timesteps, scheduler.timesteps.numpy(), rtol=2e-4, atol=0.01)
    if dtype == np.float64:
        np.testing.assert_allclose(float(scheduler.init_noise_sigma), sampler.init_noise_scale)
    agree(run_ours(sampler, x, noises, says=says), path, dtype)


def sigma_options(spacing, sigmas, prediction):
    options = {"timestep_spacing": spacing, "prediction_type": PREDICTIONS[prediction]}
    return options | ({f"use_{sigmas}_sigmas": True} if sigmas else {})


def compare_rounded(monkeypatch, name, sampler, dtype, steps, every=False, **options):
    """Compare runs whose timesteps diffusers rounds, maybe differently from fastgen."""
    noises = draws(len(sampler), dtype)
    scheduler = theirs(monkeypatch, name, dtype, noises, **options)
    x = start(sampler, dtype)
    path = run_theirs(scheduler, steps, x)
    np.testing.assert_allclose(sampler.timesteps, scheduler.timesteps.numpy(), rtol=0, atol=1)
    agree(run_ours(sampler, x, noises, every=every), path, dtype, 2e-2)
