"""The noise schedule of a configuration, from its betas or its shift."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fastgen.diffusion.samplers._config.reading import Options
from fastgen.diffusion.samplers._shift import calculate_shift
from fastgen.diffusion.schedule import Schedule


def laplace(t: float) -> float:
    """Return alpha_bar of the Laplace schedule (Hang et al., 2024), as diffusers has it."""
    from_middle = 0.5 - t
    snr = math.exp(-0.5 * math.copysign(1, from_middle) * math.log(1 - 2 * abs(from_middle) + 1e-6))
    return math.sqrt(snr / (1 + snr))


def decaying(t: float) -> float:
    """Return alpha_bar = exp(-12 t)."""
    return math.exp(-12 * t)


BETAS: dict[str, Callable[..., Schedule]] = {
    "linear": Schedule.linear,
    "scaled_linear": Schedule.scaled_linear,
    "sigmoid": Schedule.sigmoid,
    "squaredcos_cap_v2": lambda count, **_: Schedule.cosine(count),
    "laplace": lambda count, **_: Schedule.from_alpha_bar(laplace, num_steps=count),
    "exp": lambda count, **_: Schedule.from_alpha_bar(decaying, num_steps=count),
}


def of_betas(options: Options) -> Schedule:
    """Return the variance-preserving schedule of a configuration."""
    count, given = options["num_train_timesteps"], options.get("trained_betas")
    if given is None:
        name = options["beta_schedule"]
        if name not in BETAS:
            raise ValueError(
                f"from_config: beta_schedule must be one of {', '.join(map(repr, BETAS))}; got "
                f"{name!r}; give its betas as trained_betas=[...]"
            )
        ends = options.get("beta_start"), options.get("beta_end")
        schedule = named(name, count, *ends)
    else:
        schedule = Schedule.from_betas(given)
        if len(schedule) != count:
            raise ValueError(
                f"from_config: trained_betas has {len(schedule)} numbers, but num_train_timesteps "
                f"is {count}"
            )
    if shift := options.get("snr_shift_scale"):  # SNR / shift (Hoogeboom et al., 2023)
        bar = schedule.alpha_bar
        schedule = Schedule.from_alpha_bar(bar / (shift + (1 - shift) * bar))
    return (
        schedule.rescale_zero_terminal_snr() if options.get("rescale_betas_zero_snr") else schedule
    )


def of_sines(count: int) -> Schedule:
    """Return the schedule of `IPNDMScheduler`: sigma = sin^2(pi t / 2) at t = k / T."""
    sigma = np.sin(np.pi / 2 * np.arange(1, count + 1) / count) ** 2
    return Schedule.from_alpha_bar((1 - sigma) * (1 + sigma))


@functools.lru_cache(maxsize=16)
def named(name: str, count: int, start: float | None, end: float | None) -> Schedule:
    """Return a schedule by the name of its betas."""
    return BETAS[name](count, beta_start=start, beta_end=end)


def shift_of(options: Options, mu: Any, image_seq_len: Any) -> float:
    """Return the shift of a flow schedule: its own, or that of the number of tokens."""
    if not options.get("use_dynamic_shifting"):
        if mu is not None or image_seq_len is not None:
            raise ValueError(
                "from_config: mu and image_seq_len need use_dynamic_shifting=True in the "
                "configuration; without it the shift is fixed"
            )
        return float(options["shift"] if "shift" in options else options["flow_shift"])
    if (mu is None) == (image_seq_len is None):
        raise ValueError(
            "from_config: use_dynamic_shifting=True needs either mu or image_seq_len, the number "
            f"of tokens of an image; got mu={mu!r}, image_seq_len={image_seq_len!r}"
        )
    if mu is None:
        ends = {ours: options[name] for ours, name in ENDS.items() if name in options}
        mu = calculate_shift(image_seq_len, **ends)
    kind = options["time_shift_type"]
    if kind == "linear" and "shift" in options:
        return float(mu)
    if kind != "exponential":
        raise ValueError(
            f"from_config: time_shift_type must be 'exponential' here, got {kind!r}; set "
            "use_dynamic_shifting=False and a shift"
        )
    return math.exp(mu)


ENDS = {
    "base_tokens": "base_image_seq_len",
    "max_tokens": "max_image_seq_len",
    "base_shift": "base_shift",
    "max_shift": "max_shift",
}
