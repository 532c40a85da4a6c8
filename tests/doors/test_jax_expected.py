"""`fastgen.jax` computes gradients with the value, for the cotangent that the last steps had."""

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402

import fastgen  # noqa: E402
import fastgen.jax as fj  # noqa: E402
from fastgen.jax import _primitives  # noqa: E402
from fastgen.jax._tasks import Task  # noqa: E402

SCALES = [1, 1, 1, 1, 3, 1, 1, 1] + [1] * 9 + [0, 0, 0, -0.0, np.inf, np.inf, np.inf, 0.3]
"""Right and wrong guesses, and numbers whose bits or products are special."""


def arrays(*shape, count=2, dtype=np.float32):
    rng = np.random.default_rng(0)
    return [jnp.asarray(rng.random(size=shape), dtype) for _ in range(count)]


CASES = {
    "a row": (lambda f: f.vae.kl_standard_normal, {}),
    "along 0": (lambda f: f.vae.kl_standard_normal, {"axis": 0}),
    "axes kept": (lambda f: f.vae.kl_standard_normal, {"keepdims": True}),
    "everything": (lambda f: f.vae.kl_standard_normal, {"axis": None}),
    "a sum of rows": (lambda f: f.vae.bernoulli_elbo, {}),
    "three arrays": (lambda f: f.vae.gaussian_nll, {}),
}


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("name", CASES)
def test_whatever_is_expected_the_gradients_have_the_bits_of_two_passes(name, dtype):
    of, options = CASES[name]
    count = {"a sum of rows": 4, "three arrays": 3}.get(name, 2)
    own = arrays(12, 40, count=count, dtype=dtype)
    f, g = of(fj), of(fastgen)

    def loss(own, scale):
        return (f(*own, **options) * scale).sum()

    step, forward = jax.jit(jax.value_and_grad(loss)), jax.jit(loss)
    value, pull = fastgen.vjp(g, *map(np.asarray, own), **options)
    for scale in SCALES:
        factor = np.asarray(scale, value.dtype)
        total, found = step(own, factor)
        np.testing.assert_array_equal(total, forward(own, factor))
        wanted = pull(np.full(value.shape, factor))
        for x, w in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(np.asarray(x).view(np.uint8), w.view(np.uint8))


def test_rows_of_different_cotangents():
    a, b = arrays(12, 40)
    step = jax.jit(jax.grad(lambda a, b, w: (fj.vae.kl_standard_normal(a, b) * w).sum()))
    _, pull = fastgen.vjp(fastgen.vae.kl_standard_normal, np.asarray(a), np.asarray(b))
    alike, other = np.full(12, 0.25, np.float32), np.linspace(0, 1, 12, dtype=np.float32)
    for w in [alike] * 4 + [other] * 2 + [alike] * 12 + [other]:
        np.testing.assert_array_equal(step(a, b, w), pull(w)[0])


def test_the_forward_pass_knows_what_came_before():
    a, b = arrays(13, 40)
    needs = (True, True)
    task = Task("vae.kl_standard_normal(t0,t1)", "expected", needs, rows=1)
    forward = jax.jit(lambda a, b: _primitives.run.bind(a, b, task=task))
    slope = jax.jit(jax.grad(lambda a, b, s: fj.vae.kl_standard_normal(a, b).sum() * s, (0, 1)))

    def step(*own):
        return jax.block_until_ready(slope(*own))

    def expected():
        return np.asarray(forward(a, b)[1]).view(np.float64)[0]

    assert np.isnan(expected())
    step(a, b, 0.1)
    assert np.isnan(expected())
    gradients = step(a, b, 0.1)
    assert expected() == np.float32(0.1)
    for x, y in zip(forward(a, b)[2:], gradients, strict=True):
        np.testing.assert_array_equal(x, y)
    step(a, b, 0.2)  # a wrong guess
    for _ in range(9):
        step(a, b, 0.2)
        assert np.isnan(expected())
    step(a, b, 0.2)
    assert expected() == np.float32(0.2)


def aliases(program, *own):
    return "output_to_operand_aliasing" in program.lower(*own).compile().as_text()


def test_where_the_gradients_are_kept():
    """In one program, also through inner ones; a backward pass by itself would copy them."""
    a, b = arrays(12, 40)
    loss = lambda a, b: fj.vae.kl_standard_normal(a, b).mean()  # noqa: E731
    assert aliases(jax.jit(jax.grad(loss)), a, b)
    assert aliases(jax.jit(jax.grad(jax.jit(loss))), a, b)
    assert not aliases(jax.jit(jax.grad(lambda a: fj.elementary.softplus(a).sum())), a)
    assert not aliases(jax.jit(jax.vmap(jax.grad(fj.vae.kl_standard_normal))), a, b)
    backward = jax.jit(lambda a, b: jax.vjp(loss, a, b))(a, b)[1]
    assert not aliases(jax.jit(lambda pull, c: pull(c)), backward, jnp.float32(1))
    for _ in range(4):
        found = jax.value_and_grad(jax.jit(loss))(a, b)[1]
        np.testing.assert_array_equal(found, jax.jit(jax.grad(loss))(a, b))
