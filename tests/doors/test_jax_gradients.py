"""`fastgen.jax`: gradients are those of `fastgen.vjp`, of every function, in every input."""

import functools

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402
from jax_calls import differentiable, each, every, of_some, places_of  # noqa: E402

import fastgen  # noqa: E402
import fastgen.jax  # noqa: E402

SOME = every(4)
NATIVE = [call for call in every(12) if not call.name.startswith(("apg", "guidance.apg"))]
kl = fastgen.jax.vae.kl_standard_normal
native = fastgen.jax.native(kl)


def cotangents_of(results):
    return tuple([np.linspace(0.5, 1.5, np.size(r)).reshape(np.shape(r)) for r in results])


@pytest.mark.usefixtures("wide")
@pytest.mark.parametrize("call", SOME, ids=[call.name for call in SOME])
def test_gradients_are_those_of_fastgen(call):
    inputs = call.on_jax(np.float64)
    places = differentiable(call, inputs)
    if not places:
        pytest.skip("it has no derivative")
    f = of_some(call.of_door, inputs, places)

    values, pull = fastgen.vjp(call.on_arrays, *call.arrays())
    given = cotangents_of(each(values))

    def program(*some):
        return jax.vjp(f, *some)[1](given)

    some = [inputs[k] for k in places]
    batch = jax.tree.map(lambda x: jnp.stack([x, x]), some)
    found, rows = jax.jit(lambda some, batch: (program(*some), jax.vmap(program)(*batch)))(
        some, batch
    )
    wanted = pull(given if len(given) > 1 else given[0])
    for k, gradient, batched in zip(places, found, rows, strict=True):
        leaves = [*map(jax.tree.leaves, (gradient, wanted[k], batched))]
        for g, w, b in zip(*leaves, strict=True):
            np.testing.assert_array_equal(g, w)
            np.testing.assert_array_equal(b, np.stack([g, g]))


def native_of(call):
    """Return the call with the native function."""
    f = call.of_door
    if f.func.__name__ == "with_keywords":
        door, *rest = f.args
        return functools.partial(f.func, fastgen.jax.native(door), *rest)
    if f.args:  # a case that calls the function in its own form
        return functools.partial(f.func, fastgen.jax.native(f.args[0]))
    return functools.partial(fastgen.jax.native(f.func), **f.keywords)


@pytest.mark.usefixtures("wide")
@pytest.mark.parametrize("call", NATIVE, ids=[call.name for call in NATIVE])
def test_native_values_are_near(call):
    inputs = call.on_jax(np.float64)
    places = places_of(inputs)
    f = of_some(native_of(call), inputs, places)
    found = jax.jit(f)(*[inputs[k] for k in places])
    wanted = each(call.of_door(*inputs))
    for a, b in zip(found, wanted, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-8)


def a_and_b(*shape):
    rng = np.random.default_rng(0)
    return [jnp.asarray(rng.normal(size=shape or (4, 8)), jnp.float32) for _ in range(2)]


TRANSFORMS = {
    "grad": lambda f: jax.grad(lambda a, b: f(a, b).sum(), argnums=(0, 1)),
    "value_and_grad": lambda f: jax.value_and_grad(lambda a, b: f(a, b).sum(), argnums=(0, 1)),
    "vmap of grad": lambda f: jax.vmap(jax.grad(f, argnums=(0, 1))),
    "grad of vmap": lambda f: jax.grad(lambda a, b: jax.vmap(f)(a, b).sum()),
    "jacrev": lambda f: jax.jacrev(f, argnums=(0, 1)),
    "vmap in the second": lambda f: jax.vmap(f, in_axes=(None, 0)),
    "vmap along 1": lambda f: jax.vmap(f, in_axes=(1, 1)),
    "vmap of vmap": lambda f: jax.vmap(jax.vmap(lambda a, b: f(a[None], b[None]))),
    "broadcast": lambda f: jax.grad(lambda a, b: f(a, b[0]).sum(), argnums=(0, 1)),
    "vmap of broadcast": lambda f: jax.vmap(jax.grad(f, argnums=(0, 1)), in_axes=(0, None)),
    "along 0": lambda f: jax.grad(lambda a, b: (f(a, b, axis=0) * a[0]).sum()),
    "keepdims": lambda f: jax.grad(lambda a, b: (f(a, b, keepdims=True) * a).sum()),
    "everything": lambda f: jax.grad(lambda a, b: f(a, b, axis=None) * a[0, 0]),
    "checkpoint": lambda f: jax.grad(lambda a, b: jax.checkpoint(f)(a, b).sum()),
    "vmap of checkpoint": lambda f: jax.vmap(jax.grad(jax.checkpoint(f))),
}


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms(name, jit):
    a, b = a_and_b()
    if "broadcast" in name and "vmap" in name:
        b = b[0]
    f, g = (TRANSFORMS[name](x) for x in (kl, native))
    f, g = (jax.jit(f), jax.jit(g)) if jit else (f, g)
    wanted = g(a, b)
    for _ in range(4 if jit else 1):  # later calls expect the cotangents of those before
        found = f(a, b)
        for x, y in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
            np.testing.assert_allclose(x, y, rtol=2e-5, atol=2e-6)


