"""Train a diffusion model on real handwritten digits, in plain NumPy plus fastgen.

It shows what fastgen replaces in a training loop: noising, and the loss with its gradient. All else
(network, backpropagation, Adam) is NumPy. Two models start from the same weights and take the same
steps on the same batches, steps of the schedule and noise, one with fastgen, one with the NumPy
reference. The time that noising and loss take per step is printed for both, and the script fails if
their loss curves part.

The network predicts the noise in x_t from x_t and an embedding of t. Its samples are drawn by the
ancestral sampler of Ho et al. (2020), from noise addressed by key: the same on every machine, up to
the rounding of the matrix products.

The data: the 1797 images of 8x8 pixels in scikit-learn's `load_digits`, scaled to [-1, 1].

    pip install '.[examples]'
    python examples/train_diffusion.py [--epochs 300] [--steps 100] [--seed 0] [--out DIR]

DIR gets diffusion_loss.png (the curves) and diffusion_digits.png (images, noised images, samples).
"""

import argparse
import sys
from itertools import pairwise
from pathlib import Path
from time import perf_counter

import numpy as np

import fastgen
from fastgen.diffusion import Schedule
from fastgen.reference import diffusion as reference


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name, default in (("--epochs", 300), ("--steps", 100), ("--seed", 0)):
        parser.add_argument(name, type=int, default=default, help=f"default {default}")
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="default: here")
    options = parser.parse_args()
    if min(options.epochs, options.steps - 12, options.seed + 1) < 1:
        parser.error("--epochs must be at least 1, --steps at least 13, --seed at least 0")
    return options


if __name__ == "__main__":  # wrong arguments are refused before the slow imports
    OPTIONS = arguments()

try:
    from matplotlib.figure import Figure  # draws to files, without a display
    from sklearn.datasets import load_digits
    from threadpoolctl import threadpool_limits
except ImportError as error:
    sys.exit(f"{error}; this example needs: pip install '.[examples]'")

PIXELS, EMBEDDING, HIDDEN = 64, 32, 384
BATCH, BATCHES = 128, 14  # images per batch, batches per epoch
RATE, TOLERANCE = 3e-3, 1e-3  # of Adam, at the first step; between the curves, relative
Array = np.ndarray  # of float32

loss_and_grad = fastgen.value_and_grad(fastgen.diffusion.denoising_loss, argnums=0)


class WithFastgen:
    """Noising and loss by fastgen."""

    name = "fastgen"

    @staticmethod
    def add_noise(x0: Array, t: Array, schedule: Schedule, noise: Array) -> Array:
        """Return x_t, (batch, pixels)."""
        return fastgen.diffusion.add_noise(x0, t, schedule, noise=noise)

    @staticmethod
    def loss(epsilon: Array, noise: Array) -> tuple[float, Array]:
        """Return the mean squared error, averaged over the batch, and its gradient in epsilon."""
        loss, (d_epsilon,) = loss_and_grad(epsilon, noise, cotangent=1 / len(noise))
        return float(np.mean(loss)), d_epsilon


class WithNumPy:
    """Noising and loss by the reference, with the gradient written by hand."""

    name = "NumPy"

    @staticmethod
    def add_noise(x0: Array, t: Array, schedule: Schedule, noise: Array) -> Array:
        """Return x_t, (batch, pixels)."""
        return reference.add_noise(x0, t, schedule, noise=noise)

    @staticmethod
    def loss(epsilon: Array, noise: Array) -> tuple[float, Array]:
        """Return the mean squared error, averaged over the batch, and its gradient in epsilon."""
        loss = reference.denoising_loss(epsilon, noise)
        return float(np.mean(loss)), 2 * (epsilon - noise) / epsilon.size


