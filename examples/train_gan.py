"""Train a generative adversarial network on real handwritten digits, in plain NumPy plus fastgen.

It shows what fastgen replaces in adversarial training: the losses of discriminator and generator,
their gradients, and an estimate of how far the generated images are from the real ones. All else
(networks, backpropagation, Adam) is NumPy. At every step the losses are also computed by NumPy from
the same logits. The time that both take is printed, and the script fails if they disagree.

The data: the 1797 images of 8x8 pixels in scikit-learn's `load_digits`, with grey levels 0 to 16.
The discriminator sees all images with noise, which shrinks during training. So real and generated
images overlap from the start, and the discriminator always gives useful gradients.

    pip install '.[examples]'
    python examples/train_gan.py [--epochs 200] [--latent 24] [--seed 0] [--out DIR]

DIR gets gan_divergence.png (losses and divergence) and gan_digits.png (real and generated digits).
"""

import argparse
import itertools
import sys
from pathlib import Path
from time import perf_counter

import numpy as np

import fastgen
from fastgen.reference import gan as reference


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name, default in (("--epochs", 200), ("--latent", 24), ("--seed", 0)):
        parser.add_argument(name, type=int, default=default, help=f"default {default}")
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="default: here")
    options = parser.parse_args()
    if min(options.epochs, options.latent, options.seed + 1) < 1:
        parser.error("--epochs and --latent must be at least 1, --seed at least 0")
    return options


if __name__ == "__main__":  # wrong arguments are refused before the slow imports
    OPTIONS = arguments()

try:
    from matplotlib.figure import Figure  # draws to files, without a display
    from sklearn.datasets import load_digits
    from threadpoolctl import threadpool_limits  # comes with scikit-learn
except ImportError as error:
    sys.exit(f"{error}; this example needs: pip install '.[examples]'")

PIXELS, HIDDEN = 64, 256
BATCH, STEPS = 128, 12  # images per step, steps per epoch
TRAIN = BATCH * STEPS  # images for training; the other 261 are held out
RATE, SLOPE = 2e-3, 0.2  # of Adam at the first step; of the leaky rectifier, below 0
NOISE, SMOOTHING = 0.3, 0.1  # at the first step; how far the target of real images is below 1
AVERAGE = 0.99  # of the generator's weights over the steps: what the pictures show
TOLERANCE = 1e-5  # between the losses of fastgen and of NumPy, relative; of gradients, of 1 / BATCH
Array = np.ndarray  # of float32
LossAndGrads = tuple[float, tuple[Array, ...]]  # gradients: of the logits

discriminator_and_grads = fastgen.value_and_grad(fastgen.gan.discriminator_loss)
generator_and_grads = fastgen.value_and_grad(fastgen.gan.generator_loss)


def loss_fastgen(*logits: Array) -> LossAndGrads:
    """Return the discriminator's loss for two arrays of logits, the generator's for one."""
    if len(logits) == 2:
        return discriminator_and_grads(*logits, kind="non_saturating", label_smoothing=SMOOTHING)
    return generator_and_grads(*logits, kind="non_saturating")


def loss_numpy(*logits: Array) -> LossAndGrads:
    """Return the same, with gradients that are written by hand."""
    sigmoids = [1 / (1 + np.exp(-x)) for x in logits]
    if len(logits) == 2:
        loss = reference.discriminator_loss(*logits, kind="minimax", label_smoothing=SMOOTHING)
        return loss, ((sigmoids[0] - (1 - SMOOTHING)) / BATCH, sigmoids[1] / BATCH)
    return reference.generator_loss(*logits, kind="non_saturating"), ((sigmoids[0] - 1) / BATCH,)


class Comparison:
    """Calls both, and keeps their times and their largest difference."""

    def __init__(self) -> None:
        """Start without calls."""
        self.seconds: dict[str, list[float]] = {"fastgen": [], "NumPy": []}
        self.difference = 0.0

    def __call__(self, *logits: Array) -> LossAndGrads:
        """Return the result of fastgen."""
        results = {}
        turns = [("fastgen", loss_fastgen), ("NumPy", loss_numpy)]
        if len(self.seconds["NumPy"]) % 4 > 1:  # the second one finds the logits in the cache
            turns.reverse()
        for name, f in turns:
            start = perf_counter()
            results[name] = f(*logits)
            self.seconds[name].append(perf_counter() - start)
        (loss, gradients), (other, by_hand) = results["fastgen"], results["NumPy"]
        apart = [abs(loss / other - 1)]
        apart += [BATCH * abs(a - b).max() for a, b in zip(gradients, by_hand, strict=True)]
        self.difference = max(self.difference, *map(float, apart))
        return loss, gradients


