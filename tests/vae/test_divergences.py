"""Properties of `fastgen.vae`: divergences are never negative, and known identities hold."""

import os

import numpy as np
import pytest

import fastgen
from fastgen import cases, vae
from fastgen._ops import OPS

# test_covariance.py has the divergence with full covariance.
DIVERGENCES = sorted(n for n in OPS if n.startswith("vae.kl_") and n != "vae.kl_tril_normal")
PAIRS = [name for name in DIVERGENCES if name != "vae.kl_standard_normal"]
DRAWS, PART = int(os.environ.get("FASTGEN_DRAWS", 10_000_000)), 500_000
CLASSES = {"vae.kl_categorical": 4}  # the other divergences are sums of independent terms


def nearly_equal(name, nin, size, distance, rng):
    """Return two distributions (or one, for the standard normal), at a given distance."""
    z = rng.standard_normal((nin, size))
    if name == "vae.kl_standard_normal":
        return cases.CASES[name].sample(distance * z)
    half = nin // 2
    z[half:] = z[:half] + distance * rng.standard_normal((half, size))
    return cases.CASES[name].sample(z)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", DIVERGENCES)
def test_no_divergence_is_negative(name, dtype, rng):
    f, nin = cases.function(name), OPS[name].nin
    n = CLASSES.get(name, 1)
    for distance in np.geomspace(1e-16, 30, DRAWS // PART):
        drawn = nearly_equal(name, nin, PART * n, distance, rng)
        values = f(*(x.astype(dtype).reshape(PART, n) for x in drawn))
        assert np.count_nonzero(values < 0) == 0, distance
        assert not np.isnan(values).any(), distance


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", PAIRS)
def test_divergence_from_itself_is_zero(name, dtype, rng):
    half = OPS[name].nin // 2
    z = 10 * rng.standard_normal((half, 100_000))
    drawn = cases.CASES[name].sample(np.concatenate([z, z]))
    inputs = [x.astype(dtype).reshape(-1, CLASSES.get(name, 1)) for x in drawn]
    values, gradients = fastgen.value_and_grad(cases.function(name))(*inputs)
    assert not values.view(np.uint8).any()  # +0, not -0
    assert not any(np.any(g) for g in gradients)


def test_log_variances_and_sigmas_agree(rng):
    mu_q, log_q, mu_p, log_p = rng.standard_normal((4, 1000, 8))
    by_logvar = vae.kl_diag_normal(mu_q, 2 * log_q, mu_p, 2 * log_p)
    by_sigma = vae.kl_diag_normal_sigma(mu_q, np.exp(log_q), mu_p, np.exp(log_p))
    np.testing.assert_allclose(by_sigma, by_logvar, rtol=1e-12)
    by_logvar = vae.kl_standard_normal(mu_q, 2 * log_q)
    by_sigma = vae.kl_diag_normal_sigma(mu_q, np.exp(log_q), 0.0, 1.0)
    np.testing.assert_allclose(by_sigma, by_logvar, rtol=1e-12)


def test_laplace_divergence_is_the_mean_log_ratio():
    """Compare with the integral of q log(q/p), by the midpoint rule."""
    x = (np.arange(-400_000, 400_000) + 0.5) / 8000
    for loc_q, scale_q, loc_p, scale_p in [(0.5, 1.0, -1.0, 2.0), (0.0, 0.3, 0.1, 0.25)]:
        log_q = -np.abs(x - loc_q) / scale_q - np.log(2 * scale_q)
        log_p = -np.abs(x - loc_p) / scale_p - np.log(2 * scale_p)
        integral = np.sum(np.exp(log_q) * (log_q - log_p)) / 8000
        got = vae.kl_laplace([loc_q], [scale_q], [loc_p], [scale_p])
        np.testing.assert_allclose(got, integral, rtol=1e-6)


def test_bernoulli_divergence_is_cross_entropy_less_entropy(rng):
    q, p = 3 * rng.standard_normal((2, 1000, 8))
    u = fastgen.elementary.sigmoid(q)
    wanted = vae.bernoulli_nll(u, p) - vae.bernoulli_nll(u, q)
    np.testing.assert_allclose(vae.kl_bernoulli(q, p), wanted, rtol=1e-9)
    np.testing.assert_allclose(vae.kl_bernoulli(-q, -p), vae.kl_bernoulli(q, p), rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bernoulli_nll_does_not_overflow(dtype):
    logits = np.array([1e4, -1e4, 1e4, -1e4, 60, -60], dtype)[:, None]
    x = np.array([1, 0, 0, 1, 1, 0], dtype)[:, None]
    value, (_, d_logits) = fastgen.value_and_grad(vae.bernoulli_nll)(x, logits)
    tail = np.exp(-60.0)
    np.testing.assert_allclose(value, [0, 0, 1e4, 1e4, tail, tail], rtol=1e-6)
    np.testing.assert_allclose(d_logits[:, 0], [0, 0, 1, -1, -tail, tail], rtol=1e-6)


def test_log_prob_of_standard_normal_is_its_nll(rng):
    z = rng.standard_normal((100, 8))
    np.testing.assert_allclose(
        vae.standard_normal_log_prob(z), -vae.gaussian_nll(z, 0.0, 0.0), rtol=1e-14
    )
