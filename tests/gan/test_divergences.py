"""Properties of the divergences of `fastgen.gan`."""

import os

import mpmath
import numpy as np
import pytest

import fastgen
from fastgen import cases, gan
from fastgen.cases import ulp
from fastgen.reference import gan as reference

F_KINDS = [
    "jeffreys",
    "jensen_shannon",
    "kl",
    "neyman",
    "pearson",
    "reverse_kl",
    "squared_hellinger",
    "total_variation",
    "triangular",
]
FLOATS = [np.float32, np.float64]
DRAWS, PART = int(os.environ.get("FASTGEN_DRAWS", 1_000_000)), 50_000


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("of", ["probabilities", "logits"])
def test_no_divergence_is_negative(of, dtype, rng):
    for spread in np.geomspace(1e-16, 30, DRAWS // PART):
        logits = 3 * rng.standard_normal((PART, 4))
        others = logits + spread * rng.standard_normal(logits.shape)
        if of == "logits":
            values = gan.js_divergence_from_logits(logits.astype(dtype), others.astype(dtype))
        else:
            p, q = (np.exp(x) / np.exp(x).sum(-1, keepdims=True) for x in (logits, others))
            values = gan.js_divergence(p.astype(dtype), q.astype(dtype))
        assert np.count_nonzero(values >= 0) == PART, spread


@pytest.mark.parametrize("dtype", FLOATS)
def test_js_divergence_is_symmetric_within_bounds_and_never_negative(dtype, rng):
    for spread in [1, 1e-2, 1e-4, 1e-7, 1e-10, 1e-15]:
        p = rng.uniform(size=(1700, 1000)).astype(dtype)  # 10^7 draws in all
        q = p if spread == 1e-15 else (p * (1 + spread * rng.normal(size=p.shape))).astype(dtype)
        q = rng.permuted(p, axis=-1) if spread == 1 else abs(q)
        p, q = (x / x.sum(-1, keepdims=True) for x in (p, q))
        terms = gan.js_divergence(p, q, axis=())
        assert (terms >= 0).all() and not np.signbit(terms).any()
        assert np.array_equal(terms, gan.js_divergence(q, p, axis=()))
        assert (terms[p != q] > 0).all() and not terms[p == q].any()
        total = gan.js_divergence(p, q)
        assert np.array_equal(total, gan.js_divergence(q, p)) and (total <= np.log(2)).all()


@pytest.mark.parametrize("dtype", FLOATS)
def test_js_divergence_keeps_its_digits_as_p_approaches_q(dtype, rng):
    p = rng.dirichlet(np.ones(64)).astype(dtype)
    for power in range(1, 24 if dtype == np.float32 else 53):
        q = (p * (1 + 2.0**-power * rng.choice([-1, 1], 64))).astype(dtype)
        with mpmath.workprec(300):
            exact = mpmath.fsum(
                (a * mpmath.log(2 * a / (a + b)) + b * mpmath.log(2 * b / (a + b))) / 2
                for a, b in (
                    [mpmath.mpf(float(x)) for x in pair] for pair in zip(p, q, strict=True)
                )
            )
            error = abs(mpmath.mpf(float(gan.js_divergence(p, q))) / exact - 1)
        assert error < 2 * np.finfo(dtype).eps


@pytest.mark.parametrize("dtype", FLOATS)
def test_js_divergence_where_series_and_logarithms_meet(dtype, rng):
    case = cases.CASES["gan.js_divergence"]
    p = rng.uniform(1e-6, 1, 900)
    d = np.concatenate([rng.uniform(0.4, 0.6, 600), 1 - 10.0 ** -rng.uniform(0, 30, 300)])
    p, q = p.astype(dtype), (p * (1 - d) / (1 + d)).astype(dtype)
    terms, (d_p, d_q) = fastgen.value_and_grad(gan.js_divergence)(p, q, axis=())
    for i, pair in enumerate(zip(p, q, strict=True)):
        assert ulp.error(terms[i], ulp.exactly(case.exact, pair), dtype) <= case.ulp
        for got, wanted in zip((d_p[i], d_q[i]), ulp.exactly(case.gradient, pair), strict=True):
            assert ulp.error(got, wanted, dtype) <= case.gradient_ulp


def test_js_divergence_of_the_disjoint_is_log_2_and_zeros_cost_nothing():
    p, q = np.array([0.25, 0.75, 0, 0, 0]), np.array([0, 0, 0.5, 0.5, 0])
    assert abs(gan.js_divergence(p, q) - np.log(2)) <= np.spacing(np.log(2))
    assert np.array_equal(gan.js_divergence(p, p, axis=()), np.zeros(5))
    _, (d_p, d_q) = fastgen.value_and_grad(gan.js_divergence)(p, q)
    assert d_p[0] == np.log(2) / 2 and d_q[0] == -np.inf and d_p[4] == 0


@pytest.mark.parametrize("kind", F_KINDS)
def test_f_divergence_is_zero_at_ratio_1_and_positive_elsewhere(kind, rng):
    for dtype in FLOATS:
        near = np.concatenate([10.0**-k * rng.normal(size=20_000) for k in range(12)])
        x = near.astype(dtype)
        x = x[abs(x) > 1e-15]
        y = gan.f_divergence(x, kind=kind)
        assert (y > 0).all() and y.dtype == dtype
        assert not np.signbit(gan.f_divergence(np.array([0.0, -0.0], dtype), kind=kind)).any()


@pytest.mark.parametrize("kind", F_KINDS)
def test_f_divergence_has_the_expectation_that_it_says(kind, rng):
    p, q = rng.dirichlet(np.ones(7)), rng.dirichlet(np.ones(7))
    kl = np.sum(p * np.log(p / q))
    reverse = np.sum(q * np.log(q / p))
    expected = {
        "kl": kl,
        "reverse_kl": reverse,
        "jeffreys": kl + reverse,
        "jensen_shannon": gan.js_divergence(p, q),
        "total_variation": np.sum(abs(p - q)) / 2,
        "pearson": np.sum((p - q) ** 2 / q),
        "neyman": np.sum((p - q) ** 2 / p),
        "squared_hellinger": 1 - np.sum(np.sqrt(p * q)),
        "triangular": np.sum((p - q) ** 2 / (p + q)),
    }
    got = np.sum(q * gan.f_divergence(np.log(p / q), kind=kind))
    np.testing.assert_allclose(got, expected[kind], rtol=1e-12)


def exact_js_from_logits(a, b):
    with mpmath.workprec(300):
        a, b = ([mpmath.exp(mpmath.mpf(float(x))) for x in logits] for logits in (a, b))
        p, q = [x / mpmath.fsum(a) for x in a], [x / mpmath.fsum(b) for x in b]
        return mpmath.fsum(
            (x * mpmath.log(2 * x / (x + y)) + y * mpmath.log(2 * y / (x + y))) / 2
            for x, y in zip(p, q, strict=True)
        )


@pytest.mark.parametrize("dtype", FLOATS)
def test_js_divergence_from_logits_keeps_its_digits(dtype, rng):
    for scale in [1, 30]:
        a = (scale * rng.normal(size=40)).astype(dtype)
        for spread in [3, 0.5, 1e-2, 1e-4] + ([1e-7, 1e-10, 1e-13] if dtype == np.float64 else []):
            b = (a + 2 + spread * rng.normal(size=40)).astype(dtype)
            for x, y in [(a, b), (b, a)]:
                value = gan.js_divergence_from_logits(x, y)
                exact = exact_js_from_logits(x, y)
                assert value.dtype == dtype
                worst = 6 * np.finfo(dtype).eps
                assert abs(mpmath.mpf(float(value)) / exact - 1) < worst, (scale, spread)
                assert value == gan.js_divergence_from_logits(y, x)


def test_js_divergence_from_logits_limits_and_gradient(rng):
    a, b = 3 * rng.normal(size=(2, 4, 6))
    f = gan.js_divergence_from_logits
    for axis in [-1, 0, None, (0, 1)]:
        wanted = reference.js_divergence_from_logits(a, b, axis=axis)
        np.testing.assert_allclose(f(a, b, axis=axis), wanted, rtol=1e-13)
        value, gradients = fastgen.value_and_grad(f)(a, b, axis=axis, cotangent=0.5)
        assert np.array_equal(value, f(a, b, axis=axis))
        step = np.zeros((4, 6))
        step[2, 3] = 1e-5
        for k, gradient in enumerate(gradients):
            ends = [f(a + s * (k == 0), b + s * (k == 1), axis=axis) for s in (step, -step)]
            slope = np.sum(ends[0] - ends[1]) / 4e-5
            np.testing.assert_allclose(gradient[2, 3], slope, rtol=1e-6, atol=1e-10)
    assert f(a[0], a[0]) == 0 and f(a[0], a[0] + 4) < 1e-30
    many, others = rng.normal(size=(2, 3000, 20))  # several blocks
    np.testing.assert_array_equal(f(many, others)[2990:], f(many[2990:], others[2990:]))
    assert f(np.zeros((0, 5)), np.zeros((0, 5))).shape == (0,)
    assert np.array_equal(f(np.zeros((2, 0)), np.zeros((2, 0))), [0, 0])
    inf = np.inf
    p, q = np.array([-inf, 0.0, -inf, 1e4]), np.array([0.0, -inf, -inf, 1e4])
    assert f(p, q) == 0 and f(p[:2], q[:2]) == np.log(2)
    _, (d_p, d_q) = fastgen.value_and_grad(f)(p, q)
    assert not d_p.any() and not d_q.any()
    far = np.array([[1e4, -1e4, 0], [0, 1e4, -1e4]], np.float32)
    assert f(*far) == np.float32(np.log(2))
    row = fastgen.value_and_grad(f)(a.astype("f"), b[0].astype("f"))[1][1]
    assert row.shape == (6,) and row.dtype == np.float32
    with pytest.raises(TypeError, match="complex"):
        f(a, b + 1j)
    with pytest.raises(ValueError, match="axis"):
        f(a, b, axis=2)
