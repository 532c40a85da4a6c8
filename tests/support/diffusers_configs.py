"""The options of diffusers' schedulers that are varied.

For each class: axes, or a list of them, whose values are combined. A dictionary as a value holds
several options; "own" holds arguments of the sampler; "listed" says whether sigmas are given, and
"angles" whether timesteps are.
"""

import math

VP = {
    "beta_schedule": ["scaled_linear", "linear", "squaredcos_cap_v2"],
    "beta_end": [0.012, 0.02],
    "prediction_type": ["epsilon", "v_prediction", "sample"],
}
NO_X0 = VP | {"prediction_type": ["epsilon", "v_prediction"]}
SPACING = {"timestep_spacing": ["leading", "trailing", "linspace"], "steps_offset": [0, 1]}
STEPS = {"steps": [10, 4, 20]}
X0 = {"limit": [{}, {"clip_sample": False}, {"clip_sample": True, "clip_sample_range": 0.7}]}
THRESHOLDS = [
    {"thresholding": True},
    {"thresholding": True, "dynamic_thresholding_ratio": 0.8, "sample_max_value": 1.5},
]
ZERO_SNR = {"rescale_betas_zero_snr": [False, True]}
ONE = {"set_alpha_to_one": [True, False]}
RESPACED = [
    {"use_karras_sigmas": True},
    {"use_exponential_sigmas": True},
    {"use_beta_sigmas": True},
]
SIGMAS = {"sigmas": [{}, *RESPACED]}
FLOW = {"use_flow_sigmas": True, "prediction_type": "flow_prediction"}
FLOWS = [
    FLOW,
    FLOW | {"flow_shift": 3.0},
    FLOW | {"use_dynamic_shifting": True, "mu": 0.9},
]
ORDERS = {"solver_order": [2, 1, 3], "lower_order_final": [True, False]}
FINAL = {"final_sigmas_type": ["zero", "sigma_min"]}
LAMBDA = {"lambda_min_clipped": [-math.inf, -3.5]}
FLOW_MATCHING = {
    "shift": [1.0, 3.0],
    "dynamic": [
        {},
        {"use_dynamic_shifting": True, "mu": 0.8},
        {"use_dynamic_shifting": True, "time_shift_type": "linear", "mu": 2.2},
    ],
    "shift_terminal": [None, 0.1],
    "listed": [False, True],
    **SIGMAS,
    **STEPS,
}
DDIM = VP | SPACING | X0 | ONE | ZERO_SNR | STEPS
DDIM |= {"limit": [*X0["limit"], *THRESHOLDS]}
DDPM = VP | SPACING | ZERO_SNR | STEPS | {"limit": [*X0["limit"], *THRESHOLDS]}
DDPM |= {"variance_type": ["fixed_small", "fixed_small_log", "fixed_large"]}
DPM = VP | ORDERS | {**STEPS, "solver_type": ["midpoint", "heun"]}
OF_DATA = [{"algorithm_type": name} for name in ("dpmsolver++", "sde-dpmsolver++")]
OF_NOISE = [{"algorithm_type": name} for name in ("dpmsolver", "sde-dpmsolver")]
ENDS = [{}, {"final_sigmas_type": "sigma_min"}]
ON_FLOW = ORDERS | STEPS | {"solver_type": ["midpoint", "heun"], "sigmas": FLOWS}
LCM = VP | {"original_inference_steps": [50, 40], "steps": [1, 4, 7], **ZERO_SNR}
NOISE_PREDICTION = {"algorithm_type": "noise_prediction"}
ADAMS = {
    "predictor_order": [2, 1, 3],
    "corrector_order": [2, 1, 3],
    "lower_order_final": [True, False],
    **STEPS,
}
UNIPC = ORDERS | STEPS | {"disable_corrector": [[], list(range(20))]}
# The last step of bh1 to 0 is NaN in diffusers.
UNIPC_ENDS = [{}, ENDS[1], {"solver_type": "bh1"} | ENDS[1]]

