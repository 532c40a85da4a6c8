"""Train a variational autoencoder on real handwritten digits, in plain NumPy plus fastgen.

It shows what fastgen replaces in a training loop: the loss and its gradients. All else (encoder,
decoder, backpropagation, Adam) is NumPy. Two models start from the same weights and take the same
steps on the same batches and noise, one with `loss_fastgen`, one with `loss_numpy`. The time that
the loss takes per step is printed for both, and the script fails if their loss curves differ.

The data: the 1797 images of 8x8 pixels in scikit-learn's `load_digits`, with grey levels 0 to 16.
Uniform noise in [0, 1) is added to every level (dequantisation). So no pixel is constant, the
learned variances cannot collapse, and the loss bounds -log P(original image), in nats.

    pip install '.[examples]'
    python examples/train_vae.py [--epochs 400] [--latent 6] [--seed 0] [--out DIR]

DIR gets vae_loss.png (the curves) and vae_digits.png (reconstructions and samples).
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np

import fastgen
from fastgen.reference import vae as reference


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name, default in (("--epochs", 400), ("--latent", 6), ("--seed", 0)):
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
RATE, TOLERANCE = 4e-3, 1e-5  # of Adam, at the first step; between the curves, relative
Array = np.ndarray  # of float32
LossAndGrads = tuple[float, tuple[Array, ...]]  # gradients: of all arguments but x

nll_and_grads = fastgen.value_and_grad(fastgen.vae.gaussian_nll, argnums=(1, 2))
kl_and_grads = fastgen.value_and_grad(fastgen.vae.kl_standard_normal)


def loss_fastgen(x: Array, x_mu: Array, x_logvar: Array, mu: Array, logvar: Array) -> LossAndGrads:
    """Return the negative ELBO, mean over the batch, and its gradients in all but x."""
    nll, d_decoded = nll_and_grads(x, x_mu, x_logvar, cotangent=1 / len(x))  # nll: (batch,)
    kl, d_encoded = kl_and_grads(mu, logvar, cotangent=1 / len(x))  # kl: (batch,)
    return float(np.mean(nll + kl)), (*d_decoded, *d_encoded)


def loss_numpy(x: Array, x_mu: Array, x_logvar: Array, mu: Array, logvar: Array) -> LossAndGrads:
    """Return the same, with gradients that are written by hand."""
    nll = reference.gaussian_nll(x, x_mu, x_logvar)  # (batch,)
    kl = reference.kl_standard_normal(mu, logvar)  # (batch,)
    error, precision = x_mu - x, np.exp(-x_logvar)  # (batch, pixels)
    d_x_mu = error * precision / len(x)
    d_x_logvar = 0.5 * (1 - error**2 * precision) / len(x)
    d_mu = mu / len(x)  # (batch, latent)
    d_logvar = 0.5 * (np.exp(logvar) - 1) / len(x)
    return float(np.mean(nll + kl)), (d_x_mu, d_x_logvar, d_mu, d_logvar)


class Mlp:
    """Two dense layers with a tanh between them."""

    def __init__(self, rng: np.random.Generator, inputs: int, outputs: int) -> None:
        """Start with random weights and biases of 0."""
        self.parameters = []
        for rows, columns in ((inputs, HIDDEN), (HIDDEN, outputs)):
            weights = rng.standard_normal((rows, columns), np.float32) / np.float32(rows**0.5)
            self.parameters += [weights, np.zeros(columns, np.float32)]

    def forward(self, x: Array) -> Array:
        """Turn (batch, inputs) into (batch, outputs)."""
        w1, b1, w2, b2 = self.parameters
        self.x, self.h = x, np.tanh(x @ w1 + b1)  # kept for backward; h: (batch, hidden)
        return self.h @ w2 + b2

    def backward(self, d_out: Array) -> Array:
        """Return the gradient of the input; keep the gradients of the parameters."""
        w1, _, w2, _ = self.parameters
        d_h = (d_out @ w2.T) * (1 - self.h**2)
        self.gradients = [self.x.T @ d_h, d_h.sum(0), self.h.T @ d_out, d_out.sum(0)]
        return d_h @ w1.T


class Vae:
    """q(z|x) = N(mu, exp(logvar)), p(z) = N(0, I), p(x|z) = N(x_mu, exp(x_logvar))."""

    def __init__(self, rng: np.random.Generator, latent: int) -> None:
        """Make two random networks, with a broad first guess of the grey levels: 8.5 +- 8."""
        self.latent = latent
        self.encoder, self.decoder = Mlp(rng, PIXELS, 2 * latent), Mlp(rng, latent, 2 * PIXELS)
        self.decoder.parameters[-1][:] = np.repeat([0, np.log(8**2)], PIXELS)
        self.parameters = self.encoder.parameters + self.decoder.parameters

    def forward(self, x: Array, eps: Array) -> tuple[Array, ...]:
        """Return x_mu and x_logvar, (batch, pixels); mu and logvar, (batch, latent)."""
        mu, logvar = np.split(self.encoder.forward(x / 8 - 1), 2, axis=1)
        self.eps_sigma = eps * np.exp(logvar / 2)
        return *self.decode(mu + self.eps_sigma), mu, logvar  # z = mu + eps sigma

    def decode(self, z: Array) -> tuple[Array, Array]:
        """Return x_mu and x_logvar, (batch, pixels), from z, (batch, latent)."""
        position, x_logvar = np.split(self.decoder.forward(z), 2, axis=1)
        self.position = np.tanh(position)  # keeps means within the grey levels, 0 to 17
        return 8.5 * (1 + self.position), x_logvar

    def backward(self, d_x_mu: Array, d_x_logvar: Array, d_mu: Array, d_logvar: Array) -> None:
        """Turn the gradients of the loss into those of the parameters."""
        d_position = 8.5 * d_x_mu * (1 - self.position**2)
        d_z = self.decoder.backward(np.hstack([d_position, d_x_logvar]))
        # The divergence reaches mu and logvar directly, the likelihood through z.
        self.encoder.backward(np.hstack([d_mu + d_z, d_logvar + d_z * self.eps_sigma / 2]))
        self.gradients = self.encoder.gradients + self.decoder.gradients


class Trainer:
    """A model, its loss function, the state of Adam, and time and loss of every step."""

    def __init__(self, name: str, loss: Callable[..., LossAndGrads], model: Vae) -> None:
        """Start without training."""
        self.name, self.loss, self.model = name, loss, model
        self.m, self.v = ([np.zeros_like(p) for p in model.parameters] for _ in range(2))
        self.losses: list[float] = []  # nats per image, one entry per step
        self.loss_seconds: list[float] = []
        self.step_seconds: list[float] = []

    def step(self, x: Array, eps: Array, rate: float) -> None:
        """Make one step of Adam (Kingma and Ba, 2015); x: (batch, pixels), eps: (batch, latent)."""
        model, start = self.model, perf_counter()
        outputs = model.forward(x, eps)
        before_loss = perf_counter()
        loss, gradients = self.loss(x, *outputs)
        self.loss_seconds.append(perf_counter() - before_loss)
        model.backward(*gradients)
        self.losses.append(loss)
        t = len(self.losses)
        rate *= (1 - 0.999**t) ** 0.5 / (1 - 0.9**t)
        for p, g, m, v in zip(model.parameters, model.gradients, self.m, self.v, strict=True):
            m += 0.1 * (g - m)
            v += 0.001 * (g * g - v)
            p -= rate * m / (np.sqrt(v) + 1e-8)
        self.step_seconds.append(perf_counter() - start)


def draw(levels: Array, latent: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return x, (images, pixels), with grey level k spread over [k, k + 1), and eps."""
    eps = rng.standard_normal((len(levels), latent), np.float32)
    return levels + rng.random(levels.shape, np.float32), eps


