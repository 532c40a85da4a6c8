"""Evidence lower bounds: their terms, their free bits, their derivatives."""

import functools

import dask.array as da
import ml_dtypes
import numpy as np
import pytest

import fastgen
from fastgen import vae
from fastgen.reference import vae as reference

OPTIONS = [
    {},
    {"beta": 4.0},
    {"beta": 0},
    {"free_bits": 0.1},
    {"beta": 0.5, "free_bits": 0.2},
    {"free_bits": 0.0},
]


def bernoulli(rng, batch=(6,), samples=(), data=(9,), latents=(4,), dtype=float):
    x = np.where(rng.random((*batch, *data)) < 0.5, 0.125, 0.875)  # a difference stays in [0, 1]
    logits = 3 * rng.standard_normal((*samples, *batch, *data))
    mu, logvar = 0.5 * rng.standard_normal((2, *batch, *latents))
    return tuple(a.astype(dtype) for a in (x, logits, mu, logvar))


def gaussian(rng, **shapes):
    x, x_mu, mu, logvar = bernoulli(rng, **shapes)
    return x, x_mu / 3, x_mu / 5, mu, logvar


FUNCTIONS = [(vae.bernoulli_elbo, bernoulli), (vae.gaussian_elbo, gaussian)]
BOTH = pytest.mark.parametrize(("f", "draw"), FUNCTIONS)


@BOTH
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("samples", [(), (3,)])
def test_value_and_gradients(f, draw, options, samples, rng):
    inputs = draw(rng, samples=samples)
    f = functools.partial(f, **options)
    value, gradients = fastgen.value_and_grad(f)(*inputs, cotangent=0.25)
    wanted = getattr(reference, f.func.__name__)(*inputs, **options)
    np.testing.assert_allclose(value, wanted, rtol=1e-13)
    assert np.array_equal(value, f(*inputs)) and value.shape == (*samples, 6)
    for k, (x, slope) in enumerate(zip(inputs, gradients, strict=True)):
        assert slope.shape == x.shape
        for where in [(0,) * x.ndim, (-1,) * x.ndim, (-1,) * (x.ndim - 1) + (1,)]:
            step = np.zeros(x.shape)
            step[where] = 1e-6
            moved = [f(*inputs[:k], x + s * step, *inputs[k + 1 :]) for s in (1, -1)]
            central = np.sum(moved[0] - moved[1]) / 8e-6
            np.testing.assert_allclose(slope[where], central, rtol=1e-6, atol=1e-7)


@BOTH
def test_cotangents_and_single_gradients(f, draw, rng):
    inputs = draw(rng, samples=(3,))
    value, all_of_them = fastgen.value_and_grad(f)(*inputs)
    for k in range(len(inputs)):
        again, (one,) = fastgen.value_and_grad(f, argnums=k)(*inputs)
        assert np.array_equal(one, all_of_them[k]) and np.array_equal(again, value)
    per_sample = rng.standard_normal((3, 6))
    _, pullback = fastgen.vjp(f, *inputs)
    got = pullback(per_sample)
    each = [
        fastgen.vjp(f, inputs[0], *(x[s] if x.ndim == 3 else x for x in inputs[1:]))[1](c)
        for s, c in enumerate(per_sample)
    ]
    for k, gradient in enumerate(got):
        parts = [e[k] for e in each]
        wanted = np.stack(parts) if inputs[k].ndim == 3 else sum(parts)
        np.testing.assert_allclose(gradient, wanted, rtol=1e-12, atol=1e-15)
    kept = fastgen.vjp(f, *inputs, keepdims=True)
    assert kept[0].shape == (3, 6, 1)
    for a, b in zip(kept[1](per_sample[..., None]), got, strict=True):
        assert np.array_equal(a, b)
    assert np.array_equal(kept[1](2)[0], pullback(2.0)[0])
    with pytest.raises(ValueError, match="argnums"):
        fastgen.value_and_grad(f, argnums=len(inputs))


