"""Steps of the schedulers of diffusers, and of `fastgen.torch.Scheduler` in their places.

    python benchmarks/bench_scheduler.py [THREADS]

prints the table of docs/torch.md. A run is 30 steps of (1, 4, 64, 64) in float32, as pipelines make
them, with a model that costs nothing. The two libraries run in turn. Of each step the shortest time
in any run counts, because other processes can only make it longer; the table has the mean of all
steps. "noise" is the time in which PyTorch's generator draws: it is the same in both.
"""

import contextlib
import inspect
import io
import statistics
import sys
import time

import pytest

import fastgen
from fastgen._ops import ISA
from fastgen.diffusion.samplers._config.schedulers import SCHEDULERS

torch = pytest.importorskip("torch", reason="torch missing: pip install torch")
diffusers = pytest.importorskip("diffusers", reason="diffusers missing: pip install diffusers")

from fastgen.torch import Scheduler  # noqa: E402
from fastgen.torch._scheduler_source import REFUSED  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")
SHAPE, STEPS, RUNS, SECONDS = (1, 4, 64, 64), 30, 40, 5.0
NAMES = [name for name in sorted(SCHEDULERS) if name not in REFUSED]


def pair(name):
    """Return the scheduler of diffusers, and that of fastgen."""
    with contextlib.redirect_stdout(io.StringIO()):
        theirs = getattr(diffusers, name)()
    return theirs, Scheduler.from_diffusers(theirs)


def inputs():
    """Return a sample and a prediction."""
    g = torch.Generator().manual_seed(0)
    return torch.randn(SHAPE, generator=g), 0.1 * torch.randn(SHAPE, generator=g)


def run(scheduler):
    """Return the time of each step in us, and the last sample."""
    scheduler.set_timesteps(STEPS)
    x, prediction = inputs()
    options, times = {}, []
    if "generator" in inspect.signature(scheduler.step).parameters:
        options["generator"] = torch.Generator().manual_seed(1)
    if hasattr(scheduler, "is_scale_input_called"):
        scheduler.is_scale_input_called = True  # it warns otherwise
    told_next = "UnCLIP" in scheduler.config.get("_class_name", type(scheduler).__name__)
    timesteps = list(scheduler.timesteps)
    for t, after in zip(timesteps, [*timesteps[1:], None], strict=True):
        if told_next:
            options["prev_timestep"] = after
        begin = time.perf_counter()
        x = scheduler.step(prediction, t, x, **options).prev_sample
        times.append((time.perf_counter() - begin) * 1e6)
    return times, x


def draw():
    """Return the time in us of the noise of each of as many steps."""
    g, times = torch.Generator().manual_seed(1), []
    for _ in range(STEPS):
        begin = time.perf_counter()
        torch.randn(SHAPE, generator=g)
        times.append((time.perf_counter() - begin) * 1e6)
    return times


def of_a_step(runs):
    """Return the mean over the steps of the shortest time in any run."""
    return statistics.mean(map(min, zip(*runs, strict=True)))


def measured(name):
    """Return the times of a step of diffusers and of fastgen, and the part that draws noise."""
    theirs, ours = pair(name)
    runs, end = [], time.perf_counter() + SECONDS
    while len(runs) < RUNS and (len(runs) < 5 or time.perf_counter() < end):
        runs.append((run(theirs)[0], run(ours)[0], draw()))
    *times, noise = map(of_a_step, zip(*runs, strict=True))
    return *times, noise * sum(ours._draws) / len(ours._draws)


@pytest.mark.parametrize("name", NAMES)
def test_both_end_at_the_same_sample(name):
    theirs, ours = (run(scheduler)[1] for scheduler in pair(name))
    tolerance = 1e-2 if name == "PNDMScheduler" else 1e-3  # theirs subtracts close numbers
    torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance * theirs.abs().max())


def main():
    threads = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    torch.set_num_threads(threads)
    fastgen.set_num_threads(threads)
    torch.set_grad_enabled(False)
    versions = f"PyTorch {torch.__version__}, diffusers {diffusers.__version__}"
    print(f"{threads} threads on {ISA}; {versions}\n")
    print("| scheduler | diffusers | fastgen | | noise |\n|---|---|---|---|---|")
    for name in NAMES:
        theirs, ours, noise = measured(name)
        drawn = f"{noise:.1f} us" if noise else ""
        ratio = f"{theirs / ours:.1f}x"
        print(f"| `{name}` | {theirs:.1f} us | {ours:.1f} us | {ratio} | {drawn} |", flush=True)


if __name__ == "__main__":
    main()
