"""What a step of a scheduler returns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from fastgen.torch import _scheduler_step

Step = tuple[int, torch.Tensor, torch.Tensor]


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

    __slots__ = ("_sampler", "_second", "_step", "_versions", "prev_sample")

    def __init__(self, next_x: torch.Tensor, sampler: Any, second: str | None, step: Step) -> None:
        self.prev_sample, self._sampler, self._second, self._step = next_x, sampler, second, step
        self._versions = _versions(step)

    def __getattr__(self, name: str) -> Any:
        """Return the second result, by the name that it has in diffusers."""
        if name in ("pred_original_sample", self._second):
            return self._computed(name)
        raise AttributeError(f"the result of Scheduler.step has no attribute {name!r}")

    def _computed(self, name: str) -> torch.Tensor:
        """Return the second result."""
        if _versions(self._step) != self._versions:
            raise RuntimeError(
                f"Scheduler.step: sample or model_output has changed in place since the step, so "
                f"{name} can't be computed any more; read it before"
            )
        i, x, prediction = self._step
        if name == "pred_original_sample":
            return _scheduler_step.denoised(self._sampler, i, x, prediction)
        if not self._sampler.adds_noise(i):
            return self.prev_sample
        return _scheduler_step.before_noise(self._sampler, i, x, prediction)

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


def _versions(step: Step) -> tuple[int, int]:
    """Return how often the inputs have changed in place."""
    _, x, prediction = step
    if x.is_inference() or prediction.is_inference():
        return 0, 0  # they have no versions
    return x._version, prediction._version
