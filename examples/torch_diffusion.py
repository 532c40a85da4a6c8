"""Train a diffusion model in PyTorch on real digits and sample, with and without fastgen.torch.

It shows what fastgen.torch replaces: noising and loss in training, and the scheduler of diffusers
in sampling. Two models start from the same weights and take the same steps on the same batches,
timesteps and noise, one with formulas as they are usually written in PyTorch, one with `add_noise`,
`velocity` and `denoising_loss`. Then one model draws digits from the same noise twice, by a
scheduler of diffusers, and by `fastgen.torch.Scheduler.from_diffusers` of it. All times are printed
side by side, with those of what differs alone: the network and the optimizer are the same, and take
most of a step. The script fails if the loss curves or the samples part.

The data: the 1797 images of 8x8 pixels in scikit-learn's `load_digits`, scaled to [-1, 1].

    pip install '.[examples]' torch diffusers
    python examples/torch_diffusion.py [--epochs 200] [--steps 20] [--seed 0] [--out DIR]

DIR gets torch_diffusion.png (curves and times) and torch_diffusion_digits.png (samples).
"""

import argparse
import copy
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name, default in (("--epochs", 200), ("--steps", 20), ("--seed", 0)):
        parser.add_argument(name, type=int, default=default, help=f"default {default}")
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="default: here")
    options = parser.parse_args()
    if min(options.epochs, options.steps, options.seed + 1) < 1:
        parser.error("--epochs and --steps must be at least 1, --seed at least 0")
    return options


if __name__ == "__main__":  # wrong arguments are refused before the slow imports
    OPTIONS = arguments()

try:
    import _side_by_side as side_by_side
    import torch
    from diffusers import DPMSolverMultistepScheduler
    from sklearn.datasets import load_digits
    from torch import Tensor, nn
    from torch.nn.functional import mse_loss

    import fastgen.torch as ft
    from fastgen.diffusion import Schedule
except ImportError as error:
    sys.exit(f"{error}; this example needs: pip install '.[examples]' torch diffusers")

PIXELS, EMBEDDING, HIDDEN, BATCH, RATE = 64, 32, 384, 128, 2e-3
TRAIN_STEPS, SAMPLES, ROUNDS = 1000, 4 * 14, 20  # the samples are drawn as often, to be timed
MANY = 4096  # images of a large batch, to time the loss alone
CLOSELY, LOOSELY = 1e-5, 1e-3  # between the curves in the first steps, and in all
SAME = 1e-4  # between samples, from -1 to 1: diffusers rounds its coefficients to float32

SCHEDULE = Schedule.cosine(TRAIN_STEPS)
# The same for diffusers, whose sampling then starts where the training ended.
CONFIG = {
    "beta_schedule": "squaredcos_cap_v2",
    "prediction_type": "v_prediction",
    "timestep_spacing": "trailing",
}
ALPHA, SIGMA = (
    torch.tensor(table, dtype=torch.float32)[:, None]
    for table in SCHEDULE.coefficients(np.arange(TRAIN_STEPS))
)


