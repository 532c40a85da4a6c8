"""What the options of diffusers' schedulers mean: as arguments of fastgen's samplers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from fastgen.diffusion.samplers._config.reading import Options


class Meaning(NamedTuple):
    """The argument of the sampler that an option stands for."""

    argument: str
    values: Mapping[Any, Any] | None = None
    """The value of the argument for each value of the option. None: the same."""


class Only(NamedTuple):
    """An option that has a form here for these values alone, and then changes nothing."""

    values: tuple[Any, ...]
    remedy: str


PREDICTIONS = {
    "epsilon": "epsilon",
    "sample": "x0",
    "original_sample": "x0",
    "v_prediction": "v",
    "flow_prediction": "flow",
}
SPACINGS = {name: name for name in ("linspace", "leading", "trailing")}
ENDS = {"zero": "zero", "sigma_min": "min"}
VARIANCES = {
    "fixed_small": "small",
    "fixed_small_log": "small",
    "fixed_large": "large",
    "learned": "learned",
    "learned_range": "learned_range",
}
DPM_SOLVERS = {"midpoint": "midpoint", "heun": "heun"}
DPM_SOLVERS |= dict.fromkeys(("logrho", "bh1", "bh2"), "midpoint")
UNIPC_SOLVERS = {"bh1": "bh1", "bh2": "bh2"} | dict.fromkeys(("midpoint", "heun", "logrho"), "bh2")
DPM_ALGORITHMS = {
    name: name for name in ("dpmsolver++", "dpmsolver", "sde-dpmsolver++", "sde-dpmsolver")
} | {"deis": "dpmsolver++"}
ONE_STEP = {"dpmsolver++": "dpmsolver++", "dpmsolver": "dpmsolver", "deis": "dpmsolver++"}
IMAGE_CHANNELS = Only(
    (None,),
    "give step the first half of the model's channels, and set variance_type=None",
)
MEANINGS: dict[str, Meaning | Only] = {
    "prediction_type": Meaning("prediction", PREDICTIONS),
    "timestep_spacing": Meaning("spacing", SPACINGS),
    "steps_offset": Meaning("offset"),
    "set_alpha_to_one": Meaning("final_sigma", {True: "zero", False: "min"}),
    "final_sigmas_type": Meaning("final_sigma", ENDS),
    "solver_order": Meaning("order"),
    "lower_order_final": Meaning("lower_order_final"),
    "euler_at_final": Meaning("euler_at_final"),
    "predict_x0": Meaning("of_data"),
    "predictor_order": Meaning("predictor_order"),
    "corrector_order": Meaning("corrector_order"),
    "tau_func": Meaning("tau"),
    "skip_prk_steps": Meaning("runge_kutta", {True: False, False: True}),
    "stochastic_sampling": Meaning("stochastic"),
    "original_inference_steps": Meaning("original_steps"),
    "timestep_scaling": Meaning("timestep_scaling"),
    "sigma_data": Meaning("sigma_data"),
    "variance_type": IMAGE_CHANNELS,
    "invert_sigmas": Only(
        (False, None),
        "fastgen goes from noise at sigma = 1 to data; use invert_sigmas=False, and the model's "
        "output with the other sign at 1 - t",
    ),
    "solver_p": Only((None,), "the predictor is UniPC's own; use solver_p=None"),
    "scale_factors": Only((None, []), "samples keep their shape; use scale_factors=None"),
    "s_noise": Only((1.0,), "the noise has deviation 1; scale the noise that you give to step"),
    "noise_sampler_seed": Only((None,), "give the seed as key= to step"),
}
"""The meaning of options in all classes that do not say otherwise."""

RESPACINGS = {
    "use_karras_sigmas": "karras",
    "use_lu_lambdas": "lu",
    "use_exponential_sigmas": "exponential",
    "use_beta_sigmas": "beta",
}
"""Options that space sigmas anew. At most one is on; `nodes` reads them."""

ELSEWHERE = {
    *("num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas"),
    *("rescale_betas_zero_snr", "snr_shift_scale", "sigma_min", "sigma_max", "rho"),
    *("shift", "flow_shift", "use_flow_sigmas", "use_dynamic_shifting", "time_shift_type"),
    *("base_shift", "max_shift", "base_image_seq_len", "max_image_seq_len", "shift_terminal"),
    *("interpolation_type", "timestep_type", "lambda_min_clipped", *RESPACINGS),
    *("thresholding", "dynamic_thresholding_ratio", "sample_max_value"),
    *("clip_sample", "clip_sample_range", "clip_denoised", "disable_corrector"),
}
"""Options that are read several at a time: by `making`, `schedules`, `nodes`, `flows`, `limits`."""


def arguments(options: Options, own: Mapping[str, Meaning | Only]) -> dict[str, Any]:
    """Return the arguments that options stand for one by one. `own` meanings come first."""
    found: dict[str, Any] = {}
    for name, value in options.items():
        meaning = own.get(name) or MEANINGS.get(name)
        if isinstance(meaning, Only):
            if value not in meaning.values:
                raise ValueError(
                    f"from_config: {name}={value!r} has no form in fastgen; {meaning.remedy}"
                )
        elif meaning is not None:
            found[meaning.argument] = translated(name, value, meaning.values)
    return found


def translated(name: str, value: Any, values: Mapping[Any, Any] | None) -> Any:
    """Return the value of the argument, or raise."""
    if values is None:
        return value
    if not isinstance(value, (str, bool)) or value not in values:
        raise ValueError(
            f"from_config: {name} must be one of {', '.join(map(repr, values))}; got {value!r}"
        )
    return values[value]


def limits(options: Options) -> dict[str, Any]:
    """Return the limits of x0. Where both are on, diffusers takes the threshold."""
    if options.get("thresholding"):
        most = options["sample_max_value"]
        return {"threshold": options["dynamic_thresholding_ratio"], "threshold_max": most}
    if options.get("clip_sample"):
        return {"clip": options["clip_sample_range"]}
    if "clip_denoised" in options:
        return {"clip": 1.0 if options["clip_denoised"] else None}
    return {}


def respacing(options: Options) -> str | None:
    """Return the name of the spacing of sigmas, or None."""
    chosen = [name for name in RESPACINGS if options.get(name)]
    if len(chosen) > 1:
        raise ValueError(f"from_config: {' and '.join(chosen)} are both on; choose one")
    return RESPACINGS[chosen[0]] if chosen else None
