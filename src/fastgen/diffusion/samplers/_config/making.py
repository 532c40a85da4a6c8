"""From a configuration to the schedule, the nodes and the arguments of a sampler."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastgen.diffusion.samplers import _checks
from fastgen.diffusion.samplers._config import flows, nodes, schedules
from fastgen.diffusion.samplers._config.options import arguments, limits
from fastgen.diffusion.samplers._config.reading import Options, read
from fastgen.diffusion.samplers._config.schedulers import KNOWN, SCHEDULERS, Scheduler
from fastgen.diffusion.samplers._sampler import Sampler
from fastgen.diffusion.samplers._spacing import Levels
from fastgen.diffusion.samplers.ipndm import IPNDM
from fastgen.diffusion.samplers.scm import SCM
from fastgen.diffusion.schedule import Schedule

Given = dict[str, Any]  # what is given for a run: mu, image_seq_len, sigmas, timesteps


def sampler_of(config: Any, steps: int, changes: dict[str, Any]) -> Sampler:
    """Return the sampler of a configuration with changes."""
    name, options = read(config, changes.pop("_class_name", None))
    if name not in SCHEDULERS:
        raise ValueError(
            f"from_config: fastgen has no sampler for {name}; it has one for "
            f"{', '.join(SCHEDULERS)}"
        )
    scheduler = SCHEDULERS[name]
    check_names(name, scheduler, options, changes)
    given = {k: changes.pop(k) for k in scheduler.given if k in changes}
    own = {k: changes.pop(k) for k in scheduler.own if k in changes}
    options = scheduler.options | {k: v for k, v in options.items() if k in scheduler.options}
    return made(scheduler, options | changes, steps, given, own)


def check_names(name: str, scheduler: Scheduler, options: Options, changes: dict[str, Any]) -> None:
    """Raise if an option is unknown, or a change would change nothing."""
    taken = (*scheduler.options, *scheduler.given, *scheduler.own)
    for option in changes:
        if option not in taken:
            what = "ignores the option" if option in KNOWN else "has no option"
            raise ValueError(
                f"from_config: {name} {what} {option!r}; changes may be {', '.join(taken)}"
            )
    for option in options:
        if option not in KNOWN:
            raise ValueError(
                f"from_config: the option {option!r} of the configuration is unknown; {name} has "
                f"{', '.join(scheduler.options)}"
            )


def made(scheduler: Scheduler, options: Options, steps: int, given: Given, own: Given) -> Sampler:
    """Return the sampler."""
    most = options.get("num_train_timesteps", MOST_STEPS)
    steps = _checks.check_steps("from_config", steps, most, "the number of training steps")
    if steps < scheduler.least:
        raise ValueError(
            f"from_config: steps must be at least {scheduler.least} here, because they span the "
            f"timesteps of the schedule, ends included; got {steps}"
        )
    if scheduler.sampler is SCM:
        given = {"timesteps": nodes.angles(steps, given.get("timesteps"))}
    check_timesteps(given, steps)
    found = arguments(options, scheduler.meanings) | limits(options) | dict(scheduler.fixed) | own
    found |= several(options, steps)
    schedule = schedule_of(options, given)
    if levels := levels_of(scheduler, options, schedule, steps, given):
        found["sigmas"], steps = levels, len(levels.timesteps)
    elif "timesteps" in given:
        found["timesteps"] = given["timesteps"]
    if "skip_prk_steps" in options:
        check_stride(found["spacing"], len(schedule), steps)
    if scheduler.parity:
        found["parity"] = "diffusers"
    return scheduler.sampler(schedule, steps, **found)


MOST_STEPS = 10_000


def check_timesteps(given: Given, steps: int) -> None:
    """Raise if timesteps are given, and are not as many as the steps."""
    timesteps = given.get("timesteps")
    if timesteps is not None:
        count = len(_checks.falling("from_config", "timesteps", timesteps))
        if count != steps:
            raise ValueError(f"from_config: timesteps must hold steps={steps} numbers, got {count}")


def schedule_of(options: Options, given: Given) -> Schedule:
    """Return the schedule."""
    if "shift" in options or options.get("use_flow_sigmas"):
        shift = schedules.shift_of(options, given.get("mu"), given.get("image_seq_len"))
        return Schedule.flow(options["num_train_timesteps"], shift=shift)
    for name in ("mu", "image_seq_len"):
        if given.get(name) is not None:
            raise ValueError(f"from_config: {name} needs use_flow_sigmas=True")
    if "rho" in options:
        ends = {name: options[name] for name in ("sigma_min", "sigma_max", "rho")}
        return Schedule.karras(options.get("num_train_timesteps", 2), **ends)
    if "sigma_data" in options:
        return Schedule.trigflow(options["num_train_timesteps"])
    if "beta_schedule" not in options:
        return schedules.of_sines(options["num_train_timesteps"])
    return schedules.of_betas(options)


def levels_of(
    scheduler: Scheduler, options: Options, schedule: Schedule, steps: int, given: Given
) -> Levels | None:
    """Return the nodes, or None if the sampler's own grid is that of diffusers."""
    sigmas = given.get("sigmas")
    if "shift" in options:
        if scheduler.to_clean and sigmas is None:
            sigmas = np.linspace(1, 0, steps + 1)[:-1]
        return flows.of_flow_matching(options, schedule, steps, sigmas)
    if scheduler.sampler is IPNDM:
        return nodes.of_sines(steps)
    if scheduler.laying is None:
        return None
    if "use_flow_sigmas" in options:
        check_prediction(options)
    if options.get("use_flow_sigmas"):
        if "timesteps" in given:
            raise ValueError("from_config: timesteps need use_flow_sigmas=False")
        return flows.of_flow_sigmas(scheduler.laying, options, schedule, steps, sigmas)
    if sigmas is not None:
        raise ValueError("from_config: sigmas need use_flow_sigmas=True")
    return nodes.of_sigmas(scheduler.laying, options, schedule, steps, given.get("timesteps"))


