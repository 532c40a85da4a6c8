"""Samplers against the schedulers of diffusers, over their main options."""

import numpy as np
import pytest
from diffusers_runs import (
    DTYPES,
    PREDICTIONS,
    RESPACINGS,
    SCHEDULES,
    agree,
    compare,
    compare_rounded,
    draws,
    run_ours,
    run_theirs,
    sigma_options,
    some,
    start,
    theirs,
    with_variances,
)

from fastgen.diffusion import Schedule
from fastgen.diffusion import samplers as ours

for package in ("diffusers", "torch", "scipy"):
    pytest.importorskip(package, reason=f"{package} missing: pip install {package}")

pytestmark = pytest.mark.filterwarnings("ignore")  # from diffusers
ALGORITHMS = ["dpmsolver++", "dpmsolver", "sde-dpmsolver++", "sde-dpmsolver"]


@pytest.mark.parametrize("dtype", DTYPES)
@some(
    32,
    schedule=["linear", "scaled"],
    prediction=list(PREDICTIONS),
    spacing=["leading", "trailing", "linspace"],
    offset=[0, 1],
    eta=[0.0, 0.7],
    clip=[None, 1.0],
    clip_epsilon=[False, True],
)
def test_ddim(monkeypatch, dtype, schedule, prediction, spacing, offset, eta, clip, clip_epsilon):
    table, options = SCHEDULES[schedule]
    sampler = ours.DDIM(
        table,
        12,
        prediction=prediction,
        spacing=spacing,
        offset=offset,
        eta=eta,
        clip=clip,
        clip_epsilon=clip_epsilon,
        parity="diffusers",
    )
    options = options | {"clip_sample": clip is not None, "timestep_spacing": spacing}
    step = {"eta": eta, "use_clipped_model_output": clip_epsilon}
    options |= {"prediction_type": PREDICTIONS[prediction], "steps_offset": offset}
    compare(monkeypatch, "DDIMScheduler", sampler, dtype, 12, step=step, **options)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("final_sigma", ["zero", "min"])
def test_ddim_inversion(monkeypatch, dtype, prediction, final_sigma):
    if (prediction, final_sigma) == ("x0", "zero"):
        with pytest.raises(ValueError, match="final_sigma='min' where the prediction is x0"):
            ours.DDIM(Schedule.linear(), 10, prediction="x0", inverse=True, parity="diffusers")
        return
    sampler = ours.DDIM(
        Schedule.linear(),
        10,
        prediction=prediction,
        spacing="leading",
        final_sigma=final_sigma,
        inverse=True,
        parity="diffusers",
    )
    options = {"prediction_type": PREDICTIONS[prediction], "clip_sample": False}
    options["set_alpha_to_one"] = final_sigma == "zero"
    compare(monkeypatch, "DDIMInverseScheduler", sampler, dtype, 10, **options)


@pytest.mark.parametrize("dtype", DTYPES)
@some(
    24,
    schedule=["linear", "cosine"],
    prediction=list(PREDICTIONS),
    spacing=["leading", "trailing", "linspace"],
    variance=["small", "large"],
    clip=[None, 1.0],
)
def test_ddpm(monkeypatch, dtype, schedule, prediction, spacing, variance, clip):
    table, options = SCHEDULES[schedule]
    sampler = ours.DDPM(
        table,
        12,
        prediction=prediction,
        spacing=spacing,
        variance=variance,
        clip=clip,
        parity="diffusers",
    )
    options = options | {"clip_sample": clip is not None, "timestep_spacing": spacing}
    options |= {"prediction_type": PREDICTIONS[prediction], "variance_type": f"fixed_{variance}"}
    compare(monkeypatch, "DDPMScheduler", sampler, dtype, 12, **options)


@pytest.mark.parametrize("dtype", DTYPES)
@some(
    12,
    schedule=["linear", "cosine"],
    prediction=list(PREDICTIONS),
    spacing=["leading", "trailing", "linspace"],
    variance=["learned", "learned_range"],
    clip=[None, 1.0],
)
def test_ddpm_with_learned_variance(
    monkeypatch, dtype, schedule, prediction, spacing, variance, clip
):
    table, options = SCHEDULES[schedule]
    sampler = ours.DDPM(
        table,
        12,
        prediction=prediction,
        spacing=spacing,
        variance=variance,
        clip=clip,
        parity="diffusers",
    )
    options = options | {"clip_sample": clip is not None, "timestep_spacing": spacing}
    options |= {"prediction_type": PREDICTIONS[prediction], "variance_type": variance}
    compare(monkeypatch, "DDPMScheduler", sampler, dtype, 12, says=with_variances, **options)


