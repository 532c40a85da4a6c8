"""The noise of a step, as diffusers draws it."""

from __future__ import annotations

from typing import Any

import torch


def given_noise(noise: Any, x: torch.Tensor, generator: Any) -> torch.Tensor:
    """Return the noise that a step was given, or raise."""
    if generator is not None:
        raise ValueError("Scheduler.step: give either generator or variance_noise")
    if not isinstance(noise, torch.Tensor) or noise.shape != x.shape:
        what = tuple(noise.shape) if hasattr(noise, "shape") else type(noise).__name__
        raise ValueError(
            f"Scheduler.step: variance_noise must be a tensor of the shape {tuple(x.shape)} of "
            f"sample, got {what}"
        )
    return noise.to(x.device)


def randn(shape: Any, generator: Any, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """Return standard normal noise.

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
    return drawn if drawn.device == device else drawn.to(device)
