"""One step of a sampler on tensors."""

from __future__ import annotations

import math
from typing import Any

import torch

from fastgen.diffusion import solver_steps
from fastgen.diffusion.samplers import _per_sample
from fastgen.diffusion.samplers._bound_step import LINEAR
from fastgen.diffusion.samplers._sampler import Sampler
from fastgen.diffusion.samplers._state import State
from fastgen.torch._tensors import to_array, to_tensor

DENOISED = 2  # the wanted result of a row, as bits


def on_arrays(
    sampler: Sampler, state: State, i: int, x: torch.Tensor, prediction: torch.Tensor, noise: Any
) -> torch.Tensor:
    """Return the next sample of tensors on the CPU, which want no gradients."""
    given = None if noise is None else to_array(noise)
    found = to_tensor(sampler.step(to_array(x), to_array(prediction), i, state=state, noise=given))
    # Noise in float32 makes the result float32, too.
    return found if noise is None else found.to(torch.promote_types(x.dtype, prediction.dtype))


def in_torch(
    sampler: Sampler, state: State, i: int, x: torch.Tensor, prediction: torch.Tensor, noise: Any
) -> torch.Tensor:
    """Return the next sample by PyTorch's operations, on every device and with gradients."""
    if sampler.threshold is not None or sampler.learned:
        what = "learned variances" if sampler.learned else "a threshold"
        raise TypeError(
            f"Scheduler.step: sample and model_output must be on the CPU and require no gradients "
            f"with {what}; give their detach().cpu()"
        )
    stored = torch.promote_types(x.dtype, prediction.dtype)
    computed = torch.float64 if stored is torch.float64 else torch.float32
    x, prediction = x.to(computed), prediction.to(computed)
    state.history = tuple([_tensor_of(m, x) for m in state.history])
    bound, history = sampler._bound_step(i, state)
    if bound.op is LINEAR:
        u, v = bound.coefficients
        return sampler._next_of((u * x + v * prediction).to(stored), i, bound, history, state)
    a, b, limit, u, v, k, *others = bound.coefficients
    m = a * x + b * prediction
    if limit < math.inf:
        m = m.clamp(-limit, limit)
    found = u * x + v * prediction + k * m
    terms = [*history[: bound.history], *([noise.to(computed)] if bound.noise else ())]
    for factor, term in zip(others, terms, strict=True):
        found = found + factor * term
    return sampler._next_of((found.to(stored), m), i, bound, history, state)


def _tensor_of(memory: Any, x: torch.Tensor) -> torch.Tensor:
    tensor = memory if isinstance(memory, torch.Tensor) else to_tensor(memory)
    return tensor.to(x.device, x.dtype)


def denoised(sampler: Sampler, i: int, x: torch.Tensor, prediction: torch.Tensor) -> torch.Tensor:
    """Return x0 as the prediction says it, within the sampler's limits."""
    a, b = sampler._x0(i)
    if sampler.learned:
        prediction = prediction[:, : x.shape[1]]
    if not _plain(x, prediction):
        found = a * x + b * prediction
        return found.clamp(-sampler.limit, sampler.limit) if sampler.limit < math.inf else found
    arrays, numbers = (to_array(x), to_array(prediction)), (a, b, sampler.limit, 0.0, 0.0, 0.0)
    op = solver_steps.ROWS[0]
    if sampler.threshold is None:
        return to_tensor(op((*arrays, *numbers), -1, False, None, DENOISED)[1])
    numbers = _per_sample.thresholded(*arrays, numbers, sampler.threshold)
    return to_tensor(_per_sample.apply(op, arrays, numbers, None, DENOISED)[1])


def before_noise(sampler: Sampler, i: int, x: torch.Tensor, prediction: torch.Tensor) -> Any:
    """Return what the step of a distilled model adds noise to, in the scale without noise."""
    bound, stored = sampler._bound_steps[i], torch.promote_types(x.dtype, prediction.dtype)
    arrays, std = (to_array(x.cpu()), to_array(prediction.cpu())), bound.coefficients[-1]
    a, b, limit, *mixed = bound.coefficients[:-1]
    scale = math.sqrt((1 - std) * (1 + std))
    numbers: Any = (a, b, limit, *[c / scale for c in mixed])
    if sampler.threshold is not None and bound.clips:
        numbers = _per_sample.thresholded(*arrays, numbers, sampler.threshold)
    found = _per_sample.apply(solver_steps.ROWS[0], arrays, numbers)[0]
    return to_tensor(found).to(x.device, stored)


def _plain(*tensors: torch.Tensor) -> bool:
    """Whether tensors are on the CPU and want no gradients."""
    wants = torch.is_grad_enabled()
    return all(x.is_cpu and not (wants and x.requires_grad) for x in tensors)


def randn(shape: Any, generator: Any, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """Return standard normal noise, as diffusers draws it.

    A list of generators has one for each sample. A generator on the CPU draws there.
    """
    if isinstance(generator, (list, tuple)):
        if len(generator) not in (1, shape[0]):
            raise ValueError(
                f"Scheduler.step: generator must be one, or a list of {shape[0]}, one for each "
                f"sample; got a list of {len(generator)}"
            )
        if len(generator) > 1:
            one = (1, *shape[1:])
            return torch.cat([randn(one, g, device, dtype) for g in generator])
        generator = generator[0]
    if generator is None:
        return torch.randn(shape, device=device, dtype=dtype)
    if not isinstance(generator, torch.Generator):
        raise TypeError(
            f"Scheduler.step: generator must be a torch.Generator, got {type(generator).__name__}"
        )
    drawn = torch.randn(shape, generator=generator, device=generator.device, dtype=dtype)
    return drawn.to(device)
