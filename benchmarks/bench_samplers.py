"""Steps of samplers, and whole guided loops, against diffusers.

    python -m pytest benchmarks/bench_samplers.py --benchmark-enable

Results without noise are checked before they are timed. Libraries draw different noise. The model
of a whole loop costs nothing, so the time is that of sampling alone.
"""

import numpy as np
import pytest

import fastgen
from fastgen._ops import ISA
from fastgen.diffusion import Schedule, samplers

pytestmark = pytest.mark.filterwarnings("ignore:.*__array__:DeprecationWarning")
SHAPES = [(1, 16, 7), (1, 4, 64, 64), (8, 4, 128, 128)]
LIBRARIES = ["fastgen", "diffusers"]
STEPS, AT, SCALE = 50, 20, 7.5
VP, FLOW = Schedule.scaled_linear(), Schedule.flow()
BETAS = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}
TRAILING = {**BETAS, "clip_sample": False, "timestep_spacing": "trailing"}
SAMPLERS = {
    "DDIM": (VP, "DDIMScheduler", TRAILING),
    "DDPM": (VP, "DDPMScheduler", TRAILING),
    "DPMSolverMultistep": (VP, "DPMSolverMultistepScheduler", BETAS),
    "Euler": (VP, "EulerDiscreteScheduler", BETAS),
    "FlowMatchEuler": (FLOW, "FlowMatchEulerDiscreteScheduler", {}),
}


def needs(library):
    pytest.importorskip(library, reason=f"{library} missing: pip install {library}")


def prepare(benchmark, name, shape):
    benchmark.group = f"{name} {shape} float32"
    benchmark.extra_info.update(isa=ISA, threads=fastgen.get_num_threads(), shape=str(shape))


def arrays(shape):
    """Return a sample, two predictions and a memory."""
    return list(np.random.default_rng(0).standard_normal((4, *shape)).astype(np.float32))


def made(name):
    return getattr(samplers, name)(SAMPLERS[name][0], STEPS)


def ours(name, x, predictions, memory, **options):
    """Return a function that makes one step, guided if there are two predictions."""
    sampler, key = made(name), {"key": 1} if name == "DDPM" else {}
    state = sampler.state()
    step = sampler.step if len(predictions) == 1 else sampler.guided_step

    def call():
        if sampler.memory:
            state.next, state.history = AT, (memory,)
        return step(x, *predictions, AT, state=state, **key, **options)

    return call


def scheduler(name):
    import diffusers

    _, kind, options = SAMPLERS[name]
    found = getattr(diffusers, kind)(**options)
    found.set_timesteps(STEPS)
    return found


def theirs(name, x, prediction, memory):
    import torch

    found, (x, prediction, memory) = scheduler(name), map(torch.from_numpy, (x, prediction, memory))
    t = found.timesteps[AT]

    def call():
        found._step_index = AT
        if name == "DPMSolverMultistep":
            found.model_outputs, found.lower_order_nums = [memory, memory], 2
        return found.step(prediction, t, x).prev_sample

    if name == "Euler":
        found.is_scale_input_called = True
    return call


def check(result, wanted, noisy):
    found = np.asarray(result[0] if isinstance(result, tuple) else result)
    assert found.shape == wanted.shape
    assert np.isfinite(found).all()
    if not noisy:
        np.testing.assert_allclose(found, wanted, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_step(benchmark, library, name, shape):
    needs(library)
    prepare(benchmark, f"{name}.step", shape)
    x, prediction, _, memory = arrays(shape)
    wanted = ours(name, x, [prediction], memory)
    f = wanted
    if library == "diffusers":
        f = theirs(name, x, prediction, memory)
    check(f(), wanted(), name == "DDPM")
    benchmark(f)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_guided_step(benchmark, library, shape, dtype):
    """A guided step of DDIM. Pipelines of diffusers compute guidance by torch expressions."""
    needs(library)
    prepare(benchmark, "DDIM.guided_step", shape)
    x, uncond, cond, memory = (y.astype(dtype) for y in arrays(shape))
    wanted, f = ours("DDIM", x, [uncond, cond], memory, scale=SCALE), None
    if library == "fastgen":
        f = wanted
    else:
        import torch

        step, u, c = scheduler("DDIM"), torch.from_numpy(uncond), torch.from_numpy(cond)
        t, sample = step.timesteps[AT], torch.from_numpy(x)
        f = lambda: step.step(u + SCALE * (c - u), t, sample).prev_sample  # noqa: E731
    check(f(), wanted(), noisy=dtype == "float16")
    benchmark(f)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_guided_loop(benchmark, library, name, shape):
    """50 guided steps. The model returns the same two arrays every time."""
    needs(library)
    prepare(benchmark, f"50 guided steps of {name}", shape)
    _, uncond, cond, _ = arrays(shape)

    def fast():
        sampler = made(name)
        options = {"guidance": SCALE, "key": 1, "progress": False}
        return samplers.sample(lambda x, t: (uncond, cond), sampler, shape, **options)

    def diffusers():
        import torch

        found, (u, c) = scheduler(name), map(torch.from_numpy, (uncond, cond))
        x = torch.randn(shape) * getattr(found, "init_noise_sigma", 1.0)
        for t in found.timesteps:
            if hasattr(found, "scale_model_input"):
                found.scale_model_input(x, t)
            x = found.step(u + SCALE * (c - u), t, x).prev_sample
        return x

    f = fast if library == "fastgen" else diffusers
    check(f(), fast(), noisy=True)
    benchmark(f)
