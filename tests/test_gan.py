"""What is true of adversarial losses and divergences beyond each operation by itself."""

import functools
import inspect
import itertools

import ml_dtypes
import mpmath
import numpy as np
import pytest
import ulp

import fastgen
from fastgen import cases, gan
from fastgen.reference import gan as reference

KINDS = [
    "minimax",
    "non_saturating",
    "saturating",
    "hinge",
    "least_squares",
    "wasserstein",
    "relativistic",
]
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
REDUCTIONS = ["mean", "sum", "none"]
FLOATS = [np.float32, np.float64]


def options_of(function, kind, real):
    needs_real = function == "generator_loss" and kind == "relativistic"
    return {"kind": kind, "real": real} if needs_real else {"kind": kind}


# ---- Divergences


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


# ---- Losses


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("function", ["discriminator_loss", "generator_loss"])
def test_losses_agree_with_the_reference(function, kind, reduction, rng):
    real, fake = 4 * rng.normal(size=(2, 6, 50))
    options = options_of(function, kind, real) | {"reduction": reduction}
    inputs = (real, fake) if function == "discriminator_loss" else (fake,)
    got = getattr(gan, function)(*inputs, **options)
    wanted = getattr(reference, function)(*inputs, **options)
    np.testing.assert_allclose(got, wanted, rtol=1e-13)
    options = options_of(function, kind, real.astype("f")) | {"reduction": reduction}
    single = getattr(gan, function)(*(x.astype("f") for x in inputs), **options)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("function", ["discriminator_loss", "generator_loss"])
def test_gradients_of_losses_agree_with_central_differences(function, kind, reduction, rng):
    real, fake = rng.normal(size=(2, 4, 5))
    f = getattr(gan, function)
    options = options_of(function, kind, real) | {"reduction": reduction}
    inputs = [real, fake] if function == "discriminator_loss" else [fake]
    cotangent = rng.normal(size=(4, 5)) if reduction == "none" else 0.75
    value, gradients = fastgen.value_and_grad(f)(*inputs, cotangent=cotangent, **options)
    assert np.array_equal(value, f(*inputs, **options))
    again = fastgen.vjp(f, *inputs, **options)[1](cotangent)
    for k in range(len(inputs)):
        assert np.array_equal(again[k], gradients[k])
        step = np.zeros((4, 5))
        step[1, 2] = 1e-6
        ends = [f(*inputs[:k], inputs[k] + s, *inputs[k + 1 :], **options) for s in (step, -step)]
        slope = np.sum(cotangent * (ends[0] - ends[1])) / 2e-6
        np.testing.assert_allclose(gradients[k][1, 2], slope, rtol=1e-7, atol=1e-9)


def mixed_types():
    numbers = np.array([0.5, -1.5, 2.0])
    types = [np.float16, ml_dtypes.bfloat16, np.float32, np.float64, np.int32]
    arrays = [numbers.astype(t) for t in types]
    scalars = [0.25, 1, np.float64(0.25), np.float32(0.25), np.array(0.25), np.float16(0.25)]
    return [(a, b) for a in arrays for b in arrays + scalars] + [(s, 0.5) for s in scalars]


def test_the_result_has_the_type_that_any_operation_would_give_it():
    for a, b in mixed_types():
        for pair in [(a, b), (b, a)]:
            wanted = gan.relativistic_loss(*pair, axis=()).dtype
            for kind, reduction in itertools.product(KINDS, REDUCTIONS):
                loss = functools.partial(gan.discriminator_loss, kind=kind, reduction=reduction)
                value, gradients = fastgen.value_and_grad(loss)(*pair)
                assert loss(*pair).dtype == value.dtype == wanted, (pair, kind, reduction)
                for x, gradient in zip(pair, gradients, strict=True):
                    own = getattr(x, "dtype", None)
                    assert own is None or own.kind == "i" or gradient.dtype == own
            assert gan.js_estimate(*pair).dtype == wanted
            if np.ndim(a) or np.ndim(b):
                assert gan.js_divergence_from_logits(*pair).dtype == wanted