class Network:
    """Three dense layers with SiLU between them: x_t and t to epsilon."""

    def __init__(self, rng: np.random.Generator, steps: int) -> None:
        """Start with random weights and biases of 0. The last layer starts at 0."""
        self.embedding = fastgen.diffusion.timestep_embedding(np.arange(steps), EMBEDDING)
        self.parameters = []
        sizes = (PIXELS + EMBEDDING, HIDDEN, HIDDEN, PIXELS)
        for k, (rows, columns) in enumerate(pairwise(sizes)):
            weights = rng.standard_normal((rows, columns), np.float32) / np.float32(rows**0.5)
            self.parameters += [weights * np.float32(k < 2), np.zeros(columns, np.float32)]

    def forward(self, x_t: Array, t: Array) -> Array:
        """Turn (batch, pixels) and (batch,) into (batch, pixels)."""
        w1, b1, w2, b2, w3, b3 = self.parameters
        self.input = np.hstack([x_t, self.embedding[t]])
        self.before = []
        self.after = [self.input]
        for w, b in ((w1, b1), (w2, b2)):
            self.before.append(self.after[-1] @ w + b)
            self.after.append(self.before[-1] * fastgen.elementary.sigmoid(self.before[-1]))
        return self.after[-1] @ w3 + b3

    def backward(self, d_out: Array) -> None:
        """Keep the gradients of the parameters."""
        self.gradients = []
        for k in (2, 1, 0):
            self.gradients = [self.after[k].T @ d_out, d_out.sum(0), *self.gradients]
            if k:
                s = fastgen.elementary.sigmoid(self.before[k - 1])
                slope = s * (1 + self.before[k - 1] * (1 - s))
                d_out = (d_out @ self.parameters[2 * k].T) * slope


class Trainer:
    """A network, its noising and loss, the state of Adam, and time and loss of every step."""

    def __init__(self, ways: type, network: Network, schedule: Schedule) -> None:
        """Start without training."""
        self.ways, self.network, self.schedule = ways, network, schedule
        self.m, self.v = ([np.zeros_like(p) for p in network.parameters] for _ in range(2))
        self.losses: list[float] = []  # one entry per step
        self.own_seconds: list[float] = []  # of noising and loss
        self.step_seconds: list[float] = []

    def step(self, x0: Array, t: Array, noise: Array, rate: float) -> None:
        """Make one step of Adam (Kingma and Ba, 2015); x0, noise: (batch, pixels), t: (batch,)."""
        start = perf_counter()
        x_t = self.ways.add_noise(x0, t, self.schedule, noise)
        noised = perf_counter()
        epsilon = self.network.forward(x_t, t)
        before_loss = perf_counter()
        loss, d_epsilon = self.ways.loss(epsilon, noise)
        self.own_seconds.append(perf_counter() - before_loss + noised - start)
        self.network.backward(d_epsilon)
        self.losses.append(loss)
        n = len(self.losses)
        rate *= (1 - 0.999**n) ** 0.5 / (1 - 0.9**n)
        everything = zip(
            self.network.parameters, self.network.gradients, self.m, self.v, strict=True
        )
        for p, g, m, v in everything:
            m += 0.1 * (g - m)
            v += 0.001 * (g * g - v)
            p -= rate * m / (np.sqrt(v) + 1e-8)
        self.step_seconds.append(perf_counter() - start)