@pytest.mark.parametrize("dtype", DTYPES)
@some(
    24,
    schedule=["linear", "cosine"],
    prediction=list(PREDICTIONS),
    spacing=["leading", "trailing", "linspace"],
    sigmas=[None, *RESPACINGS],
    final_sigma=["zero", "min"],
    churn=[0.0, 3.0],
)
def test_euler(monkeypatch, dtype, schedule, prediction, spacing, sigmas, final_sigma, churn):
    table, options = SCHEDULES[schedule]
    sampler = ours.Euler(
        table,
        12,
        prediction=prediction,
        spacing=spacing,
        offset=1 if spacing == "leading" else 0,
        sigmas=sigmas,
        final_sigma=final_sigma,
        churn=churn,
        churn_max=5.0,
        parity="diffusers",
    )
    options = options | sigma_options(spacing, sigmas, prediction)
    options |= {"steps_offset": 1 if spacing == "leading" else 0}
    options["final_sigmas_type"] = "zero" if final_sigma == "zero" else "sigma_min"
    step = {"s_churn": churn, "s_tmax": 5.0}
    compare(monkeypatch, "EulerDiscreteScheduler", sampler, dtype, 12, step=step, **options)


@pytest.mark.parametrize("dtype", DTYPES)
@some(
    6,
    schedule=["linear", "scaled"],
    prediction=["epsilon", "v"],
    spacing=["leading", "trailing", "linspace"],
)
def test_euler_ancestral(monkeypatch, dtype, schedule, prediction, spacing):
    table, options = SCHEDULES[schedule]
    sampler = ours.EulerAncestral(
        table, 12, prediction=prediction, spacing=spacing, parity="diffusers"
    )
    options = options | sigma_options(spacing, None, prediction)
    compare(monkeypatch, "EulerAncestralDiscreteScheduler", sampler, dtype, 12, **options)


@pytest.mark.parametrize("dtype", DTYPES)
@some(
    12,
    shift=[1.0, 3.0],
    sigmas=[None, *RESPACINGS],
    terminal=[None, 0.1],
    stochastic=[False, True],
)
def test_flow_match_euler(monkeypatch, dtype, shift, sigmas, terminal, stochastic):
    sampler = ours.FlowMatchEuler(
        Schedule.flow(shift=shift),
        12,
        sigmas=sigmas,
        terminal=terminal,
        stochastic=stochastic,
        parity="diffusers",
    )
    options = {"shift": shift, "shift_terminal": terminal, "stochastic_sampling": stochastic}
    options |= {f"use_{sigmas}_sigmas": True} if sigmas else {}
    noises = draws(12, dtype)
    scheduler = theirs(monkeypatch, "FlowMatchEulerDiscreteScheduler", dtype, noises, **options)
    x = start(sampler, dtype)
    path = run_theirs(scheduler, 12, x, clean=True)
    np.testing.assert_allclose(sampler.timesteps, scheduler.timesteps.numpy(), rtol=1e-5)
    agree(run_ours(sampler, x, noises), path, dtype)


MULTISTEP = [
    *((algorithm, 1, "midpoint") for algorithm in ("dpmsolver++", "sde-dpmsolver++")),
    *((algorithm, 2, "midpoint") for algorithm in ALGORITHMS),
    *((algorithm, 2, "heun") for algorithm in ALGORITHMS),
    *((algorithm, 3, "midpoint") for algorithm in ALGORITHMS if algorithm != "sde-dpmsolver"),
]


@pytest.mark.parametrize("dtype", DTYPES)
@some(
    52,
    method=MULTISTEP,
    schedule=["linear", "cosine"],
    prediction=list(PREDICTIONS),
    steps=[10, 17],
    spacing=["leading", "trailing", "linspace"],
    sigmas=[None, None, *RESPACINGS, "lu"],
)
def test_dpmsolver_multistep(
    monkeypatch, dtype, method, schedule, prediction, steps, spacing, sigmas
):
    table, options = SCHEDULES[schedule]
    algorithm, order, solver = method
    final = "zero" if algorithm.endswith("++") else "min"
    sampler = ours.DPMSolverMultistep(
        table,
        steps,
        prediction=prediction,
        order=order,
        algorithm=algorithm,
        solver=solver,
        spacing=spacing,
        sigmas=sigmas,
        final_sigma=final,
        parity="diffusers",
    )
    options = options | {
        "algorithm_type": algorithm,
        "solver_order": order,
        "solver_type": solver,
        "timestep_spacing": spacing,
        "prediction_type": PREDICTIONS[prediction],
        "final_sigmas_type": "zero" if final == "zero" else "sigma_min",
    }
    if sigmas:
        options["use_lu_lambdas" if sigmas == "lu" else f"use_{sigmas}_sigmas"] = True
    compare_rounded(monkeypatch, "DPMSolverMultistepScheduler", sampler, dtype, steps, **options)
