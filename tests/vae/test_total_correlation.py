"""`vae.total_correlation`, against the form with all pairs in memory, and identities."""

import functools
import tracemalloc

import numpy as np
import pytest

import fastgen
from fastgen import vae
from fastgen.reference import vae as reference


def codes(rng, batch=40, latents=6, dtype=float):
    mu, logvar, noise = rng.standard_normal((3, batch, latents))
    logvar = logvar - 2
    return tuple(x.astype(dtype) for x in (mu + np.exp(logvar / 2) * noise, mu, logvar))


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (40, 6), (257, 10)])
def test_terms_agree_with_the_reference_and_add_up(shape, rng):
    z, mu, logvar = codes(rng, *shape)
    terms = vae.total_correlation(z, mu, logvar, dataset_size=1000)
    wanted = reference.total_correlation(z, mu, logvar, dataset_size=1000)
    for got, want in zip(terms, wanted, strict=True):
        assert got.shape == shape[:1]
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)
    ratio = vae.standard_normal_log_prob(z) + vae.gaussian_nll(z, mu, logvar)
    np.testing.assert_allclose(sum(terms), -ratio, rtol=1e-12)
    single = vae.total_correlation(*(x.astype("f") for x in (z, mu, logvar)), dataset_size=1000)
    for got, want in zip(single, terms, strict=True):
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("cotangent", [0.5, (1.0, None, None), (None, 6.0, 0.25)])
def test_gradient(cotangent, rng):
    inputs = codes(rng)
    f = functools.partial(vae.total_correlation, dataset_size=5000)
    weights = cotangent if isinstance(cotangent, tuple) else (cotangent,) * 3
    weights = [0.0 if w is None else w for w in weights]
    value, gradients = fastgen.value_and_grad(f)(*inputs, cotangent=cotangent)
    for got, want in zip(value, f(*inputs), strict=True):
        assert np.array_equal(got, want)

    def loss(*moved):
        return sum(w * np.sum(t) for w, t in zip(weights, f(*moved), strict=True))

    for k, gradient in enumerate(gradients):
        assert gradient.shape == inputs[k].shape
        for where in [(0, 0), (17, 3), (39, 5)]:
            step = np.zeros((40, 6))
            step[where] = 1e-5
            ends = [loss(*inputs[:k], inputs[k] + s * step, *inputs[k + 1 :]) for s in (1, -1)]
            central = (ends[0] - ends[1]) / 2e-5
            np.testing.assert_allclose(gradient[where], central, rtol=1e-6, atol=1e-7)
    per_sample = tuple(w * np.ones(40) for w in weights)
    for a, b in zip(fastgen.vjp(f, *inputs)[1](per_sample), gradients, strict=True):
        assert np.array_equal(a, b)


def test_blocks_change_no_value_and_do_not_materialise_all_pairs(rng, monkeypatch):
    inputs = codes(rng, 512, 64, np.float32)
    f = functools.partial(vae.total_correlation, dataset_size=10_000)
    whole, gradients = fastgen.value_and_grad(f)(*inputs)
    tracemalloc.start()
    fastgen.value_and_grad(f)(*inputs)
    assert tracemalloc.get_traced_memory()[1] < 0.5 * 512 * 512 * 64 * 4
    tracemalloc.reset_peak()
    f(*inputs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.05 * 512 * 512 * 64 * 4
    monkeypatch.setattr("fastgen.vae.correlation._PAIRS", 50_000)
    parts, again = fastgen.value_and_grad(f)(*inputs)
    for a, b in zip(whole, parts, strict=True):
        assert np.array_equal(a, b)
    for a, b in zip(gradients, again, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_samples_far_from_every_distribution_do_not_underflow():
    z = np.array([[0.0, 1e4], [300.0, -300.0]], np.float32)
    mu, logvar = np.zeros((2, 2), np.float32), np.full((2, 2), -3, np.float32)
    value, gradients = fastgen.value_and_grad(vae.total_correlation)(
        z, mu, logvar, dataset_size=100
    )
    assert all(np.isfinite(v).all() for v in (*value, *gradients))


def test_bad_calls(rng):
    z, mu, logvar = codes(rng)
    for call in (vae.total_correlation, fastgen.value_and_grad(vae.total_correlation)):
        with pytest.raises(
            ValueError, match=r"one shape \(batch, latent\); got \(40, 6\), \(39, 6\)"
        ):
            call(z, mu[1:], logvar, dataset_size=100)
        with pytest.raises(ValueError, match=r"one shape \(batch, latent\)"):
            call(z[0], mu[0], logvar[0], dataset_size=100)
        for bad in [39, 0, float("nan")]:
            with pytest.raises(ValueError, match="dataset_size must be at least the batch size 40"):
                call(z, mu, logvar, dataset_size=bad)
        with pytest.raises(TypeError, match="total_correlation: mu must hold"):
            call(z, mu * 1j, logvar, dataset_size=100)
        with pytest.raises(TypeError, match="total_correlation: logvar must be an array without"):
            call(z, mu, np.ma.array(logvar), dataset_size=100)
    with pytest.raises(ValueError, match="expected 3 cotangents"):
        fastgen.value_and_grad(vae.total_correlation)(
            z, mu, logvar, dataset_size=100, cotangent=(1.0, 2.0)
        )