class WithPyTorch:
    """Noising and loss, as they are usually written in PyTorch."""

    @staticmethod
    def add_noise(x: Tensor, t: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return x_t and v, (batch, pixels)."""
        alpha, sigma = ALPHA[t], SIGMA[t]
        return alpha * x + sigma * noise, alpha * noise - sigma * x

    @staticmethod
    def loss(predicted: Tensor, v: Tensor) -> Tensor:
        """Return the mean squared error."""
        return mse_loss(predicted, v)


class WithFastgen:
    """The same with fastgen.torch."""

    @staticmethod
    def add_noise(x: Tensor, t: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return x_t and v, (batch, pixels)."""
        v = ft.diffusion.velocity(x, noise, t, SCHEDULE)
        return ft.diffusion.add_noise(x, t, SCHEDULE, noise=noise), v

    @staticmethod
    def loss(predicted: Tensor, v: Tensor) -> Tensor:
        """Return the mean squared error."""
        return ft.diffusion.denoising_loss(predicted, v).mean()


WAYS = WithPyTorch, WithFastgen
Ways = type[WithPyTorch | WithFastgen]


class Network(nn.Module):
    """Three dense layers with SiLU between them: x_t and t to v = alpha noise - sigma x."""

    def __init__(self) -> None:
        """Start with random weights."""
        super().__init__()
        table = ft.diffusion.timestep_embedding(np.arange(TRAIN_STEPS), EMBEDDING)
        self.register_buffer("table", torch.as_tensor(table))
        sizes = (PIXELS + EMBEDDING, HIDDEN, HIDDEN, PIXELS)
        first, second, last = map(nn.Linear, sizes, sizes[1:])
        self.layers = nn.Sequential(first, nn.SiLU(), second, nn.SiLU(), last)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """Turn (batch, pixels), and (batch,) or one timestep, into (batch, pixels)."""
        return self.layers(torch.cat([x, self.table[t].expand(len(x), -1)], dim=1))


def training(ways: Ways, model: Network) -> side_by_side.Training:
    """Return the training of a model in one of the ways."""

    def loss(model: Network, x: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        x_t, v = ways.add_noise(x, t, noise)
        return ways.loss(model(x_t, t), v)

    return side_by_side.Training(model, loss, RATE)


def draw(x: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Return a batch, with timesteps and noise."""
    t = torch.randint(TRAIN_STEPS, (len(x),), generator=rng)
    return x, t, torch.randn(x.shape, generator=rng)


def times_of_loss(x: Tensor, t: Tensor, noise: Tensor, rounds: int) -> list[float]:
    """Return the microseconds of noising, loss and gradient, alone."""
    predicted = torch.zeros_like(x, requires_grad=True)

    def once(ways: Ways) -> None:
        _, v = ways.add_noise(x, t, noise)
        torch.autograd.grad(ways.loss(predicted, v), predicted)

    return side_by_side.times_in_turn(once, WAYS, rounds)


@torch.no_grad()
def sample(model: Network, scheduler: Any, x: Tensor, steps: int) -> tuple[Tensor, np.ndarray]:
    """Return what noise becomes, and seconds of model and scheduler of every step."""
    scheduler.set_timesteps(steps)
    x, seconds = x * scheduler.init_noise_sigma, []
    for t in scheduler.timesteps:
        start = perf_counter()
        predicted = model(scheduler.scale_model_input(x, t), t)
        ready = perf_counter()
        x = scheduler.step(predicted, t, x).prev_sample
        seconds.append((ready - start, perf_counter() - ready))
    return x, np.array(seconds)


def sample_in_turn(
    model: Network, noise: Tensor, steps: int
) -> tuple[list[Tensor], np.ndarray, np.ndarray]:
    """Return the samples of both schedulers, and microseconds of a model's and of their steps."""
    theirs = DPMSolverMultistepScheduler(**CONFIG)
    schedulers = theirs, ft.Scheduler.from_diffusers(theirs)
    runs = [[sample(model, s, noise, steps) for s in schedulers] for _ in range(ROUNDS)]
    seconds = np.array([[run[1] for run in both] for both in runs])  # (rounds, 2, steps, 2)
    of_model, own = np.moveaxis(1e6 * np.median(seconds, axis=(0, 2)), 1, 0)
    return [run[0] for run in runs[-1]], of_model, own


def main(options: argparse.Namespace) -> None:
    """Train, sample, compare, draw."""
    options.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    x = torch.from_numpy(load_digits().data).float() / 8 - 1  # (1797, pixels)
    rng, model = torch.Generator().manual_seed(options.seed), Network()
    pair = [training(ways, copy.deepcopy(model)) for ways in WAYS]

    def batches() -> Iterator[tuple[Tensor, ...]]:
        for batch in torch.randperm(len(x), generator=rng)[: len(x) // BATCH * BATCH].split(BATCH):
            yield draw(x[batch], rng)

    side_by_side.train(pair, options.epochs, batches)
    noise = torch.randn(SAMPLES, PIXELS, generator=rng)
    samples, of_model, own = sample_in_turn(pair[1].model, noise, options.steps)

    times = {f"training step, {BATCH} images": side_by_side.step_times(pair)}
    for count, rounds in ((BATCH, 300), (MANY, 30)):
        drawn = draw(x[torch.arange(count) % len(x)], rng)
        times[f"noising, loss, gradient alone, {count} images"] = times_of_loss(*drawn, rounds)
    times[f"sampling step (diffusers), {SAMPLES} images"] = list(of_model + own)
    times[f"its scheduler alone, {SAMPLES} images"] = list(own)
    side_by_side.print_times(times)
    title = "Diffusion model on handwritten digits, in PyTorch"
    side_by_side.plot(pair, times, title, "squared error", options.out / "torch_diffusion.png")
    names = "DPMSolverMultistepScheduler of diffusers", "fastgen.torch.Scheduler"
    rows = {f"Samples by {name}": drawn for name, drawn in zip(names, samples, strict=True)}
    side_by_side.plot_images(rows, -1, 1, options.out / "torch_diffusion_digits.png")

    levels = [f"{y.mean():.3f}, {y.std(0).mean():.3f}" for y in (samples[1], x)]
    print(f"\nMean of the samples, and deviation of a pixel: {levels[0]}; of the data {levels[1]}")
    part = float((samples[0] - samples[1]).abs().max())
    print(f"Largest difference of the samples of both schedulers: {part:.1e}")
    side_by_side.check(pair, CLOSELY, LOOSELY)
    if not part <= SAME:  # also where it is NaN
        sys.exit(f"error: the samples should agree within {SAME:.0e}")


if __name__ == "__main__":
    main(OPTIONS)
