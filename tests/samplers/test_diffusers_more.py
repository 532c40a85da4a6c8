"""Samplers with two evaluations, long histories or distilled models, against diffusers."""

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
)

from fastgen.diffusion import Schedule
from fastgen.diffusion import samplers as ours

pytestmark = pytest.mark.filterwarnings("ignore")  # from diffusers
SPACINGS = ["leading", "trailing", "linspace"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("name", "scheduler"),
    [
        ("Heun", "HeunDiscreteScheduler"),
        ("DPM2", "KDPM2DiscreteScheduler"),
        ("DPM2Ancestral", "KDPM2AncestralDiscreteScheduler"),
        ("LMS", "LMSDiscreteScheduler"),
    ],
)
@some(
    8,
    schedule=["linear", "scaled"],
    prediction=["epsilon", "v"],
    spacing=SPACINGS,
    sigmas=[None, *RESPACINGS],
)
def test_methods_in_sigma(
    monkeypatch, dtype, name, scheduler, schedule, prediction, spacing, sigmas
):
    table, options = SCHEDULES[schedule]
    sampler = getattr(ours, name)(
        table, 12, prediction=prediction, spacing=spacing, sigmas=sigmas, parity="diffusers"
    )
    options = options | sigma_options(spacing, sigmas, prediction)
    noises = draws(len(sampler), dtype)
    scheduler = theirs(monkeypatch, scheduler, dtype, noises, **options)
    x = start(sampler, dtype)
    path = run_theirs(scheduler, 12, x)
    np.testing.assert_allclose(sampler.timesteps, scheduler.timesteps.numpy(), rtol=0, atol=0.6)
    # diffusers integrates the polynomials of LMS by quadrature, with a tolerance of 1e-4.
    agree(run_ours(sampler, x, noises), path, dtype, 5e-3)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("steps", [2, 3, 10])
@pytest.mark.parametrize("final_sigma", ["zero", "min"])
def test_pndm(monkeypatch, dtype, steps, final_sigma):
    lay = {"spacing": "leading", "final_sigma": final_sigma, "parity": "diffusers"}
    sampler = ours.PNDM(Schedule.scaled_linear(), steps, offset=1, **lay)
    options = SCHEDULES["scaled"][1] | {"skip_prk_steps": True, "steps_offset": 1}
    options["set_alpha_to_one"] = final_sigma == "zero"
    compare(monkeypatch, "PNDMScheduler", sampler, dtype, steps, **options)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("steps", [4, 5, 10])
@pytest.mark.parametrize("final_sigma", ["zero", "min"])
def test_pndm_with_runge_kutta(monkeypatch, dtype, steps, final_sigma):
    lay = {"spacing": "leading", "final_sigma": final_sigma, "parity": "diffusers"}
    sampler = ours.PNDM(Schedule.scaled_linear(), steps, runge_kutta=True, **lay)
    options = SCHEDULES["scaled"][1] | {"skip_prk_steps": False}
    options["set_alpha_to_one"] = final_sigma == "zero"
    compare(monkeypatch, "PNDMScheduler", sampler, dtype, steps, **options)


@pytest.mark.parametrize("dtype", DTYPES)
@some(
    6,
    prediction=list(PREDICTIONS),
    clip=[1.0, 0.5],
    sigmas=[None, *RESPACINGS],
    schedule=["linear", "scaled"],
)
def test_heun_with_clip(monkeypatch, dtype, prediction, clip, sigmas, schedule):
    table, options = SCHEDULES[schedule]
    sampler = ours.Heun(
        table, 12, prediction=prediction, clip=clip, sigmas=sigmas, parity="diffusers"
    )
    options = options | sigma_options("linspace", sigmas, prediction)
    options |= {"clip_sample": True, "clip_sample_range": clip}
    compare_rounded(monkeypatch, "HeunDiscreteScheduler", sampler, dtype, 12, **options)


@pytest.mark.parametrize("dtype", DTYPES)
@some(
    24,
    order=[1, 2, 3],
    schedule=["linear", "cosine"],
    prediction=list(PREDICTIONS),
    steps=[10, 17],
    spacing=SPACINGS,
    sigmas=[None, "karras", "exponential"],
)
def test_deis(monkeypatch, dtype, order, schedule, prediction, steps, spacing, sigmas):
    table, options = SCHEDULES[schedule]
    if sigmas:  # diffusers ends at the smallest sigma of the schedule
        steps = 17
    sampler = ours.DEIS(
        table,
        steps,
        prediction=prediction,
        order=order,
        spacing=spacing,
        sigmas=sigmas,
        final_sigma="min",
        parity="diffusers",
    )
    options = options | sigma_options(spacing, sigmas, prediction) | {"solver_order": order}
    compare_rounded(monkeypatch, "DEISMultistepScheduler", sampler, dtype, steps, **options)


