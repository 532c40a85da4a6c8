"""Noise, drawn as arrays and made in tiles, against NumPy and PyTorch.

    python -m pytest benchmarks/bench_noise.py --benchmark-enable

Each result is checked before it is timed, by its moments: libraries draw different noise.
"""

import numpy as np
import pytest

import fastgen
from fastgen import noise
from fastgen._ops import ISA
from fastgen.diffusion import Schedule, add_noise

SIZES = [100, 2**14, 2**20, 2**24]
DTYPES = ["float32", "float64"]


def prepare(benchmark, name, size, dtype):
    benchmark.group = f"{name} {size} {dtype}"
    benchmark.extra_info.update(isa=ISA, threads=fastgen.get_num_threads(), size=size)


def check_normal(z, size):
    assert z.size == size
    assert abs(float(z.mean())) < 6 / np.sqrt(size)
    assert abs(float((z * z).mean()) - 1) < 9 / np.sqrt(size)


@pytest.mark.parametrize("library", ["fastgen", "numpy", "torch"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
def test_normal(benchmark, library, size, dtype):
    prepare(benchmark, "normal", size, dtype)
    rng = np.random.default_rng(0)
    draw = {
        "fastgen": lambda: noise.normal(size, key=1, dtype=dtype),
        "numpy": lambda: rng.standard_normal(size, np.dtype(dtype)),
    }
    if library == "torch":
        torch = pytest.importorskip("torch", reason="torch missing: pip install torch")
        draw["torch"] = lambda: torch.randn(size, dtype=getattr(torch, dtype))
    check_normal(np.asarray(draw[library]()), size)
    benchmark(draw[library])


@pytest.mark.parametrize("returned", [False, True])
@pytest.mark.parametrize("library", ["fastgen", "numpy"])
@pytest.mark.parametrize("size", SIZES[1:])
def test_add_noise(benchmark, library, size, returned):
    prepare(benchmark, "add_noise, noise returned" if returned else "add_noise", size, "float32")
    schedule, steps = Schedule.cosine(1000), np.arange(64) * 10
    x0 = noise.normal((64, size // 64), key=2, dtype=np.float32)
    alpha, sigma = (c.astype(np.float32)[:, None] for c in schedule.coefficients(steps))
    rng = np.random.default_rng(0)

    def numpy():
        drawn = rng.standard_normal(x0.shape, np.float32)
        x_t = alpha * x0 + sigma * drawn
        return (x_t, drawn) if returned else x_t

    def ours():
        return add_noise(x0, steps, schedule, key=1, return_noise=returned)

    f = numpy if library == "numpy" else ours
    check_normal(f()[0] if returned else f(), size)
    benchmark(f)


@pytest.mark.parametrize("library", ["fastgen", "numpy"])
@pytest.mark.parametrize("size", SIZES)
def test_reparameterize(benchmark, library, size):
    prepare(benchmark, "reparameterize", size, "float32")
    mu = np.zeros((4, size // 4), np.float32)
    logvar = np.zeros_like(mu)
    rng = np.random.default_rng(0)

    def numpy():
        return mu + np.exp(logvar / 2) * rng.standard_normal(mu.shape, np.float32)

    def ours():
        return fastgen.vae.reparameterize(mu, logvar, key=1)

    f = numpy if library == "numpy" else ours
    check_normal(f(), size)
    benchmark(f)
