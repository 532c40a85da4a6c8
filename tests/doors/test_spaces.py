"""Namespaces inside of families, such as `diffusion.times`, in the doors."""

import importlib
import inspect
import pickle

import numpy as np
import pytest

from fastgen._registry import SPACES
from fastgen.diffusion import times

SIZES = {"image_size": 256, "noise_size_low": 32, "noise_size_high": 128}
OPTIONS = {"cosine_interpolated": SIZES}
DRAWS = [name for name in times.__all__ if name not in ("LossSecondMoment", "weighted_steps")]
INPUTS = {"steps": (8, 10)}


def module_of(library, space):
    pytest.importorskip(library)
    importlib.import_module(f"fastgen.{library}")
    return importlib.import_module(f"fastgen.{library}.{space}")


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("library", ["torch", "jax"])
def test_every_public_function_is_there(library, space):
    module, original = module_of(library, space), importlib.import_module(f"fastgen.{space}")
    family, _, name = space.partition(".")
    outer = importlib.import_module(f"fastgen.{library}.{family}")
    assert getattr(outer, name) is module and name in dir(outer)
    assert sorted(dir(module)) == sorted(original.__all__)
    for name in original.__all__:
        f, g = getattr(module, name), getattr(original, name)
        if inspect.isfunction(g):
            assert inspect.signature(f) == inspect.signature(g)
            assert f.__module__ == f"fastgen.{library}.{space}"
            assert pickle.loads(pickle.dumps(f)) is f
    with pytest.raises(AttributeError, match="has no attribute"):
        module.nothing  # noqa: B018


@pytest.mark.parametrize("name", DRAWS)
def test_times_in_torch(name):
    module = module_of("torch", "diffusion.times")
    import torch

    inputs, options = INPUTS.get(name, (8,)), OPTIONS.get(name, {}) | {"key": 3, "strata": 8}
    f, g = getattr(module, name), getattr(times, name)
    kind = {} if name == "steps" else {"dtype": np.float32}
    wanted = g(*inputs, **options, **kind)
    np.testing.assert_array_equal(f(*inputs, **options).numpy(), wanted)
    if kind:
        wide = f(*inputs, **options, dtype=torch.float64)
        np.testing.assert_array_equal(wide.numpy(), g(*inputs, **options))
    torch.manual_seed(0)
    first = f(*inputs, **OPTIONS.get(name, {}))
    torch.manual_seed(0)
    assert torch.equal(f(*inputs, **OPTIONS.get(name, {})), first)


def test_times_in_compiled_torch():
    module = module_of("torch", "diffusion.times")
    import torch

    call = lambda: module.logit_normal(8, key=3, shift=3.0)  # noqa: E731
    compiled = torch.compile(call, backend="aot_eager", fullgraph=True)
    assert torch.equal(compiled(), module.logit_normal(8, key=3, shift=3.0))


@pytest.mark.parametrize("name", DRAWS)
def test_times_in_jax(name):
    module = module_of("jax", "diffusion.times")
    import jax

    inputs, options = INPUTS.get(name, (8,)), OPTIONS.get(name, {}) | {"strata": 8}
    f, g = getattr(module, name), getattr(times, name)
    found = f(*inputs, key=3, **options)
    kind = {} if name == "steps" else {"dtype": found.dtype}  # float64 if JAX has it
    np.testing.assert_array_equal(found, g(*inputs, key=3, **options, **kind))
    traced = jax.jit(lambda key: f(*inputs, key=key, **options))
    key = jax.random.key(3)
    np.testing.assert_array_equal(traced(key), f(*inputs, key=key, **options))
    with pytest.raises(TypeError, match="the noise needs key="):
        f(*inputs, **options)


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_weighted_steps(library):
    module = module_of(library, "diffusion.times")
    array = importlib.import_module("torch").tensor if library == "torch" else np.float32
    p = [1.0, 0.0, 3.0, 2.0]
    found = module.weighted_steps(6, array(p), key=3, strata=6)
    for got, wanted in zip(found, times.weighted_steps(6, p, key=3, strata=6), strict=True):
        np.testing.assert_allclose(np.asarray(got), wanted, rtol=1e-6)
    assert module.LossSecondMoment is times.LossSecondMoment
