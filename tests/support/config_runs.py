"""Runs of samplers from configurations, against the schedulers of diffusers that they describe."""

import importlib
import math
import sys
import types

import numpy as np
import pytest
from diffusers_configs import AXES
from diffusers_runs import (
    default_dtype,
    draws,
    model,
    run_ours,
    start,
    their_samples,
    theirs,
    with_variances,
)
from pairwise import pairwise

from fastgen.diffusion.samplers import from_config

STEP = {"eta": "eta", "clip_epsilon": "use_clipped_model_output", "churn": "s_churn"}


def combinations(name):
    """Return the combinations of a class's options: all pairs of values."""
    axes = AXES[name] if isinstance(AXES[name], list) else [AXES[name]]
    return [combination for each in axes for combination in pairwise(each)]


def split(combination):
    """Return the options of the configuration, steps, and what the run and the step are given."""
    combination = dict(combination)
    own, steps = combination.pop("own", {}), combination.pop("steps")
    listed, angles = combination.pop("listed", False), combination.pop("angles", False)
    options = {k: v for k, v in combination.items() if not isinstance(v, dict)}
    for several in combination.values():
        options |= several if isinstance(several, dict) else {}
    given = {"mu": options.pop("mu")} if "mu" in options else {}
    if listed:
        given["sigmas"] = np.linspace(1, 1 / steps, steps)
    if angles:
        given["timesteps"] = (1.5 * np.linspace(1, 0, steps + 1) ** 2).tolist()
    return options, steps, given, own


def find_class(monkeypatch, name):
    """Return a class of diffusers."""
    schedulers = pytest.importorskip("diffusers.schedulers", reason="pip install diffusers")
    if name == "DPMSolverSDEScheduler":  # it imports torchsde for its noise alone
        monkeypatch.setitem(sys.modules, "torchsde", types.ModuleType("torchsde"))
        module = importlib.import_module("diffusers.schedulers.scheduling_dpmsolver_sde")
        monkeypatch.setattr(schedulers, name, module.DPMSolverSDEScheduler)
    return getattr(schedulers, name)


def noise_of_steps(sampler, noises, dtype):
    """Return the noise of whole steps of `DPMSolverSDE`. That of a first half is a part of it."""
    torch, given, nodes = importlib.import_module("torch"), [], sampler.sigmas
    for i in range(0, len(sampler) - 1, 2):
        sigma, middle, after = nodes[i : i + 3]
        above, whole = (s * math.sqrt(1 - (s / sigma) ** 2) for s in (middle, after))
        part = (after / middle) ** 2 * above
        rest = math.sqrt(whole**2 - part**2)
        given += [noises[i], (part * noises[i] + rest * noises[i + 1]) / whole]
    queue = (torch.from_numpy(noise.astype(dtype)) for noise in given)
    return lambda *_: next(queue)


def largest_difference(monkeypatch, name, combination, dtype):
    """Return the largest relative difference of two runs; raise if timesteps or starts differ.

    Where the last step of diffusers is not finite, it is not compared.
    """
    options, steps, given, own = split(combination)
    sampler = from_config({"_class_name": name, **options}, steps, **given, **own)
    noises = draws(len(sampler) + 1, dtype)
    find_class(monkeypatch, name)
    scheduler = theirs(monkeypatch, name, dtype, noises, **options)
    x = start(sampler, dtype)
    says = with_variances if sampler.learned else model
    with default_dtype(dtype):
        count = None if "sigmas" in given and name.startswith("UniPC") else steps
        if name == "SCMScheduler":
            set_angles(monkeypatch, scheduler, dtype, steps, **given)
        else:
            scheduler.set_timesteps(count, **given)
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(0)
        if name == "DPMSolverSDEScheduler":
            scheduler.noise_sampler = noise_of_steps(sampler, noises, dtype)
        if name == "UnCLIPScheduler":
            tell_next(scheduler)
        clean = not hasattr(scheduler, "scale_model_input")
        in_step = {STEP[option]: value for option, value in own.items()}
        timesteps = scheduler.timesteps[: -1 if name == "SCMScheduler" else None]
        path = list(their_samples(scheduler, x, clean, says, in_step, timesteps))
    if dtype == np.float64:
        check_timesteps(sampler, timesteps.numpy(), options)
    scale = float(getattr(scheduler, "init_noise_sigma", 1.0))
    np.testing.assert_allclose(sampler.init_noise_scale, scale, rtol=1e-4)
    ours = run_ours(sampler, x, noises, every=name.startswith("SASolver"), says=says)
    worst = 0.0
    for i, (a, b) in enumerate(zip(ours, path, strict=True)):
        assert np.isfinite(a).all(), (i, combination)
        if i + 1 == len(path) and not np.isfinite(b).all():
            break
        worst = max(worst, np.max(np.abs(a - b)) / max(1, np.max(np.abs(b))))
    return worst


def set_angles(monkeypatch, scheduler, dtype, steps, timesteps=None):
    """Set the timesteps of `SCMScheduler`, which has a default for 2 steps alone.

    In double, they are not rounded to float32, and pi / 2 is not rounded to 1.5708.
    """
    torch = importlib.import_module("torch")
    given = {} if steps == 2 else {"intermediate_timesteps": None}
    if timesteps is not None:
        given |= {"timesteps": timesteps, "max_timesteps": None}
    if dtype == np.float64:
        monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    scheduler.set_timesteps(steps, **given)
    if dtype == np.float64:
        scheduler.timesteps = scheduler.timesteps.clamp(max=math.pi / 2)


def tell_next(scheduler):
    """Give each step the next timestep, as the pipelines of `UnCLIPScheduler` do."""
    step, after = scheduler.step, iter([*scheduler.timesteps.tolist()[1:], None])
    scheduler.step = lambda *given, **options: step(*given, prev_timestep=next(after), **options)


def check_timesteps(sampler, expected, options):
    """Raise if the timesteps differ, but for what rounding makes of integers."""
    found = sampler.timesteps
    assert found.shape == expected.shape
    if options.get("rescale_betas_zero_snr") and found[0] != expected[0]:
        # Its last sigma / alpha is below the one before, so one sigma has two timesteps.
        found, expected = found[1:], expected[1:]
    tolerance = 1 if expected.dtype.kind == "i" else 0.01
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=tolerance)