@pytest.mark.parametrize("half", [np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("kind", KINDS)
def test_half_precision_losses_are_rounded_once(kind, half, rng):
    real, fake = rng.normal(size=(2, 300)).astype(half)
    wide = gan.discriminator_loss(real.astype("f"), fake.astype("f"), kind=kind, reduction="none")
    got = gan.discriminator_loss(real, fake, kind=kind, reduction="none")
    assert got.dtype == half and np.array_equal(got, wide.astype(half))
    value, gradients = fastgen.value_and_grad(gan.discriminator_loss)(real, fake, kind=kind)
    assert value.dtype == half and all(g.dtype == half for g in gradients)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("kind", KINDS)
def test_losses_at_extreme_logits(kind, dtype):
    far = np.array([1e4, -1e4], dtype)
    with np.errstate(all="raise"):
        for reduction in REDUCTIONS:
            f = functools.partial(gan.discriminator_loss, kind=kind, reduction=reduction)
            value, gradients = fastgen.value_and_grad(f)(far, far[::-1])
            assert np.isfinite(value).all() and all(np.isfinite(g).all() for g in gradients)
    if kind in ("minimax", "saturating", "non_saturating"):
        value, (d_real, d_fake) = fastgen.value_and_grad(gan.discriminator_loss)(
            far, far, kind=kind
        )
        assert value == 1e4 and np.array_equal(d_real, [0, -0.5])
        assert np.array_equal(d_fake, [0.5, 0])


@pytest.mark.parametrize("dtype", FLOATS)
def test_gradients_in_the_tails_are_exact_where_sigmoid_has_long_been_1(dtype):
    x = np.array([18.0, 40, 80], dtype)
    d_real = fastgen.value_and_grad(gan.generator_loss)(x, kind="non_saturating", reduction="sum")
    np.testing.assert_allclose(d_real[1][0], -np.exp(-x.astype(float)), rtol=1e-6)
    assert (d_real[1][0] < 0).all()


def test_batches_of_different_sizes_and_of_nothing():
    real, fake = np.array([1.0, 3.0]), np.array([[-1.0], [0.0], [4.0]])
    value, gradients = fastgen.value_and_grad(gan.discriminator_loss)(
        real, fake, kind="wasserstein"
    )
    assert value == -2 + 1 and [g.shape for g in gradients] == [(2,), (3, 1)]
    assert np.isnan(gan.generator_loss(np.zeros(0), kind="hinge"))
    assert gan.generator_loss(np.zeros(0), kind="hinge", reduction="sum") == 0


def test_label_smoothing_and_targets():
    real, fake = np.array([0.5, -2.0]), np.array([1.0, 3.0])
    got = gan.discriminator_loss(real, fake, kind="minimax", label_smoothing=0.25)
    wanted = reference.discriminator_loss(real, fake, kind="minimax", label_smoothing=0.25)
    np.testing.assert_allclose(got, wanted, rtol=1e-14)
    targets = (-1.0, 1.0, 0.0)
    got = gan.discriminator_loss(real, fake, kind="least_squares", targets=targets)
    assert got == (0.125 + 4.5) / 2 + (2.0 + 8.0) / 2
    assert gan.generator_loss(fake, kind="least_squares", targets=targets) == (0.5 + 4.5) / 2
    for bad in [-0.1, 1.5, float("nan")]:
        with pytest.raises(ValueError, match="label_smoothing must lie between 0 and 1"):
            gan.discriminator_loss(real, fake, kind="minimax", label_smoothing=bad)
    with pytest.raises(ValueError, match=r"label_smoothing .* for hinge"):
        gan.discriminator_loss(real, fake, kind="hinge", label_smoothing=0.1)


def test_unknown_kinds_and_reductions_are_refused_with_the_choices():
    x = np.ones(3)
    calls = {
        "discriminator_loss": lambda **options: gan.discriminator_loss(x, x, **options),
        "generator_loss": lambda **options: gan.generator_loss(x, **options),
        "f_divergence": lambda **options: gan.f_divergence(x, **options),
    }
    for name, call in calls.items():
        for bad in ["wgan", "", None, 3, ["hinge"]]:
            with pytest.raises(ValueError, match=name + ": kind must be one of '.*', '.*'; got"):
                call(kind=bad)
        with pytest.raises(TypeError, match="kind"):
            call()
        gradient = fastgen.value_and_grad(getattr(gan, name))
        with pytest.raises(ValueError, match="kind must be one of"):
            gradient(*[x] * (2 if name == "discriminator_loss" else 1), kind="wgan")
        if "reduction" in inspect.signature(getattr(gan, name)).parameters:
            with pytest.raises(ValueError, match="reduction must be one of 'mean', 'sum', 'none'"):
                call(kind="hinge", reduction="max")
    with pytest.raises(ValueError, match="relativistic needs real"):
        gan.generator_loss(x, kind="relativistic")
    for kind in KINDS:
        with pytest.raises(TypeError, match="complex"):
            gan.discriminator_loss(x, x + 1j, kind=kind)
    with pytest.raises(ValueError, match="broadcast"):
        gan.discriminator_loss(x, np.ones(2), kind="relativistic")
    with pytest.raises(ValueError, match="argnums"):
        fastgen.value_and_grad(gan.generator_loss, argnums=1)


@pytest.mark.parametrize("dtype", FLOATS)
def test_js_estimate_is_attained_by_the_optimal_discriminator(dtype, rng):
    log_p, log_q = np.log(rng.dirichlet(np.ones(5), size=2))
    draws = 4_000
    p, q = (np.round(draws * np.exp(x)).astype(int) for x in (log_p, log_q))
    log_p, log_q = np.log(p / p.sum()), np.log(q / q.sum())
    logits = (log_p - log_q).astype(dtype)
    got = gan.js_estimate(np.repeat(logits, p), np.repeat(logits, q))
    assert got.dtype == dtype
    np.testing.assert_allclose(got, gan.js_divergence(p / p.sum(), q / q.sum()), rtol=1e-5)
    np.testing.assert_allclose(
        gan.optimal_discriminator(log_p, log_q), p / p.sum() / (p / p.sum() + q / q.sum())
    )
    value, (d_real, _) = fastgen.value_and_grad(gan.js_estimate)(logits, logits)
    assert value == gan.js_estimate(logits, logits) <= 0
    np.testing.assert_allclose(d_real, 0.1 / (1 + np.exp(logits)), rtol=1e-5)


# ---- Penalties


@pytest.mark.parametrize("axis", [..., -1, (1, 2), None, 0])
@pytest.mark.parametrize("kind", ["wgan_gp", "dragan", "r1"])
def test_gradient_penalty_and_its_derivative(kind, axis, rng):
    grad = rng.normal(size=(4, 3, 5))
    f = functools.partial(gan.gradient_penalty, kind=kind, center=0.75, axis=axis)
    value, (slope,) = fastgen.value_and_grad(f)(grad, cotangent=0.5)
    wanted = reference.gradient_penalty(grad, kind=kind, center=0.75, axis=axis)
    np.testing.assert_allclose(value, wanted, rtol=1e-12)
    assert np.array_equal(value, f(grad))
    step = np.zeros(grad.shape)
    step[1, 2, 3] = 1e-6
    difference = np.sum(f(grad + step) - f(grad - step)) / 4e-6
    np.testing.assert_allclose(slope[1, 2, 3], difference, rtol=1e-6, atol=1e-8)
    per_sample = rng.normal(size=np.shape(value))
    weighted = fastgen.vjp(f, grad)[1](per_sample)[0]
    axes = (1, 2) if axis is ... else axis
    spread = np.expand_dims(per_sample, axes) if axes is not None else per_sample
    np.testing.assert_allclose(weighted, 2 * slope * spread, rtol=1e-14)


@pytest.mark.parametrize("kind", ["wgan_gp", "dragan", "r1"])
def test_gradient_penalty_at_norms_of_zero_and_infinity(kind):
    grad = np.array([[0.0, 0.0], [0.0, -0.0], [3.0, 4.0], [np.inf, 0.0], [np.nan, 0.0]], "f")
    with np.errstate(all="raise"):
        value, (slope,) = fastgen.value_and_grad(gan.gradient_penalty)(grad, kind=kind)
    assert value.dtype == slope.dtype == np.float32
    centered = kind != "r1"
    np.testing.assert_array_equal(value[:4], [centered, centered, 16 if centered else 12.5, np.inf])
    assert not slope[:2].any() and np.isnan(value[4]) and np.isnan(slope[4, 0])
    assert slope[3, 0] == np.inf
    np.testing.assert_allclose(slope[2], [4.8, 6.4] if centered else [3, 4], rtol=1e-6)


def test_gradient_penalty_of_norms_close_to_the_center(rng):
    grad = rng.normal(size=(200, 30)).astype("f")
    grad = grad / np.linalg.norm(grad, axis=1, keepdims=True)
    exact = (np.sqrt(np.sum(grad.astype(float) ** 2, 1)) - 1) ** 2
    assert np.abs(gan.gradient_penalty(grad) - exact).max() < 1e-14 < np.abs(exact).max()
    half = grad.astype(ml_dtypes.bfloat16)
    value, (slope,) = fastgen.value_and_grad(gan.gradient_penalty)(half)
    assert value.dtype == slope.dtype == half.dtype
    with pytest.raises(ValueError, match="gradient_penalty: kind must be one of 'wgan_gp'"):
        gan.gradient_penalty(grad, kind="r2")
    with pytest.raises(TypeError, match="complex"):
        gan.gradient_penalty(grad + 1j)
    with pytest.raises(ValueError, match="axis"):
        gan.gradient_penalty(grad, axis=2)


def exact_penalty(row, kind, center):
    """The penalty of one sample and its derivative, in 200 digits."""
    with mpmath.workdps(200):
        g = [mpmath.mpf(float(x)) for x in row.ravel()]
        norm = mpmath.sqrt(mpmath.fsum(x * x for x in g))
        if kind == "r1":
            return norm**2 / 2, g
        return (norm - center) ** 2, [2 * (1 - center / norm) * x if norm else norm for x in g]


@pytest.mark.parametrize("axis", [..., 1])
@pytest.mark.parametrize("dtype", [*FLOATS, np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("kind", ["wgan_gp", "r1"])
def test_gradient_penalty_over_the_range_of_numbers(kind, dtype, axis, rng):
    info = ml_dtypes.finfo(dtype)
    largest, eps = float(info.max), float(info.eps)
    top, bottom = int(np.log10(largest)) - 1, int(np.log10(float(info.tiny)))
    powers = np.arange(bottom, top, max(1, (top - bottom) // 40))
    grad = (rng.uniform(0.5, 2, (len(powers), 3, 1)) * 10.0 ** powers[:, None, None]).astype(dtype)
    f = functools.partial(gan.gradient_penalty, kind=kind, center=0.75, axis=axis)
    with np.errstate(all="raise"):
        value, (slope,) = fastgen.value_and_grad(f)(grad)
    for k, row in enumerate(grad):
        penalty, derivative = exact_penalty(row, kind, 0.75)
        if penalty > largest:
            assert np.ravel(value)[k] == np.inf
        else:
            bound = eps * float(penalty) + float(info.smallest_subnormal)
            assert abs(float(np.ravel(value)[k]) - float(penalty)) <= bound, row
        for got, wanted in zip(slope[k].ravel(), derivative, strict=True):
            assert abs(float(got) - float(wanted)) <= 2 * eps * abs(float(wanted)) + float(
                info.smallest_subnormal
            ), row


def test_gradient_penalty_of_a_batch_with_one_extreme_sample(rng):
    grad = rng.normal(size=(5, 2, 3)).astype("f")
    whole = fastgen.value_and_grad(gan.gradient_penalty)
    value, (slope,) = whole(grad, axis=(2, 1), cotangent=np.arange(5.0))
    grad[3] *= np.float32(1e25)
    mixed, (d_mixed,) = whole(grad, axis=(2, 1), cotangent=np.arange(5.0))
    others = [0, 1, 2, 4]
    assert np.array_equal(mixed[others], value[others]) and mixed[3] == np.inf
    assert np.array_equal(d_mixed[others], slope[others])
    np.testing.assert_allclose(d_mixed[3], 6 * grad[3], rtol=1e-6)
    last, (d_last,) = whole(np.moveaxis(grad, 0, -1), axis=(1, 0), cotangent=np.arange(5.0))
    assert np.array_equal(last, mixed) and np.array_equal(np.moveaxis(d_last, -1, 0), d_mixed)
    for size in [1e30, 1e-30]:
        sample = np.array([[3, 4], [0, 0]], "f") * np.float32(size)
        _, (slope,) = whole(sample, axis=None)
        np.testing.assert_allclose(slope, 2 * (1 - 0.2 / size) * sample.astype(float), rtol=1e-6)


@pytest.mark.parametrize("axis", [..., 0, None])
def test_gradient_penalty_keepdims_and_out(axis, rng):
    grad = rng.normal(size=(4, 3, 5))
    f = functools.partial(gan.gradient_penalty, axis=axis)
    value = f(grad)
    axes = (1, 2) if axis is ... else (0, 1, 2) if axis is None else axis
    kept = f(grad, keepdims=True)
    assert np.array_equal(kept, np.expand_dims(value, axes))
    out = np.empty(np.shape(kept), np.float32)
    assert f(grad, keepdims=True, out=out) is out and np.array_equal(out, kept.astype("f"))
    weights = rng.normal(size=kept.shape)
    flat = np.squeeze(weights, axes)
    got = fastgen.vjp(f, grad, keepdims=True)[1](weights)[0]
    assert np.array_equal(got, fastgen.vjp(f, grad)[1](flat)[0])
    with pytest.raises(ValueError, match="gradient_penalty: out must have the shape"):
        f(grad, out=np.empty(7))


# ---- Where results go, and arrays of other libraries


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_losses_into_out(kind, reduction, rng):
    real, fake = rng.normal(size=(2, 6, 50)).astype("f")
    for f in [
        functools.partial(gan.discriminator_loss, real, fake),
        functools.partial(gan.generator_loss, fake, real=real),
    ]:
        wanted = f(kind=kind, reduction=reduction)
        for dtype in [np.float16, np.float32, np.float64]:
            out = np.full(np.shape(wanted), np.nan, dtype)
            assert f(kind=kind, reduction=reduction, out=out) is out
            assert np.array_equal(out, np.asarray(wanted).astype(dtype))
        out = np.ones((2, 6, 50), "f")
        with pytest.raises(ValueError, match=f"{f.func.__name__}: out must have the shape"):
            f(kind=kind, reduction=reduction, out=out)
        shape = np.shape(wanted)
        with pytest.raises(TypeError, match="out must be of type"):
            f(kind=kind, reduction=reduction, out=np.zeros(shape, int))
        with pytest.raises(TypeError, match="out must be a NumPy array"):
            f(kind=kind, reduction=reduction, out=[0.0])
        locked = np.ones(shape, "f")
        locked.flags.writeable = False
        with pytest.raises(ValueError, match="read-only"):
            f(kind=kind, reduction=reduction, out=locked)
        assert (out == 1).all() and (locked == 1).all()
    if reduction == "none":
        wanted = gan.discriminator_loss(real, fake, kind=kind, reduction="none")
        copy = fake.copy()
        gan.discriminator_loss(real, copy, kind=kind, reduction="none", out=copy)
        assert np.array_equal(copy, wanted)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64])
@pytest.mark.parametrize("kind", KINDS)
def test_losses_of_dask_arrays_stay_lazy(kind, dtype, rng):
    da = pytest.importorskip("dask.array", reason="dask missing: pip install 'fastgen[test]'")
    real, fake = (5 * rng.normal(size=(2, 6, 50))).astype(dtype)
    lazy_real, lazy_fake = (da.from_array(x, chunks=(4, 20)) for x in (real, fake))
    calls = [
        lambda r, f, **how: gan.discriminator_loss(r, f, kind=kind, **how),
        lambda r, f, **how: gan.generator_loss(f, real=r, kind=kind, **how),
    ]
    for call in calls:
        lazy = call(lazy_real, lazy_fake, reduction="none")
        assert isinstance(lazy, da.Array)
        wanted = call(real, fake, reduction="none")
        assert lazy.dtype == wanted.dtype and np.array_equal(lazy.compute(), wanted)
        with pytest.raises(TypeError, match=r"dask.*take reduction='none'"):
            call(lazy_real, lazy_fake)
    refused = [
        lambda: gan.js_estimate(lazy_real, lazy_fake),
        lambda: gan.gradient_penalty(lazy_real),
        lambda: fastgen.value_and_grad(gan.generator_loss)(lazy_fake, kind="hinge"),
    ]
    for call in refused:
        with pytest.raises(TypeError, match="expected NumPy arrays, got dask"):
            call()