def check_prediction(options: Options) -> None:
    """Raise if diffusers reads the prediction by the formula of the other kind of schedule."""
    prediction, on_flow = options["prediction_type"], options["use_flow_sigmas"]
    if prediction == ("v_prediction" if on_flow else "flow_prediction"):
        remedy = "'flow_prediction'" if on_flow else "'v_prediction', or use_flow_sigmas=True"
        raise ValueError(
            f"from_config: prediction_type={prediction!r} with use_flow_sigmas={on_flow} has no "
            "form in fastgen, because diffusers converts it by the formula of other schedules; use "
            f"prediction_type={remedy}"
        )


def several(options: Options, steps: int) -> dict[str, Any]:
    """Return the arguments that depend on more than the value of one option."""
    found: dict[str, Any] = {}
    if "lower_order_final" in options and "final_sigmas_type" in options:  # singlestep
        uneven = "timestep_spacing" not in options and steps % options["solver_order"] != 0
        found["lower_order_final"] = options["lower_order_final"] or uneven
    if "disable_corrector" in options:
        found["corrector"] = corrects(options["disable_corrector"], steps)
    if options.get("tau_func", 0) is None:
        found["tau"] = default_tau
    return found


def corrects(without: Any, steps: int) -> bool:
    """Return whether UniPC corrects. diffusers has a list of the steps that are not corrected."""
    without = set(without)
    if without and not without >= set(range(steps - 1)):
        raise ValueError(
            f"from_config: disable_corrector={sorted(without)} has no form in fastgen, which "
            "corrects all steps or none; use [], or list(range(steps))"
        )
    return not without


def default_tau(t: float) -> float:
    """Return diffusers' tau of SA-Solver at a timestep, for schedules of any length."""
    return float(200 <= t <= 800)


def check_stride(spacing: str, length: int, steps: int) -> None:
    """Raise if the timesteps of PNDM are not T // steps apart, as it takes them to be."""
    if steps > 1 and (spacing == "linspace" or (spacing == "trailing" and length % steps)):
        raise ValueError(
            f"from_config: timestep_spacing={spacing!r} with steps={steps} has no form in fastgen, "
            f"because diffusers' PNDM goes {length // steps} timesteps further wherever the next "
            "begins; use 'leading', or 'trailing' with a divisor of num_train_timesteps"
        )
