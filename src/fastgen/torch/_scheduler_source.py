"""Where the sampler of a run comes from: a configuration of diffusers, or the user."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Protocol

from fastgen.diffusion.samplers import from_config
from fastgen.diffusion.samplers._config.reading import read
from fastgen.diffusion.samplers._config.schedulers import SCHEDULERS
from fastgen.diffusion.samplers._grid import VARIANCE_PRESERVING
from fastgen.diffusion.samplers._sampler import Sampler
from fastgen.diffusion.samplers._two_evaluations import Halves
from fastgen.torch._scheduler_habits import Habits, habits_of

REFUSED = {
    "DPMSolverSDEScheduler": "draws its noise from a Brownian tree, not from a generator",
    "FlowMapEulerDiscreteScheduler": "takes the timestep to go to (r_timestep) in each step",
    "SCMScheduler": "lays its steps by max_timesteps and intermediate_timesteps",
}
"""Why a class of diffusers has no adapter."""


class Config(dict[str, Any]):
    """A configuration, whose options are attributes too."""

    def __getattr__(self, name: str) -> Any:
        """Return an option."""
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the configuration has no option {name!r}") from None


class Source(Protocol):
    """Where samplers come from."""

    habits: Habits
    own: dict[str, Any]
    """Arguments of the sampler that no configuration has."""
    schedule: Any
    order: int

    def config(self) -> Config:
        """Return the configuration."""

    def sampler(self, config: Any, steps: int | None, given: dict[str, Any]) -> Sampler:
        """Return the sampler of a run."""


class Configured:
    """Samplers from a configuration of diffusers."""

    def __init__(self, config: Any, changes: dict[str, Any]) -> None:
        self.name, _ = read(config, changes.get("_class_name"))
        if reason := REFUSED.get(self.name):
            raise ValueError(
                f"Scheduler.from_diffusers: {self.name} {reason}; to use its method otherwise give "
                "Scheduler(lambda steps: samplers.from_config(config, steps))"
            )
        given = read_all(config) | {"_class_name": self.name}
        options = {k: v for k, v in changes.items() if k not in SCHEDULERS[self.name].own}
        self.own = {k: v for k, v in changes.items() if k not in options}
        made = probe(given, changes)
        self.schedule, self.order = made.schedule, order_of(made)
        default = [k for k in given.get("_use_default_values", ()) if k not in options]
        self._config = Config(given | options | {"_use_default_values": default})
        self.habits = habits_of(self.name, self._config)
        self._made: list[tuple[Any, Sampler]] = []

    def config(self) -> Config:
        """Return the configuration."""
        return self._config

    def __getstate__(self) -> dict[str, Any]:
        """Return all but the samplers, which can be made again."""
        return self.__dict__ | {"_made": []}

    def sampler(self, config: Any, steps: int | None, given: dict[str, Any]) -> Sampler:
        """Return the sampler of a run. For equal arguments it is the same one as before."""
        wanted = dict(config), type(steps), steps, given
        for before, made in self._made:
            if equal(before, wanted):
                return made
        made = self._make(config, steps, given)
        self._made = [(copy.deepcopy(wanted), made), *self._made[: KEPT - 1]]
        return made

    def _make(self, config: Any, steps: int | None, given: dict[str, Any]) -> Sampler:
        """Make the sampler of a run."""
        if steps is None:
            for listed in ("timesteps", "sigmas"):
                if given.get(listed) is not None:
                    steps = len(given[listed])
        if steps is None:
            raise ValueError("Scheduler: num_inference_steps must be given, got None")
        if not config.get("use_dynamic_shifting"):
            given = {k: v for k, v in given.items() if k != "mu"}  # as in diffusers
        return from_config({**config, "_class_name": self.name}, steps, **(self.own | given))


class Made:
    """A sampler, or a function of the number of steps that returns one."""

    def __init__(self, sampler: Sampler | Callable[[int], Sampler]) -> None:
        if not isinstance(sampler, Sampler) and not callable(sampler):
            raise TypeError(
                "Scheduler: sampler must be one of fastgen.diffusion.samplers, or a function of "
                f"the number of steps that returns one; got {type(sampler).__name__}"
            )
        if isinstance(sampler, type):
            raise TypeError(
                f"Scheduler: sampler must be made: give lambda steps: {sampler.__name__}(schedule, "
                "steps)"
            )
        self.made, self.habits = sampler, Habits()
        self.own: dict[str, Any] = {}
        self.schedule, self.order = getattr(sampler, "schedule", None), 1
        if isinstance(sampler, Sampler):
            self.order = order_of(sampler)

    def config(self) -> Config:
        """Return what the sampler says of itself."""
        found: dict[str, Any] = {"_class_name": "Scheduler"}
        if isinstance(self.made, Sampler):
            found |= {
                "num_train_timesteps": len(self.made.schedule),
                "prediction_type": self.made.prediction,
            }
        return Config(found)

    def sampler(self, config: Any, steps: int | None, given: dict[str, Any]) -> Sampler:
        """Return the sampler of a run."""
        given = {k: v for k, v in given.items() if k != "mu"}
        if given:
            raise ValueError(
                f"Scheduler: {next(iter(given))} must be None: the sampler has its own; make it "
                "with the steps that you want"
            )
        if isinstance(self.made, Sampler):
            count = len(self.made)
            if steps not in (None, count, (count + order_of(self.made) - 1) // order_of(self.made)):
                raise ValueError(
                    f"Scheduler: num_inference_steps must be {count}, the steps of the sampler, "
                    f"got {steps}; give a function of the number of steps instead of a sampler"
                )
            return self.made
        if steps is None:
            raise ValueError("Scheduler: num_inference_steps must be given, got None")
        found = self.made(steps)
        if not isinstance(found, Sampler):
            raise TypeError(
                "Scheduler: the function must return a sampler of fastgen.diffusion.samplers, got "
                f"{type(found).__name__}"
            )
        return found


KEPT = 8
"""How many samplers a scheduler keeps: to make one takes as long as some ten steps."""


def equal(a: Any, b: Any) -> bool:
    """Whether values are equal. Arrays and tensors are not compared."""
    try:
        return bool(a == b)
    except (RuntimeError, ValueError):  # an array of booleans is no answer
        return False


def read_all(config: Any) -> dict[str, Any]:
    """Return a configuration with its defaults."""
    inside = getattr(config, "config", None)
    if isinstance(config, dict) or inside is None:
        return dict(config) if isinstance(config, dict) else read(config)[1]
    return dict(inside)


def probe(config: dict[str, Any], changes: dict[str, Any]) -> Sampler:
    """Return a short sampler of this configuration, or raise if there is none."""
    options = config | changes
    most = options.get("num_train_timesteps", 1000)
    given = {"mu": 1.0} if options.get("use_dynamic_shifting") else {}
    steps = min(most, options.get("original_inference_steps") or 4, 4)
    return from_config(config, steps, **changes, **given)


def order_of(sampler: Sampler) -> int:
    """Return the number of evaluations of the model in a step."""
    return 2 if isinstance(sampler, Halves) else 1


def has_whole_steps(sampler: Sampler) -> bool:
    """Whether all timesteps are steps of the schedule."""
    t = sampler.timesteps
    return sampler.grid.form == VARIANCE_PRESERVING and bool((t == t.astype(int)).all())
