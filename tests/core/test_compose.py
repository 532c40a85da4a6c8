"""A description of a call says what it gives: its value, its gradients, its results' types."""

import functools
import itertools
import pickle

import ml_dtypes
import numpy as np
import pytest

import fastgen
from fastgen import cases, diffusion, flow, gan, guidance, noise, vae
from fastgen._derivatives import Function
from fastgen._ops import OPS, operands
from fastgen.cases import each
from fastgen.diffusion import Schedule

DTYPES = [np.float16, ml_dtypes.bfloat16, np.float32, np.float64]
SCHEDULE = Schedule.cosine(100)
T = np.array([3, 50, 99])


def logits(*shape):
    return np.random.default_rng(len(shape)).normal(size=shape)


def calls():
    """Calls of every function that is more than one row, over the product of its options."""
    x, z = logits(3, 8), logits(3, 4)
    for axis, keepdims, beta in itertools.product(
        [-1, (0, 1), None, ()], [False, True], [1.0, 4.0]
    ):
        latent = axis if axis in (-1, None) else -1
        options = {"axis": axis, "latent_axis": latent, "keepdims": keepdims, "beta": beta}
        if axis == ():
            options["latent_axis"] = None
        yield vae.gaussian_elbo, (x, x, x, z, z), options
        yield vae.bernoulli_elbo, (np.abs(x) % 1, x, z, z), options
    yield vae.gaussian_elbo, (x, x, x, z, z), {"free_bits": 0.1}
    yield vae.total_correlation, (z, z, z), {"dataset_size": 100}
    yield vae.reparameterize, (z, z), {"key": 1}
    yield vae.reparameterize, (z, z), {"key": 1, "return_log_prob": True}
    kinds = ["minimax", "non_saturating", "saturating", "hinge", "least_squares", "wasserstein"]
    for kind, reduction in itertools.product([*kinds, "relativistic"], ["mean", "sum", "none"]):
        options = {"kind": kind, "reduction": reduction}
        yield gan.discriminator_loss, (x, x + 1), options
        yield gan.generator_loss, (x,), options | {"real": x + 1}
    yield gan.js_estimate, (x, x + 1), {}
    for kind, keepdims in itertools.product(["wgan_gp", "dragan", "r1"], [False, True]):
        yield gan.gradient_penalty, (logits(3, 2, 4),), {"kind": kind, "keepdims": keepdims}
    yield flow.bits_per_dim, (x[:, 0],), {"dims": 8}
    matrices = logits(3, 4, 4)
    for unit in (False, True):
        yield flow.logdet_triangular, (matrices,), {"unit_diagonal": unit}
    yield flow.slogdet_triangular, (matrices,), {}
    yield flow.logdet_lu, (matrices,), {"height": 2, "width": 3}
    yield flow.actnorm, (x, x, x), {}
    for count in (1, 2, 3, 4):
        yield guidance.combine, (x, [x + k for k in range(count)], [2.0] * count), {}
    y = logits(3, 2, 4)
    for t in (5, T):
        yield diffusion.add_noise, (y, t, SCHEDULE), {"key": 1}
        yield diffusion.add_noise, (y, t, SCHEDULE), {"key": 1, "return_noise": True}
        yield diffusion.add_noise, (y, t, SCHEDULE), {"noise": y, "return_noise": True}
        yield diffusion.velocity, (y, y, t, SCHEDULE), {}
        yield diffusion.posterior_mean_variance, (y, y, t, SCHEDULE), {}
        yield diffusion.convert, (y, y, t, SCHEDULE), {"source": "epsilon", "target": "v"}
    for sigma in (2.0, np.array([1.0, 2.0, 3.0])):
        yield diffusion.edm_input, (y, sigma), {}
        yield diffusion.edm_denoised, (y, y, sigma), {}
        yield diffusion.langevin_step, (y, y, sigma), {"key": 1}
    yield diffusion.interpolate, (y, y, np.array([0.1, 0.5, 0.9])), {}
    yield diffusion.denoising_loss, (y, y + 1), {"weight": np.array([1.0, 2.0, 3.0])}
    yield diffusion.epsilon_loss, (y,), {"key": 1}
    for steps in (T, np.array([0, 5, 99])):
        yield diffusion.vlb_terms, (y, y, y + 0.1, y, steps, SCHEDULE), {"parameterization": "v"}


CALLS = list(calls())
IDS = [f"{f.__name__}-{k}" for k, (f, _, _) in enumerate(CALLS)]


def cast(x, dtype):
    """Arrays of floats in another type, also those in a sequence."""
    if isinstance(x, list):
        return [cast(y, dtype) for y in x]
    return (
        x.astype(dtype) if isinstance(x, np.ndarray) and x.dtype.kind == "f" and x.ndim > 1 else x
    )


def described(results):
    return [(r.shape, r.dtype) for r in map(np.asarray, each(results))]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("call", CALLS, ids=IDS)
def test_results_are_known_before_they_are_computed(call, dtype):
    f, inputs, options = call
    inputs = tuple(cast(x, dtype) for x in inputs)
    composition, _ = Function(f).call(inputs, options)
    assert [tuple(r) for r in composition.results()] == described(f(*inputs, **options))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", sorted(OPS))
def test_results_of_every_row_are_known_before_they_are_computed(name, dtype):
    function = cases.function(name)
    inputs = cases.inputs(name, (3, 5), dtype)
    if OPS[name].derivative is None:
        return
    composition, _ = Function(function).call(inputs, {})
    assert [tuple(r) for r in composition.results()] == described(function(*inputs))
    # Nothing is read: arrays without memory of their own will do.
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
        return  # constant, or with kinks
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
def test_inputs_by_name(call):
    f, inputs, options = call
    function = Function(f)
    names = function.inputs
    named = dict(zip(names, inputs, strict=False))
    rest = inputs[len(names) :]
    if rest:  # what follows is given by name too
        following = f.__wrapped__.__code__.co_varnames[len(names) :]
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
        for ours, theirs in zip(again(*inputs), made(*inputs), strict=True):
            for a, b in zip(each(ours), each(theirs), strict=True):
                np.testing.assert_array_equal(a, b)
    assert repr(fastgen.value_and_grad(vae.gaussian_nll)).startswith("value_and_grad(<function gau")


def test_a_pullback_takes_no_out():
    mu = logits(3, 4)
    for f in (
        fastgen.value_and_grad(vae.kl_standard_normal),
        functools.partial(fastgen.vjp, vae.kl_standard_normal),
    ):
        with pytest.raises(TypeError, match="kl_standard_normal: a derivative takes no out"):
            f(mu, mu, out=np.empty(3))


def test_functions_without_a_derivative_are_refused_at_once():
    for f in (guidance.apg, guidance.tangential):
        with pytest.raises(TypeError, match=f"{f.__name__}: it has no derivative"):
            fastgen.value_and_grad(f)
    for f in (np.exp, noise.normal, guidance.interval):
        with pytest.raises(TypeError, match="f must be a fastgen function"):
            fastgen.value_and_grad(f)


def test_argnums_of_a_composed_function():
    mu = logits(3, 4)
    with pytest.raises(ValueError, match="argnums must hold positions of inputs, 0 to 1"):
        fastgen.value_and_grad(gan.discriminator_loss, argnums=2)
    _, (only,) = fastgen.value_and_grad(gan.discriminator_loss, argnums=1)(mu, mu, kind="hinge")
    _, both = fastgen.value_and_grad(gan.discriminator_loss)(mu, mu, kind="hinge")
    np.testing.assert_array_equal(only, both[1])