@BOTH
def test_axes_of_images(f, draw, rng):
    inputs = draw(rng, data=(2, 3, 4))
    flat = tuple(x.reshape(6, -1) for x in inputs)
    wanted, gradients = fastgen.value_and_grad(f)(*flat)
    for options in [{"axis": (1, 2, 3)}, {"axis": (-1, -2, -3), "latent_axis": (1,)}]:
        value, slopes = fastgen.value_and_grad(f)(*inputs, **options)
        assert np.array_equal(value, wanted)
        for a, b in zip(slopes, gradients, strict=True):
            assert np.array_equal(a.reshape(b.shape), b)
        assert f(*inputs, keepdims=True, **options).shape == (6, 1, 1, 1)
    moved = (*(np.moveaxis(x, 0, -1) for x in inputs[:-2]), *inputs[-2:])
    assert np.array_equal(f(*moved, axis=(0, 1, 2)), wanted)
    everything = f(*inputs, axis=None, latent_axis=None)
    np.testing.assert_allclose(everything, np.sum(wanted), rtol=1e-13)


@BOTH
@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32])
def test_rounded_once(f, draw, dtype, rng):
    inputs = draw(rng, data=(500,), dtype=dtype)
    wide = tuple(x.astype(np.float64) for x in inputs)
    value, gradients = fastgen.value_and_grad(f)(*inputs)
    assert value.dtype == dtype and all(g.dtype == dtype for g in gradients)
    np.testing.assert_allclose(
        value.astype(float), f(*wide), rtol=float(ml_dtypes.finfo(dtype).eps)
    )
    out = np.empty(6)
    assert f(*inputs, out=out) is out
    np.testing.assert_allclose(out, f(*wide), rtol=1e-6)  # terms in float32, sums in float64
    assert np.array_equal(out.astype(dtype), value)
    scalars = (*inputs[:-1], np.float64(0.25))  # a scalar does not widen a batch
    assert f(*scalars).dtype == dtype


def test_free_bits_are_the_papers(rng):
    _, _, mu, logvar = bernoulli(rng, batch=(50,), latents=(8,))
    x = logits = np.zeros((50, 1))
    mean = np.mean(vae.kl_standard_normal(mu, logvar, axis=()), axis=0)
    free = np.median(mean)
    f = functools.partial(vae.bernoulli_elbo, free_bits=free)
    value, (d_mu, d_logvar) = fastgen.value_and_grad(f, argnums=(2, 3))(x, logits, mu, logvar)
    wanted = -np.log(2) - np.sum(np.maximum(mean, free))
    np.testing.assert_allclose(np.mean(value), wanted, rtol=1e-13)
    for slope in (d_mu, d_logvar):
        assert np.array_equal(np.any(slope != 0, axis=0), mean > free)
    groups = fastgen.vae.bernoulli_elbo(
        x,
        logits,
        mu.reshape(50, 2, 4),
        logvar.reshape(50, 2, 4),
        latent_axis=(1, 2),
        free_bits=free,
    )
    np.testing.assert_allclose(groups, value, rtol=1e-13)
    one = vae.bernoulli_elbo(x[0], logits[0], mu[0], logvar[0], free_bits=0.25)  # a batch of one
    own = np.maximum(vae.kl_standard_normal(mu[0], logvar[0], axis=()), 0.25)
    np.testing.assert_allclose(one, -np.log(2) - np.sum(own), rtol=1e-13)
    plain = vae.bernoulli_elbo(x, logits, mu, logvar)
    np.testing.assert_allclose(f(x, logits, mu, logvar, free_bits=0), plain, rtol=1e-14)
    mu[3, 2] = np.nan
    assert np.isnan(f(x, logits, mu, logvar)[3])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_pixels_from_0_to_255_have_no_likelihood(dtype):
    x = np.array([[0, 0.5, 1], [0, 1, 255], [-0.25, 1, 0]], dtype)
    logits, z = np.full((3, 3), 0.75, dtype), np.zeros((3, 2), dtype)
    value, found = fastgen.value_and_grad(vae.bernoulli_elbo)(x, logits, z, z)
    assert np.isnan(value).tolist() == [False, True, True]
    wrong = [[False] * 3, [False, False, True], [True, False, False]]
    assert all(np.isnan(g).tolist() == wrong for g in found[:2])
    assert not any(np.any(g) for g in found[2:])


