"""Properties of adversarial losses."""

import functools
import inspect
import itertools

import ml_dtypes
import numpy as np
import pytest

import fastgen
from fastgen import gan
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
REDUCTIONS = ["mean", "sum", "none"]
FLOATS = [np.float32, np.float64]


def options_of(function, kind, real):
    needs_real = function == "generator_loss" and kind == "relativistic"
    return {"kind": kind, "real": real} if needs_real else {"kind": kind}


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
    for bad in ((1.0,), 5, (0.0, 1.0, 1.0, 1.0)):
        with pytest.raises(TypeError, match="generator_loss: targets must be three numbers"):
            gan.generator_loss(fake, kind="least_squares", targets=bad)
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


# Where results go, and arrays of other libraries.


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_losses_into_out(kind, reduction, rng):
    real, fake = rng.normal(size=(2, 6, 50)).astype("f")
    for f in [
        functools.partial(gan.discriminator_loss, real, fake),
        functools.partial(gan.generator_loss, fake, real=real),
    ]:
        wanted = f(kind=kind, reduction=reduction)
        double = np.full(np.shape(wanted), np.nan)
        assert f(kind=kind, reduction=reduction, out=double) is double
        for dtype in [np.float16, np.float32]:  # rounded once, from float64
            out = np.full(np.shape(wanted), np.nan, dtype)
            assert f(kind=kind, reduction=reduction, out=out) is out
            assert np.array_equal(out, double.astype(dtype))
        assert np.array_equal(double.astype("f"), wanted)
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
    da = pytest.importorskip("dask.array", reason="dask missing: pip install '.[test]'")
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
    with pytest.raises(TypeError, match="expected NumPy arrays, got dask"):
        gan.js_estimate(lazy_real, lazy_fake)
    with pytest.raises(ValueError, match="generator_loss: fake must have one chunk along axis 0"):
        fastgen.value_and_grad(gan.generator_loss)(lazy_fake, kind="hinge")
    with pytest.raises(ValueError, match="gradient_penalty: grad must have one chunk along"):
        gan.gradient_penalty(lazy_real)
    penalty = gan.gradient_penalty(lazy_real.rechunk({1: -1}))
    assert isinstance(penalty, da.Array)
    assert np.array_equal(penalty.compute(), gan.gradient_penalty(real))
