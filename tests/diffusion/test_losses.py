"""Preconditioning, weights and losses of `fastgen.diffusion`."""

import ml_dtypes
import numpy as np
import pytest
from diffusion_draws import HALVES, SCHEDULES, draw, kinds_of

import fastgen
from fastgen import diffusion
from fastgen.diffusion import Schedule
from fastgen.reference import diffusion as reference

# Preconditioning and weights.


def test_edm_preconditioning(rng):
    sigma, sigma_data = np.geomspace(1e-3, 1e3, 12), 0.5
    c = diffusion.edm_coefficients(sigma, sigma_data=sigma_data)
    power = sigma**2 + sigma_data**2
    np.testing.assert_allclose(c.c_skip, sigma_data**2 / power, rtol=1e-14)
    np.testing.assert_allclose(c.c_out, sigma * sigma_data / np.sqrt(power), rtol=1e-14)
    np.testing.assert_allclose(c.c_in, 1 / np.sqrt(power), rtol=1e-14)
    np.testing.assert_allclose(c.c_noise, np.log(sigma) / 4, rtol=1e-14)
    assert diffusion.edm_coefficients(0.0)[:3] == (1, 0, 2)
    with np.errstate(all="raise"):
        assert diffusion.edm_coefficients(np.inf) == (0, 0.5, 0, np.inf)
        assert diffusion.edm_denoised(np.ones(2), np.ones(2), np.inf).tolist() == [0.5, 0.5]
    x, output = draw(rng, (12, 3, 5), np.float32)
    got = diffusion.edm_denoised(x, output, sigma, sigma_data=sigma_data)
    spread = [v[:, None, None] for v in c]
    np.testing.assert_allclose(got, spread[0] * x + spread[1] * output, rtol=1e-5, atol=1e-5)
    scaled = diffusion.edm_input(x, sigma, sigma_data=sigma_data)
    np.testing.assert_array_equal(scaled, spread[2].astype(np.float32) * x)
    half = diffusion.edm_input(x.astype("e"), sigma)
    wanted = spread[2].astype(np.float32) * x.astype("e").astype(np.float32)
    np.testing.assert_array_equal(half, wanted.astype("e"))
    # With this weight, the loss is the mean squared error of the network's own output.
    np.testing.assert_allclose(diffusion.edm_weight(sigma) * c.c_out**2, 1, rtol=1e-13)


def test_weights_are_finite_without_signal():
    zero_snr = Schedule.scaled_linear().rescale_zero_terminal_snr()
    t = np.arange(1000)
    snr = zero_snr.snr
    inner = slice(0, 999)
    for gamma in (1.0, 5.0):
        weights = {
            kind: diffusion.min_snr_weight(t, zero_snr, gamma=gamma, prediction=kind)
            for kind in ("epsilon", "x0", "v")
        }
        least = np.minimum(snr, gamma)
        np.testing.assert_allclose(
            weights["epsilon"][inner], (least / np.where(snr, snr, 1))[inner]
        )
        np.testing.assert_allclose(weights["x0"], least, rtol=1e-12)
        np.testing.assert_allclose(weights["v"], least / (snr + 1), rtol=1e-12)
        assert [w[-1] for w in weights.values()] == [1, 0, 0]
    np.testing.assert_allclose(diffusion.p2_weight(t, zero_snr, k=2, gamma=0.5), (2 + snr) ** -0.5)
    assert diffusion.inverse_variance_weight(999, zero_snr) == 1
    start = Schedule.from_alpha_bar([1, 0.5])
    assert [diffusion.min_snr_weight(0, start, prediction=k) for k in ("epsilon", "x0", "v")] == [
        0,
        5,
        0,
    ]
    for kind, wanted in {"epsilon": [1, 1], "x0": [np.inf, 1], "v": [1, 0.5]}.items():
        weight = diffusion.min_snr_weight([0, 1], start, gamma=np.inf, prediction=kind)
        np.testing.assert_allclose(weight, wanted, rtol=1e-14)
    assert diffusion.p2_weight(0, start) == 0
    with pytest.raises(ValueError, match="no noise at t = 0"):
        diffusion.inverse_variance_weight([1, 0], start)


def test_logit_normal_and_cosmap_are_densities():
    t = (np.arange(200_000) + 0.5) / 200_000
    for mean, std in [(0, 1), (-1.2, 0.7), (2, 2)]:
        weight = diffusion.logit_normal_weight(t, mean=mean, std=std)
        np.testing.assert_allclose(np.mean(weight), 1, rtol=1e-4)
        ends = diffusion.logit_normal_weight([0, 5e-324, 1], mean=mean, std=std)
        assert np.all(np.isfinite(ends)) and ends[0] == ends[2] == 0
    np.testing.assert_allclose(np.mean(diffusion.cosmap_weight(t)), 1, rtol=1e-9)


# Losses.


def slope(f, x, direction):
    return (f(x + 1e-6 * direction) - f(x - 1e-6 * direction)) / 2e-6


