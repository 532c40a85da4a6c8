"""Functions without a row of their own, against the reference in plain NumPy."""

import importlib
import inspect

import numpy as np
import pytest

import fastgen
from fastgen.diffusion import Schedule

FAMILIES = ["diffusion", "elementary", "ema", "flow", "gan", "guidance", "noise", "vae"]
COSINE, FLOW = Schedule.cosine(50), Schedule.flow()
STEPS, TIMES = np.array([0, 1, 7, 48]), np.array([0.01, 0.3, 0.5, 0.99])


@pytest.mark.parametrize("family", FAMILIES)
def test_every_function_has_a_reference(family):
    module = getattr(fastgen, family)
    reference = importlib.import_module(f"fastgen.reference.{family}")
    for name in module.__all__:
        if not inspect.isclass(getattr(module, name)):
            assert callable(getattr(reference, name, None)), name


def agree(family, name, *arguments, **options):
    """Compare within the float64 rounding errors of a plain formula that cancels."""
    reference = importlib.import_module(f"fastgen.reference.{family}")
    got = getattr(getattr(fastgen, family), name)(*arguments, **options)
    wanted = getattr(reference, name)(*arguments, **options)
    pairs = zip(got, wanted, strict=True) if isinstance(got, tuple) else [(got, wanted)]
    for ours, theirs in pairs:
        assert np.shape(ours) == np.shape(theirs)
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("name", ["min_snr_weight", "soft_min_snr_weight"])
@pytest.mark.parametrize("prediction", ["epsilon", "x0", "v", "flow"])
def test_weights_by_the_snr(prediction, name):
    for t, schedule in ((STEPS, COSINE), (TIMES, FLOW)):
        agree("diffusion", name, t, schedule, gamma=4.0, prediction=prediction)


def test_weights():
    agree("diffusion", "p2_weight", STEPS, COSINE, k=0.5, gamma=1.5)
    agree("diffusion", "edm_weight", TIMES, sigma_data=0.4)
    agree("diffusion", "inverse_variance_weight", TIMES, FLOW)
    agree("diffusion", "logit_normal_weight", TIMES, mean=0.25, std=1.5)
    agree("diffusion", "cosmap_weight", TIMES)


@pytest.mark.parametrize("layout", ["sin_cos", "cos_sin"])
@pytest.mark.parametrize("dim", [2, 7, 128])
def test_timestep_embedding(dim, layout):
    options = {"layout": layout, "scale": 2.0, "dtype": np.float64}
    agree("diffusion", "timestep_embedding", STEPS, dim, max_period=500.0, **options)
    agree("diffusion", "timestep_embedding", TIMES, dim, downscale_freq_shift=0.5, **options)


def test_preconditioning(rng):
    x, output = rng.normal(size=(2, 4, 3, 5))
    agree("diffusion", "edm_coefficients", TIMES, sigma_data=0.4)
    agree("diffusion", "edm_input", x, TIMES, sigma_data=0.4)
    agree("diffusion", "edm_denoised", x, output, TIMES, sigma_data=0.4)


def test_posterior_mean_variance(rng):
    x0, x_t = rng.normal(size=(2, 4, 3, 5))
    agree("diffusion", "posterior_mean_variance", x0, x_t, STEPS, COSINE)


@pytest.mark.parametrize("kind", ["epsilon", "x0", "v"])
def test_vlb_terms(kind, rng):
    x0 = rng.integers(0, 256, (4, 2, 3)) / 127.5 - 1
    variance, target = rng.uniform(-1, 1, (2, *x0.shape))
    prediction = target + 0.1 * rng.normal(size=x0.shape)
    arguments = (prediction, variance, target, x0, STEPS, COSINE)
    agree("diffusion", "vlb_terms", *arguments, parameterization=kind)


@pytest.mark.parametrize("kind", ["shift", "scale"])
def test_split_parameters(kind, rng):
    other = "scale" if kind == "shift" else "shift"
    for layout in (f"{kind}_then_{other}", f"{kind}_{other}_pairs"):
        for axis in (-1, 0):
            x = rng.normal(size=(4, 6))
            agree("flow", "split_parameters", x, layout=layout, axis=axis)


def test_interval():
    for step in range(10):
        agree("guidance", "interval", step, 10, start=0.25, stop=0.75)


def test_indices_of_codes(rng):
    levels, x = (8, 5, 2, 3), 2 * rng.normal(size=(20, 4))
    agree("vae", "finite_scalar_indices", fastgen.vae.finite_scalar(x, levels), levels)
    agree("vae", "finite_scalar_codes", np.arange(240).reshape(24, 10), levels)
    agree("vae", "lookup_free_indices", x)
    agree("vae", "finite_scalar", x, levels)
    agree("vae", "straight_through", x, np.rint(x))
    agree("vae", "quantization_loss", x, np.rint(x), commitment=0.5)
    agree("vae", "lookup_free", x)
