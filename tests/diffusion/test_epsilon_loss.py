"""`fastgen.diffusion.epsilon_loss`: the loss whose noise is drawn again from its key."""

import numpy as np
import pytest

import fastgen
from fastgen import noise
from fastgen.diffusion import Schedule, add_noise, denoising_loss, epsilon_loss
from fastgen.reference import diffusion as reference

SHAPES = [(5,), (4, 300), (3, 2, 8, 8), (2, 5000)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_loss_and_gradient_are_those_of_the_noise(shape, dtype, rng):
    prediction = rng.standard_normal(shape).astype(dtype)
    epsilon = noise.normal(shape, key=4, counter=33, dtype=dtype)
    weight, c = rng.uniform(0.5, 2, (2, shape[0])).astype(dtype)
    for w in (None, 2.5, weight):
        f = fastgen.value_and_grad(epsilon_loss)
        loss = epsilon_loss(prediction, key=4, counter=33, weight=w)
        np.testing.assert_array_equal(loss, denoising_loss(prediction, epsilon, weight=w))
        wanted = reference.epsilon_loss(prediction, key=4, counter=33, weight=w)
        np.testing.assert_allclose(loss, wanted, rtol=1e-5)
        value, (gradient,) = f(prediction, cotangent=c, key=4, counter=33, weight=w)
        np.testing.assert_array_equal(value, loss)
        known = fastgen.value_and_grad(denoising_loss)
        theirs = known(prediction, epsilon, cotangent=c, weight=w)[1][0]
        np.testing.assert_array_equal(gradient, theirs)
        _, pullback = fastgen.vjp(epsilon_loss, prediction, key=4, counter=33, weight=w)
        np.testing.assert_array_equal(pullback(c)[0], theirs)
    scattered = np.asfortranarray(prediction)
    loss = epsilon_loss(scattered, key=4, counter=33)
    np.testing.assert_array_equal(loss, epsilon_loss(prediction, key=4, counter=33))


def test_half_precision_meets_noise_that_was_not_rounded(rng):
    prediction = rng.standard_normal((3, 40)).astype(np.float16)
    epsilon = noise.normal((3, 40), key=1, dtype=np.float32)
    loss = epsilon_loss(prediction, key=1)
    assert loss.dtype == np.float16
    wanted = denoising_loss(prediction.astype(np.float32), epsilon).astype(np.float16)
    np.testing.assert_array_equal(loss, wanted)


def test_a_perfect_prediction_has_no_loss(rng):
    schedule, t = Schedule.cosine(100), np.array([10, 50, 90])
    x0 = rng.standard_normal((3, 7))
    x_t = add_noise(x0, t, schedule, key=2, counter=5)
    alpha_t, sigma_t = (c[:, None] for c in schedule.coefficients(t))
    assert (epsilon_loss((x_t - alpha_t * x0) / sigma_t, key=2, counter=5) < 1e-24).all()
    assert (epsilon_loss((x_t - alpha_t * x0) / sigma_t, key=3, counter=5) > 0.1).all()


def test_noise_of_another_precision_is_refused(rng):
    """The noise of float64 data, and of integers, is not that of float32 data."""
    x0 = rng.integers(0, 256, (3, 7)).astype(np.uint8)
    x_t, epsilon = add_noise(x0, 10, Schedule.linear(), key=2, return_noise=True)
    assert x_t.dtype == np.float64
    wide, narrow = (np.uint8, np.float64, bool, int), (np.float16, np.float32, "bfloat16")
    for dtype in (np.float16, np.float32, np.float64):
        mine, others = (wide, narrow) if dtype == np.float64 else (narrow, wide)
        for data in mine:
            loss = epsilon_loss(epsilon.astype(dtype), key=2, data_dtype=data)
            np.testing.assert_array_equal(loss, epsilon_loss(epsilon.astype(dtype), key=2))
        for data in others:
            with pytest.raises(ValueError, match=r"epsilon_loss: prediction is float\d+, but the"):
                epsilon_loss(epsilon.astype(dtype), key=2, data_dtype=data)
    assert (epsilon_loss(epsilon, key=2, data_dtype=x0.dtype) == 0).all()


def test_bad_input(rng):
    prediction = rng.standard_normal((3, 4))
    with pytest.raises(ValueError, match="0 <= key"):
        epsilon_loss(prediction, key=2**64)
    with pytest.raises(ValueError, match="0 <= counter"):
        epsilon_loss(prediction, key=1, counter=-1)
    with pytest.raises(ValueError, match="epsilon_loss: weight must be"):
        epsilon_loss(prediction, key=1, weight=[1.0, 2.0])
    with pytest.raises(TypeError, match="epsilon_loss: prediction must hold"):
        epsilon_loss(prediction + 1j, key=1)
