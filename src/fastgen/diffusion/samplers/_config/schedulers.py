"""The schedulers of diffusers 0.42 that fastgen has samplers for: their options and defaults."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastgen.diffusion.samplers._config.nodes import Laying
from fastgen.diffusion.samplers._config.options import (
    DPM_ALGORITHMS,
    DPM_SOLVERS,
    ONE_STEP,
    UNIPC_SOLVERS,
    VARIANCES,
    Meaning,
    Only,
)
from fastgen.diffusion.samplers._config.reading import Options
from fastgen.diffusion.samplers._sampler import Sampler
from fastgen.diffusion.samplers.consistency import LCM, TCD, ConsistencyModel
from fastgen.diffusion.samplers.ddim import DDIM
from fastgen.diffusion.samplers.ddpm import DDPM
from fastgen.diffusion.samplers.deis import DEIS
from fastgen.diffusion.samplers.dpm2_ancestral import DPM2Ancestral
from fastgen.diffusion.samplers.dpmsolver_multistep import DPMSolverMultistep
from fastgen.diffusion.samplers.dpmsolver_sde import DPMSolverSDE
from fastgen.diffusion.samplers.dpmsolver_singlestep import DPMSolverSinglestep
from fastgen.diffusion.samplers.edm import EDMEuler
from fastgen.diffusion.samplers.euler import Euler, EulerAncestral
from fastgen.diffusion.samplers.flow import FlowMatchEuler, FlowMatchHeun
from fastgen.diffusion.samplers.heun import DPM2, Heun
from fastgen.diffusion.samplers.ipndm import IPNDM
from fastgen.diffusion.samplers.linear_multistep import LMS, PNDM
from fastgen.diffusion.samplers.sasolver import SASolver
from fastgen.diffusion.samplers.scm import SCM
from fastgen.diffusion.samplers.unipc import UniPC


@dataclass(frozen=True)
class Scheduler:
    """A class of diffusers: its options, and what it is here."""

    sampler: Callable[..., Sampler]
    options: Options
    """The options that it reads, with their defaults."""
    without_effect: frozenset[str] = frozenset()
    """The options that it takes and never reads."""
    meanings: Mapping[str, Meaning | Only] = field(default_factory=dict)
    """The meaning of options where it is not that of other classes."""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the sampler that make it this class."""
    laying: Laying | None = None
    """How it lays sigmas. None: the sampler's own grid is the same."""
    own: tuple[str, ...] = ()
    """Arguments of the sampler that diffusers takes elsewhere, or does not have."""
    parity: bool = True
    """Whether the sampler has the option `parity`."""
    to_clean: bool = False
    """Whether the times of a flow are even as far as clean data, not to one step above."""
    least: int = 1
    """The fewest steps."""
    given: tuple[str, ...] = ()
    """What it can be given for a run: mu and image_seq_len, sigmas or timesteps."""


BETAS = {
    "num_train_timesteps": 1000,
    "beta_start": 1e-4,
    "beta_end": 0.02,
    "beta_schedule": "linear",
    "trained_betas": None,
}
LATENT = BETAS | {"beta_start": 0.00085, "beta_end": 0.012}
SCALED = LATENT | {"beta_schedule": "scaled_linear"}
EPSILON = {"prediction_type": "epsilon"}
RESCALED = {"rescale_betas_zero_snr": False}
LEADING = {"timestep_spacing": "leading", "steps_offset": 0}
LINSPACE = {"timestep_spacing": "linspace", "steps_offset": 0}
CLIP = {"clip_sample": True, "clip_sample_range": 1.0}
THRESHOLD = {
    "thresholding": False,
    "dynamic_thresholding_ratio": 0.995,
    "sample_max_value": 1.0,
}
SIGMAS = dict.fromkeys(("use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas"), False)
FLOW_SIGMAS = {"use_flow_sigmas": False, "flow_shift": 1.0}
DYNAMIC = {"use_dynamic_shifting": False, "time_shift_type": "exponential"}
FINAL = {"final_sigmas_type": "zero"}
DPM = {
    "solver_order": 2,
    "algorithm_type": "dpmsolver++",
    "solver_type": "midpoint",
    "lambda_min_clipped": -math.inf,
    "variance_type": None,
}
FLOW_MATCHING = (
    {"num_train_timesteps": 1000, "shift": 1.0, "invert_sigmas": False, "shift_terminal": None}
    | DYNAMIC
    | {"base_shift": 0.5, "max_shift": 1.15}
    | {"base_image_seq_len": 256, "max_image_seq_len": 4096}
    | SIGMAS
)
DISTILLED = SCALED | EPSILON | RESCALED | {"original_inference_steps": 50}
EDM = {"sigma_min": 0.002, "sigma_max": 80.0, "sigma_data": 0.5, "rho": 7.0}