def test_limits():
    x, far = np.array([[1.0], [0.0]]), np.array([[1e4], [-1e4]])
    z = np.zeros((2, 3))
    with np.errstate(all="raise"):
        value, gradients = fastgen.value_and_grad(vae.bernoulli_elbo)(x, far, z, z)
        assert np.array_equal(value, [0, 0])
        assert not any(np.any(g) for g in gradients[1:])
        value = vae.bernoulli_elbo(x, -far, z, z - np.inf)
        assert np.array_equal(value, [-np.inf, -np.inf])
        assert np.isnan(vae.gaussian_elbo(x, x, np.full((2, 1), -np.inf), z, z - np.inf)).all()
    assert vae.bernoulli_elbo(np.zeros((0, 3)), 0.0, np.zeros((0, 2)), 0.0).shape == (0,)
    assert vae.bernoulli_elbo(np.zeros((2, 0)), 0.0, z, z).tolist() == [0, 0]
    assert type(vae.bernoulli_elbo(x[0], far[0], z[0], z[0])) is np.float64


@BOTH
def test_dask_arrays_stay_lazy(f, draw, rng):
    inputs = draw(rng)
    lazy = [da.from_array(x, chunks=(2, -1)) for x in inputs]
    value = f(*lazy, beta=2.0)
    assert isinstance(value, da.Array)
    np.testing.assert_array_equal(value.compute(), f(*inputs, beta=2.0))
    kept = f(*lazy, keepdims=True)
    np.testing.assert_array_equal(kept.compute(), f(*inputs, keepdims=True))
    with pytest.raises(ValueError, match="x must have one chunk along axis 0"):
        f(*lazy, free_bits=0.1)
    with pytest.raises(TypeError, match=r"out.* dask"):
        f(*lazy, out=np.empty(6))


@BOTH
def test_bad_calls(f, draw, rng):
    inputs, name = draw(rng), f.__name__
    for bad in [-1, float("nan")]:
        for option in ["beta", "free_bits"]:
            for call in (f, fastgen.value_and_grad(f)):
                with pytest.raises(
                    ValueError, match=f"{name}: {option} must not be negative or NaN"
                ):
                    call(*inputs, **{option: bad})
    for k, argument in [(0, "x"), (len(inputs) - 1, "logvar")]:
        for bad in [inputs[k] * 1j, inputs[k].astype("g"), np.ma.array(inputs[k])]:
            with pytest.raises(TypeError, match=f"{name}: {argument} must"):
                f(*inputs[:k], bad, *inputs[k + 1 :])
        with pytest.raises(ValueError, match=rf"{name}: the shapes must .*{argument} \(5, 2\)"):
            f(*inputs[:k], np.ones((5, 2)), *inputs[k + 1 :])
    with pytest.raises(ValueError, match=r"batch shapes must broadcast.*\(6,\).*\(5,\)"):
        f(*inputs[:-2], np.ones((5, 2)), np.ones((5, 2)))
    for option in ["axis", "latent_axis"]:
        with pytest.raises(ValueError, match="axis must lie between -2 and 1"):
            f(*inputs, **{option: 2})
        with pytest.raises(ValueError, match="axis must name each axis once"):
            f(*inputs, **{option: (0, 0)})
    for out, error in [
        (np.empty(5), ValueError),
        (np.empty(6, int), TypeError),
        ([0.0] * 6, TypeError),
    ]:
        with pytest.raises(error, match=f"{name}: out must"):
            f(*inputs, out=out)
    with pytest.raises(ValueError, match="read-only"):
        f(*inputs, out=np.broadcast_to(0.0, 6))
