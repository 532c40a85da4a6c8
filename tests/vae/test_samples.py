"""`fastgen.vae.reparameterize`: its noise, its density, its derivative."""

import functools

import numpy as np
import pytest

import fastgen
from fastgen import noise, vae
from fastgen.reference import vae as reference

DTYPES = [np.float32, np.float64]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(7,), (5, 33), (3, 4, 500)])
def test_noise_is_that_of_the_key(shape, dtype, rng):
    mu, logvar = rng.standard_normal((2, *shape)).astype(dtype)
    drawn = noise.normal(shape, key=5, counter=9, dtype=dtype)
    wanted = vae.sample_diag_normal(mu, logvar, drawn)
    np.testing.assert_array_equal(vae.reparameterize(mu, logvar, key=5, counter=9), wanted)
    np.testing.assert_array_equal(vae.reparameterize(mu, logvar, noise=drawn), wanted)
    stream = noise.Stream(5, 9)
    np.testing.assert_array_equal(vae.reparameterize(mu, logvar, noise=stream), wanted)
    np.testing.assert_allclose(
        wanted, reference.reparameterize(mu, logvar, noise=drawn), 1e-5, 1e-6
    )
    out = np.empty(shape, dtype)
    assert vae.reparameterize(mu, logvar, key=5, counter=9, out=out) is out
    np.testing.assert_array_equal(out, wanted)
    for axis in (-1, 0, None):
        got = vae.reparameterize(mu, logvar, key=5, counter=9, return_log_prob=True, axis=axis)
        np.testing.assert_array_equal(got[0], wanted)
        log_prob = vae.sample_diag_normal_with_log_prob(mu, logvar, drawn, axis=axis)[1]
        np.testing.assert_array_equal(got[1], log_prob)


def test_a_batch_takes_its_slice_of_the_stream(rng):
    mu, logvar = rng.standard_normal((2, 100, 16))
    whole = vae.reparameterize(mu, logvar, key=1)
    part = vae.reparameterize(mu[40:60], logvar[40:60], key=1, counter=40 * 16)
    np.testing.assert_array_equal(part, whole[40:60])
    shared = vae.reparameterize(mu[0], logvar, key=1)  # each row of the batch has its own noise
    wanted = vae.sample_diag_normal(mu[0], logvar, noise.normal((100, 16), key=1))
    np.testing.assert_array_equal(shared, wanted)


@pytest.mark.parametrize("dtype", DTYPES)
def test_log_prob_is_the_density_of_the_draw(dtype, rng):
    mu, logvar = rng.standard_normal((2, 50, 8)).astype(dtype)
    z, log_prob = vae.reparameterize(mu, logvar, key=3, return_log_prob=True)
    np.testing.assert_allclose(log_prob, -vae.gaussian_nll(z, mu, logvar), rtol=1e-4)
    far = vae.reparameterize(mu + dtype(1e6), logvar, key=3, return_log_prob=True)
    np.testing.assert_array_equal(far[1], log_prob)  # the density of z has lost its digits


@pytest.mark.parametrize("with_log_prob", [False, True])
def test_derivative(with_log_prob, rng):
    mu, logvar, c = rng.standard_normal((3, 6, 9))
    d = rng.standard_normal(6)
    options = {"key": 8, "return_log_prob": with_log_prob}
    cotangent = (c, d) if with_log_prob else c
    value, pullback = fastgen.vjp(vae.reparameterize, mu, logvar, **options)
    d_mu, d_logvar = pullback(cotangent)
    f = fastgen.value_and_grad(vae.reparameterize)
    again, together = f(mu, logvar, cotangent=cotangent, **options)
    for a, b in zip(*((x if with_log_prob else (x,)) for x in (value, again)), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(together[0], d_mu)
    np.testing.assert_array_equal(together[1], d_logvar)
    epsilon = noise.normal((6, 9), key=8)
    np.testing.assert_array_equal(d_mu, c)
    per_row = d[:, None] * with_log_prob
    np.testing.assert_allclose(
        d_logvar, c * np.exp(logvar / 2) * epsilon / 2 - per_row / 2, rtol=1e-13, atol=1e-13
    )
    draw = vae.sample_diag_normal_with_log_prob if with_log_prob else vae.sample_diag_normal
    grads = fastgen.vjp(draw, mu, logvar, epsilon)[1](cotangent)
    np.testing.assert_array_equal(grads[1], d_logvar)
    np.testing.assert_allclose(
        grads[2], c * np.exp(logvar / 2) - per_row * epsilon, rtol=1e-13, atol=1e-13
    )


def test_rng(rng):
    mu, logvar = np.zeros((2, 4, 3))
    a = vae.reparameterize(mu, logvar, rng=7)
    np.testing.assert_array_equal(a, vae.reparameterize(mu, logvar, rng=np.random.default_rng(7)))
    assert not np.array_equal(vae.reparameterize(mu, logvar), vae.reparameterize(mu, logvar))
    moments = vae.reparameterize(np.full((1000, 100), 2.0), np.log(9.0), rng=1)
    assert abs(moments.mean() - 2) < 0.06 and abs(moments.std() - 3) < 0.04


def test_noise_given_twice():
    mu = np.zeros((4, 3))
    for other in [{"key": 1}, {"rng": 1}, {"counter": 2}]:
        with pytest.raises(ValueError, match=f"noise and {next(iter(other))} both"):
            vae.reparameterize(mu, mu, noise=mu, **other)
    with pytest.raises(ValueError, match="key and rng both"):
        vae.reparameterize(mu, mu, key=1, rng=1)
    with pytest.raises(ValueError, match="0 <= key"):
        vae.reparameterize(mu, mu, key=-1)


def test_the_pullback_of_fresh_noise_has_the_noise_of_the_value():
    mu = np.zeros((4, 3))
    fresh = functools.partial(vae.reparameterize, rng=None)
    value, pullback = fastgen.vjp(fresh, mu, mu)
    for _ in range(2):
        d_mu, d_logvar = pullback(np.ones_like(mu))
        np.testing.assert_array_equal(d_mu, np.ones_like(mu))
        np.testing.assert_allclose(d_logvar, value / 2, rtol=1e-14)
    assert not np.array_equal(fastgen.vjp(fresh, mu, mu)[0], value)
