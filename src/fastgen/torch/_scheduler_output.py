"""What a step of a scheduler returns."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch

from fastgen.diffusion import solver_steps
from fastgen.diffusion.samplers import _per_sample
from fastgen.diffusion.samplers._sampler import Sampler
from fastgen.torch._scheduler_step import plain
from fastgen.torch._tensors import to_array, to_tensor

DENOISED = 2  # the wanted result of a row, as bits


class Output:
    """The next sample, and what the model says of the clean one.

    It has the attributes of the output of diffusers' class, and reads like its tuple.

    Attributes
    ----------
    prev_sample : Tensor
        The next sample, as diffusers calls it.
    pred_original_sample : Tensor
        The clean sample that the step's inputs say. It is computed when it is read, and raises a
        RuntimeError if an input has changed in place since the step.
    """

    __slots__ = ("_changes", "_i", "_prediction", "_sampler", "_second", "_x", "prev_sample")

    def __init__(
        self,
        next_x: torch.Tensor,
        second: str | None,
        sampler: Sampler,
        i: int,
        x: torch.Tensor,
        prediction: torch.Tensor,
    ) -> None:
        self.prev_sample, self._second = next_x, second
        self._sampler, self._i, self._x, self._prediction = sampler, i, x, prediction
        self._changes = _changes(x, prediction)

    def __getattr__(self, name: str) -> Any:
        """Return the second result, by the name that it has in diffusers."""
        if name in ("pred_original_sample", self._second):
            return self._computed(name)
        raise AttributeError(f"the result of Scheduler.step has no attribute {name!r}")

    def _computed(self, name: str) -> torch.Tensor:
        """Return the second result."""
        step = self._sampler, self._i, self._x, self._prediction
        if _changes(self._x, self._prediction) != self._changes:
            raise RuntimeError(
                f"Scheduler.step: sample or model_output has changed in place since the step, so "
                f"{name} can't be computed any more; read it before"
            )
        if name == "pred_original_sample":
            return denoised(*step)
        return before_noise(*step) if self._sampler.adds_noise(self._i) else self.prev_sample

    def __len__(self) -> int:
        """Return the number of results that the class of diffusers has."""
        return 1 if self._second is None else 2

    def __getitem__(self, key: int | str) -> Any:
        """Return a result by its number or name."""
        if key == 0:
            return self.prev_sample
        if isinstance(key, str):
            return getattr(self, key)
        return self.to_tuple()[key]

    def __iter__(self) -> Iterator[torch.Tensor]:
        """Return the results in turn."""
        return iter(self.to_tuple())

    def to_tuple(self) -> tuple[torch.Tensor, ...]:
        """Return the results as a tuple."""
        if self._second is None:
            return (self.prev_sample,)
        return self.prev_sample, getattr(self, self._second)


def _changes(x: torch.Tensor, prediction: torch.Tensor) -> int:
    """Return how often the inputs have changed in place."""
    if x.is_inference() or prediction.is_inference():
        return 0  # they don't count
    return x._version + prediction._version


def denoised(sampler: Sampler, i: int, x: torch.Tensor, prediction: torch.Tensor) -> torch.Tensor:
    """Return x0 as the prediction says it, within the sampler's limits."""
    a, b = sampler._x0(i)
    if sampler.learned:
        prediction = prediction[:, : x.shape[1]]
    if not plain(x, prediction):
        found = a * x + b * prediction
        return found.clamp(-sampler.limit, sampler.limit) if sampler.limit < math.inf else found
    arrays, numbers = (to_array(x), to_array(prediction)), (a, b, sampler.limit, 0.0, 0.0, 0.0)
    op = solver_steps.ROWS[0]
    if sampler.threshold is None:
        return to_tensor(op((*arrays, *numbers), -1, False, None, DENOISED)[1])
    numbers = _per_sample.thresholded(*arrays, numbers, sampler.threshold)
    return to_tensor(_per_sample.apply(op, arrays, numbers, None, DENOISED)[1])


def before_noise(
    sampler: Sampler, i: int, x: torch.Tensor, prediction: torch.Tensor
) -> torch.Tensor:
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
