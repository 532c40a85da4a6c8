"""`fastgen.jax` computes large calls in the threads of XLA."""

import concurrent.futures
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import fastgen  # noqa: E402
import fastgen.jax as fj  # noqa: E402


@pytest.fixture
def threads():
    """Return the function that sets the number of threads; the number of before is restored."""
    before = fastgen.get_num_threads()
    yield fastgen.set_num_threads
    fastgen.set_num_threads(before)


def arrays(*shape, count=2):
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape).astype(np.float32) for _ in range(count)]


def program(x, y):
    """Large calls that do not need each other: rows, a long row, lanes, and calls of Python."""
    return (
        fj.elementary.softplus(x),
        fj.vae.kl_standard_normal(x, y),
        fj.vae.kl_standard_normal(x, y, axis=0),
        fj.vae.kl_standard_normal(x, y, axis=None),
        fj.elementary.tanh(x + y),
        fj.vae.gaussian_elbo(x, y, y, x, y, free_bits=0.1),
        fj.vae.reparameterize(x, y, key=3),
        fj.flow.logdet_triangular(x[:, :1024].reshape(-1, 4, 4)),
    )


def on_arrays(x, y):
    return (
        fastgen.elementary.softplus(x),
        fastgen.vae.kl_standard_normal(x, y),
        fastgen.vae.kl_standard_normal(x, y, axis=0),
        fastgen.vae.kl_standard_normal(x, y, axis=None),
        fastgen.elementary.tanh(x + y),
        fastgen.vae.gaussian_elbo(x, y, y, x, y, free_bits=0.1),
        fastgen.vae.reparameterize(x, y, key=3),
        fastgen.flow.logdet_triangular(x[:, :1024].reshape(-1, 4, 4)),
    )


def assert_same(found, wanted):
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(a, b)


def test_bits_do_not_depend_on_the_number_of_threads(threads):
    x, y = arrays(400, 1500)
    threads(1)
    wanted, compiled = on_arrays(x, y), jax.jit(program)
    for count in (1, 2, 5):
        threads(count)
        assert_same(compiled(x, y), wanted)


def test_large_calls_side_by_side_from_several_threads(threads):
    """The threads of XLA run the callers and the tasks that help them, so some never get help."""
    threads(4)
    x, y = arrays(300, 1100)
    compiled = jax.jit(program)
    wanted = [np.asarray(z) for z in compiled(x, y)]
    assert_same(wanted, on_arrays(x, y))
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        for found in pool.map(lambda _: compiled(x, y), range(60)):
            assert_same(found, wanted)


def test_a_loop_of_large_calls(threads):
    threads(2)
    (x,) = arrays(500, 700, count=1)

    def loop(x):
        return jax.lax.fori_loop(0, 30, lambda _, z: fj.elementary.tanh(z) - 0.5 * z, x)

    found = jax.jit(loop)(x)
    threads(1)
    np.testing.assert_array_equal(jax.jit(loop)(x), found)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="reads /proc")
@pytest.mark.skipif(jax.__version_info__ < (0, 6), reason="JAX 0.5 does not lend threads")
def test_no_thread_is_started_beside_those_of_xla():
    code = """
import os, jax, jax.numpy as jnp, numpy as np, fastgen, fastgen.jax as fj
def threads():
    return len(os.listdir("/proc/self/task"))
x = np.ones((2000, 1000), np.float32)
program = jax.jit(lambda x: (fj.elementary.softplus(x), fj.vae.reparameterize(x, x, key=3)))
fastgen.set_num_threads(1)
jax.block_until_ready(program(x))
fastgen.set_num_threads(2)
before = threads()
for _ in range(20):
    jax.block_until_ready(program(x))
during = threads()
fastgen.elementary.softplus(x)
print(during - before, threads() - before)
"""
    flags = [sys.executable, "-c", code]
    done = subprocess.run(flags, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split() == ["0", "1"]
