"""Configurations as well-known models have them on a hub, and what a run of each is given."""

STABLE_DIFFUSION = """{
  "_class_name": "PNDMScheduler", "_diffusers_version": "0.6.0", "beta_end": 0.012,
  "beta_schedule": "scaled_linear", "beta_start": 0.00085, "num_train_timesteps": 1000,
  "set_alpha_to_one": false, "skip_prk_steps": true, "steps_offset": 1, "trained_betas": null,
  "clip_sample": false
}"""
STABLE_DIFFUSION_2 = """{
  "_class_name": "DDIMScheduler", "_diffusers_version": "0.8.0", "beta_end": 0.012,
  "beta_schedule": "scaled_linear", "beta_start": 0.00085, "clip_sample": false,
  "num_train_timesteps": 1000, "prediction_type": "v_prediction", "set_alpha_to_one": false,
  "skip_prk_steps": true, "steps_offset": 1, "trained_betas": null
}"""
STABLE_DIFFUSION_XL = """{
  "_class_name": "EulerDiscreteScheduler", "_diffusers_version": "0.19.0.dev0", "beta_end": 0.012,
  "beta_schedule": "scaled_linear", "beta_start": 0.00085, "clip_sample": false,
  "interpolation_type": "linear", "num_train_timesteps": 1000, "prediction_type": "epsilon",
  "sample_max_value": 1.0, "set_alpha_to_one": false, "skip_prk_steps": true, "steps_offset": 1,
  "timestep_spacing": "leading", "trained_betas": null, "use_karras_sigmas": false
}"""
STABLE_VIDEO = """{
  "_class_name": "EulerDiscreteScheduler", "_diffusers_version": "0.24.0.dev0", "beta_end": 0.012,
  "beta_schedule": "scaled_linear", "beta_start": 0.00085, "clip_sample": false,
  "interpolation_type": "linear", "num_train_timesteps": 1000, "prediction_type": "v_prediction",
  "set_alpha_to_one": false, "sigma_max": 700.0, "sigma_min": 0.002, "skip_prk_steps": true,
  "steps_offset": 1, "timestep_spacing": "leading", "timestep_type": "continuous",
  "trained_betas": null, "use_karras_sigmas": true
}"""
STABLE_DIFFUSION_3 = """{
  "_class_name": "FlowMatchEulerDiscreteScheduler", "_diffusers_version": "0.29.0.dev0",
  "num_train_timesteps": 1000, "shift": 3.0
}"""
FLUX = """{
  "_class_name": "FlowMatchEulerDiscreteScheduler", "_diffusers_version": "0.30.0.dev0",
  "base_image_seq_len": 256, "base_shift": 0.5, "max_image_seq_len": 4096, "max_shift": 1.15,
  "num_train_timesteps": 1000, "shift": 3.0, "use_dynamic_shifting": true
}"""
WAN = """{
  "_class_name": "UniPCMultistepScheduler", "_diffusers_version": "0.33.0.dev0",
  "beta_end": 0.02, "beta_schedule": "linear", "beta_start": 0.0001, "disable_corrector": [],
  "dynamic_thresholding_ratio": 0.995, "final_sigmas_type": "zero", "flow_shift": 3.0,
  "lower_order_final": true, "num_train_timesteps": 1000, "predict_x0": true,
  "prediction_type": "flow_prediction", "rescale_betas_zero_snr": false, "sample_max_value": 1.0,
  "solver_order": 2, "solver_p": null, "solver_type": "bh2", "steps_offset": 0,
  "thresholding": false, "timestep_spacing": "linspace", "trained_betas": null,
  "use_beta_sigmas": false, "use_exponential_sigmas": false, "use_flow_sigmas": true,
  "use_karras_sigmas": false
}"""
LATENT_CONSISTENCY = """{
  "_class_name": "LCMScheduler", "_diffusers_version": "0.22.0.dev0", "beta_end": 0.012,
  "beta_schedule": "scaled_linear", "beta_start": 0.00085, "clip_sample": false,
  "clip_sample_range": 1.0, "dynamic_thresholding_ratio": 0.995, "num_train_timesteps": 1000,
  "original_inference_steps": 50, "prediction_type": "epsilon", "rescale_betas_zero_snr": false,
  "sample_max_value": 1.0, "set_alpha_to_one": true, "steps_offset": 0, "thresholding": false,
  "timestep_scaling": 10.0, "timestep_spacing": "leading", "trained_betas": null
}"""
PIXART = """{
  "_class_name": "DPMSolverMultistepScheduler", "_diffusers_version": "0.22.0.dev0",
  "algorithm_type": "dpmsolver++", "beta_end": 0.02, "beta_schedule": "linear",
  "beta_start": 0.0001, "dynamic_thresholding_ratio": 0.995, "euler_at_final": false,
  "lambda_min_clipped": -Infinity, "lower_order_final": true, "num_train_timesteps": 1000,
  "prediction_type": "epsilon", "sample_max_value": 1.0, "solver_order": 2,
  "solver_type": "midpoint", "steps_offset": 0, "thresholding": false,
  "timestep_spacing": "linspace", "trained_betas": null, "use_karras_sigmas": false,
  "use_lu_lambdas": false, "variance_type": null
}"""
DEEP_FLOYD = """{
  "_class_name": "DDPMScheduler", "_diffusers_version": "0.15.0.dev0",
  "beta_end": 0.02, "beta_schedule": "squaredcos_cap_v2", "beta_start": 0.0001,
  "clip_sample": true, "clip_sample_range": 1.0, "dynamic_thresholding_ratio": 0.95,
  "num_train_timesteps": 1000, "prediction_type": "epsilon", "sample_max_value": 1.5,
  "thresholding": true, "trained_betas": null, "variance_type": "fixed_small"
}"""
COG_VIDEO = """{
  "_class_name": "CogVideoXDDIMScheduler", "_diffusers_version": "0.31.0.dev0", "beta_end": 0.012,
  "beta_schedule": "scaled_linear", "beta_start": 0.00085, "clip_sample": false,
  "clip_sample_range": 1.0, "num_train_timesteps": 1000, "prediction_type": "v_prediction",
  "rescale_betas_zero_snr": true, "sample_max_value": 1.0, "set_alpha_to_one": true,
  "snr_shift_scale": 3.0, "steps_offset": 0, "timestep_spacing": "trailing", "trained_betas": null
}"""

TEXTS = {
    "Stable Diffusion 1.5": STABLE_DIFFUSION,
    "Stable Diffusion 2.1": STABLE_DIFFUSION_2,
    "Stable Diffusion XL": STABLE_DIFFUSION_XL,
    "Stable Video Diffusion": STABLE_VIDEO,
    "Stable Diffusion 3": STABLE_DIFFUSION_3,
    "Flux": FLUX,
    "Wan": WAN,
    "Latent Consistency": LATENT_CONSISTENCY,
    "PixArt": PIXART,
    "DeepFloyd IF": DEEP_FLOYD,
    "CogVideoX": COG_VIDEO,
}
GIVEN = {"Flux": {"mu": 1.15}}