class Network:
    """Dense layers with a leaky rectifier between them, and Adam (Kingma and Ba, 2015)."""

    def __init__(self, rng: np.random.Generator, *widths: int) -> None:
        """Start with random weights and biases of 0."""
        self.parameters: list[Array] = []
        for rows, columns in itertools.pairwise(widths):
            weights = rng.standard_normal((rows, columns), np.float32) * np.float32(rows**-0.5)
            self.parameters += [weights, np.zeros(columns, np.float32)]
        self.m, self.v = ([np.zeros_like(p) for p in self.parameters] for _ in range(2))
        self.steps = 0

    def forward(self, x: Array, parameters: list[Array] | None = None) -> Array:
        """Turn (batch, widths[0]) into (batch, widths[-1]), by given or own parameters."""
        parameters = parameters or self.parameters
        self.inputs = []  # of each layer, kept for backward
        for k in range(0, len(parameters), 2):
            if k > 0:
                x = np.where(x > 0, x, SLOPE * x)
            self.inputs.append(x)
            x = x @ parameters[k] + parameters[k + 1]
        return x

    def backward(self, d_x: Array) -> Array:
        """Return the gradient of the input; keep the gradients of the parameters."""
        self.gradients: list[Array] = []
        for k in reversed(range(len(self.inputs))):
            x = self.inputs[k]
            self.gradients = [x.T @ d_x, d_x.sum(0), *self.gradients]
            d_x = d_x @ self.parameters[2 * k].T
            if k > 0:
                d_x *= np.where(x > 0, np.float32(1), np.float32(SLOPE))
        return d_x

    def step(self, rate: float) -> None:
        """Move the parameters."""
        self.steps += 1
        rate *= (1 - 0.99**self.steps) ** 0.5 / (1 - 0.5**self.steps)
        for p, g, m, v in zip(self.parameters, self.gradients, self.m, self.v, strict=True):
            m += 0.5 * (g - m)
            v += 0.01 * (g * g - v)
            p -= np.float32(rate) * m / (np.sqrt(v) + 1e-8)


class Gan:
    """Generator tanh(G(z)), with z from N(0, I), and discriminator D(x), with pixels in [-1, 1]."""

    def __init__(self, rng: np.random.Generator, latent: int) -> None:
        """Make two random networks, and the average of the generator's weights."""
        self.rng, self.latent = rng, latent
        self.generator = Network(rng, latent, HIDDEN, HIDDEN, PIXELS)
        self.discriminator = Network(rng, PIXELS, HIDDEN, HIDDEN, 1)
        self.average = [p.copy() for p in self.generator.parameters]
        self.loss = Comparison()

    def draw(self, count: int, parameters: list[Array] | None = None) -> Array:
        """Return generated images, (count, pixels)."""
        z = self.rng.standard_normal((count, self.latent), np.float32)
        return np.tanh(self.generator.forward(z, parameters))

    def judge(self, x: Array, noise: float) -> Array:
        """Return logits, (batch,): the discriminator's view of noisy images, (batch, pixels)."""
        noisy = x + np.float32(noise) * self.rng.standard_normal(x.shape, np.float32)
        return self.discriminator.forward(noisy)[:, 0]

    def step(self, real: Array, rate: float, noise: float) -> tuple[float, float]:
        """Make one step of the discriminator and one of the generator; return their losses."""
        logits = self.judge(np.concatenate([real, self.draw(BATCH)]), noise)
        loss, gradients = self.loss(logits[:BATCH], logits[BATCH:])
        self.discriminator.backward(np.concatenate(gradients)[:, None])
        self.discriminator.step(rate)

        fake = self.draw(BATCH)
        generator_loss, (d_logits,) = self.loss(self.judge(fake, noise))
        d_fake = self.discriminator.backward(d_logits[:, None])
        self.generator.backward(d_fake * (1 - fake**2))
        self.generator.step(rate)
        for mean, p in zip(self.average, self.generator.parameters, strict=True):
            mean += np.float32(1 - AVERAGE) * (p - mean)
        return float(loss), float(generator_loss)

    def divergence(self, real: Array, noise: float) -> float:
        """Return the discriminator's estimate of the Jensen-Shannon divergence."""
        logits = self.judge(np.concatenate([real, self.draw(len(real), self.average)]), noise)
        return float(fastgen.gan.js_estimate(logits[: len(real)], logits[len(real) :]))


