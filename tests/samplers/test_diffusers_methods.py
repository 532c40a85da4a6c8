"""Methods that need their own comparison, against diffusers."""

import importlib
import math
import sys
import types

import numpy as np
import pytest
from diffusers_runs import (
    DTYPES,
    PREDICTIONS,
    RESPACINGS,
    SCHEDULES,
    agree,
    compare_rounded,
    default_dtype,
    draws,
    model,
    run_ours,
    sigma_options,
    some,
    start,
    their_samples,
    theirs,
)

from fastgen.diffusion import samplers as ours

pytestmark = pytest.mark.filterwarnings("ignore")  # from diffusers
SPACINGS = ["leading", "trailing", "linspace"]


@pytest.mark.parametrize("dtype", DTYPES)
@some(
    8,
    schedule=["linear", "scaled"],
    prediction=["epsilon", "v"],
    spacing=SPACINGS,
    sigmas=[None, *RESPACINGS],
)
def test_dpmsolver_sde(monkeypatch, dtype, schedule, prediction, spacing, sigmas):
    """diffusers is given the noise of the whole step, of which that of the first half is a part."""
    table, options = SCHEDULES[schedule]
    sampler = ours.DPMSolverSDE(
        table, 12, prediction=prediction, spacing=spacing, sigmas=sigmas, parity="diffusers"
    )
    schedulers = pytest.importorskip("diffusers.schedulers", reason="pip install diffusers")
    # It imports torchsde for its noise alone.
    monkeypatch.setitem(sys.modules, "torchsde", types.ModuleType("torchsde"))
    module = importlib.import_module("diffusers.schedulers.scheduling_dpmsolver_sde")
    monkeypatch.setattr(schedulers, "DPMSolverSDEScheduler", module.DPMSolverSDEScheduler)
    options = options | sigma_options(spacing, sigmas, prediction)
    noises = draws(len(sampler), dtype)
    scheduler = theirs(monkeypatch, "DPMSolverSDEScheduler", dtype, noises, **options)
    given, nodes = [], sampler.sigmas
    for i in range(0, len(sampler) - 1, 2):
        sigma, middle, after = nodes[i : i + 3]
        above, whole = (s * math.sqrt(1 - (s / sigma) ** 2) for s in (middle, after))
        part = (after / middle) ** 2 * above  # of the first half's noise, in the whole step
        rest = math.sqrt(whole**2 - part**2)
        given += [noises[i], (part * noises[i] + rest * noises[i + 1]) / whole]
    queue = iter(given)
    x = start(sampler, dtype)
    with default_dtype(dtype):
        scheduler.set_timesteps(12)
        scheduler.set_begin_index(0)
        scheduler.noise_sampler = lambda *_: torch_of(next(queue).astype(dtype))
        path = list(their_samples(scheduler, x, False, model, {}))
    np.testing.assert_allclose(sampler.timesteps, scheduler.timesteps.numpy(), rtol=0, atol=0.6)
    agree(run_ours(sampler, x, noises), path, dtype, 5e-3)


def torch_of(array):
    return importlib.import_module("torch").from_numpy(array)


@pytest.mark.parametrize("dtype", DTYPES)
@some(
    18,
    order=[1, 2, 3],
    algorithm=["dpmsolver++", "dpmsolver++", "dpmsolver"],
    solver=["midpoint", "heun"],
    schedule=["linear", "cosine"],
    prediction=list(PREDICTIONS),
    steps=[10, 17],
    lower_order_final=[True, True, False],
)
def test_dpmsolver_inverse(
    monkeypatch, dtype, order, algorithm, solver, schedule, prediction, steps, lower_order_final
):
    table, options = SCHEDULES[schedule]
    sampler = ours.DPMSolverMultistep(
        table,
        steps,
        prediction=prediction,
        order=order,
        algorithm=algorithm,
        solver=solver,
        lower_order_final=lower_order_final,
        inverse=True,
        parity="diffusers",
    )
    options = options | sigma_options("linspace", None, prediction) | {"solver_order": order}
    options |= {"algorithm_type": algorithm, "solver_type": solver}
    options |= {"lower_order_final": lower_order_final}
    name = "DPMSolverMultistepInverseScheduler"
    compare_rounded(monkeypatch, name, sampler, dtype, steps, **options)
