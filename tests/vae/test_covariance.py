"""Properties of the divergence between normal distributions of full covariance."""

import os

import numpy as np
import pytest

import fastgen
from fastgen import vae
from fastgen.reference import vae as reference

DRAWS, PART = int(os.environ.get("FASTGEN_DRAWS", 500_000)), 20_000


def distributions(rng, batch, d, distance=1.0):
    """Return means and Cholesky factors of q and p, at a given distance."""
    mu_q, tril_q = rng.normal(size=(batch, d)), 0.3 * rng.normal(size=(batch, d, d))
    mu_p = mu_q + distance * rng.normal(size=mu_q.shape)
    tril_p = tril_q + 0.3 * distance * rng.normal(size=tril_q.shape)
    for tril in (tril_q, tril_p):
        i = np.arange(d)
        tril[:, i, i] = 0.5 + np.abs(tril[:, i, i])
        tril[:] = np.where(np.tri(d) > 0, tril, np.nan)  # elements that are never read
    return mu_q, tril_q, mu_p, tril_p


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_divergence_is_negative(dtype, rng):
    for distance in np.geomspace(1e-16, 3, DRAWS // PART):
        inputs = (x.astype(dtype) for x in distributions(rng, PART, 5, distance))
        values = vae.kl_tril_normal(*inputs)
        assert np.count_nonzero(values >= 0) == len(values), distance


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_of_a_distribution_and_itself_it_is_zero_and_so_is_its_gradient(dtype, rng):
    mu, tril = (x.astype(dtype) for x in distributions(rng, 3000, 7)[:2])
    values, gradients = fastgen.value_and_grad(vae.kl_tril_normal)(mu, tril, mu, tril)
    assert not values.view(np.uint8).any()  # +0, not -0
    assert not any(np.any(g) for g in gradients)


@pytest.mark.parametrize("d", [1, 2, 5, 16, 17, 40])
def test_it_is_what_linear_algebra_says(d, rng):
    inputs = distributions(rng, 50, d)
    wanted = reference.kl_tril_normal(*(np.nan_to_num(x) for x in inputs))
    np.testing.assert_allclose(vae.kl_tril_normal(*inputs), wanted, rtol=1e-11)


def test_of_diagonal_factors_it_is_the_sum_over_dimensions(rng):
    mu_q, mu_p = rng.normal(size=(2, 100, 6))
    sigma_q, sigma_p = 0.1 + rng.random((2, 100, 6))
    by_matrix = vae.kl_tril_normal(
        mu_q, sigma_q[..., None] * np.eye(6), mu_p, sigma_p[..., None] * np.eye(6)
    )
    by_sigma = vae.kl_diag_normal_sigma(mu_q, sigma_q, mu_p, sigma_p)
    np.testing.assert_allclose(by_matrix, by_sigma, rtol=1e-14)


def test_as_two_distributions_approach_no_digit_is_lost(rng):
    """The divergence is quadratic in a small distance, down to the smallest numbers."""
    mu, tril = distributions(rng, 1, 4)[:2]
    step = np.tril(rng.integers(-8, 8, (4, 4)) / 8.0)
    tril, small = np.round(tril * 2**20) / 2**20, 2.0**-30
    far, near = (
        vae.kl_tril_normal(mu, tril + h * step, mu, tril) / h**2 for h in (small, small / 1024)
    )
    np.testing.assert_allclose(near, far, rtol=1e-7)


def test_gradient_above_the_diagonal_is_zero(rng):
    gradients = fastgen.value_and_grad(vae.kl_tril_normal)(*distributions(rng, 40, 5))[1]
    for gradient in gradients[1::2]:
        assert np.isfinite(gradient).all() and not np.triu(gradient, 1).any()


def test_one_prior_for_the_whole_batch(rng):
    mu_q, tril_q, mu_p, tril_p = distributions(rng, 30, 3)
    shared = vae.kl_tril_normal(mu_q, tril_q, mu_p[0], tril_p[0])
    repeated = vae.kl_tril_normal(mu_q, tril_q, mu_p[:1].repeat(30, 0), tril_p[:1].repeat(30, 0))
    np.testing.assert_array_equal(shared, repeated)
    gradients = fastgen.value_and_grad(vae.kl_tril_normal)(mu_q, tril_q, mu_p[0], tril_p[0])[1]
    assert [g.shape for g in gradients] == [(30, 3), (30, 3, 3), (3,), (3, 3)]


def test_against_torch(rng):
    torch = pytest.importorskip("torch")
    inputs = [np.nan_to_num(x) for x in distributions(rng, 20, 6)]
    tensors = [torch.tensor(x, requires_grad=True) for x in inputs]
    q, p = (
        torch.distributions.MultivariateNormal(mu, scale_tril=tril)
        for mu, tril in (tensors[:2], tensors[2:])
    )
    wanted = torch.distributions.kl_divergence(q, p)
    wanted.sum().backward()
    values, gradients = fastgen.value_and_grad(vae.kl_tril_normal)(*inputs)
    np.testing.assert_allclose(values, wanted.detach(), rtol=1e-11)
    for ours, theirs in zip(gradients, tensors, strict=True):
        np.testing.assert_allclose(
            ours, np.tril(theirs.grad) if ours.ndim > 2 else theirs.grad, rtol=1e-9, atol=1e-10
        )
