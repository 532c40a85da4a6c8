"""`vae.discretized_gaussian_nll`: it is a distribution, and more exact than other libraries."""

import mpmath
import numpy as np
import pytest
import scipy.special

import fastgen
from fastgen import vae


@pytest.mark.parametrize("bins", [2, 3, 4, 256, 65536])
def test_probabilities_of_all_values_add_up_to_1(bins):
    x = 2 * np.arange(bins) / (bins - 1) - 1
    for mu in [-3.0, -1.0, 0.0, 0.3, 1.0, 20.0]:
        for log_sigma in [-9.0, -4.0, -1.0, 0.0, 3.0]:
            nll = vae.discretized_gaussian_nll(x, mu, log_sigma, bins=bins, axis=())
            assert (nll >= 0).all()
            np.testing.assert_allclose(np.sum(np.exp(-nll)), 1, rtol=1e-11)


def test_far_tails_where_the_approximation_by_tanh_has_a_floor():
    value = vae.discretized_gaussian_nll([0.5], [0.0], [-2.0])
    assert abs(value - 10.590054392506223) < 4e-15
    far = vae.discretized_gaussian_nll(np.array([1.0, -1.0]), np.array([-1.0, 1.0]), -6.0, axis=())
    with mpmath.workdps(400):
        edge = (2 - 1 / mpmath.mpf(255)) * mpmath.exp(6)
        exact = -mpmath.log(mpmath.erfc(edge / mpmath.sqrt(2)) / 2)
    np.testing.assert_allclose(far, float(exact), rtol=1e-15)
    assert exact > 300_000
    value, gradients = fastgen.value_and_grad(vae.discretized_gaussian_nll)(
        np.float32([0.5]), np.float32([-0.5]), np.float32([-20.0])
    )
    assert np.isfinite(value) and all(np.isfinite(g).all() for g in gradients)


def test_wide_bins_agree_with_scipy(rng):
    x = 2 * rng.integers(0, 8, 1000) / 7 - 1
    mu, log_sigma = rng.uniform(-1, 1, 1000), rng.uniform(-1, 1, 1000)
    up, low = ((x + d - mu) / np.exp(log_sigma) for d in (1 / 7, -1 / 7))
    inner = scipy.special.ndtr(up) - scipy.special.ndtr(low)
    p = np.where(x == 1, scipy.special.ndtr(-low), np.where(x == -1, scipy.special.ndtr(up), inner))
    got = vae.discretized_gaussian_nll(x, mu, log_sigma, bins=8, axis=())
    np.testing.assert_allclose(got, -np.log(p), rtol=1e-12)


def test_narrow_bins_have_the_density_of_the_normal(rng):
    x, mu, log_sigma = rng.uniform(-0.9, 0.9, (3, 1000))
    bins = 2**40 + 1
    got = vae.discretized_gaussian_nll(x, mu, log_sigma, bins=bins, axis=())
    density = vae.gaussian_nll(x, mu, 2 * log_sigma, axis=())
    np.testing.assert_allclose(got, density + 39 * np.log(2), rtol=1e-13)


def test_bins_are_a_number_or_one_per_sample():
    x = np.zeros((3, 5), np.float32)
    wanted = vae.discretized_gaussian_nll(x, 0.25, -1.0, bins=8)
    for bins in [8, 8.0, np.int64(8), np.full(3, 8, "f"), np.full((), 8.0)]:
        value, (d_x, d_mu, _) = fastgen.value_and_grad(vae.discretized_gaussian_nll)(
            x, 0.25, -1.0, bins=bins
        )
        assert value.dtype == np.float32 and np.array_equal(value, wanted)
        assert d_x.shape == x.shape and np.shape(d_mu) == ()
    mixed = vae.discretized_gaussian_nll(x, 0.25, -1.0, bins=np.float32([8, 256, 8]))
    assert np.array_equal(mixed[::2], wanted[::2]) and mixed[1] > wanted[1]
    assert vae.discretized_gaussian_nll(x, 0.25, -1.0, bins=np.float64(8)).dtype == np.float32
    for bad in [1, 0, -3, float("nan"), 1.5, float("inf")]:
        for call in (
            vae.discretized_gaussian_nll,
            fastgen.value_and_grad(vae.discretized_gaussian_nll),
        ):
            with pytest.raises(ValueError, match="bins must be at least 2 and finite; got"):
                call(x, x, x, bins=bad)
    with pytest.raises(ValueError, match=r"bins must broadcast.*\(5,\)"):
        vae.discretized_gaussian_nll(x, x, x, bins=np.ones(5))
