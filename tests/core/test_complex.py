"""Complex numbers are refused by a TypeError that names the argument; no imaginary part is lost."""

import warnings

import numpy as np
import pytest

from fastgen import diffusion, flow, gan, noise, vae
from fastgen.diffusion import Schedule, samplers

X = np.ones((2, 3))
BINS = np.ones((2, 3, 4))
FLOW = Schedule.flow()


def guided_step(**options):
    sampler = samplers.DDIM(Schedule.linear(), 5)
    return sampler.guided_step(X, X, X, 0, **{"scale": 2.0} | options)


CALLS = [
    (diffusion.denoising_loss, (X, X), "weight"),
    (diffusion.edm_input, (X,), "sigma"),
    (diffusion.edm_coefficients, (), "sigma"),
    (diffusion.edm_weight, (), "sigma"),
    (diffusion.cosmap_weight, (), "t"),
    (diffusion.interpolate, (X, X), "t"),
    (diffusion.langevin_step, (X, X), "step_size"),
    (FLOW.time_of, (), "ratio"),
    (Schedule.from_betas, (), "betas"),
    (guided_step, (), "scale"),
    (guided_step, (), "rescale"),
]
OPTIONS = [
    (vae.gaussian_elbo, (X, X, X, X, X), "beta"),
    (vae.bernoulli_elbo, (X, X, X, X), "free_bits"),
    (vae.total_correlation, (X, X, X), "dataset_size"),
    (gan.discriminator_loss, (X, X), "label_smoothing"),
    (gan.gradient_penalty, (X,), "center"),
    (diffusion.edm_coefficients, (1.0,), "sigma_data"),
    (diffusion.vlb_terms, (X, X, X, X, 3, FLOW), "bins"),
    (flow.linear_spline, (X, BINS), "bound"),
    *[
        (flow.rational_quadratic_spline, (X, BINS, BINS, BINS), name)
        for name in ("bound", "min_bin_width", "min_bin_height", "min_derivative")
    ],
    *[
        (flow.quadratic_spline, (X, BINS, np.ones((2, 3, 5))), name)
        for name in ("bound", "min_bin_width", "min_bin_height")
    ],
    *[
        (flow.cubic_spline, (X, BINS, BINS, X), name)
        for name in ("bound", "min_bin_width", "min_bin_height")
    ],
]
KINDS = {"discriminator_loss": {"kind": "minimax"}, "gradient_penalty": {"kind": "wgan_gp"}}


@pytest.mark.parametrize("got", [1j, np.complex64(1j), np.array([1j, 1j])], ids=repr)
@pytest.mark.parametrize(
    ("function", "inputs", "name"), CALLS + OPTIONS, ids=lambda x: getattr(x, "__name__", None)
)
def test_complex_is_refused(function, inputs, name, got):
    options = KINDS.get(function.__name__, {}) | {name: got}
    with warnings.catch_warnings(action="error"), pytest.raises(TypeError, match=name):
        function(*inputs, **options)


@pytest.mark.parametrize("function", [gan.discriminator_loss, gan.generator_loss])
def test_complex_targets_are_refused(function):
    inputs = (X, X) if function is gan.discriminator_loss else (X,)
    with pytest.raises(TypeError, match="targets"):
        function(*inputs, kind="least_squares", targets=(0.0, 1j, 1j))


def test_a_stream_of_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="noise must be 0, 1 or 2"):
        noise.Stream(1, noise=7)
