"""Noise by key depends on the precision in which it was drawn, and on nothing else."""

import itertools

import ml_dtypes
import numpy as np
import pytest

import fastgen
from fastgen import vae
from fastgen._ops import OPS
from fastgen._pullbacks import gradients_of
from fastgen.diffusion import langevin_step
from fastgen.noise import Stream

DTYPES = [np.float32, np.float64, np.float16, ml_dtypes.bfloat16]
PAIRS = pytest.mark.parametrize(("dtype", "of_cotangent"), list(itertools.product(DTYPES, DTYPES)))


@PAIRS
def test_the_pullback_has_the_noise_of_the_value(dtype, of_cotangent):
    """A cotangent of more digits, such as that of a decoder in NumPy, draws no other noise."""
    zero, one = np.zeros((2, 300), dtype), np.ones((2, 300), of_cotangent)
    calls = [
        (vae.reparameterize, {"key": 1}),
        (vae.reparameterize, {"key": 1, "return_log_prob": True}),
    ]
    for function, options in calls:
        value, pullback = fastgen.vjp(function, zero, zero, **options)
        z = value[0] if isinstance(value, tuple) else value  # mu + exp(logvar / 2) * noise
        cotangent = (one, None) if isinstance(value, tuple) else one
        again, gradients = fastgen.value_and_grad(function)(
            zero, zero, cotangent=cotangent, **options
        )
        again = again[0] if isinstance(value, tuple) else again
        np.testing.assert_array_equal(again, z)
        for d_mu, d_logvar in (pullback(cotangent), gradients):
            assert d_mu.dtype == d_logvar.dtype == z.dtype == dtype
            np.testing.assert_array_equal(d_logvar.astype(float), z.astype(float) / 2)


@PAIRS
def test_the_derivative_by_a_coefficient_has_the_noise_of_the_value(dtype, of_cotangent):
    """In the sum a x + b noise, the derivative by b is the sum of the noise."""
    op = OPS["diffusion.linear_combination"]
    inputs = np.zeros((2, 30), dtype), Stream(5), 1.0, np.ones(2, dtype)
    value, (wanted,) = gradients_of(op, [3], inputs, 1.0, True)
    np.testing.assert_array_equal(value, op(inputs))
    np.testing.assert_allclose(wanted.astype(float), value.astype(float).sum(-1), rtol=0.05)
    again, (found,) = gradients_of(op, [3], inputs, np.ones((2, 30), of_cotangent), True)
    np.testing.assert_array_equal(again, value)
    np.testing.assert_array_equal(found, wanted)


def test_the_step_of_langevin_has_the_noise_of_its_type():
    x = np.zeros((2, 30), np.float32)
    step = langevin_step(x, x, 0.5, key=1)
    np.testing.assert_array_equal(step, fastgen.noise.normal(x.shape, key=1, dtype=x.dtype))