AXES = {
    "CMStochasticIterativeScheduler": {
        "num_train_timesteps": [40, 20],
        "sigma_min": [0.002, 0.01],
        "sigma_max": [80.0, 20.0],
        "sigma_data": [0.5, 1.0],
        "rho": [7.0, 5.0],
        "clip_denoised": [True, False],
        "steps": [1, 2, 5],
    },
    "CogVideoXDDIMScheduler": VP
    | SPACING
    | ONE
    | ZERO_SNR
    | STEPS
    | {"snr_shift_scale": [3.0, 1.0]},
    "DDIMInverseScheduler": VP | X0 | ONE | STEPS | ZERO_SNR | {"steps_offset": [0, 1]},
    "DDIMParallelScheduler": DDIM,
    "DDIMScheduler": DDIM | {"own": [{}, {"eta": 0.6}, {"clip_epsilon": True}]},
    "DDPMParallelScheduler": DDPM,
    "DDPMScheduler": DDPM | {"beta_schedule": [*VP["beta_schedule"], "sigmoid", "laplace"]},
    "DEISMultistepScheduler": [
        VP | SPACING | ORDERS | STEPS | SIGMAS,
        ORDERS | STEPS | {"sigmas": FLOWS},
    ],
    "DPMSolverMultistepInverseScheduler": DPM
    | SPACING
    | LAMBDA
    | SIGMAS
    | {
        "method": [{}, OF_NOISE[0], *THRESHOLDS],
        "euler_at_final": [False, True],
    },
    "DPMSolverMultistepScheduler": [
        DPM
        | SPACING
        | LAMBDA
        | ZERO_SNR
        | {
            "method": [
                *(a | b for a in OF_DATA for b in ENDS),
                *(a | ENDS[1] for a in OF_NOISE),
                *THRESHOLDS,
            ],
            "euler_at_final": [False, True],
            "sigmas": [{}, *RESPACED, {"use_lu_lambdas": True}],
        },
        ON_FLOW | {"method": [*(a | b for a in OF_DATA for b in ENDS), *THRESHOLDS]},
    ],
    "DPMSolverSDEScheduler": NO_X0 | SPACING | SIGMAS | STEPS,
    "DPMSolverSinglestepScheduler": [
        DPM | LAMBDA | SIGMAS | {"method": [*ENDS, OF_NOISE[0] | ENDS[1], *THRESHOLDS]},
        ON_FLOW | {"method": [*ENDS, *THRESHOLDS]},
    ],
    "EDMEulerScheduler": {
        "sigma_min": [0.002, 0.01],
        "sigma_max": [80.0, 20.0],
        "sigma_data": [0.5, 1.0],
        "rho": [7.0, 5.0],
        "sigma_schedule": ["karras", "exponential"],
        "prediction_type": ["epsilon", "v_prediction"],
        "own": [{}, {"churn": 3.0}],
        **FINAL,
        **STEPS,
    },
    "EulerAncestralDiscreteScheduler": NO_X0 | SPACING | ZERO_SNR | STEPS,
    "EulerDiscreteScheduler": VP
    | SPACING
    | SIGMAS
    | ZERO_SNR
    | FINAL
    | STEPS
    | {
        "time": [
            {},
            {"interpolation_type": "log_linear"},
            {"timestep_type": "continuous", "prediction_type": "v_prediction"},
            {"timestep_type": "continuous", "prediction_type": "epsilon"},
            {"interpolation_type": "log_linear", "timestep_type": "continuous"}
            | {"prediction_type": "v_prediction"},
        ],
        "ends": [{}, {"sigma_min": 0.002, "sigma_max": 700.0}],
    },
    "FlowMapEulerDiscreteScheduler": {
        "num_train_timesteps": [1000, 500],
        "shift": [1.0, 3.0, 5.0],
        "listed": [False, True],
        "steps": [4, 1, 10, 33],
    },
    "FlowMatchEulerDiscreteScheduler": FLOW_MATCHING | {"stochastic_sampling": [False, True]},
    "FlowMatchHeunDiscreteScheduler": {"shift": [1.0, 3.0], "num_train_timesteps": [1000, 500]}
    | STEPS,
    "FlowMatchLCMScheduler": FLOW_MATCHING,
    "HeunDiscreteScheduler": VP
    | SPACING
    | SIGMAS
    | STEPS
    | X0
    | {"beta_schedule": [*VP["beta_schedule"], "exp"]},
    "IPNDMScheduler": {"num_train_timesteps": [1000, 500], "steps": [4, 1, 10, 33]},
    "KDPM2AncestralDiscreteScheduler": NO_X0 | SPACING | SIGMAS | STEPS,
    "KDPM2DiscreteScheduler": NO_X0 | SPACING | SIGMAS | STEPS,
    "LCMScheduler": LCM | {"limit": [*X0["limit"], *THRESHOLDS], "timestep_scaling": [10.0, 1.0]},
    "LMSDiscreteScheduler": VP | SPACING | SIGMAS | STEPS,
    "PNDMScheduler": NO_X0
    | SPACING
    | STEPS
    | {"skip_prk_steps": [True, False], "set_alpha_to_one": [False, True]},
    "SASolverScheduler": [
        VP | SPACING | LAMBDA | ADAMS | SIGMAS | {"method": [{}, NOISE_PREDICTION, *THRESHOLDS]},
        ADAMS | {"sigmas": FLOWS[:2], "method": [{}, *THRESHOLDS]},
    ],
    "SCMScheduler": {
        "num_train_timesteps": [1000, 50],
        "sigma_data": [0.5, 1.0, 2.0],
        "angles": [False, True],
        "steps": [2, 1, 5],
    },
    "TCDScheduler": LCM | {"own": [{}, {"eta": 0.0}, {"eta": 1.0}]},
    "UnCLIPScheduler": {
        "num_train_timesteps": [1000, 100],
        "variance_type": ["fixed_small_log", "learned_range"],
        "prediction_type": ["epsilon", "sample"],
        "limit": X0["limit"],
        "steps": [25, 2, 7],
    },
    "UniPCMultistepScheduler": [
        VP
        | SPACING
        | UNIPC
        | ZERO_SNR
        | {
            "method": [*UNIPC_ENDS, {"predict_x0": False, **ENDS[1]}, *THRESHOLDS],
            "sigmas": [
                {},
                *RESPACED,
                {"use_karras_sigmas": True, "sigma_max": 10.0, "sigma_min": 0.1},
            ],
        },
        UNIPC
        | {
            "method": [*UNIPC_ENDS, *THRESHOLDS],
            "sigmas": [
                *FLOWS,
                FLOW | {"flow_shift": 5.0, "shift_terminal": 0.02},
                FLOW | {"use_karras_sigmas": True, "sigma_max": 200.0, "sigma_min": 0.01},
            ],
            "listed": [False, True],
        },
    ],
}
