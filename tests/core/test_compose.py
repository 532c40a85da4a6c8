"""The description of a call gives its value, its gradients, and the types of its results."""

import functools
import inspect
import pickle

import ml_dtypes
import numpy as np
import pytest
from composed_calls import CALLS, IDS, SCHEDULE, T, described, logits

import fastgen
from fastgen import cases, diffusion, flow, gan, guidance, noise, vae
from fastgen._compose import DESCRIBE, Beside, Composition
from fastgen._derivatives import Function
from fastgen._ops import OPS, operands
from fastgen.cases import each

DTYPES = [np.float16, ml_dtypes.bfloat16, np.float32, np.float64]


def cast(x, dtype):
    """Return arrays of floats in another type, also those in a sequence."""
    if isinstance(x, list):
        return [cast(y, dtype) for y in x]
    return (
        x.astype(dtype) if isinstance(x, np.ndarray) and x.dtype.kind == "f" and x.ndim > 1 else x
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("call", CALLS, ids=IDS)
def test_results_are_known_before_they_are_computed(call, dtype):
    f, inputs, options = call
    inputs = tuple(cast(x, dtype) for x in inputs)
    composition, _ = Function(f).call(inputs, options)
    assert [tuple(r) for r in composition.results()] == described(f(*inputs, **options))


@pytest.mark.parametrize("call", CALLS, ids=IDS)
def test_swapped_bytes_change_no_bit(call):
    """So the coefficients of samples of float64 are in float64, whatever the byte order."""
    f, inputs, options = call
    swapped = [cast(x, np.dtype(float).newbyteorder()) for x in inputs]
    for got, wanted in zip(each(f(*swapped, **options)), each(f(*inputs, **options)), strict=True):
        assert np.array_equal(got, wanted, equal_nan=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", sorted(OPS))
def test_results_of_every_row_are_known_before_they_are_computed(name, dtype):
    function = cases.function(name)
    inputs = cases.inputs(name, (3, 5), dtype)
    if OPS[name].derivative is None:
        return
    composition, _ = Function(function).call(inputs, {})
    assert [tuple(r) for r in composition.results()] == described(function(*inputs))
    # `results` reads no elements, so these arrays share one element.
    standing_for = tuple(np.broadcast_to(np.zeros((), x.dtype), x.shape) for x in inputs)
    composition, _ = Function(function).call(standing_for, {})
    assert [tuple(r) for r in composition.results()] == described(function(*inputs))


@pytest.mark.parametrize("call", CALLS, ids=IDS)
def test_gradients_are_the_slopes_of_the_value(call):
    f, inputs, options = call
    function = Function(f)
    if f is guidance.combine and len(inputs[1]) > 3:
        with pytest.raises(TypeError, match="combine: has a derivative for up to 3"):
            fastgen.value_and_grad(f)(*inputs, **options)
        return
    value, gradients = fastgen.value_and_grad(f)(*inputs, **options)
    for got, wanted in zip(each(value), each(f(*inputs, **options)), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-14)
    rng = np.random.default_rng(3)
    differentiable = [k for k in range(len(function.inputs)) if isinstance(inputs[k], np.ndarray)]
    if options.get("unit_diagonal") or "free_bits" in options:
        return  # the function is constant, or has kinks
    if f in (vae.straight_through, vae.quantization_loss, vae.finite_scalar, vae.lookup_free):
        return  # its gradients are not its slopes
    for k in differentiable:
        direction, step = rng.normal(size=inputs[k].shape), 1e-6

        def along(by, k=k, direction=direction):
            moved = (*inputs[:k], inputs[k] + by * direction, *inputs[k + 1 :])
            results = each(f(*moved, **options))
            known = len(results) if f is not diffusion.add_noise else 2
            return sum(np.sum(np.asarray(r, float)) for r in results[:known])

        slope = (along(step) - along(-step)) / (2 * step)
        assert np.vdot(gradients[k], direction) == pytest.approx(slope, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("call", CALLS, ids=IDS)
def test_results_go_to_out(call):
    f, inputs, options = call
    if "out" not in inspect.signature(f).parameters:
        return
    wanted = each(f(*inputs, **options))
    description = f(*inputs, **options, out=DESCRIBE)
    assert isinstance(description, Composition)
    if isinstance(description, Beside):  # the other results are there without a computation
        wanted = wanted[:1]
    out = tuple([np.empty_like(result) for result in wanted])
    got = each(f(*inputs, **options, out=out if len(out) > 1 else out[0]))
    for array, result, expected in zip(out, got[: len(out)], wanted, strict=True):
        assert result is array
        np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize("call", CALLS, ids=IDS)
def test_inputs_by_name(call):
    f, inputs, options = call
    function = Function(f)
    names = function.inputs
    named = dict(zip(names, inputs, strict=False))
    rest = inputs[len(names) :]
    if rest:  # give the others by name
        following = getattr(f, "__wrapped__", f).__code__.co_varnames[len(names) :]
        named |= dict(zip(following, rest, strict=False))
    for got, wanted in zip(each(f(**named, **options)), each(f(*inputs, **options)), strict=True):
        np.testing.assert_array_equal(got, wanted)
    if f is guidance.combine and len(inputs[1]) > 3:
        return
    by_name = fastgen.value_and_grad(f)(**named, **options)[1]
    wanted = fastgen.value_and_grad(f)(*inputs, **options)[1]
    assert len(by_name) == len(wanted) == len(names)
    for a, b in zip(by_name, wanted, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", sorted(n for n in OPS if OPS[n].derivative))
def test_inputs_of_a_row_by_name(name):
    if cases.CASES[name].call is not None:
        return
    function, options = fastgen._ops.public(name)
    inputs = cases.inputs(name, (3, 5), np.float64)
    named = dict(zip(operands(name), inputs, strict=True))
    wanted = cases.function(name)(*inputs)
    for a, b in zip(each(function(**named, **options)), each(wanted), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_function_with_its_gradients_pickles():
    mu = logits(3, 4)
    for f in (
        vae.kl_standard_normal,
        vae.gaussian_nll,
        functools.partial(gan.discriminator_loss, kind="hinge"),
        functools.partial(flow.exp, inverse=False),
    ):
        made = fastgen.value_and_grad(f, argnums=0)
        again = pickle.loads(pickle.dumps(made))
        inputs = (mu,) * Function(f).required
        for a, b in zip(again(*inputs), made(*inputs), strict=True):
            for c, d in zip(each(a), each(b), strict=True):
                np.testing.assert_array_equal(c, d)
    assert repr(fastgen.value_and_grad(vae.gaussian_nll)).startswith("value_and_grad(<function gau")


def test_a_partial_keeps_its_options():
    mu, logvar = logits(3, 4), logits(3, 4)
    for f, options, others in (
        (vae.kl_standard_normal, {"axis": 0}, {"axis": 1}),
        (vae.kl_standard_normal, {"keepdims": True}, {"keepdims": False}),
        (gan.f_divergence, {"kind": "kl"}, {"kind": "pearson"}),
        (gan.discriminator_loss, {"kind": "hinge"}, {"kind": "minimax"}),
        (flow.exp, {"inverse": True}, {"inverse": False}),
    ):
        inputs = (mu, logvar)[: Function(f).required]
        partial = functools.partial(f, **options)
        for named in ({}, others):  # a call overrides what the partial fixes
            wanted = fastgen.value_and_grad(f)(*inputs, **(options | named))
            got = fastgen.value_and_grad(partial)(*inputs, **named)
            value, pullback = fastgen.vjp(partial, *inputs, **named)
            for a, b in zip(each(got[0]) + got[1], each(wanted[0]) + wanted[1], strict=True):
                np.testing.assert_array_equal(a, b)
            for a, b in zip(each(value) + pullback(1.0), each(got[0]) + got[1], strict=True):
                np.testing.assert_array_equal(a, b)


def test_derivatives_take_the_options_of_the_function_alone():
    mu = logits(3, 4)
    for f, inputs in ((vae.sample_diag_normal, (mu,) * 3), (gan.f_divergence, (mu,))):
        kind = {"kind": "kl"} if f is gan.f_divergence else {}
        for option in ({"axis": 0}, {"keepdims": True}):
            message = f"{f.__name__}: got an unexpected keyword argument '{next(iter(option))}'"
            with pytest.raises(TypeError, match=message):
                fastgen.value_and_grad(f)(*inputs, **kind, **option)
            with pytest.raises(TypeError, match=message):
                fastgen.vjp(f, *inputs, **kind, **option)


def test_forms_of_arguments_that_are_equal_but_not_alike():
    x, z = logits(3, 8), logits(3, 4)
    vae.gaussian_elbo(x, x, x, z, z, axis=(0, 1), latent_axis=None)
    for axis in ((0, True), (0, 1.0)):
        with pytest.raises((TypeError, ValueError), match="gaussian_elbo: axis must"):
            vae.gaussian_elbo(x, x, x, z, z, axis=axis, latent_axis=None)

    class Weight:  # compares equal after it has changed, as a tensor does
        number = 1.0

        def __float__(self):
            return self.number

        def __ge__(self, other):
            return self.number >= other

    beta = Weight()
    for beta.number in (1.0, 3.0):
        wanted = vae.gaussian_elbo(x, x, x, z, z, beta=beta.number)
        np.testing.assert_array_equal(vae.gaussian_elbo(x, x, x, z, z, beta=beta), wanted)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32])
def test_out_of_more_digits_holds_them_with_keepdims_too(dtype):
    x, z = logits(3, 8).astype(dtype), logits(3, 4).astype(dtype)
    kept, bare = np.empty((3, 1)), np.empty(3)
    vae.gaussian_elbo(x, x, x, z, z, out=bare)
    assert vae.gaussian_elbo(x, x, x, z, z, keepdims=True, out=kept) is kept
    np.testing.assert_array_equal(kept[:, 0], bare)
    assert np.any(bare != bare.astype(np.float32))


@pytest.mark.parametrize("f", [diffusion.add_noise, diffusion.velocity])
def test_coefficients_of_mixed_types_keep_the_digits_of_the_result(f):
    x = logits(3, 2, 4).astype(np.float32)
    for a, b in ((x, x.astype(float)), (x.astype(float), x)):
        wanted = [np.asarray(y, float) for y in (a, b)]
        if f is diffusion.add_noise:
            got, wanted = f(a, T, SCHEDULE, noise=b), f(wanted[0], T, SCHEDULE, noise=wanted[1])
        else:
            got, wanted = f(a, b, T, SCHEDULE), f(*wanted, T, SCHEDULE)
        np.testing.assert_array_equal(got, wanted)
        assert got.dtype == np.float64


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32])
def test_a_cotangent_of_few_digits_costs_no_digits(dtype):
    x = logits(3, 8)
    cotangent = np.array([0.1, 0.3, 0.7]).astype(dtype)
    calls = [
        (flow.bits_per_dim, (x[:, 0],), {"dims": 7}),
        (flow.logdet_lu, (logits(3, 4, 4),), {"height": 3, "width": 7}),
        (vae.gaussian_elbo, (x, x + 1, x, x, x), {"beta": 0.7}),
    ]
    for f, inputs, options in calls:
        _, got = fastgen.value_and_grad(f)(*inputs, **options, cotangent=cotangent)
        _, wanted = fastgen.value_and_grad(f)(*inputs, **options, cotangent=cotangent.astype(float))
        for a, b in zip(got, wanted, strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_cotangent_of_more_digits_leaves_the_type_of_the_value():
    x, y = logits(3, 8).astype(np.float32), logits(3, 2, 4).astype(np.float32)
    calls = [
        (fastgen.elementary.softplus, (x,), {}),
        (diffusion.convert, (y, y, T - 3, SCHEDULE), {"source": "v", "target": "x0"}),
        (diffusion.interpolate, (y, y, 0.5), {}),
        (flow.actnorm, (x, x, x), {}),
        (vae.gaussian_elbo, (x, x, x, x, x), {}),
    ]
    for f, inputs, options in calls:
        wanted = each(f(*inputs, **options))
        wide = tuple(np.ones(w.shape) for w in wanted)
        call = fastgen.value_and_grad(f)
        value, _ = call(*inputs, **options, cotangent=wide if len(wide) > 1 else wide[0])
        for v, w in zip(each(value), wanted, strict=True):
            assert v.dtype == w.dtype
            np.testing.assert_allclose(v, w, rtol=1e-5, atol=1e-6)


def test_no_gradients_at_all():
    value, gradients = fastgen.value_and_grad(flow.logdet_lu, argnums=())(logits(3, 4, 4))
    np.testing.assert_array_equal(value, flow.logdet_lu(logits(3, 4, 4)))
    assert gradients == ()


@pytest.mark.parametrize("bad", [np.ones((7, 7)), np.ones((1, 2)), [1.0, 2.0], "s", 1j])
def test_a_wrong_cotangent_is_told_in_the_words_of_the_function(bad):
    x, y = logits(3, 8), logits(3, 2, 4)
    calls = [
        (gan.discriminator_loss, (x, x), {"kind": "hinge"}),
        (gan.discriminator_loss, (x, x), {"kind": "wasserstein", "reduction": "none"}),
        (vae.gaussian_elbo, (x, x, x, x, x), {}),
        (vae.kl_standard_normal, (x, x), {}),
        (flow.logdet_lu, (logits(3, 4, 4),), {}),
        (flow.bits_per_dim, (x[:, 0],), {"dims": 8}),
        (diffusion.velocity, (y, y, T, SCHEDULE), {}),
        (diffusion.posterior_mean_variance, (y, y, T, SCHEDULE), {}),
    ]
    if not isinstance(bad, complex):
        calls.append((gan.gradient_penalty, (x,), {}))
    for f, inputs, options in calls:
        with pytest.raises((TypeError, ValueError), match=f"^{f.__name__}: cotangent must"):
            fastgen.value_and_grad(f)(*inputs, **options, cotangent=bad)
        with pytest.raises((TypeError, ValueError), match=f"^{f.__name__}: cotangent must"):
            fastgen.vjp(f, *inputs, **options)[1](bad)


def test_a_pullback_takes_no_out():
    mu = logits(3, 4)
    for f in (
        fastgen.value_and_grad(vae.kl_standard_normal),
        functools.partial(fastgen.vjp, vae.kl_standard_normal),
    ):
        with pytest.raises(TypeError, match="kl_standard_normal: a derivative takes no out"):
            f(mu, mu, out=np.empty(3))
    for f, kind in ((vae.kl_standard_normal, {}), (gan.discriminator_loss, {"kind": "hinge"})):
        partial = functools.partial(f, out=np.empty(3), **kind)
        with pytest.raises(TypeError, match=f"{f.__name__}: a derivative takes no out"):
            fastgen.value_and_grad(partial)(mu, mu)


def test_functions_without_a_derivative_are_refused_at_once():
    for f in (guidance.apg, functools.partial(guidance.apg, eta=0.5)):
        with pytest.raises(TypeError, match="apg: it has no derivative"):
            fastgen.value_and_grad(f)
    for f in (noise.normal, guidance.interval):
        with pytest.raises(TypeError, match=f"{f.__name__}: it has no derivative: it takes no arr"):
            fastgen.value_and_grad(f)
    with pytest.raises(TypeError, match="f must be a fastgen function"):
        fastgen.value_and_grad(np.exp)


def test_argnums_of_a_composed_function():
    mu = logits(3, 4)
    with pytest.raises(ValueError, match="argnums must hold positions of inputs, 0 to 1"):
        fastgen.value_and_grad(gan.discriminator_loss, argnums=2)
    _, (only,) = fastgen.value_and_grad(gan.discriminator_loss, argnums=1)(mu, mu, kind="hinge")
    _, both = fastgen.value_and_grad(gan.discriminator_loss)(mu, mu, kind="hinge")
    np.testing.assert_array_equal(only, both[1])
