"""Runs of schedulers: of diffusers, and of `fastgen.torch.Scheduler`."""

import inspect

import torch
from diffusers_configs import AXES

from fastgen.torch import _scheduler_source

DTYPES = [torch.float32, torch.float16]
NAMES = [name for name in AXES if name not in _scheduler_source.REFUSED]
SHAPE = (2, 3, 8, 8)
TOLERANCES = {torch.float32: 1e-5, torch.float16: 1.5e-2}
OPTIONS = {
    "DPMSolverMultistepScheduler": [{}, {"algorithm_type": "sde-dpmsolver++"}],
    "EulerDiscreteScheduler": [{}, {"use_karras_sigmas": True}],
    "FlowMatchEulerDiscreteScheduler": [
        {},
        {"stochastic_sampling": True},
        {"use_dynamic_shifting": True},
    ],
    "DDIMScheduler": [{}, {"thresholding": True}, {"prediction_type": "v_prediction"}],
    "PNDMScheduler": [{}, {"skip_prk_steps": True}],
}
CASES = [(name, options) for name in NAMES for options in OPTIONS.get(name, [{}])]


def model(x, k):
    """Return a prediction that depends on the input and on the step."""
    wave = torch.sin(torch.arange(x.numel()).reshape(x.shape) * 0.7 + k)
    return (0.4 * x.float() / torch.sqrt(1 + x.float().pow(2).mean()) + 0.5 * wave).to(x.dtype)


def following(scheduler, k):
    """Return the timestep after step k, for schedulers that must be told it."""
    if "UnCLIP" not in scheduler.config.get("_class_name", type(scheduler).__name__):
        return {}
    after = scheduler.timesteps[k + 1 : k + 2]
    return {"prev_timestep": after[0] if len(after) else None}


def run(scheduler, dtype, start=0, steps=8, **options):
    """Return timesteps, the samples and second results of a run, and what is drawn after it."""
    mu = {"mu": 0.8} if scheduler.config.get("use_dynamic_shifting") else {}
    scheduler.set_timesteps(steps, **mu)
    g, begin = torch.Generator().manual_seed(0), start * getattr(scheduler, "order", 1)
    t = scheduler.timesteps[begin:]
    x = torch.randn(SHAPE, generator=g).to(dtype)
    if start:
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(begin)
        noise = torch.randn(SHAPE, generator=g).to(dtype)
        if hasattr(scheduler, "add_noise"):
            x = scheduler.add_noise(x / 2, noise, t[:1].repeat(2))
        elif hasattr(scheduler, "scale_noise"):
            x = scheduler.scale_noise(x / 2, t[:1].repeat(2), noise)
    else:
        x = (x.float() * float(getattr(scheduler, "init_noise_sigma", 1.0))).to(dtype)
    if "generator" in inspect.signature(scheduler.step).parameters:
        options["generator"] = g
    samples, seconds = [], []
    for k, time in enumerate(t):
        options |= following(scheduler, begin + k)
        says = x
        if hasattr(scheduler, "scale_model_input"):
            says = scheduler.scale_model_input(x, time)
        found = scheduler.step(model(says, k), time, x, return_dict=False, **options)
        x, *second = found
        samples.append(x)
        seconds += second
    return scheduler.timesteps, samples, seconds, torch.randn(3, generator=g)


def close(ours, theirs, tolerance):
    """Raise if tensors differ relative to the largest element."""
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        limit = tolerance * max(1, b.float().abs().max().item())
        torch.testing.assert_close(a.float(), b.float(), rtol=0, atol=limit)