def test_scan_and_its_gradient():
    a, b = a_and_b()

    def total(f):
        def step(carry, row):
            value = f(carry * row, row)
            return carry + 0.1 * row, value

        return lambda a, b: jax.lax.scan(step, b[0], a)[1].sum()

    found, wanted = (jax.jit(jax.value_and_grad(total(f)))(a, b) for f in (kl, native))
    np.testing.assert_allclose(found[0], wanted[0], rtol=1e-5)
    np.testing.assert_allclose(found[1], wanted[1], rtol=1e-4, atol=1e-5)
    found, wanted = (
        jax.vmap(jax.grad(total(f)), in_axes=(None, 0))(a, jnp.stack([b, 2 * b]))
        for f in (kl, native)
    )
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_second_derivatives_and_forward_mode_raise_and_say_what_to_do():
    a, b = a_and_b()
    said = r"fastgen.jax.native\(fastgen.jax.vae.kl_standard_normal\)"
    for f in (lambda a: kl(a, b).sum(), lambda a: kl(a, b[0]).sum()):
        with pytest.raises(TypeError, match=f"no second derivatives.*{said}"):
            jax.grad(lambda a, f=f: jax.grad(f)(a).sum())(a)
        with pytest.raises(TypeError, match=f"no second derivatives.*{said}"):
            jax.jit(jax.hessian(f))(a)
        for h in (jax.jvp, jax.jit(jax.jvp, static_argnums=0)):
            with pytest.raises(TypeError, match=f"no forward-mode derivatives.*{said}"):
                h(f, (a,), (b,))
        with pytest.raises(TypeError, match=f"no forward-mode derivatives.*{said}"):
            jax.jacfwd(f)(a)
    slope = jax.grad(lambda a: native(a, b).sum())
    np.testing.assert_allclose(jax.grad(lambda a: slope(a).sum())(a), jnp.ones_like(a))
    np.testing.assert_allclose(jax.jvp(slope, (a,), (b,))[1], b, rtol=1e-6)


REFUSED = {
    "beta": lambda x: fastgen.jax.vae.bernoulli_elbo(x, x, x, x, beta=abs(x[0, 0])),
    "weight": lambda x: fastgen.jax.diffusion.denoising_loss(x, x, weight=x[:, 0]),
    "real": lambda x: fastgen.jax.gan.generator_loss(x, kind="relativistic", real=x),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_gradient_that_does_not_exist_is_refused(name):
    x = a_and_b()[0]
    with pytest.raises(TypeError, match=rf": {name} is differentiated.*stop_gradient.*native"):
        jax.vjp(REFUSED[name], x)
    REFUSED[name](x)


def test_functions_without_rows_have_gradients():
    t = jnp.array([0.1, 0.4, 0.7])
    for name in ("edm_weight", "cosmap_weight", "logit_normal_weight"):
        f = getattr(fastgen.jax.diffusion, name)
        slopes = jax.grad(lambda t, f=f: f(t).sum())(t)
        near = (f(t + 1e-2) - f(t - 1e-2)) / 2e-2
        np.testing.assert_allclose(slopes, near, rtol=0.1)


def test_a_batch_of_matrices_splines_and_noise_in_one_program():
    x, noise = a_and_b(3, 4, 4)

    def loss(x):
        spline = fastgen.jax.flow.rational_quadratic_spline
        y, logdet = spline(x[..., 0], x, x[..., ::-1], x[..., 1:] * 0.5)
        z = fastgen.jax.vae.reparameterize(y, logdet, key=7)
        return fastgen.jax.flow.slogdet(x)[1].sum() + (z * noise[..., 0]).sum()

    found = jax.jit(jax.grad(loss))(x)
    assert jnp.isfinite(found).all()
    step, direction = 1e-3, a_and_b(3, 4, 4)[1]
    slope = (loss(x + step * direction) - loss(x - step * direction)) / (2 * step)
    np.testing.assert_allclose((found * direction).sum(), slope, rtol=2e-2)