def train(trainers: list[Trainer], x: Array, epochs: int, rng: np.random.Generator) -> None:
    """Let the trainers take each step in turn, so that all see the same load."""
    steps = len(trainers[0].schedule)
    for epoch in range(epochs):
        rate = RATE * (0.5 + 0.5 * np.cos(np.pi * epoch / epochs))
        for batch in rng.permutation(len(x))[: BATCH * BATCHES].reshape(-1, BATCH):
            t = rng.integers(0, steps, BATCH)
            noise = rng.standard_normal((BATCH, PIXELS), np.float32)
            for trainer in trainers:
                trainer.step(x[batch], t, noise, float(rate))
        if epoch + 1 == epochs or epoch % -(-epochs // 10) == 0:
            loss = np.mean(trainers[0].losses[-BATCHES:])
            print(f"epoch {epoch + 1:{len(str(epochs))}}/{epochs}  loss {loss:.4f}", flush=True)


def sample(network: Network, schedule: Schedule, count: int, key: int) -> Array:
    """Return digits from noise, (count, pixels), by the ancestral sampler, x0 in [-1, 1]."""
    x_t = fastgen.noise.normal((count, PIXELS), key=key, dtype=np.float32)
    for t in range(len(schedule) - 1, -1, -1):
        epsilon = network.forward(x_t, np.full(count, t))
        x0 = fastgen.diffusion.convert(x_t, epsilon, t, schedule, source="epsilon", target="x0")
        mean, variance, _ = fastgen.diffusion.posterior_mean_variance(
            np.clip(x0, -1, 1), x_t, t, schedule
        )
        noise = fastgen.noise.Stream(key, (len(schedule) - t) * x_t.size)
        x_t = fastgen.diffusion.linear_combination(mean, noise, 1.0, float(variance) ** 0.5)
    return x_t


def plot_losses(trainers: list[Trainer], difference: Array, path: Path) -> None:
    """Plot both curves, and below them their difference."""
    figure = Figure(figsize=(8, 6), layout="constrained")
    top, bottom = figure.subplots(2, sharex=True, height_ratios=(3, 1))
    for trainer, style in zip(trainers, ({"lw": 4, "alpha": 0.4}, {"lw": 0.7}), strict=True):
        top.plot(trainer.losses, label=trainer.ways.name, **style)
    top.set(title="Diffusion model on handwritten digits", ylabel="loss", yscale="log")
    top.legend()
    bottom.semilogy(difference, "k.", ms=1)  # equal losses leave a gap
    bottom.set(xlabel="step", ylabel="relative difference")
    figure.savefig(path, dpi=120)


def plot_digits(x: Array, noised: Array, samples: Array, path: Path) -> None:
    """Plot images, the same with more and more noise, and samples: (images, pixels) each."""
    titles = "Images", "With noise: t grows to the right", "Samples, from nothing but noise"
    figure = Figure(figsize=(10, 5.2), layout="constrained")
    axes = figure.subplots(3, height_ratios=(1, 1, 4))
    for axis, title, images in zip(axes, titles, (x, noised, samples), strict=True):
        framed = np.pad(images.reshape(-1, 8, 8), ((0, 0), (1, 0), (1, 0)), constant_values=np.nan)
        mosaic = framed.reshape(-1, 14, 9, 9).swapaxes(1, 2).reshape(-1, 14 * 9)
        axis.imshow(mosaic, cmap="gray", vmin=-1, vmax=1)  # NaN stays white: the frames
        axis.set_title(title, loc="left")
        axis.axis("off")
    figure.savefig(path, dpi=120)


def main(options: argparse.Namespace) -> None:
    """Train, compare, sample, draw."""
    options.out.mkdir(parents=True, exist_ok=True)
    x = load_digits().data.astype(np.float32) / 8 - 1  # (1797, pixels), from -1 to 1
    schedule = Schedule.cosine(options.steps)
    print(schedule)
    trainers = [
        Trainer(ways, Network(np.random.default_rng(options.seed), options.steps), schedule)
        for ways in (WithFastgen, WithNumPy)
    ]
    with threadpool_limits(1, user_api="blas"):  # more only cost, with matrices this small
        train(trainers, x, options.epochs, np.random.default_rng(options.seed))
        samples = sample(trainers[0].network, schedule, 4 * 14, options.seed)
    for t in trainers:
        own, step = (1e6 * np.median(s) for s in (t.own_seconds, t.step_seconds))
        print(f"\n{t.ways.name}\n  loss           {t.losses[0]:.4f} (first step) to", end=" ")
        print(f"{np.mean(t.losses[-BATCHES:]):.4f} (last epoch)")
        print(f"  time per step  {own:.1f} us for noising, loss and gradient, {step:.0f} us in all")
    difference = np.abs(np.divide(trainers[0].losses, trainers[1].losses) - 1)  # (steps,)
    ratio = np.median(trainers[1].own_seconds) / np.median(trainers[0].own_seconds)
    print(f"\nTime of noising, loss and gradient, NumPy / fastgen: {ratio:.2f}")
    print(f"Largest relative difference of the two curves: {difference.max():.1e}")
    plot_losses(trainers, difference, options.out / "diffusion_loss.png")
    t = np.linspace(0, options.steps - 1, 14).astype(int)
    noised = fastgen.diffusion.add_noise(x[:14], t, schedule, key=options.seed)
    plot_digits(x[:14], noised, samples, options.out / "diffusion_digits.png")
    if not difference.max() <= TOLERANCE:  # also where it is NaN
        sys.exit(f"error: fastgen and NumPy should agree within {TOLERANCE:.0e}")


if __name__ == "__main__":
    main(OPTIONS)
