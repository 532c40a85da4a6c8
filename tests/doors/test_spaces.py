"""Namespaces inside of families, `diffusion.paths` and `diffusion.times`, in the doors."""

import importlib
import inspect
import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from fastgen._registry import SPACES
from fastgen.cases import each
from fastgen.diffusion import paths, times

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


VP = paths.VariancePreserving()
CHANGE = paths.PathChange(paths.Linear(), paths.Cosine())
X0, X1, NOISE = np.random.default_rng(0).normal(size=(3, 4, 6)).astype(np.float32)
T = np.array([0.1, 0.25, 0.5, 0.9], np.float32)
OF_PATHS = {
    "sample": lambda f, x0, x1, t, e: f(x1, t, VP, noise=e),
    "drawn": lambda f, x0, x1, t, e: f(x1, t, VP, key=3),
    "bridge": lambda f, x0, x1, t, e: f(x0, x1, t, VP, sigma=0.5, kind="brownian", noise=e),
    "convert": lambda f, x0, x1, t, e: f(x0, x1, t, VP, source="velocity", target="score"),
    "change_velocity": lambda f, x0, x1, t, e: f(x0, x1, t, CHANGE),
    "matching_time": lambda f, x0, x1, t, e: f(t, CHANGE),
    "optimal_coupling": lambda f, x0, x1, t, e: f(x0, x1),
}
NAMES = {"drawn": "sample"}


def of_paths(module, name):
    """Return the call of a function of paths in a module."""
    f = getattr(module, NAMES.get(name, name))
    return lambda *arrays: OF_PATHS[name](f, *arrays)


def same(got, wanted, exact=True):
    for x, y in zip(each(got), each(wanted), strict=True):
        x = np.asarray(x)
        assert x.shape == np.shape(y)
        if exact:
            np.testing.assert_array_equal(x, np.asarray(y).astype(x.dtype))
        else:
            np.testing.assert_allclose(x, y, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name", OF_PATHS)
def test_paths_in_torch(name):
    module = module_of("torch", "diffusion.paths")
    import torch

    pytest.importorskip("scipy")
    wanted = of_paths(paths, name)(X0, X1, T, NOISE)
    tensors = [torch.tensor(x) for x in (X0, X1, T, NOISE)]
    f = of_paths(module, name)
    same(f(*tensors), wanted)
    if name == "optimal_coupling":
        return
    torch.compiler.reset()  # each function counts towards the limit of recompilations
    compiled = torch.compile(f, backend="aot_eager", fullgraph=True)
    same(compiled(*tensors), wanted)
    same(
        compiled(*tensors[:2], torch.tensor(0.25), tensors[3]),
        of_paths(paths, name)(X0, X1, np.float32(0.25), NOISE),
    )
    g = importlib.import_module("fastgen.torch").native(getattr(module, NAMES.get(name, name)))
    same(OF_PATHS[name](g, *tensors), wanted, exact=False)


def test_gradients_of_paths_in_torch():
    module = module_of("torch", "diffusion.paths")
    import torch

    t, e = torch.tensor(T, dtype=torch.float64), torch.tensor(NOISE, dtype=torch.float64)
    pair = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (X0, X1)]
    for name in ("sample", "bridge", "convert", "change_velocity"):
        f = of_paths(module, name)
        assert torch.autograd.gradcheck(lambda a, b, f=f: f(a, b, t, e), pair)


@pytest.mark.parametrize("name", OF_PATHS)
def test_paths_in_jax(name):
    module = module_of("jax", "diffusion.paths")
    import jax
    import jax.numpy as jnp

    pytest.importorskip("scipy")
    wanted = of_paths(paths, name)(X0, X1, T, NOISE)
    arrays = [jnp.asarray(x) for x in (X0, X1, T, NOISE)]
    f = of_paths(module, name)
    same(f(*arrays), wanted)
    if name == "optimal_coupling":
        return
    same(jax.jit(f)(*arrays), wanted)
    g = importlib.import_module("fastgen.jax").native(getattr(module, NAMES.get(name, name)))
    same(OF_PATHS[name](g, *arrays), wanted, exact=False)
    same(jax.jit(lambda *a: OF_PATHS[name](g, *a))(*arrays), wanted, exact=False)


def test_equal_paths_have_one_name():
    from fastgen._call_text import handle

    assert handle(paths.Linear()) == handle(paths.Linear()) != handle(paths.Linear(0.5))
    assert handle(CHANGE) == handle(pickle.loads(pickle.dumps(CHANGE)))

    class Own(paths.Path):
        def formula(self, t):
            return t, 1 - t, 1.0, -1.0

    own = Own()
    assert handle(own) == handle(own) != handle(Own())  # no pickle: known by itself


def test_the_training_step_of_the_page_on_diffusion():
    page = (Path(__file__).parents[2] / "docs" / "families" / "diffusion.md").read_text("utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    torch = pytest.importorskip("torch")
    layer, images = torch.nn.Linear(6, 6), torch.ones(8, 6)
    names = {"images": images, "model": lambda x, t: layer(x) + t[:, None]}
    torch.manual_seed(0)
    exec(compile(block, "diffusion.md", "exec"), names)
    assert names["loss"] > 0 and layer.weight.grad.abs().sum() > 0
    t, x_t = names["t"][:, None], names["x_t"]
    torch.testing.assert_close(x_t + (1 - t) * names["velocity"], images)
