"""A user's script without a mistake: type checkers must accept every line."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

import fastgen
from fastgen import diffusion, elementary, flow, gan, guidance, noise, vae

Batch = np.ndarray[tuple[int, int], np.dtype[np.float32]]


def losses(x: Batch, logits: Batch, mu: Batch, logvar: Batch) -> float:
    kl = vae.kl_standard_normal(mu, logvar)
    print(kl.mean(), kl[0], kl + 1, kl.shape, kl.astype(np.float64))
    nll = vae.bernoulli_nll(logits=logits, x=x, axis=(0, 1), keepdims=True)
    total = float(vae.bernoulli_elbo(x, logits, mu, logvar, beta=0.5, axis=None, latent_axis=None))
    out = np.empty(len(x), np.float32)
    vae.gaussian_nll(x, mu, logvar, out=out)
    if (kl < 0).any():
        raise ValueError
    return total + float(nll.sum()) + float(out[0])


def numbers_and_lists() -> None:
    fastgen.vae.kl_standard_normal([[1.0, 2.0], [3, 4]], 0)
    fastgen.vae.kl_standard_normal(np.float32(1), [np.zeros(3), np.ones(3)])
    y = elementary.exp(1.0)
    print(float(y), y * 2, round(float(y), 3))
    elementary.logsumexp(range(3), axis=-1)


def adversarial(real: Batch, fake: Batch, grad: Batch) -> float:
    loss = gan.discriminator_loss(real, fake, kind="hinge", reduction="mean")
    each = gan.generator_loss(fake, kind="relativistic", real=real, reduction="none")
    penalty = 10 * gan.gradient_penalty(grad, kind="r1", axis=...).mean()
    print(each[0], loss + penalty, f"{loss:.3f}", gan.js_estimate(real, fake).item())
    gan.f_divergence(each, kind="pearson", out=each)
    return float(loss)


def draws(mu: Batch, logvar: Batch, flag: bool) -> npt.NDArray[Any]:
    either = vae.reparameterize(mu, logvar, key=1, return_log_prob=flag)
    print(either[0] if isinstance(either, tuple) else either.mean())
    z = vae.reparameterize(mu, logvar, key=1)
    z, log_prob = vae.reparameterize(mu, logvar, rng=np.random.default_rng(0), return_log_prob=True)
    terms = vae.total_correlation(z, mu, logvar, dataset_size=1000)
    epsilon = noise.normal((2, 3), key=1, dtype=np.float32)
    print(log_prob.sum(), terms.index_code_mi.mean(), epsilon.shape, noise.random_bits(4)[0])
    return z


def flows(x: Batch, log_scale: Batch, shift: Batch) -> npt.NDArray[Any]:
    y, logabsdet = flow.affine_coupling(x, log_scale, shift, mask=[True, False], scale_map="tanh")
    y, more = flow.tanh(y, inverse=True, out=(y, None))
    raw = np.zeros((2, 3, 8))
    y, slopes = flow.rational_quadratic_spline(y, raw, raw, raw[..., 1:], tails=None)
    log_scale, shift = flow.split_parameters(x, layout="shift_then_scale")
    return flow.log_prob(y, logabsdet + more + slopes.sum(-1))


def diffuse(x0: Batch, uncond: Batch, cond: Batch) -> float:
    schedule = diffusion.Schedule.cosine(1000)
    t = np.array([1, 2])
    x_t = diffusion.add_noise(x0, t, schedule, key=1)
    x_t, epsilon = diffusion.add_noise(x0, t, schedule, rng=1, return_noise=True)
    guided = guidance.cfg(uncond=uncond, cond=cond, scale=7.5)
    guided = guidance.combine(uncond, (cond, guided), (1.0, np.ones(2)))
    v = diffusion.convert(x_t, guided, t, schedule, source="epsilon", target="v")
    weight = diffusion.min_snr_weight(t, schedule, prediction="v")
    loss = diffusion.denoising_loss(prediction=v, target=noise.Stream(1), weight=weight)
    c = diffusion.edm_coefficients(0.5)
    diffusion.vlb_terms(v, -1.0, epsilon, x0, t, schedule, parameterization="v")
    diffusion.timestep_embedding(t, 64, layout="cos_sin", dtype=np.float16)
    return float(loss.mean() + c.c_in + weight[0])


def steps(x: Batch, uncond: Batch, cond: Batch) -> npt.NDArray[Any]:
    plain = (1.0, -1.0, 2.0, 0.5, 0.0, 1.0)
    y, denoised = diffusion.solver_step(x, cond, plain, axis=None)
    coefficients = (1.0, -1.0, 2.0, 0.5, 0.0, np.zeros(2), 1, 0.5)
    y, more = diffusion.guided_step(y, uncond, cond, 7.5, coefficients, [denoised], out=(x, None))
    linear = diffusion.guided_combination(x, uncond, cond, np.ones(2), 1.0, -0.5, 0, out=x)
    print(linear.shape, more.mean())
    return y


def derivatives(mu: Batch, logvar: Batch) -> npt.NDArray[Any]:
    loss, _ = fastgen.value_and_grad(gan.generator_loss, argnums=0)(mu, kind="hinge")
    hinge = functools.partial(gan.generator_loss, kind="hinge")
    loss, _ = fastgen.value_and_grad(hinge)(mu, cotangent=2.0)
    (y, _), grads = fastgen.value_and_grad(flow.tanh)(mu, cotangent=(1.0, None))
    print(float(loss), y.mean(), grads[0])
    value, (d_mu, _) = fastgen.value_and_grad(vae.kl_standard_normal)(mu, logvar)
    value, pullback = fastgen.vjp(vae.kl_standard_normal, mu, logvar, axis=-1)
    d_mu, _ = pullback(np.ones_like(value))
    print(fastgen.reference.vae.kl_standard_normal(mu, logvar), fastgen.get_num_threads())
    return np.asarray(d_mu)
