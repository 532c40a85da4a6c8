"""What a scheduler of diffusers does around the formula of its steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from fastgen.diffusion.samplers._config.schedulers import SCHEDULERS
from fastgen.diffusion.samplers._sampler import Sampler

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
    ],
    "pred_original_sample",
) | {"LCMScheduler": "denoised", "TCDScheduler": "pred_noised_sample"}
"""The name of the second result of a step, in the classes that have one."""


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


def habits_of(name: str, config: dict[str, Any]) -> Habits:
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