def train(gan: Gan, levels: Array, epochs: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return losses, (steps, 2), and divergences on held-out images, (epochs,)."""
    images = levels / 8 - 1
    losses, divergences = [], []
    for epoch in range(epochs):
        left = 1 - epoch / epochs
        for batch in rng.permutation(TRAIN).reshape(-1, BATCH):
            losses.append(gan.step(images[batch], RATE * left, NOISE * left))
        divergences.append(gan.divergence(images[TRAIN:], NOISE * left))
        show_progress(epoch + 1, epochs, divergences[-1])
    return np.array(losses), np.array(divergences)


def show_progress(epoch: int, epochs: int, divergence: float) -> None:
    """Show a bar on a terminal; elsewhere print a line for about every tenth of the epochs."""
    text = f"epoch {epoch:{len(str(epochs))}}/{epochs}  divergence {divergence:.3f} nats"
    if sys.stderr.isatty():
        bar, end = "#" * (30 * epoch // epochs), "\n" if epoch == epochs else ""
        print(f"\r[{bar:.<30}] {text}", end=end, file=sys.stderr, flush=True)
    elif epoch in (1, epochs) or epoch % -(-epochs // 10) == 0:
        print(text, flush=True)


def plot_divergence(losses: Array, divergences: Array, path: Path) -> None:
    """Plot the losses of both players, and below them the estimated divergence."""
    figure = Figure(figsize=(8, 6), layout="constrained")
    top, bottom = figure.subplots(2, sharex=True)
    epochs = np.arange(1, len(divergences) + 1)
    for name, curve in zip(("discriminator", "generator"), losses.T, strict=True):
        top.plot(epochs, curve.reshape(-1, STEPS).mean(1), label=name, lw=0.8)
    top.set(title="GAN on handwritten digits", ylabel="loss (nats)")
    top.legend()
    bottom.plot(epochs, divergences, "k", lw=0.8)
    bottom.axhline(np.log(2), ls=":", c="gray", label="log 2: nothing in common")
    bottom.set(xlabel="epoch", ylabel="Jensen-Shannon estimate (nats)")
    bottom.legend()
    figure.savefig(path, dpi=120)


def plot_digits(real: Array, generated: Array, path: Path) -> None:
    """Plot real and generated images, (images, pixels), with grey levels 0 to 16."""
    columns = 14
    figure = Figure(figsize=(10, 5.2), layout="constrained")
    axes = figure.subplots(2, height_ratios=(2, 5))
    for axis, title, images in zip(
        axes, ("Real images, held out", "Generated images"), (real, generated), strict=True
    ):
        framed = np.pad(images.reshape(-1, 8, 8), ((0, 0), (1, 0), (1, 0)), constant_values=np.nan)
        mosaic = framed.reshape(-1, columns, 9, 9).swapaxes(1, 2).reshape(-1, columns * 9)
        axis.imshow(mosaic, cmap="gray", vmin=0, vmax=16)  # NaN stays white: the frames
        axis.set_title(title, loc="left")
        axis.axis("off")
    figure.savefig(path, dpi=120)


def nearest(images: Array, others: Array) -> float:
    """Return the RMS distance, in grey levels, of images from the nearest of the others."""
    squares = (images**2).sum(1)[:, None] + (others**2).sum(1) - 2 * images @ others.T
    return float(np.sqrt(np.maximum(squares.min(1), 0).mean() / PIXELS))


def main(options: argparse.Namespace) -> None:
    """Train, compare, draw."""
    options.out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(options.seed)
    levels = rng.permutation(load_digits().data.astype(np.float32))  # (1797, pixels)
    gan, real = Gan(np.random.default_rng(options.seed), options.latent), levels[TRAIN:]
    before = nearest(8 * gan.draw(len(real), gan.average) + 8, real)
    with threadpool_limits(1, user_api="blas"):  # more only cost, with matrices this small
        losses, divergences = train(gan, levels, options.epochs, rng)
    generated = 8 * gan.draw(len(real), gan.average) + 8
    first, last = divergences[0], divergences[-1]
    print(f"\nDivergence  {first:.3f} nats (first epoch) to {last:.3f} nats (last)")
    after, best = nearest(generated, real), nearest(real, levels[:TRAIN])
    print(f"From the nearest real image, in grey levels: {before:.2f} (first step)", end=" ")
    print(f"to {after:.2f}; from real to real {best:.2f}")
    ours, theirs = (1e6 * np.median(s) for s in gan.loss.seconds.values())
    print(f"Loss and gradients  {ours:.1f} us by fastgen, {theirs:.1f} us by NumPy")
    print(f"Time of the loss, NumPy / fastgen: {theirs / ours:.2f}")
    print(f"Largest difference of the two: {gan.loss.difference:.1e}")
    plot_divergence(losses, divergences, options.out / "gan_divergence.png")
    plot_digits(real[:28], generated[:70], options.out / "gan_digits.png")
    if not gan.loss.difference <= TOLERANCE:  # also where it is NaN
        sys.exit(f"error: fastgen and NumPy should agree within {TOLERANCE:.0e}")


if __name__ == "__main__":
    main(OPTIONS)
