"""Elementwise bijectors and densities of `fastgen.flow`: inverses, and other libraries."""

import mpmath
import numpy as np
import pytest

import fastgen
from fastgen import flow
from fastgen.reference import flow as reference

# Name, parameters, and the largest |x| for which y still determines x well.
BIJECTORS = [
    ("exp", (), 5),
    ("sigmoid", (), 5),
    ("tanh", (), 3),
    ("softplus", (), 5),
    ("leaky_relu", (0.25,), 100),
    ("power", (1.5,), 5),
    ("soft_clip", (2.0,), 5),
    ("logit", (0.05,), 0.5),
]
DOMAIN = {"logit": 0.5}  # the centre of x


def points(name, spread, rng, shape):
    return DOMAIN.get(name, 0.0) + spread * rng.uniform(-1, 1, size=shape)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "parameters", "spread"), BIJECTORS)
def test_inverse_of_forward(name, parameters, spread, dtype, rng):
    f, x = getattr(flow, name), points(name, spread, rng, (50, 20)).astype(dtype)
    y, logabsdet = f(x, *parameters)
    back, other = f(y, *parameters, inverse=True)
    # Rounding y changes x by y / y'(x). The log-determinant is log y'(x).
    slope = np.exp(f(x.astype(float), *parameters, axis=())[1])
    cost = np.maximum(np.abs(y), 1) / slope + np.abs(x)
    assert np.max(np.abs(back - x) / cost) < 8 * np.finfo(dtype).eps
    np.testing.assert_allclose(logabsdet, -other, rtol=1e-2 if dtype == np.float32 else 1e-9)


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize(("name", "parameters", "spread"), BIJECTORS)
def test_logabsdet_is_slogdet_of_the_jacobian(name, parameters, spread, inverse, rng):
    f, x = getattr(flow, name), points(name, spread, rng, 7)
    x = f(x, *parameters)[0] if inverse else x
    options, h = {"inverse": inverse}, 1e-6
    jacobian = [
        (f(x + h * e, *parameters, **options)[0] - f(x - h * e, *parameters, **options)[0])
        / (2 * h)
        for e in np.eye(7)
    ]
    logabsdet = f(x, *parameters, **options)[1]
    np.testing.assert_allclose(logabsdet, np.linalg.slogdet(jacobian)[1], atol=2e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logabsdet_is_finite_where_the_truth_is(dtype):
    x = np.array([10, -10, 50, -50, 1e4, -1e4], dtype)
    for f, exact in [
        (flow.tanh, lambda t: 2 * (mpmath.log(2) - abs(t) - mpmath.log1p(mpmath.exp(-2 * abs(t))))),
        (flow.sigmoid, lambda t: -abs(t) - 2 * mpmath.log1p(mpmath.exp(-abs(t)))),
        (flow.softplus, lambda t: -mpmath.log1p(mpmath.exp(-t))),
    ]:
        terms = f(x, axis=())[1]
        wanted = [float(exact(mpmath.mpf(float(t)))) for t in x]
        np.testing.assert_allclose(terms, wanted, rtol=5 * np.finfo(dtype).eps)
    assert abs(flow.tanh(dtype(10.0))[1] + 18.6137056) < 1e-5


@pytest.mark.parametrize(
    ("name", "theirs", "domain"),
    [
        ("exp", lambda t: t.ExpTransform(), 3),
        ("sigmoid", lambda t: t.SigmoidTransform(), 3),
        ("tanh", lambda t: t.TanhTransform(), 3),
        ("softplus", lambda t: t.SoftplusTransform(), 3),
    ],
)
def test_bijectors_of_torch(name, theirs, domain, rng):
    torch = pytest.importorskip("torch")
    transform, x = theirs(torch.distributions.transforms), domain * rng.normal(size=(6, 5))
    y = transform(torch.tensor(x))
    ours, logabsdet = getattr(flow, name)(x, axis=())
    np.testing.assert_allclose(ours, y, rtol=1e-11, atol=1e-14)
    wanted = transform.log_abs_det_jacobian(torch.tensor(x), y)
    np.testing.assert_allclose(logabsdet, wanted, rtol=1e-10, atol=1e-14)


def test_power_of_torch_and_soft_clip_of_zuko(rng):
    torch = pytest.importorskip("torch")
    x = rng.random((6, 5)) + 0.1
    transform = torch.distributions.transforms.PowerTransform(torch.tensor(2.5))
    ours, logabsdet = flow.power(x, 2.5, axis=())
    np.testing.assert_allclose(ours, transform(torch.tensor(x)), rtol=1e-12)
    wanted = transform.log_abs_det_jacobian(torch.tensor(x), transform(torch.tensor(x)))
    np.testing.assert_allclose(logabsdet, wanted, rtol=1e-11, atol=1e-14)
    transforms = pytest.importorskip("zuko.transforms", reason="pip install zuko")
    wanted, ladj = transforms.SoftclipTransform(bound=3.0).call_and_ladj(torch.tensor(x))
    ours, logabsdet = flow.soft_clip(x, 3.0, axis=())
    np.testing.assert_allclose(ours, wanted, rtol=1e-12)
    np.testing.assert_allclose(logabsdet, ladj, rtol=1e-12)


@pytest.mark.parametrize(("name", "parameters", "spread"), BIJECTORS)
def test_parameters_may_be_left_out_or_named(name, parameters, spread, rng):
    f, x = getattr(flow, name), np.abs(points(name, spread, rng, (4, 3))) / 2
    value, gradients = fastgen.value_and_grad(f)(x)
    assert len(gradients) == 1 and all(map(np.array_equal, value, f(x)))
    value, (by_x,) = fastgen.value_and_grad(f)(x, inverse=True)
    for a, b in zip(value, f(x, inverse=True), strict=True):
        np.testing.assert_array_equal(a, b)
    assert by_x.shape == x.shape
    if parameters:
        word = {"leaky_relu": "negative_slope", "power": "exponent", "soft_clip": "bound"}
        option = {word.get(name, "alpha"): parameters[0]}
        assert all(map(np.array_equal, f(x, **option), f(x, *parameters)))
        named = fastgen.value_and_grad(f)(x, **option)[1][0]
        given = fastgen.value_and_grad(f)(x, *parameters)[1]
        assert np.array_equal(named, given[0]) and np.shape(given[1]) == ()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_powers_of_1_and_2_are_rounded_once(dtype, rng):
    x = np.concatenate([50 * rng.normal(size=1000), [0.0, -0.0, 100.0, np.inf, -np.inf, np.nan]])
    x = x.astype(dtype)
    square, root = np.copysign(x * x, x), np.copysign(np.sqrt(np.abs(x)), x)
    for exponent, inverse, y, slope in [
        (2, False, square, 2 * np.abs(x)),
        (2, True, root, None),
        (1, False, x, np.ones_like(x)),
        (1, True, x, np.ones_like(x)),
    ]:
        f = fastgen.value_and_grad(flow.power, argnums=0)
        (found, _), (gradient,) = f(x, exponent, inverse=inverse, axis=(), cotangent=(1.0, None))
        np.testing.assert_array_equal(found, y)
        np.testing.assert_array_equal(np.signbit(found[:-1]), np.signbit(y[:-1]))
        if slope is not None:
            np.testing.assert_array_equal(gradient[:1000], slope[:1000])


def test_pixels_through_logit_and_bits_per_dim(rng):
    pixels = rng.integers(0, 256, (3, 28 * 28))
    x = (pixels + rng.random(pixels.shape)) / 256
    z, logabsdet = flow.logit(x, alpha=0.05)
    log_prob = flow.log_prob(z, logabsdet)
    wanted = reference.log_prob(*reference.logit(x, 0.05))
    np.testing.assert_allclose(log_prob, wanted, rtol=1e-12)
    bits = flow.bits_per_dim(log_prob, dims=784)
    np.testing.assert_allclose(bits, 8 - log_prob / 784 / np.log(2), rtol=1e-12)
    np.testing.assert_allclose(bits, reference.bits_per_dim(wanted, dims=784), rtol=1e-12)


def test_log_prob_adds_before_it_rounds(rng):
    z = 3 * rng.normal(size=(1, 4096)).astype(np.float32)
    base = flow.log_prob(z, 0.0, out=np.empty(1))  # a sum in float64
    logabsdet = -base.astype(np.float32)
    wanted = (base + logabsdet).astype(np.float32)
    assert 0 < abs(wanted[0]) < 1e-2  # it would be 0 if the sum were rounded first
    assert np.array_equal(flow.log_prob(z, logabsdet), wanted)


def test_bits_per_dim_and_its_derivative():
    nats = np.array([-1.0, 2.0], np.float32)
    bits, (slope,) = fastgen.value_and_grad(flow.bits_per_dim)(nats, dims=2, bins=1)
    assert bits.dtype == slope.dtype == np.float32
    np.testing.assert_allclose(bits, -nats / (2 * np.log(2)), rtol=1e-6)
    np.testing.assert_allclose(slope, np.full(2, -1 / (2 * np.log(2))), rtol=1e-6)
    for bad in ({"dims": 0}, {"dims": 1, "bins": 0}):
        with pytest.raises(ValueError, match="dims and bins must be at least 1, got"):
            flow.bits_per_dim(nats, **bad)
