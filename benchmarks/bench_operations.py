"""Every operation against its NumPy reference, at the sizes of real models.

    python -m pytest benchmarks --benchmark-enable

All operations with a case are included, and each result is checked. A large input repeats a small
one, so the reference computes the small one only.
"""

import numpy as np
import pytest

import fastgen
from fastgen import cases
from fastgen._ops import ISA, OPS
from fastgen.cases import each
from fastgen.cli.repeated import repeated
from fastgen.cli.sizes import sizes

ALL = [(name, shape) for name in sorted(OPS) for shape in sizes(name).value]


def pytest_generate_tests(metafunc):
    if "who" in metafunc.fixturenames:
        timed = metafunc.config.getoption("benchmark_enable")
        metafunc.parametrize("who", ["fastgen", "numpy"] if timed else ["fastgen"])


def prepare(benchmark, name, shape, dtype):
    benchmark.group = f"{name} {shape} {np.dtype(dtype)}"
    benchmark.extra_info.update(isa=ISA, threads=fastgen.get_num_threads(), shape=shape)
    return repeated(name, shape, dtype)


@pytest.mark.parametrize(("name", "shape"), ALL)
def test_value(benchmark, name, shape, who):
    of = prepare(benchmark, name, shape, np.float32)
    function = cases.function(name) if who == "fastgen" else cases.reference(name)
    results = each(benchmark(function, *of.whole()))
    exact = cases.reference(name)(*(x.astype(np.float64) for x in of.inputs))
    for found, wanted in zip(map(of.part, results), each(exact), strict=True):
        error = 1e-4 if who == "fastgen" else 1e-2  # NumPy's float32 may cancel
        np.testing.assert_allclose(found, wanted, rtol=error, atol=error)


@pytest.mark.parametrize(("name", "shape"), [(n, s) for n, s in ALL if OPS[n].derivative])
def test_value_and_grad(benchmark, name, shape):
    of = prepare(benchmark, name, shape, np.float32)
    inputs = of.whole()
    values, gradients = benchmark(fastgen.value_and_grad(cases.function(name)), *inputs)
    alone = cases.function(name)(*inputs)
    assert all(map(np.array_equal, each(values), each(alone)))
    assert all(not np.isnan(of.part(g)).any() for g in each(gradients))
