"""Every operation against its NumPy reference, at the sizes of real models.

    python -m pytest benchmarks --benchmark-enable

Operations are found by themselves; each result is checked before it is timed.
"""

import numpy as np
import pytest

import fastgen
from fastgen import cases
from fastgen._ops import ISA, OPS
from fastgen.cases import each

ROWS = [(1, 4), (128, 20), (64, 4096), (65536, 20), (4096, 512)]
ELEMENTS = [(10,), (1000,), (100_000,), (10_000_000,)]
ALL = [
    (name, shape)
    for name in sorted(OPS)
    for shape in (ROWS if cases.signature(name).has_rows else ELEMENTS)
]


def prepare(benchmark, name, shape, dtype):
    benchmark.group = f"{name} {shape} {np.dtype(dtype)}"
    benchmark.extra_info.update(isa=ISA, threads=fastgen.get_num_threads(), shape=shape)
    return cases.inputs(name, shape, dtype)


@pytest.mark.parametrize("who", ["fastgen", "numpy"])
@pytest.mark.parametrize(("name", "shape"), ALL)
def test_value(benchmark, name, shape, who):
    arrays = prepare(benchmark, name, shape, np.float32)
    function = cases.function(name) if who == "fastgen" else cases.reference(name)
    exact = cases.reference(name)(*(x.astype(np.float64) for x in arrays))
    for found, wanted in zip(each(function(*arrays)), each(exact), strict=True):
        error = 1e-4 if who == "fastgen" else 1e-2  # NumPy's float32 may cancel
        np.testing.assert_allclose(found, wanted, rtol=error, atol=error)
    benchmark(function, *arrays)


@pytest.mark.parametrize(("name", "shape"), [(n, s) for n, s in ALL if OPS[n].derivative])
def test_value_and_grad(benchmark, name, shape):
    arrays = prepare(benchmark, name, shape, np.float32)
    function = fastgen.value_and_grad(cases.function(name))
    alone = cases.function(name)(*arrays)
    assert all(map(np.array_equal, each(function(*arrays)[0]), each(alone)))
    benchmark(function, *arrays)