SHIFTS = ("mu", "image_seq_len")
CHURN = ("churn", "churn_min", "churn_max", "churn_noise")
ROUNDS = ("karras",)
NO_SDE = Meaning("algorithm", ONE_STEP)
OF_DATA = Meaning("of_data", {"data_prediction": True, "noise_prediction": False})

DDIM_SCHEDULER = Scheduler(
    DDIM,
    BETAS | EPSILON | CLIP | THRESHOLD | LEADING | {"set_alpha_to_one": True} | RESCALED,
    own=("eta", "clip_epsilon"),
)
DDPM_SCHEDULER = Scheduler(
    DDPM,
    BETAS | EPSILON | CLIP | THRESHOLD | LEADING | {"variance_type": "fixed_small"} | RESCALED,
    meanings={"variance_type": Meaning("variance", VARIANCES)},
    given=("timesteps",),
)

SCHEDULERS: dict[str, Scheduler] = {
    "CMStochasticIterativeScheduler": Scheduler(
        ConsistencyModel,
        EDM | {"num_train_timesteps": 40, "s_noise": 1.0, "clip_denoised": True},
        parity=False,
    ),
    "CogVideoXDDIMScheduler": Scheduler(
        DDIM,
        SCALED | EPSILON | LEADING | {"set_alpha_to_one": True, "snr_shift_scale": 3.0} | RESCALED,
        without_effect=frozenset({"clip_sample", "clip_sample_range", "sample_max_value"}),
    ),
    "DDIMInverseScheduler": Scheduler(
        DDIM,
        BETAS | EPSILON | CLIP | LEADING | {"set_alpha_to_one": True} | RESCALED,
        meanings={"timestep_spacing": Meaning("spacing", {"leading": "leading"})},
        fixed={"inverse": True},
    ),
    "DDIMParallelScheduler": DDIM_SCHEDULER,
    "DDIMScheduler": DDIM_SCHEDULER,
    "DDPMParallelScheduler": DDPM_SCHEDULER,
    "DDPMScheduler": DDPM_SCHEDULER,
    "DEISMultistepScheduler": Scheduler(
        DEIS,
        BETAS
        | EPSILON
        | THRESHOLD
        | LINSPACE
        | {"solver_order": 2, "lower_order_final": True}
        | SIGMAS
        | FLOW_SIGMAS
        | DYNAMIC,
        without_effect=frozenset({"algorithm_type", "solver_type"}),
        meanings={
            "thresholding": Only(
                (False,), "DEIS combines predictions of the noise; use UniPCMultistepScheduler"
            )
        },
        laying=Laying(multistep=True, rounded=ROUNDS, repeats=True),
        given=SHIFTS,
    ),
    "DPMSolverMultistepInverseScheduler": Scheduler(
        DPMSolverMultistep,
        BETAS
        | EPSILON
        | THRESHOLD
        | LINSPACE
        | DPM
        | {"lower_order_final": True, "euler_at_final": False, "use_flow_sigmas": False}
        | SIGMAS,
        without_effect=frozenset({"flow_shift"}),
        meanings={
            "algorithm_type": NO_SDE,
            "solver_type": Meaning("solver", DPM_SOLVERS),
            "use_flow_sigmas": Only(
                (False,), "diffusers goes from noise to data there; use a FlowMatch scheduler"
            ),
        },
        fixed={"inverse": True},
        laying=Laying(multistep=True, rounded=ROUNDS, repeats=True, rises=True),
    ),
    "DPMSolverMultistepScheduler": Scheduler(
        DPMSolverMultistep,
        BETAS
        | EPSILON
        | THRESHOLD
        | LINSPACE
        | DPM
        | {"lower_order_final": True, "euler_at_final": False, "use_lu_lambdas": False}
        | SIGMAS
        | FLOW_SIGMAS
        | DYNAMIC
        | FINAL
        | RESCALED,
        meanings={
            "algorithm_type": Meaning("algorithm", DPM_ALGORITHMS),
            "solver_type": Meaning("solver", DPM_SOLVERS),
        },
        laying=Laying(multistep=True, rounded=("karras", "lu"), cut_on_cosine=True),
        own=("eta",),
        given=(*SHIFTS, "timesteps"),
    ),
    "DPMSolverSDEScheduler": Scheduler(
        DPMSolverSDE,
        LATENT | EPSILON | LINSPACE | SIGMAS | {"noise_sampler_seed": None},
        laying=Laying(),
        own=("eta",),
    ),
    "DPMSolverSinglestepScheduler": Scheduler(
        DPMSolverSinglestep,
        BETAS
        | EPSILON
        | THRESHOLD
        | DPM
        | {"lower_order_final": False}
        | SIGMAS
        | FLOW_SIGMAS
        | DYNAMIC
        | FINAL,
        meanings={"algorithm_type": NO_SDE, "solver_type": Meaning("solver", DPM_SOLVERS)},
        laying=Laying(multistep=True, rounded=ROUNDS),
        given=(*SHIFTS, "timesteps"),
    ),
    "EDMEulerScheduler": Scheduler(
        EDMEuler,
        EDM | EPSILON | FINAL | {"sigma_schedule": "karras"},
        without_effect=frozenset({"num_train_timesteps"}),
        meanings={
            "sigma_schedule": Meaning("sigmas", {name: name for name in ("karras", "exponential")}),
            "rho": Meaning("rho"),
        },
        own=CHURN,
    ),
    "EulerAncestralDiscreteScheduler": Scheduler(
        EulerAncestral, BETAS | EPSILON | LINSPACE | RESCALED, laying=Laying(), own=("eta",)
    ),
    "EulerDiscreteScheduler": Scheduler(
        Euler,
        BETAS
        | EPSILON
        | LINSPACE
        | SIGMAS
        | {"interpolation_type": "linear", "timestep_type": "discrete"}
        | {"sigma_min": None, "sigma_max": None}
        | FINAL
        | RESCALED,
        laying=Laying(),
        own=CHURN,
        given=("timesteps",),
    ),
    "FlowMapEulerDiscreteScheduler": Scheduler(
        FlowMatchEuler,
        {"num_train_timesteps": 1000, "shift": 1.0},
        to_clean=True,
        given=("sigmas",),
    ),
    "FlowMatchEulerDiscreteScheduler": Scheduler(
        FlowMatchEuler,
        FLOW_MATCHING | {"stochastic_sampling": False},
        given=(*SHIFTS, "sigmas"),
    ),
    "FlowMatchHeunDiscreteScheduler": Scheduler(
        FlowMatchHeun, {"num_train_timesteps": 1000, "shift": 1.0}
    ),
    "FlowMatchLCMScheduler": Scheduler(
        FlowMatchEuler,
        FLOW_MATCHING | {"scale_factors": None},
        without_effect=frozenset({"upscale_mode"}),
        fixed={"stochastic": True},
        given=(*SHIFTS, "sigmas"),
    ),
    "HeunDiscreteScheduler": Scheduler(
        Heun,
        LATENT | EPSILON | LINSPACE | SIGMAS | CLIP | {"clip_sample": False},
        laying=Laying(),
        given=("timesteps",),
    ),
    "IPNDMScheduler": Scheduler(
        IPNDM,
        {"num_train_timesteps": 1000, "trained_betas": None},
        meanings={"trained_betas": Only((None,), "it has a schedule of its own; use null")},
        fixed={"prediction": "v"},
        own=("order",),
    ),
    "KDPM2AncestralDiscreteScheduler": Scheduler(
        DPM2Ancestral,
        LATENT | EPSILON | LINSPACE | SIGMAS,
        laying=Laying(rounded=ROUNDS),
        own=("eta",),
    ),
    "KDPM2DiscreteScheduler": Scheduler(
        DPM2, LATENT | EPSILON | LINSPACE | SIGMAS, laying=Laying(rounded=ROUNDS)
    ),
    "LCMScheduler": Scheduler(
        LCM,
        DISTILLED | CLIP | {"clip_sample": False} | THRESHOLD | {"timestep_scaling": 10.0},
        without_effect=frozenset({"set_alpha_to_one", *LEADING}),
        parity=False,
        given=("timesteps",),
    ),
    "LMSDiscreteScheduler": Scheduler(
        LMS, BETAS | EPSILON | LINSPACE | SIGMAS, laying=Laying(), own=("order",)
    ),
    "PNDMScheduler": Scheduler(
        PNDM,
        BETAS | EPSILON | LEADING | {"skip_prk_steps": False, "set_alpha_to_one": False},
    ),
    "SASolverScheduler": Scheduler(
        SASolver,
        BETAS
        | EPSILON
        | THRESHOLD
        | LINSPACE
        | {"predictor_order": 2, "corrector_order": 2, "tau_func": None}
        | {"algorithm_type": "data_prediction", "lower_order_final": True}
        | SIGMAS
        | FLOW_SIGMAS
        | {"lambda_min_clipped": -math.inf, "variance_type": None},
        meanings={"algorithm_type": OF_DATA},
        laying=Laying(multistep=True, rounded=ROUNDS, repeats=True),
    ),
    "SCMScheduler": Scheduler(
        SCM,
        {"num_train_timesteps": 1000, "prediction_type": "trigflow", "sigma_data": 0.5},
        meanings={"prediction_type": Meaning("prediction", {"trigflow": "v"})},
        given=("timesteps",),
    ),
    "TCDScheduler": Scheduler(
        TCD,
        DISTILLED,
        without_effect=frozenset(
            {"set_alpha_to_one", "timestep_scaling", *LEADING, *CLIP, *THRESHOLD}
        ),
        parity=False,
        own=("eta",),
        given=("timesteps",),
    ),
    "UnCLIPScheduler": Scheduler(
        DDPM,
        {"num_train_timesteps": 1000, "beta_schedule": "squaredcos_cap_v2"}
        | {"variance_type": "fixed_small_log", "prediction_type": "epsilon"}
        | CLIP,
        meanings={
            "beta_schedule": Only(("squaredcos_cap_v2",), "it has no other; use DDPMScheduler"),
            "variance_type": Meaning(
                "variance", {"fixed_small_log": "small", "learned_range": "learned_range"}
            ),
            "prediction_type": Meaning("prediction", {"epsilon": "epsilon", "sample": "x0"}),
        },
        fixed={"spacing": "linspace"},
        least=2,
    ),
    "UniPCMultistepScheduler": Scheduler(
        UniPC,
        BETAS
        | EPSILON
        | THRESHOLD
        | LINSPACE
        | {"solver_order": 2, "solver_type": "bh2", "predict_x0": True, "solver_p": None}
        | {"lower_order_final": True, "disable_corrector": []}
        | SIGMAS
        | FLOW_SIGMAS
        | DYNAMIC
        | {"sigma_min": None, "sigma_max": None, "shift_terminal": None}
        | FINAL
        | RESCALED,
        meanings={"solver_type": Meaning("solver", UNIPC_SOLVERS)},
        laying=Laying(multistep=True, rounded=ROUNDS, repeats=True, flows_from_noise=True),
        given=(*SHIFTS, "sigmas"),
    ),
}

KNOWN = frozenset().union(*(s.options.keys() | s.without_effect for s in SCHEDULERS.values()))
"""The options of any of these classes. Files hold options of other classes, which are ignored."""
