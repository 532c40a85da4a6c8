"""Where the sampler of a run comes from, and what diffusers' class does around its formula."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from fastgen.diffusion.samplers import from_config
from fastgen.diffusion.samplers._config.reading import read
from fastgen.diffusion.samplers._config.schedulers import SCHEDULERS
from fastgen.diffusion.samplers._grid import VARIANCE_PRESERVING
from fastgen.diffusion.samplers._sampler import Sampler
from fastgen.diffusion.samplers._two_evaluations import Halves

DRAWS_ALWAYS = frozenset(
    {"EulerAncestralDiscreteScheduler", "FlowMatchLCMScheduler", "SASolverScheduler"}
)
"""Classes that draw noise at every step, also where its factor is 0."""
DDIMS = frozenset({"CogVideoXDDIMScheduler", "DDIMParallelScheduler", "DDIMScheduler"})
DDPMS = frozenset({"DDPMParallelScheduler", "DDPMScheduler", "UnCLIPScheduler"})
SECOND = dict.fromkeys(
    [
        *DDIMS,
        *DDPMS,
        "DDIMInverseScheduler",
        "EDMEulerScheduler",
        "EulerAncestralDiscreteScheduler",
        "EulerDiscreteScheduler",
        "HeunDiscreteScheduler",
        "KDPM2AncestralDiscreteScheduler",
        "KDPM2DiscreteScheduler",
        "LMSDiscreteScheduler",
        "UnCLIPScheduler",
    ],
    "pred_original_sample",
) | {"LCMScheduler": "denoised", "TCDScheduler": "pred_noised_sample"}
"""The name of the second result of a step, in the classes that have one."""


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


def needed(sampler: Sampler) -> list[bool]:
    """Return whether each step adds noise."""
    return [sampler.adds_noise(i) for i in range(len(sampler))]


def as_it_is(sampler: Sampler, i: int) -> Sampler:
    """Return the sampler for a run that starts at step i."""
    return sampler


class Habits(NamedTuple):
    """What a scheduler does around the formula of its steps."""

    whole: bool = True
    """Whether timesteps are integers where they are whole."""
    by_table: bool = False
    """Whether `add_noise` reads the schedule at any timestep. Otherwise it reads a node."""
    draws: Callable[[Sampler], list[bool]] = needed
    """Whether each step draws noise."""
    in_full: bool = False
    """Whether noise is drawn in float32 for half precision."""
    of_step: tuple[str, ...] = ()
    """The arguments of the sampler that `step` takes."""
    second: str | None = "pred_original_sample"
    """The name of the second result of a step."""
    beginning_at: Callable[[Any, int], Sampler] = as_it_is
    """The sampler of a run that starts in the middle."""
    told_next: bool = False
    """Whether each step but the last must be told the next timestep."""


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

    def config(self) -> Config:
        """Return the configuration."""
        return self._config

    def sampler(self, config: Any, steps: int | None, given: dict[str, Any]) -> Sampler:
        """Return the sampler of a run."""
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


def habits_of(name: str, config: Config) -> Habits:
    """Return the habits of a class of diffusers."""
    scheduler = SCHEDULERS[name]
    stochastic = str(config.get("algorithm_type", "")).startswith("sde")
    in_step = name in DDIMS or name == "TCDScheduler"
    always = name in DRAWS_ALWAYS or stochastic or bool(config.get("stochastic_sampling"))
    return Habits(
        whole=scheduler.laying is None or scheduler.laying.multistep,
        by_table=scheduler.laying is None and "beta_schedule" in scheduler.options,
        draws=always_drawn if always else DRAWS.get(name, needed),
        in_full=stochastic and name == "DPMSolverMultistepScheduler",
        of_step=tuple(k for k in ("eta", "clip_epsilon") if k in scheduler.own and in_step),
        second=SECOND.get(name),
        told_next=name == "UnCLIPScheduler",
        beginning_at=beginning_of_pndm if name == "PNDMScheduler" else as_it_is,
    )


def always_drawn(sampler: Sampler) -> list[bool]:
    """Return True for each step."""
    return [True] * len(sampler)


def drawn_with_eta(sampler: Any) -> list[bool]:
    """Return True for each step, if eta is not 0."""
    return [sampler.eta > 0] * len(sampler)


def drawn_before_step_0(sampler: Sampler) -> list[bool]:
    """Return True for each step but that at timestep 0."""
    return [t > 0 for t in sampler.timesteps]


def drawn_unless_alone(sampler: Sampler) -> list[bool]:
    """Return True for each step, if there are several."""
    return [len(sampler) > 1] * len(sampler)


DRAWS: dict[str, Callable[[Any], list[bool]]] = {
    **dict.fromkeys(DDIMS, drawn_with_eta),
    **dict.fromkeys(DDPMS, drawn_before_step_0),
    "CMStochasticIterativeScheduler": drawn_unless_alone,
}
"""When classes draw noise, where that is not where a step adds some."""


def beginning_of_pndm(sampler: Any, i: int) -> Sampler:
    """Return the sampler for a run that starts at step i: it makes that step twice."""
    made: Sampler = sampler._beginning_at(i)
    return made


def order_of(sampler: Sampler) -> int:
    """Return the number of evaluations of the model in a step."""
    return 2 if isinstance(sampler, Halves) else 1


def has_whole_steps(sampler: Sampler) -> bool:
    """Whether all timesteps are steps of the schedule."""
    t = sampler.timesteps
    return sampler.grid.form == VARIANCE_PRESERVING and bool((t == t.astype(int)).all())