@pytest.mark.parametrize("shape", [(6, 5), (6, 2, 3), (6,), (6, 1500)])
def test_denoising_loss_and_its_gradient(shape, rng):
    prediction, target = draw(rng, shape)
    for weight in (None, 2.0, rng.uniform(0, 3, 6), [1, 2, 3, 4, 5, 6]):
        loss = diffusion.denoising_loss(prediction, target, weight=weight)
        wanted = reference.denoising_loss(
            prediction, target, weight=None if weight is None else np.array(weight)
        )
        assert loss.shape == (6,)
        np.testing.assert_allclose(loss, wanted, rtol=1e-13)
        cotangent = rng.standard_normal(6)
        value, (d_prediction, d_target) = fastgen.value_and_grad(diffusion.denoising_loss)(
            prediction, target, cotangent=cotangent, weight=weight
        )
        np.testing.assert_array_equal(value, loss)
        direction = rng.standard_normal(shape)
        by_difference = slope(
            lambda p, w=weight, c=cotangent: np.sum(
                c * diffusion.denoising_loss(p, target, weight=w)
            ),
            prediction,
            direction,
        )
        np.testing.assert_allclose(np.sum(d_prediction * direction), by_difference, rtol=1e-7)
        np.testing.assert_array_equal(d_target, -d_prediction)


@pytest.mark.parametrize("dtype", [np.float32, *HALVES])
def test_denoising_loss_is_rounded_once(dtype, rng):
    prediction, target = draw(rng, (4, 3, 16), dtype)
    exact = np.mean((prediction.astype(float) - target.astype(float)) ** 2, axis=(1, 2))
    got = diffusion.denoising_loss(prediction, target)
    assert got.dtype == dtype
    np.testing.assert_allclose(
        got.astype(float), exact, rtol=1.1 * float(ml_dtypes.finfo(dtype).eps) / 2 + 2e-7
    )
    value, gradients = fastgen.value_and_grad(diffusion.denoising_loss)(prediction, target)
    np.testing.assert_array_equal(value, got)
    assert all(g.dtype == dtype and g.shape == target.shape for g in gradients)
    single = diffusion.denoising_loss(prediction[0, 0], target[0, 0])
    assert single.shape == (16,)


@pytest.mark.parametrize("function", ["convert", "edm_denoised"])
def test_linear_functions_have_derivatives(function, rng):
    x, p = draw(rng, (4, 2, 3), np.float32)
    t = np.array([1, 20, 50, 98])
    if function == "convert":
        call, options = (t, SCHEDULES[0]), {"source": "v", "target": "x0"}
        a, s = (c[:, None, None] for c in SCHEDULES[0].coefficients(t))
        slopes = a, -s
    else:
        call, options = (np.array([0.1, 1.0, 2.0, 80.0]),), {"sigma_data": 1.0}
        c = diffusion.edm_coefficients(*call, sigma_data=1.0)
        slopes = c.c_skip[:, None, None], c.c_out[:, None, None]
    f = getattr(diffusion, function)
    value, pullback = fastgen.vjp(f, x, p, *call, **options)
    cotangent = rng.standard_normal(x.shape).astype(np.float32)
    for gradient, slope_of in zip(pullback(cotangent), slopes, strict=True):
        assert gradient.dtype == np.float32
        np.testing.assert_allclose(gradient, slope_of * cotangent, rtol=1e-5)
    again, (d_p,) = fastgen.value_and_grad(f, argnums=1)(x, p, *call, **options)
    np.testing.assert_array_equal(again, value)
    np.testing.assert_allclose(d_p, np.broadcast_to(slopes[1], x.shape), rtol=1e-5)


def test_score_matching_is_the_loss_of_the_noise(rng):
    schedule, t = Schedule.vp().in_steps(), rng.integers(0, 1000, 6)
    score, noise = draw(rng, (6, 8))
    sigma = schedule.sigma[t]
    got = diffusion.denoising_score_matching(score, noise, sigma, 1.0)
    epsilon = diffusion.convert(score, score, t, schedule, source="score", target="epsilon")
    np.testing.assert_allclose(got, 8 * diffusion.denoising_loss(epsilon, noise), rtol=1e-12)


def test_sliced_score_matching_is_hyvarinens_on_average(rng):
    matrix, x = rng.standard_normal((5, 5)), rng.standard_normal(5)
    v = rng.choice([-1.0, 1.0], (100_000, 5))
    mean = diffusion.sliced_score_matching(matrix @ x, v, v @ matrix.T).mean()
    wanted = 0.5 * np.sum((matrix @ x) ** 2) + np.trace(matrix)
    np.testing.assert_allclose(mean, wanted, atol=6 * 10 / np.sqrt(100_000))


