"""Adversarial losses and penalties, which are composed of rows, against NumPy and JAX.

    python -m pytest benchmarks/bench_gan.py --benchmark-enable

The gradients in NumPy are written by hand, for speed. Each result is checked before it is timed.
"""

import os

import numpy as np
import pytest

import fastgen
from fastgen import gan
from fastgen._ops import ISA
from fastgen.reference import gan as reference

KINDS = ["minimax", "hinge", "least_squares", "wasserstein", "relativistic"]
LOGITS = [128, 2**14, 2**20]
SAMPLES = [(16, 4), (64, 784), (64, 3, 64, 64)]


def prepare(benchmark, name, shape):
    benchmark.group = f"{name} {shape} float32"
    benchmark.extra_info.update(isa=ISA, threads=fastgen.get_num_threads(), shape=shape)
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def softplus_and_sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.maximum(x, 0) + np.log1p(e), np.where(x > 0, 1, e) / (1 + e)


def numpy_value_and_grad(real, fake, kind):
    """Return the loss of the discriminator and its gradients."""
    scale = np.float32(1 / len(real))
    if kind == "minimax":
        (real_loss, d_real), (fake_loss, d_fake) = map(softplus_and_sigmoid, (-real, fake))
        return real_loss.mean() + fake_loss.mean(), (d_real * -scale, d_fake * scale)
    if kind == "hinge":
        real_loss, fake_loss = np.maximum(0, 1 - real), np.maximum(0, 1 + fake)
        gradients = (real_loss > 0) * -scale, (fake_loss > 0) * scale
        return real_loss.mean() + fake_loss.mean(), gradients
    if kind == "least_squares":
        apart = real - 1
        value = 0.5 * (np.mean(apart * apart) + np.mean(fake * fake))
        return value, (apart * scale, fake * scale)
    if kind == "wasserstein":
        return fake.mean() - real.mean(), (np.full_like(real, -scale), np.full_like(fake, scale))
    loss, slope = softplus_and_sigmoid(fake - real)
    slope *= scale
    return loss.mean(), (-slope, slope)


def jax_value_and_grad(kind):
    """Return the same function, compiled by JAX for the same number of threads."""
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["PJRT_NPROC"] = str(fastgen.get_num_threads())
    jax = pytest.importorskip("jax", reason="jax missing: pip install jax")  # reads the variables

    softplus, relu, mean = jax.nn.softplus, jax.nn.relu, jax.numpy.mean
    losses = {
        "minimax": lambda real, fake: mean(softplus(-real)) + mean(softplus(fake)),
        "hinge": lambda real, fake: mean(relu(1 - real)) + mean(relu(1 + fake)),
        "least_squares": lambda real, fake: 0.5 * (mean((real - 1) ** 2) + mean(fake**2)),
        "wasserstein": lambda real, fake: mean(fake) - mean(real),
        "relativistic": lambda real, fake: mean(softplus(fake - real)),
    }
    compiled = jax.jit(jax.value_and_grad(losses[kind], argnums=(0, 1)))
    return lambda real, fake: jax.block_until_ready(compiled(real, fake))


def check(found, wanted, n):
    np.testing.assert_allclose(found[0], wanted[0], rtol=1e-4, atol=1e-4)
    for gradient, other in zip(found[1], wanted[1], strict=True):
        np.testing.assert_allclose(n * np.asarray(gradient), n * other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("who", ["fastgen", "numpy"])
@pytest.mark.parametrize("n", LOGITS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("loss", ["discriminator_loss", "generator_loss"])
def test_value(benchmark, loss, kind, n, who):
    real, fake = prepare(benchmark, f"{loss} {kind}", (2, n))
    inputs = (real, fake) if loss == "discriminator_loss" else (fake,)
    options = {"kind": kind} | ({} if loss == "discriminator_loss" else {"real": real})
    ours, theirs = getattr(gan, loss), getattr(reference, loss)
    exact = theirs(*(x.astype(float) for x in inputs), **options)
    np.testing.assert_allclose(ours(*inputs, **options), exact, rtol=1e-5, atol=1e-5)
    benchmark(ours if who == "fastgen" else theirs, *inputs, **options)


@pytest.mark.parametrize("who", ["fastgen", "numpy", "jax"])
@pytest.mark.parametrize("n", LOGITS)
@pytest.mark.parametrize("kind", KINDS)
def test_value_and_grad(benchmark, kind, n, who):
    real, fake = prepare(benchmark, f"discriminator_loss {kind}, value and grad", (2, n))
    f = fastgen.value_and_grad(gan.discriminator_loss)
    wanted = numpy_value_and_grad(real, fake, kind)
    check(f(real, fake, kind=kind), wanted, n)
    if who == "fastgen":
        benchmark(f, real, fake, kind=kind)
    elif who == "numpy":
        benchmark(numpy_value_and_grad, real, fake, kind)
    else:
        compiled = jax_value_and_grad(kind)
        check(compiled(real, fake), wanted, n)
        benchmark(compiled, real, fake)


@pytest.mark.parametrize("who", ["fastgen", "numpy"])
@pytest.mark.parametrize("shape", SAMPLES)
@pytest.mark.parametrize("kind", ["wgan_gp", "r1"])
def test_gradient_penalty(benchmark, kind, shape, who):
    grad = prepare(benchmark, f"gradient_penalty {kind}", shape)
    f = gan.gradient_penalty if who == "fastgen" else reference.gradient_penalty
    exact = reference.gradient_penalty(grad.astype(float), kind=kind)
    np.testing.assert_allclose(f(grad, kind=kind), exact, rtol=1e-4)
    benchmark(f, grad, kind=kind)


@pytest.mark.parametrize("who", ["fastgen", "numpy"])
@pytest.mark.parametrize("shape", [(128, 10), (64, 4096), (4096, 512)])
def test_js_divergence_from_logits(benchmark, shape, who):
    logits_p, logits_q = prepare(benchmark, "js_divergence_from_logits", (2, *shape))
    who = gan if who == "fastgen" else reference
    exact = reference.js_divergence_from_logits(logits_p.astype(float), logits_q.astype(float))
    value = who.js_divergence_from_logits(logits_p, logits_q)
    np.testing.assert_allclose(value, exact, rtol=1e-3)
    benchmark(who.js_divergence_from_logits, logits_p, logits_q)


@pytest.mark.parametrize("who", ["fastgen", "numpy"])
@pytest.mark.parametrize("n", LOGITS)
def test_js_estimate(benchmark, n, who):
    real, fake = prepare(benchmark, "js_estimate", (2, n))
    who = gan if who == "fastgen" else reference
    exact = reference.js_estimate(real.astype(float), fake.astype(float))
    np.testing.assert_allclose(who.js_estimate(real, fake), exact, rtol=1e-5, atol=1e-5)
    benchmark(who.js_estimate, real, fake)