def elbo(model: Vae, levels: Array) -> float:
    """Return the ELBO in nats per image, mean over 10 draws of noise, the same at every call."""
    x, eps = draw(np.tile(levels, (10, 1)), model.latent, np.random.default_rng(0))
    return -loss_fastgen(x, *model.forward(x, eps))[0]


def train(trainers: list[Trainer], levels: Array, epochs: int, rng: np.random.Generator) -> None:
    """Let the trainers take each step in turn, so that all see the same load."""
    for epoch in range(epochs):
        rate = RATE * (0.5 + 0.5 * np.cos(np.pi * epoch / epochs))
        for batch in rng.permutation(TRAIN).reshape(-1, BATCH):
            x, eps = draw(levels[batch], trainers[0].model.latent, rng)
            for trainer in trainers:
                trainer.step(x, eps, float(rate))
        show_progress(epoch + 1, epochs, float(np.mean(trainers[0].losses[-STEPS:])))


def show_progress(epoch: int, epochs: int, loss: float) -> None:
    """Show a bar on a terminal; elsewhere print a line for about every tenth of the epochs."""
    text = f"epoch {epoch:{len(str(epochs))}}/{epochs}  loss {loss:.2f} nats per image"
    if sys.stderr.isatty():
        bar, end = "#" * (30 * epoch // epochs), "\n" if epoch == epochs else ""
        print(f"\r[{bar:.<30}] {text}", end=end, file=sys.stderr, flush=True)
    elif epoch in (1, epochs) or epoch % -(-epochs // 10) == 0:
        print(text, flush=True)


def plot_losses(trainers: list[Trainer], difference: Array, path: Path) -> None:
    """Plot both curves, and below them their difference."""
    figure = Figure(figsize=(8, 6), layout="constrained")
    top, bottom = figure.subplots(2, sharex=True, height_ratios=(3, 1))
    for trainer, style in zip(trainers, ({"lw": 4, "alpha": 0.4}, {"lw": 0.7}), strict=True):
        top.plot(trainer.losses, label=trainer.name, **style)
    top.set(title="VAE on handwritten digits", ylabel="loss (nats per image)")
    top.legend()
    bottom.semilogy(difference, "k.", ms=1)  # equal losses leave a gap
    bottom.set(xlabel="step", ylabel="relative difference")
    figure.savefig(path, dpi=120)


def plot_digits(model: Vae, levels: Array, rng: np.random.Generator, path: Path) -> None:
    """Plot held-out images, their reconstructions and samples, (images, pixels): means x_mu."""
    columns, originals = 14, levels[:14]
    posterior_mean = model.forward(originals + 0.5, np.zeros((columns, model.latent), np.float32))
    samples = model.decode(rng.standard_normal((4 * columns, model.latent), np.float32))
    titles = "Held-out images", "Their reconstructions", "Samples: z drawn from N(0, I), decoded"
    panels = originals, posterior_mean[0] - 0.5, samples[0] - 0.5
    figure = Figure(figsize=(10, 5.2), layout="constrained")
    axes = figure.subplots(3, height_ratios=(1, 1, 4))
    for axis, title, images in zip(axes, titles, panels, strict=True):
        framed = np.pad(images.reshape(-1, 8, 8), ((0, 0), (1, 0), (1, 0)), constant_values=np.nan)
        mosaic = framed.reshape(-1, columns, 9, 9).swapaxes(1, 2).reshape(-1, columns * 9)
        axis.imshow(mosaic, cmap="gray", vmin=0, vmax=16)  # NaN stays white: the frames
        axis.set_title(title, loc="left")
        axis.axis("off")
    figure.savefig(path, dpi=120)


def main(options: argparse.Namespace) -> None:
    """Train, compare, draw."""
    options.out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(options.seed)
    levels = rng.permutation(load_digits().data.astype(np.float32))  # (1797, pixels)
    models = [Vae(np.random.default_rng(options.seed), options.latent) for _ in range(2)]
    ours = Trainer("fastgen", loss_fastgen, models[0])
    theirs = Trainer("NumPy", loss_numpy, models[1])
    test = levels[TRAIN:]
    before = elbo(models[0], test)
    with threadpool_limits(1, user_api="blas"):  # more only cost, with matrices this small
        train([ours, theirs], levels, options.epochs, rng)
    for t in (ours, theirs):
        loss, step = (1e6 * np.median(s) for s in (t.loss_seconds, t.step_seconds))
        print(f"\n{t.name}\n  training loss  {t.losses[0]:.2f} (first step) to", end=" ")
        print(f"{np.mean(t.losses[-STEPS:]):.2f} (last epoch)")
        print(f"  test ELBO      {before:.2f} to {elbo(t.model, test):.2f} nats per image")
        print(f"  time per step  {loss:.1f} us for loss and gradients, {step:.0f} us in all")
    difference = np.abs(np.divide(ours.losses, theirs.losses) - 1)  # (steps,)
    ratio = np.median(theirs.loss_seconds) / np.median(ours.loss_seconds)
    print(f"\nTime of the loss, NumPy / fastgen: {ratio:.2f}")
    print(f"Largest relative difference of the two curves: {difference.max():.1e}")
    plot_losses([ours, theirs], difference, options.out / "vae_loss.png")
    plot_digits(models[0], test, rng, options.out / "vae_digits.png")
    if not difference.max() <= TOLERANCE:  # also where it is NaN
        sys.exit(f"error: fastgen and NumPy should agree within {TOLERANCE:.0e}")


if __name__ == "__main__":
    main(OPTIONS)