def test_transition_kl_is_that_of_the_two_normals(rng):
    schedule = Schedule.cosine(100)
    t = rng.integers(1, 100, 20)
    x0, noise = draw(rng, (20, 6))
    epsilon, variance = noise + 0.1 * rng.standard_normal((20, 6)), rng.uniform(-1, 1, (20, 6))
    x_t = diffusion.add_noise(x0, t, schedule, noise=noise)
    mean, _, log_small = diffusion.posterior_mean_variance(x0, x_t, t, schedule)
    predicted = diffusion.convert(x_t, epsilon, t, schedule, source="epsilon", target="x0")
    model_mean = diffusion.posterior_mean_variance(predicted, x_t, t, schedule)[0]
    log_large = np.log(schedule.betas[t])[:, None]
    log_small = log_small[:, None]
    logvar = (variance + 1) / 2 * log_large + (1 - variance) / 2 * log_small
    wanted = fastgen.vae.kl_diag_normal(mean, log_small, model_mean, logvar)
    of_x0 = schedule.posterior_mean_coefficients[0][t]
    k = of_x0 * schedule.sigma[t] / schedule.signal[t]
    got = diffusion.transition_kl(
        epsilon,
        noise,
        variance,
        k**2 / schedule.posterior_variance[t],
        (log_large - log_small)[:, 0],
    )
    np.testing.assert_allclose(got, wanted, rtol=1e-9)
    assert np.all(diffusion.transition_kl(noise, noise, -1.0, k**2, k) == 0)


@pytest.mark.parametrize("kind", ["epsilon", "x0", "v", "flow"])
def test_vlb_terms_are_those_of_improved_ddpm(kind, rng):
    schedule = Schedule.cosine(50)
    t = np.array([0, 1, 2, 25, 48, 0])
    x0 = rng.integers(0, 256, (6, 2, 3)) / 127.5 - 1
    noise, variance = draw(rng, (6, 2, 3))
    target = kinds_of(x0, noise, t, schedule)[kind]
    prediction = target + 0.1 * rng.standard_normal(x0.shape)
    got = diffusion.vlb_terms(prediction, variance, target, x0, t, schedule, parameterization=kind)
    x_t = diffusion.add_noise(x0, t, schedule, noise=noise)
    mean, _, log_small = diffusion.posterior_mean_variance(x0, x_t, t, schedule)
    guess = diffusion.convert(x_t, prediction, t, schedule, source=kind, target="x0")
    model_mean = diffusion.posterior_mean_variance(guess, x_t, t, schedule)[0]
    log_small, log_large = (c[:, None, None] for c in (log_small, np.log(schedule.betas[t])))
    logvar = (variance + 1) / 2 * log_large + (1 - variance) / 2 * log_small
    kl = fastgen.vae.kl_diag_normal(mean, log_small, model_mean, logvar, axis=(1, 2))
    nll = fastgen.vae.discretized_gaussian_nll(x0, model_mean, logvar / 2, axis=(1, 2))
    wanted = np.where(t == 0, nll, kl) / (6 * np.log(2))
    np.testing.assert_allclose(got, wanted, rtol=1e-7)
    for dtype in (np.float32, np.float16):
        arrays = [x.astype(dtype) for x in (prediction, variance, target, x0)]
        small = diffusion.vlb_terms(*arrays, t, schedule, parameterization=kind)
        assert small.dtype == dtype
    some = slice(1, 5)  # no sample at step 0
    np.testing.assert_array_equal(
        diffusion.vlb_terms(
            *(x[some] for x in (prediction, variance, target, x0, t)),
            schedule,
            parameterization=kind,
        ),
        got[some],
    )


def test_vlb_terms_have_derivatives(rng):
    schedule, t = Schedule.linear(50), np.array([0, 1, 30, 0])
    x0 = rng.integers(0, 256, (4, 5)) / 127.5 - 1
    target, variance = draw(rng, (4, 5))
    prediction, cotangent = target + rng.standard_normal((4, 5)), rng.standard_normal(4)
    rest = (target, x0, t, schedule)
    value, gradients = fastgen.value_and_grad(diffusion.vlb_terms)(
        prediction, variance, *rest, cotangent=cotangent
    )
    np.testing.assert_allclose(value, diffusion.vlb_terms(prediction, variance, *rest), rtol=1e-14)
    for k, gradient in enumerate(gradients):
        direction = rng.standard_normal((4, 5))
        moved = [
            [
                x + sign * 1e-6 * direction if i == k else x
                for i, x in enumerate((prediction, variance))
            ]
            for sign in (1, -1)
        ]
        ahead, behind = (cotangent @ diffusion.vlb_terms(*m, *rest) for m in moved)
        np.testing.assert_allclose(np.sum(gradient * direction), (ahead - behind) / 2e-6, rtol=1e-6)
    number = fastgen.value_and_grad(diffusion.vlb_terms)(prediction, 0.5, *rest)[1][1]
    every = fastgen.value_and_grad(diffusion.vlb_terms)(prediction, np.full((4, 5), 0.5), *rest)
    np.testing.assert_allclose(number, every[1][1].sum(), rtol=1e-12)
