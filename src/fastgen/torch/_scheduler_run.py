"""A run of a scheduler: its steps, and where it is."""

from __future__ import annotations

import math
from typing import Any

import torch

from fastgen.diffusion.samplers._sampler import Sampler
from fastgen.torch._scheduler_source import Config, Source, has_whole_steps, order_of


class Run:
    """The steps of a scheduler, as diffusers' pipelines lay and read them."""

    def _take(self, source: Source) -> None:
        """Begin with this source of samplers."""
        self._source, self._habits = source, source.habits
        self._internal_dict = source.config()  # some pipelines of diffusers replace it
        self.order = source.order
        self.num_inference_steps: int | None = None
        self._sampler: Sampler | None = None
        self._numbers: list[Any] = []
        self._options: Any = (None, None)
        self._begin_index: int | None = None
        self._step_index: int | None = None

    @property
    def config(self) -> Config:
        """The configuration, whose options are attributes too."""
        return self._internal_dict

    def __len__(self) -> int:
        """Return the number of training steps."""
        count: int = self.config.get("num_train_timesteps") or len(self.sampler.schedule)
        return count

    def __repr__(self) -> str:
        """Return the scheduler and its sampler."""
        name = self.config["_class_name"]
        what = "no timesteps yet" if self._sampler is None else repr(self._sampler)
        return f"<fastgen.torch.Scheduler for {name}: {what}>"

    @property
    def sampler(self) -> Sampler:
        """The sampler of the run."""
        if self._sampler is None:
            raise ValueError("Scheduler: there are no timesteps yet; call set_timesteps first")
        return self._sampler

    @property
    def timesteps(self) -> torch.Tensor:
        """The model's time input at each evaluation."""
        self.sampler  # noqa: B018  raises before set_timesteps
        return self._timesteps

    @property
    def sigmas(self) -> torch.Tensor:
        """The sigmas of the nodes, in float32, with that of the end."""
        return torch.tensor(self.sampler.sigmas, dtype=torch.float32)

    @property
    def init_noise_sigma(self) -> float:
        """The factor of the noise that a run starts with."""
        return float(self.sampler.init_noise_scale)

    @property
    def step_index(self) -> int | None:
        """The number of the next step; None before the first."""
        return self._step_index

    @property
    def begin_index(self) -> int | None:
        """The number of the first step, if it was set."""
        return self._begin_index

    def set_begin_index(self, begin_index: int = 0) -> None:
        """Let the run start at this step, as image-to-image pipelines do.

        Raises
        ------
        ValueError
            If there is no such step.
        """
        count = len(self.sampler)
        if isinstance(begin_index, bool) or not 0 <= begin_index < count:
            raise ValueError(
                f"Scheduler.set_begin_index: begin_index must lie between 0 and {count - 1}, got "
                f"{begin_index!r}"
            )
        self._begin_index = int(begin_index)

    def set_timesteps(
        self,
        num_inference_steps: int | None = None,
        device: Any = None,
        timesteps: Any = None,
        sigmas: Any = None,
        mu: float | None = None,
        **changes: Any,
    ) -> None:
        """Lay the steps of a run, which starts from the beginning.

        Parameters
        ----------
        num_inference_steps : int, optional
            The number of steps. It may be left out where `timesteps` or `sigmas` are given, or the
            scheduler has one sampler.
        device : str or torch.device, optional
            Where `timesteps` shall be.
        timesteps, sigmas : sequence of float, optional
            The steps, for schedulers that take them; see `samplers.from_config`.
        mu : float, optional
            The shift of a flow. As in diffusers, it is ignored where ``use_dynamic_shifting`` is
            off.
        **changes
            Other options for this run, such as ``original_inference_steps=50``. None is the option
            of the configuration.

        Raises
        ------
        ValueError
            If the sampler can't have these steps.
        """
        given = {"timesteps": timesteps, "sigmas": sigmas, "mu": mu} | changes
        given = {k: _plain(v) for k, v in given.items() if v is not None}
        sampler = self._source.sampler(self.config, num_inference_steps, given)
        self._given = num_inference_steps, given
        self._options = None, None
        self._whole = sampler
        self._use(sampler)
        order = self.order = order_of(sampler)
        self.num_inference_steps = num_inference_steps
        if num_inference_steps is None:
            self.num_inference_steps = (len(sampler) + order - 1) // order
        whole = self._habits.whole and has_whole_steps(sampler)
        t = torch.from_numpy(sampler.timesteps.copy()).to(torch.int64 if whole else torch.float32)
        self._numbers = [*t.tolist(), math.nan]  # nothing is equal to the last
        self._timesteps = t.to(device)
        self._begin_index = self._step_index = None

    def _use(self, sampler: Sampler) -> None:
        """Take this sampler for the next steps."""
        self._sampler, self._state = sampler, sampler.state()
        self._draws = self._habits.draws(sampler)

    def _change(self, eta: Any, clip_epsilon: Any) -> None:
        """Take the sampler with these options, which some classes of diffusers take in `step`."""
        wanted = {"eta": eta, "clip_epsilon": clip_epsilon}
        for name, value in wanted.items():
            if value and name not in self._habits.of_step:
                shown = "use_clipped_model_output" if name == "clip_epsilon" else name
                raise ValueError(
                    f"Scheduler.step: {shown} must be 0 or None, because "
                    f"{self.config['_class_name']} does not take it in a step, got {value!r}; give "
                    "it where the scheduler or its sampler is made"
                )
        self.sampler  # noqa: B018  raises before set_timesteps
        self._options = eta, clip_epsilon
        if not self._habits.of_step:
            return
        steps, given = self._given
        own = {k: v for k, v in wanted.items() if v or (v is not None and k not in self._own())}
        own = {k: v for k, v in own.items() if k in self._habits.of_step}
        self._whole = self._source.sampler(self.config, steps, given | own)
        self._use(self._whole)

    def _own(self) -> Any:
        """Return the arguments of samplers that the scheduler was made with."""
        return self._source.own

    def _index_of(self, timestep: Any, where: str) -> int:
        """Return the number of the step at a timestep: the next one, if it is there."""
        value, i = _number(timestep, where), self._step_index
        if i is None or i == len(self._numbers) - 1:
            i = self._first(value, where)
        if self._numbers[i] == value:
            return i
        if self.sampler.memory:
            raise ValueError(
                f"Scheduler.{where}: timestep must be {self._numbers[i]}, that of the next step, "
                f"because {type(self.sampler).__name__} remembers earlier steps; got {value}. A "
                "new run begins with set_timesteps"
            )
        return self._find(value, where)

    def _first(self, value: Any, where: str) -> int:
        """Return the number of the first step: the one that was set, or that at a timestep."""
        self.sampler  # noqa: B018  raises before set_timesteps
        i = self._begin_index
        if i is None:
            i = self._find(value, where)
        sampler = self._habits.beginning_at(self._whole, i) if i else self._whole
        if sampler is not self._sampler:
            self._use(sampler)
        return i

    def _check_next(self, i: int, timestep: Any) -> None:
        """Raise if this is not the timestep after step i. None is that after the last."""
        after = self._numbers[i + 1] if i + 1 < len(self.sampler) else None
        if timestep is not None:
            timestep = _number(timestep, "step")
        if timestep != after:
            raise ValueError(
                f"Scheduler.step: prev_timestep must be {after}, the timestep after "
                f"{self._numbers[i]}, got {timestep}"
            )

    def _find(self, value: Any, where: str) -> int:
        """Return the number of the step at a timestep.

        Where it occurs twice, it is the second: the first ends a step that has not begun.
        """
        found = [i for i, t in enumerate(self._numbers[:-1]) if t == value]
        if not found:
            raise ValueError(
                f"Scheduler.{where}: timestep must be one of the run, {self._numbers[0]} to "
                f"{self._numbers[-2]}, see timesteps; got {value}"
            )
        return found[min(1, len(found) - 1)]


def _plain(value: Any) -> Any:
    """Return the numbers of a tensor as a list."""
    return value.tolist() if isinstance(value, torch.Tensor) else value


def _number(timestep: Any, where: str) -> Any:
    """Return a timestep as a number."""
    try:
        return timestep.item()
    except AttributeError:  # a number of Python
        return timestep
    except (RuntimeError, ValueError):
        shape = tuple(timestep.shape)
        if math.prod(shape) == 1:
            raise
        raise ValueError(
            f"Scheduler.{where}: timestep must be one number, got the shape {shape}"
        ) from None
