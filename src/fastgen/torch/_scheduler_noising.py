"""Samples with the noise of a timestep, as image-to-image pipelines and training make them."""

from __future__ import annotations

from typing import Any

import torch

from fastgen.torch._scheduler_run import Run


class Noising(Run):
    """The part of a scheduler that adds noise to clean samples."""

    def add_noise(
        self, original_samples: torch.Tensor, noise: torch.Tensor, timesteps: Any
    ) -> torch.Tensor:
        """Return samples with as much noise as they have at timesteps.

        Parameters
        ----------
        original_samples, noise : Tensor
            Clean samples, ``(batch, ...)``, and standard normal noise.
        timesteps : Tensor
            One for each sample, or one for all. As in diffusers, schedulers of integer timesteps
            without sigmas (DDPM, DDIM, LCM, TCD) take any step of the training, and the others one
            of the run: after `set_begin_index`, the first step, and during the run, the next one.

        Returns
        -------
        Tensor
            The noisy samples, of the type of `original_samples`.

        Raises
        ------
        ValueError
            If shapes differ, or a timestep is not in the run or not in the schedule.
        """
        alpha, sigma = self._levels("add_noise", timesteps, original_samples)
        return _combined("add_noise", (alpha, original_samples), (sigma, noise))

    def scale_noise(
        self, sample: torch.Tensor, timestep: Any, noise: torch.Tensor | None = None
    ) -> torch.Tensor:
        """`add_noise`, as schedulers of flows in diffusers call it."""
        if noise is None:
            raise ValueError("Scheduler.scale_noise: noise must be given, got None")
        alpha, sigma = self._levels("scale_noise", timestep, sample)
        return _combined("scale_noise", (alpha, sample), (sigma, noise))

    def get_velocity(
        self, sample: torch.Tensor, noise: torch.Tensor, timesteps: Any
    ) -> torch.Tensor:
        """Return alpha * noise - sigma * sample, the target of models that predict v."""
        alpha, sigma = self._levels("get_velocity", timesteps, sample)
        return _combined("get_velocity", (-sigma, sample), (alpha, noise))

    @property
    def alphas_cumprod(self) -> torch.Tensor:
        """The squared alphas of the schedule, in float32."""
        return torch.tensor(self._schedule().alpha_bar, dtype=torch.float32)

    def _schedule(self) -> Any:
        """Return the schedule, also before the steps are laid."""
        return self._source.schedule if self._sampler is None else self._sampler.schedule

    def _levels(self, where: str, timesteps: Any, x: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Return alpha and sigma at timesteps, in the shape of one number per sample."""
        if not isinstance(x, torch.Tensor):
            raise TypeError(
                f"Scheduler.{where}: the samples must be a tensor, got {type(x).__name__}"
            )
        t = torch.as_tensor(timesteps).reshape(-1)
        if x.dim() and len(t) not in (1, len(x)):
            raise ValueError(
                f"Scheduler.{where}: timesteps must be one for all samples or {len(x)}, one for "
                f"each; got {len(t)}"
            )
        if self._habits.by_table:
            found = self._schedule().coefficients(t.cpu().numpy())
            pairs = [torch.as_tensor(column) for column in found]
        else:
            grid, first = self.sampler.grid, self._step_index
            first = self._begin_index if first is None else first
            if self._begin_index is None or first is None:
                nodes = [self._find(value, where) for value in t.tolist()]
            else:
                nodes = [first]
            levels = [[column[i] for i in nodes] for column in (grid.signal, grid.noise)]
            pairs = [torch.tensor(column, dtype=torch.float64) for column in levels]
        shape = (-1, *[1] * (x.dim() - 1))
        alpha, sigma = [column.reshape(shape).to(x.device) for column in pairs]
        return alpha, sigma


def _combined(where: str, first: Any, second: Any) -> torch.Tensor:
    """Return a sum of two tensors times numbers per sample, in float32 at least."""
    (a, x), (b, y) = first, second
    if not isinstance(y, torch.Tensor) or x.shape != y.shape:
        got = tuple(y.shape) if isinstance(y, torch.Tensor) else type(y).__name__
        raise ValueError(
            f"Scheduler.{where}: noise must be a tensor of the shape {tuple(x.shape)} of the "
            f"samples, got {got}"
        )
    kind = torch.float64 if x.dtype is torch.float64 else torch.float32
    return (a.to(kind) * x + b.to(kind) * y).to(x.dtype)