@pytest.mark.parametrize("dtype", DTYPES)
@some(
    36,
    order=[1, 2, 3],
    solver=["bh1", "bh2"],
    of_data=[True, True, False],
    schedule=["linear", "cosine"],
    prediction=list(PREDICTIONS),
    steps=[4, 10, 17],
    spacing=SPACINGS,
    sigmas=[None, "karras", "exponential"],
    lower_order_final=[True, True, False],
)
def test_unipc(
    monkeypatch,
    dtype,
    order,
    solver,
    of_data,
    schedule,
    prediction,
    steps,
    spacing,
    sigmas,
    lower_order_final,
):
    if not of_data:  # x / alpha loses digits in float32 at the noisy end of cosine
        schedule = "linear"
    table, options = SCHEDULES[schedule]
    final = "zero" if of_data and lower_order_final else "min"
    sampler = ours.UniPC(
        table,
        steps,
        prediction=prediction,
        order=order,
        solver=solver,
        of_data=of_data,
        spacing=spacing,
        sigmas=sigmas,
        final_sigma=final,
        lower_order_final=lower_order_final,
        parity="diffusers",
    )
    options = options | sigma_options(spacing, sigmas, prediction) | {"solver_order": order}
    options |= {"solver_type": solver, "predict_x0": of_data}
    options |= {"lower_order_final": lower_order_final}
    options["final_sigmas_type"] = "zero" if final == "zero" else "sigma_min"
    compare_rounded(monkeypatch, "UniPCMultistepScheduler", sampler, dtype, steps, **options)


