"""`fastgen.jax`: its names, imports, keys, types, devices, threads and errors."""

import concurrent.futures
import copy
import doctest
import importlib
import inspect
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402

import fastgen  # noqa: E402
import fastgen.jax  # noqa: E402
from fastgen.diffusion import Schedule  # noqa: E402
from fastgen.jax import _lowering  # noqa: E402

FAMILIES = ["elementary", "ema", "vae", "gan", "flow", "diffusion", "guidance", "noise"]
kl = fastgen.jax.vae.kl_standard_normal


def random(*shape, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_public_function_is_there(family):
    own, original = getattr(fastgen.jax, family), getattr(fastgen, family)
    for name in original.__all__:
        if inspect.ismodule(getattr(original, name)):
            continue
        f, g = getattr(own, name), getattr(original, name)
        assert name in dir(own)
        if inspect.isfunction(g):
            assert inspect.signature(f) == inspect.signature(g)
            assert f.__module__ == f"fastgen.jax.{family}"
            assert pickle.loads(pickle.dumps(f)) is f
    with pytest.raises(AttributeError, match=f"module 'fastgen.jax.{family}' has no attribute"):
        own.nothing  # noqa: B018


def run(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_imports():
    """fastgen does not import JAX, and fastgen.jax registers nothing before the first call."""
    code = (
        "import fastgen, sys; print('jax' in sys.modules); import jax, time; "
        "start = time.perf_counter(); import fastgen.jax; print(time.perf_counter() - start, "
        "'fastgen.jax._primitives' in sys.modules)"
    )
    first, seconds, registered = run(code).split()
    assert (first, registered) == ("False", "False")
    assert float(seconds) < 0.5  # about 0.01 on a quiet machine


def test_numbers_arrays_and_names():
    x = random(3, 4)
    wanted = fastgen.vae.kl_standard_normal(x, 0.1)
    for found in (kl(x, 0.1), kl(jnp.asarray(x), np.float64(0.1)), kl(logvar=0.1, mu=x)):
        np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(jax.jit(lambda x: kl(x, 0.1))(x), wanted)
    assert kl(1.0, 2.0).dtype == jnp.float32
    assert kl([1.0, 2.0], [0.0, 0.0]) == 2.5
    assert kl(np.ones((3, 4), int), x).dtype == jnp.float32


PROMOTIONS = [
    ("float32", (3, 4), "float16", (), "float32"),
    ("float16", (3, 4), "float32", (), "float16"),
    ("float16", (3, 4), "float32", (4,), "float32"),
    ("float16", (3, 4), "bfloat16", (4,), "float32"),
    ("bfloat16", (3, 4), "int32", (4,), "bfloat16"),
    ("float32", (3, 4), "bool", (4,), "float32"),
    ("int32", (3, 4), "int32", (4,), "float32"),
]


@pytest.mark.parametrize(("kind_a", "shape_a", "kind_b", "shape_b", "wanted"), PROMOTIONS)
def test_types_are_promoted(kind_a, shape_a, kind_b, shape_b, wanted):
    a, b = jnp.ones(shape_a, kind_a), jnp.ones(shape_b, kind_b)
    assert kl(a, b).dtype == wanted
    if kind_a != "int32":
        assert jax.grad(lambda a: kl(a, b).sum().astype(jnp.float32))(a).dtype == kind_a


def test_small_numbers_are_not_flushed_to_zero():
    tiny = np.full((2, 3), 1e-40, np.float32)
    f = fastgen.jax.gan.gradient_penalty
    for g, arrays in (
        (fastgen.jax.elementary.expm1, (tiny,)),
        (fastgen.jax.vae.gaussian_elbo, (tiny,) * 5),
        (f, (tiny,)),
    ):
        own = getattr(getattr(fastgen, g.__module__.rpartition(".")[2]), g.__name__)
        np.testing.assert_array_equal(jax.jit(g)(*arrays), own(*arrays))


def test_an_array_in_the_place_of_an_option():
    """The option is no part of the program, and has its value when the program runs."""
    x, z = random(3, 5) % 1, random(3, 4)
    elbo = jax.jit(lambda beta: fastgen.jax.vae.bernoulli_elbo(x, x, z, z, beta=beta))
    for beta in (1.0, 2.5):
        wanted = fastgen.vae.bernoulli_elbo(x, x, z, z, beta=beta)
        np.testing.assert_array_equal(elbo(beta), wanted)
    raw = [random(3, n) for n in (4, 4, 3)]
    spline = jax.jit(lambda b: fastgen.jax.flow.rational_quadratic_spline(x[:, 0], *raw, bound=b))
    for bound in (1.0, 2.5):
        wanted = fastgen.flow.rational_quadratic_spline(x[:, 0], *raw, bound=bound)
        np.testing.assert_array_equal(spline(bound), wanted)


def test_keys():
    normal, key = fastgen.jax.noise.normal, 2**63 + 5
    wanted = fastgen.noise.normal((3, 4), key=key, counter=7, dtype=np.float32)
    np.testing.assert_array_equal(normal((3, 4), key=key, counter=7), wanted)
    words = jnp.array(divmod(key, 2**32), jnp.uint32)
    for given in (words, jax.random.wrap_key_data(words), np.uint64(key)):
        found = jax.jit(lambda k=given: normal((3, 4), key=k, counter=7))
        if not isinstance(given, np.uint64):
            found = jax.jit(lambda k: normal((3, 4), key=k, counter=jnp.int32(7)))
            np.testing.assert_array_equal(found(given), wanted)
    small = fastgen.noise.normal((3,), key=9, dtype=np.float32)
    np.testing.assert_array_equal(jax.jit(lambda k: normal((3,), key=k))(jnp.int32(9)), small)
    keys = jax.random.split(jax.random.key(0), 3)
    rows = jax.vmap(lambda k: normal((4,), key=k))(keys)
    assert len(np.unique(rows)) == 12
    np.testing.assert_array_equal(rows[1], normal((4,), key=keys[1]))
    mu, logvar = random(3, 4), random(3, 4, seed=1)
    drawn = fastgen.jax.vae.reparameterize(mu, logvar, key=keys[0])
    number = int(jax.random.key_data(keys[0])[0]) << 32 | int(jax.random.key_data(keys[0])[1])
    np.testing.assert_array_equal(drawn, fastgen.vae.reparameterize(mu, logvar, key=number))


NO_KEY = {
    "none": (lambda x: fastgen.jax.vae.reparameterize(x, x), "needs key= or noise=.*no global"),
    "rng": (lambda x: fastgen.jax.noise.normal((3,), rng=1), "needs key=, because"),
    "float": (lambda x: fastgen.jax.noise.normal((3,), key=1.5), "key must be a number, .*got 1.5"),
    "array": (
        lambda x: fastgen.jax.noise.normal((3,), key=x),
        r"key must be.*float32 \(3,\).*jax.random.bits",
    ),
}


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("name", NO_KEY)
def test_noise_without_a_key(name, jit):
    f, message = NO_KEY[name]
    with pytest.raises(TypeError, match=message):
        (jax.jit(f) if jit else f)(jnp.zeros(3))
    with pytest.raises(ValueError, match=r"key must lie in 0 <= key < 2\*\*64"):
        fastgen.jax.noise.normal((3,), key=-1)


BAD = {
    "shapes": (lambda x: kl(x, x[:, :2]), ValueError, r"mu \(3, 4\), logvar \(3, 2\)"),
    "axis": (lambda x: kl(x, x, axis=2), ValueError, "axis must lie between -2 and 1"),
    "complex": (lambda x: kl(x.astype(complex), x), TypeError, "mu must hold float16"),
    "count": (lambda x: kl(x), TypeError, "kl_standard_normal"),
    "name": (lambda x: kl(x, x, axes=1), TypeError, "axes"),
    "kind": (lambda x: fastgen.jax.gan.f_divergence(x, kind="no"), ValueError, "kind must be one"),
    "out": (lambda x: kl(x, x, out=np.zeros(3)), TypeError, "out would change in place"),
    "average": (
        lambda x: fastgen.jax.guidance.apg(x, x, 2.0, average=x),
        TypeError,
        "average would change in place",
    ),
}


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("name", BAD)
def test_wrong_arguments_are_found_before_anything_runs(name, jit):
    f, error, message = BAD[name]
    with pytest.raises(error, match=message):
        (jax.jit(f) if jit else f)(jnp.ones((3, 4)))


def test_wrong_values_are_errors_of_xla_that_name_the_argument():
    schedule, x = Schedule.linear(10), jnp.ones((3, 4))
    f = jax.jit(lambda t: fastgen.jax.diffusion.velocity(x, x, t, schedule))
    f(jnp.array([1, 2, 3]))
    with pytest.raises(Exception, match=r"fastgen.*t must lie between 0 and 9"):
        jax.block_until_ready(f(jnp.array([1, 2, 30])))


def test_what_native_refuses_and_that_it_pickles():
    with pytest.raises(TypeError, match="f must be a function of fastgen"):
        fastgen.jax.native(np.exp)
    f, x = fastgen.jax.native(kl), jnp.ones((2, 3))
    for g in (pickle.loads(pickle.dumps(f)), copy.deepcopy(f)):
        np.testing.assert_array_equal(g(x, x), f(x, x))
        assert repr(g) == "native(fastgen.jax.vae.kl_standard_normal)"
        assert inspect.signature(g) == inspect.signature(kl)


def losses():
    """Return losses of several kinds of calls, as functions of one array."""
    schedule, t = Schedule.linear(20), jnp.array([3, 5, 19])
    return {
        "row": lambda x: kl(x, x[0]).sum(),
        "one pass": lambda x: kl(x, x).sum(),
        "sum": lambda x: fastgen.jax.vae.gaussian_elbo(x, x, x, x, x, free_bits=0.1).sum(),
        "noise": lambda x: fastgen.jax.vae.reparameterize(x, x, key=3).sum(),
        "schedule": lambda x: fastgen.jax.diffusion.add_noise(x, t, schedule, key=4).sum(),
        "matrices": lambda x: fastgen.jax.flow.logdet_triangular(x[:, None] * x[..., None]).sum(),
        "loop": lambda x: jax.vmap(lambda y: fastgen.jax.vae.reparameterize(y, y, key=3))(x).sum(),
        "number": lambda x: fastgen.jax.vae.bernoulli_elbo(x, x, x, x, beta=jnp.float32(2)).sum(),
    }


@pytest.mark.parametrize("name", losses())
def test_other_devices_have_the_plain_formula(name, monkeypatch):
    x = jnp.asarray(np.abs(random(3, 4)) + 0.1)
    loss = losses()[name]
    wanted = jax.jit(jax.value_and_grad(loss))(x)
    if name not in ("noise", "schedule", "loop"):  # noise comes from the host, of that machine
        lowered = jax.jit(jax.value_and_grad(loss)).trace(x).lower(lowering_platforms=("cuda",))
        assert "fastgen_" not in lowered.as_text()
    monkeypatch.setattr(_lowering, "kernels", False)
    found = jax.jit(jax.value_and_grad(losses()[name]))(x)
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_shard_map_and_meshes():
    code = (
        "import jax, jax.numpy as jnp, numpy as np, fastgen.jax as f\n"
        "from jax.sharding import PartitionSpec as P\n"
        "mesh = jax.sharding.Mesh(np.array(jax.devices()), ('x',))\n"
        "a = jnp.linspace(-1, 1, 32).reshape(4, 8)\n"
        "def loss(a, b): return f.vae.kl_standard_normal(a, b)\n"
        "def mean(a, b): return jax.lax.pmean(loss(a, b[0]).mean(), 'x')\n"
        "sharded = jax.shard_map(loss, mesh=mesh, in_specs=(P('x'), P('x')), out_specs=P('x'))\n"
        "total = jax.shard_map(mean, mesh=mesh, in_specs=(P('x'), P()), out_specs=P())\n"
        "assert (jax.jit(sharded)(a, a) == loss(a, a)).all()\n"
        "found = jax.jit(jax.grad(total, argnums=(0, 1)))(a, a)\n"
        "wanted = jax.grad(lambda a, b: loss(a, b[0]).mean(), argnums=(0, 1))(a, a)\n"
        "for x, y in zip(found, wanted): np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6)\n"
        "print('ok')"
    )
    if not hasattr(jax, "shard_map"):
        pytest.skip("this JAX has no jax.shard_map")
    flags = "import os; os.environ['XLA_FLAGS'] = '--xla_force_host_platform_device_count=2'\n"
    assert run(flags + code) == "ok"


def test_threads_call_one_program():
    x = random(64, 256)
    program = jax.jit(lambda x: (kl(x, x), fastgen.jax.vae.gaussian_elbo(x, x, x, x, x)))
    wanted = [np.asarray(y) for y in program(x)]

    def call(_):
        return [np.asarray(y) for y in program(x)]

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for found in pool.map(call, range(100)):
            for a, b in zip(found, wanted, strict=True):
                np.testing.assert_array_equal(a, b)


def test_the_interpreter_ends_while_programs_run():
    code = (
        "import jax, jax.numpy as jnp, fastgen.jax as f\n"
        "x = jnp.ones((512, 512))\n"
        "g = jax.jit(lambda x: jax.lax.fori_loop(0, 200, lambda i, y: y + 1e-9 * "
        "f.vae.gaussian_elbo(y, y, y, y, y)[:, None], x))\n"
        "y = g(x)\n"
        "print('ok', flush=True)"
    )
    assert run(code) == "ok"


def test_donated_and_aliased_buffers():
    x = jnp.asarray(random(128, 128))
    wanted = fastgen.elementary.exp(np.asarray(x))
    found = jax.jit(fastgen.jax.elementary.exp, donate_argnums=0)(x)
    np.testing.assert_array_equal(found, wanted)


def test_empty_arrays():
    x = jnp.zeros((0, 8))
    assert kl(x, x).shape == (0,)
    assert jax.vmap(lambda x: kl(x, x))(x).shape == (0,)
    assert jax.grad(lambda x: kl(x, x[:1]).sum())(jnp.zeros((3, 0))).shape == (3, 0)
    drawn = jax.vmap(lambda x: fastgen.jax.vae.reparameterize(x, x, key=1))(x)
    assert drawn.shape == (0, 8)


def test_examples_in_docstrings():
    module = importlib.import_module("fastgen.jax._native")
    failed, tried = doctest.testmod(module)
    assert tried > 0
    assert failed == 0


def test_the_page_on_jax():
    page = (Path(__file__).parents[2] / "docs/jax.md").read_text(encoding="utf-8")
    code = page.partition("```python\n")[2].partition("```")[0]
    names: dict = {}
    exec(code, names)
    assert names["gradients"][0].shape == (128, 20)


@pytest.mark.parametrize("transform", [jax.jit, jax.grad, jax.vmap])
@pytest.mark.parametrize(
    "f",
    [
        lambda x: fastgen.vae.kl_standard_normal(x, x),
        lambda x: fastgen.vae.gaussian_elbo(x, x, x, x, x),
        lambda x: fastgen.diffusion.denoising_loss(x, x).mean(),
        lambda x: fastgen.diffusion.add_noise(x, 3, Schedule.linear(9), key=1),
        lambda x: fastgen.flow.rational_quadratic_spline(x[0], x, x, x[:-1]),
    ],
)
def test_functions_on_arrays_send_tracers_to_fastgen_jax(f, transform):
    with pytest.raises(TypeError, match=r"is traced by JAX.*fastgen\.jax"):
        transform(f)(jnp.ones((4, 4)))
    x = np.ones((3, 4), np.float32)
    np.testing.assert_array_equal(  # arrays with values are read as they are
        fastgen.vae.kl_standard_normal(jnp.asarray(x), x), fastgen.vae.kl_standard_normal(x, x)
    )
