"""What may stand in a graph of dask pickles: every public function, and the objects they make."""

import functools
import pickle

import cloudpickle
import numpy as np
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


def test_operations_with_options_and_names():
    """Descriptions hold these. Ufuncs of them are private, and no graph holds one."""
    for name, op in OPS.items():
        for variant in (op, op.derivative, op.called("vae.other"), op.with_options(0.25)):
            if variant is not None:
                assert {repr(copy) for copy in copies(variant)} == {repr(variant)}, name


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
