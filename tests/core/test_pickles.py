"""What may stand in a graph of dask pickles: every public function, and the objects they make."""

import functools
import pickle
import subprocess
import sys

import cloudpickle
import numpy as np
import pytest
from made_samplers import NAMES as SAMPLERS
from made_samplers import SHAPE, made

import fastgen
from fastgen import diffusion, elementary, flow, gan, guidance, noise, vae
from fastgen._ops import OPS
from fastgen.diffusion import Schedule, samplers

MODULES = (fastgen, diffusion, samplers, elementary, flow, gan, guidance, noise, vae)
FUNCTIONS = {
    f"{module.__name__}.{name}": getattr(module, name)
    for module in MODULES
    for name in module.__all__
    if callable(getattr(module, name))
}


def copies(x):
    return [library.loads(library.dumps(x)) for library in (pickle, cloudpickle)]


def test_public_functions_and_classes():
    assert len(FUNCTIONS) > 150
    for name, f in FUNCTIONS.items():
        assert all(copy is f for copy in copies(f)), name
        assert all(copy.func is f for copy in copies(functools.partial(f, axis=0))), name


def test_derivatives_of_functions():
    count = 0
    for name, f in FUNCTIONS.items():
        try:
            derivative = fastgen.value_and_grad(f)
        except TypeError:
            continue  # it has none
        count += 1
        assert all(copy == derivative for copy in copies(derivative)), name
    assert count > 100


def test_pullbacks():
    x = np.ones((2, 3))
    _, pullback = fastgen.vjp(vae.kl_standard_normal, x, x)
    for copy in copies(pullback):
        np.testing.assert_array_equal(copy(1.0), pullback(1.0))


def test_operations_and_ufuncs_with_options_and_names():
    variants = []
    for name, row in OPS.items():
        assert row.ufunc.__name__ == name
        for op in filter(None, (row, row.derivative)):
            variants += [op, op.called("vae.other")]
            variants += [op.with_options(0.25, -0.0), op.with_options(0.1, 2**0.5, float("inf"))]
    for op in variants:
        assert {repr(copy) for copy in copies(op)} == {repr(op)}
        assert all(copy is op.ufunc for copy in copies(op.ufunc)), op
        assert all(copy.ufunc is op.ufunc for copy in copies(op)), op
    assert len({op.ufunc for op in variants}) == len(variants) > 600


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_ufuncs_in_every_protocol(protocol):
    for op in (OPS["flow.slogdet"], OPS["flow.rational_quadratic_spline"].with_options(3.0)):
        assert pickle.loads(pickle.dumps(op.ufunc, protocol)) is op.ufunc


def test_another_process_makes_the_same_ufunc():
    x, parameters = np.linspace(-4, 4, 9), np.random.default_rng(0).normal(size=(9, 11))
    inputs = x, parameters[:, :4], parameters[:, 4:8], parameters[:, 8:]
    ufunc = OPS["flow.rational_quadratic_spline"].with_options(3.0).ufunc
    code = "import pickle, sys; f, x = pickle.load(sys.stdin.buffer); print(*f(*x)[0])"
    command, sent = [sys.executable, "-c", code], pickle.dumps((ufunc, inputs))
    done = subprocess.run(command, input=sent, capture_output=True, timeout=60, check=True)
    found, wanted = np.array(done.stdout.split(), float), ufunc(*inputs)[0]
    np.testing.assert_array_equal(found, wanted)
    assert np.any(wanted != OPS["flow.rational_quadratic_spline"].ufunc(*inputs)[0])


def test_methods_of_samplers_and_schedules():
    x = np.linspace(-1, 1, 30).reshape(SHAPE)
    for name in SAMPLERS:
        sampler = made(name)
        wanted = sampler.step(x, x, 0, state=sampler.state(), key=1)
        for copy, state in zip(copies(sampler.step), copies(sampler.state()), strict=True):
            np.testing.assert_array_equal(copy(x, x, 0, state=state, key=1), wanted)
    t = np.arange(3)
    schedule = Schedule.linear(5)
    for copy in copies(schedule.coefficients):
        np.testing.assert_array_equal(copy(t), schedule.coefficients(t))
    for copy in copies(noise.Stream(3, 4)):
        assert copy == noise.Stream(3, 4)