@pytest.mark.parametrize("dtype", DTYPES)
@some(
    8,
    prediction=["epsilon", "v"],
    sigmas=["karras", "exponential"],
    final_sigma=["zero", "min"],
    churn=[0.0, 3.0],
)
def test_edm_euler(monkeypatch, dtype, prediction, sigmas, final_sigma, churn):
    sampler = ours.EDMEuler(
        Schedule.edm(),
        11,
        prediction=prediction,
        sigmas=sigmas,
        final_sigma=final_sigma,
        churn=churn,
        parity="diffusers",
    )
    options = {"prediction_type": PREDICTIONS[prediction], "sigma_schedule": sigmas}
    options["final_sigmas_type"] = "zero" if final_sigma == "zero" else "sigma_min"
    step = {"s_churn": churn}
    compare(monkeypatch, "EDMEulerScheduler", sampler, dtype, 11, step=step, **options)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_flow_match_heun(monkeypatch, dtype, shift):
    sampler = ours.FlowMatchHeun(Schedule.flow(shift=shift), 9, parity="diffusers")
    noises = draws(len(sampler), dtype)
    scheduler = theirs(monkeypatch, "FlowMatchHeunDiscreteScheduler", dtype, noises, shift=shift)
    x = start(sampler, dtype)
    path = run_theirs(scheduler, 9, x, clean=True)
    np.testing.assert_allclose(sampler.timesteps, scheduler.timesteps.numpy(), rtol=1e-5)
    agree(run_ours(sampler, x, noises), path, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("steps", [1, 3, 4])
@pytest.mark.parametrize("clip", [None, 1.0])
def test_lcm(monkeypatch, dtype, prediction, steps, clip):
    sampler = ours.LCM(Schedule.scaled_linear(), steps, prediction=prediction, clip=clip)
    options = SCHEDULES["scaled"][1] | {"prediction_type": PREDICTIONS[prediction]}
    options["clip_sample"] = clip is not None
    compare(monkeypatch, "LCMScheduler", sampler, dtype, steps, **options)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize(("steps", "eta"), [(1, 0.3), (4, 0.0), (4, 0.3), (5, 1.0)])
def test_tcd(monkeypatch, dtype, prediction, steps, eta):
    sampler = ours.TCD(Schedule.scaled_linear(), steps, prediction=prediction, eta=eta)
    options = SCHEDULES["scaled"][1] | {"prediction_type": PREDICTIONS[prediction]}
    step = {"eta": eta}
    compare(monkeypatch, "TCDScheduler", sampler, dtype, steps, step=step, **options)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize("clip", [None, 1.0])
def test_consistency_model(monkeypatch, dtype, steps, clip):
    sampler = ours.ConsistencyModel(Schedule.karras(40), steps, clip=clip)
    options = {"clip_denoised": clip is not None}
    compare(monkeypatch, "CMStochasticIterativeScheduler", sampler, dtype, steps, **options)


@pytest.mark.parametrize("dtype", DTYPES)
@some(
    36,
    method=[
        (order, algorithm, solver)
        for order in (1, 2, 3)
        for algorithm in ("dpmsolver++", "dpmsolver")
        for solver in ("midpoint", "heun")
    ],
    schedule=["linear", "scaled"],
    prediction=list(PREDICTIONS),
    steps=[9, 10, 12, 17],
    sigmas=[None, None, *RESPACINGS],
    final_sigma=["zero", "min"],
    lower_order_final=[True, True, False],
)
def test_dpmsolver_singlestep(
    monkeypatch, dtype, method, schedule, prediction, steps, sigmas, final_sigma, lower_order_final
):
    table, options = SCHEDULES[schedule]
    order, algorithm, solver = method
    final = final_sigma if algorithm == "dpmsolver++" else "min"
    sampler = ours.DPMSolverSinglestep(
        table,
        steps,
        prediction=prediction,
        order=order,
        algorithm=algorithm,
        solver=solver,
        sigmas=sigmas,
        final_sigma=final,
        lower_order_final=lower_order_final or bool(steps % order),  # diffusers does that too
        parity="diffusers",
    )
    options = options | {"solver_order": order, "algorithm_type": algorithm, "solver_type": solver}
    options |= {"prediction_type": PREDICTIONS[prediction]}
    options |= {"lower_order_final": lower_order_final}
    options |= {f"use_{sigmas}_sigmas": True} if sigmas else {}
    options["final_sigmas_type"] = "zero" if final == "zero" else "sigma_min"
    compare_rounded(monkeypatch, "DPMSolverSinglestepScheduler", sampler, dtype, steps, **options)


@pytest.mark.parametrize("dtype", DTYPES)
@some(
    36,
    orders=[(1, 1), (2, 2), (2, 1), (1, 2), (3, 3), (3, 4), (2, 4), (3, 1)],
    of_data=[True, True, False],
    tau=[None, 0.0, 0.7, lambda t: 1.0 if t > 500 else 0.3],
    schedule=["linear", "scaled"],
    prediction=list(PREDICTIONS),
    steps=[4, 10, 17],
    spacing=SPACINGS,
    sigmas=[None, None, *RESPACINGS],
    lower_order_final=[True, True, False],
)
def test_sasolver(
    monkeypatch,
    dtype,
    orders,
    of_data,
    tau,
    schedule,
    prediction,
    steps,
    spacing,
    sigmas,
    lower_order_final,
):
    table, options = SCHEDULES[schedule]
    sampler = ours.SASolver(
        table,
        steps,
        prediction=prediction,
        predictor_order=orders[0],
        corrector_order=orders[1],
        tau=tau,
        of_data=of_data,
        spacing=spacing,
        sigmas=sigmas,
        final_sigma="min",
        lower_order_final=lower_order_final,
        parity="diffusers",
    )
    options = options | sigma_options(spacing, sigmas, prediction)
    options |= {"predictor_order": orders[0], "corrector_order": orders[1]}
    options |= {"lower_order_final": lower_order_final}
    options["algorithm_type"] = "data_prediction" if of_data else "noise_prediction"
    options["tau_func"] = tau if tau is None or callable(tau) else lambda t: tau
    compare_rounded(monkeypatch, "SASolverScheduler", sampler, dtype, steps, every=True, **options)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("quantile", "most"), [(0.995, 1.0), (0.8, 1.5), (0.6, 100.0)])
@pytest.mark.parametrize(
    ("name", "scheduler", "options"),
    [
        ("DDIM", "DDIMScheduler", {"spacing": "leading", "parity": "diffusers"}),
        ("DDPM", "DDPMScheduler", {"spacing": "leading", "parity": "diffusers"}),
        ("LCM", "LCMScheduler", {}),
        ("DPMSolverMultistep", "DPMSolverMultistepScheduler", {}),
        ("DPMSolverSinglestep", "DPMSolverSinglestepScheduler", {}),
        ("SASolver", "SASolverScheduler", {"final_sigma": "min", "parity": "diffusers"}),
        ("UniPC", "UniPCMultistepScheduler", {}),
    ],
)
def test_threshold(monkeypatch, dtype, name, scheduler, options, quantile, most):
    sampler = getattr(ours, name)(
        Schedule.linear(), 8, threshold=quantile, threshold_max=most, **options
    )
    options = SCHEDULES["linear"][1] | {"thresholding": True}
    options |= {"dynamic_thresholding_ratio": quantile, "sample_max_value": most}
    options |= {"clip_sample": False} if name in ("DDIM", "DDPM", "LCM") else {}
    every = name == "SASolver"
    compare_rounded(monkeypatch, scheduler, sampler, dtype, 8, every=every, **options)
