"""One step of a sampler on tensors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from fastgen.diffusion.samplers._bound_step import LINEAR
from fastgen.diffusion.samplers._sampler import Sampler
from fastgen.diffusion.samplers._state import State
from fastgen.torch import _threads
from fastgen.torch._tensors import check, on_memory, to_array, to_tensor

READABLE = (torch.float32, torch.float64, torch.float16)
"""The types of tensors that NumPy has too."""


def next_sample(
    sampler: Sampler, state: State, i: int, x: torch.Tensor, prediction: torch.Tensor, noise: Any
) -> torch.Tensor:
    """Return the next sample, in the cheapest way that these tensors can take."""
    if _threads.shared:
        _threads.follow()
    in_arrays = not (state.history and type(state.history[0]) is torch.Tensor)
    if in_arrays and not sampler.learned and sampler.threshold is None:
        found = _by_row(sampler, state, i, x, prediction, noise)
        if found is not None:
            return found
    check_both(prediction, x, sampler.learned)
    if in_arrays and plain(x, prediction):
        return _on_arrays(sampler, state, i, x, prediction, noise)
    return _in_torch(sampler, state, i, x, prediction, noise)


def _by_row(
    sampler: Sampler, state: State, i: int, x: torch.Tensor, prediction: torch.Tensor, noise: Any
) -> torch.Tensor | None:
    """Return the result of the row of step i, or None for tensors that NumPy has no view of.

    Most steps come here, and a step of a small sample takes as long as its checks. So NumPy checks:
    it has no views of tensors on other devices, and none where a gradient is wanted.
    """
    try:
        if x.dtype not in READABLE or prediction.dtype not in READABLE:
            return None
        arrays = on_memory(x), on_memory(prediction)
    except (AttributeError, RuntimeError, TypeError):
        return None
    if arrays[0].shape != arrays[1].shape:
        return None
    bound, history = sampler._bound_step(i, state)
    terms = history[: bound.history]
    if bound.noise:
        terms = (*terms, to_array(noise))
    numbers = bound.coefficients
    result = bound.op((*arrays, *terms, *numbers), -1, False, None, bound.wanted)
    found = sampler._next_of(result, i, bound, history, state)
    if type(found) is np.ndarray and (noise is None or noise.dtype is x.dtype):
        return torch.from_numpy(found)
    return _stored(found, x, prediction)


def _on_arrays(
    sampler: Sampler, state: State, i: int, x: torch.Tensor, prediction: torch.Tensor, noise: Any
) -> torch.Tensor:
    """Return the next sample of tensors on the CPU, which want no gradients."""
    given = None if noise is None else to_array(noise)
    found = sampler.step(to_array(x), to_array(prediction), i, state=state, noise=given)
    return _stored(found, x, prediction)


def _stored(found: Any, x: torch.Tensor, prediction: torch.Tensor) -> torch.Tensor:
    """Return a result as a tensor of the right type: noise in float32 would make it float32."""
    return to_tensor(found).to(torch.promote_types(x.dtype, prediction.dtype))


def _in_torch(
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


def plain(*tensors: torch.Tensor) -> bool:
    """Whether tensors are on the CPU and want no gradients."""
    wants = torch.is_grad_enabled()
    return all(x.is_cpu and not (wants and x.requires_grad) for x in tensors)


def check_both(model_output: Any, sample: Any, learned: bool) -> None:
    """Raise if these are no dense tensors of floats, or of other shapes."""
    for name, x in (("model_output", model_output), ("sample", sample)):
        if not isinstance(x, torch.Tensor):
            raise TypeError(
                f"Scheduler.step: {name} must be a tensor, got {type(x).__name__}; samplers of "
                "fastgen.diffusion.samplers take arrays"
            )
        check(f"Scheduler.step: {name}", x)
    if sample.shape != model_output.shape and not learned:
        raise ValueError(
            f"Scheduler.step: model_output must have the shape {tuple(sample.shape)} of sample, "
            f"got {tuple(model_output.shape)}"
        )
