"""Train a variational autoencoder in PyTorch on real digits, with and without fastgen.torch.

It shows what fastgen.torch replaces in a training loop of PyTorch: the latent sample and the loss.
Two models start from the same weights and take the same steps on the same batches and noise, one
with formulas as they are usually written in PyTorch, one with `reparameterize` and
`bernoulli_elbo`. The times of a step are printed side by side, with the times of what differs
alone: the networks and the optimizer are the same, and take most of a step. The script fails if
the loss curves part.

The data: the 1797 images of 8x8 pixels in scikit-learn's `load_digits`, with grey levels 0 to 16.
At every step, each pixel is drawn: it is 1 with a probability of its grey level / 16, else 0. So
the ELBO is a bound on the log-likelihood of binary images, in nats.

    pip install '.[examples]' torch
    python examples/torch_vae.py [--epochs 300] [--latent 8] [--seed 0] [--out DIR]

DIR gets torch_vae.png (curves and times) and torch_vae_digits.png (reconstructions and samples).
"""

import argparse
import copy
import sys
from collections.abc import Iterator
from pathlib import Path


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name, default in (("--epochs", 300), ("--latent", 8), ("--seed", 0)):
        parser.add_argument(name, type=int, default=default, help=f"default {default}")
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="default: here")
    options = parser.parse_args()
    if min(options.epochs, options.latent, options.seed + 1) < 1:
        parser.error("--epochs and --latent must be at least 1, --seed at least 0")
    return options


if __name__ == "__main__":  # wrong arguments are refused before the slow imports
    OPTIONS = arguments()

try:
    import _side_by_side as side_by_side
    import torch
    from sklearn.datasets import load_digits
    from torch import Tensor, nn
    from torch.nn.functional import binary_cross_entropy_with_logits

    import fastgen.torch as ft
except ImportError as error:
    sys.exit(f"{error}; this example needs: pip install '.[examples]' torch")

PIXELS, HIDDEN, BATCH, RATE = 64, 256, 128, 2e-3
MANY = 4096  # images of a large batch, to time the loss alone
TRAIN = 12 * BATCH  # images for training; the other 261 are held out
CLOSELY, LOOSELY = 1e-4, 1e-2  # nats: between the curves in the first steps, and in all


class WithPyTorch:
    """Latent sample and loss, as they are usually written in PyTorch."""

    @staticmethod
    def sample(mu: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
        """Return z ~ N(mu, exp(logvar)), (batch, latent)."""
        return mu + noise * torch.exp(0.5 * logvar)

    @staticmethod
    def loss(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        """Return the negative ELBO, mean over the batch."""
        nll = binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
        kl = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(-1)
        return (nll + kl).mean()


class WithFastgen:
    """The same with fastgen.torch."""

    @staticmethod
    def sample(mu: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
        """Return z ~ N(mu, exp(logvar)), (batch, latent)."""
        return ft.vae.reparameterize(mu, logvar, noise=noise)

    @staticmethod
    def loss(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        """Return the negative ELBO, mean over the batch."""
        return -ft.vae.bernoulli_elbo(x, logits, mu, logvar).mean()


WAYS = WithPyTorch, WithFastgen
Ways = type[WithPyTorch | WithFastgen]


class Vae(nn.Module):
    """q(z|x) = N(mu, exp(logvar)), p(z) = N(0, I), p(x|z) = Bernoulli(sigmoid(logits))."""

    def __init__(self, latent: int) -> None:
        """Make two random networks."""
        super().__init__()
        self.encoder, self.decoder = (
            nn.Sequential(nn.Linear(inputs, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, outputs))
            for inputs, outputs in ((PIXELS, 2 * latent), (latent, PIXELS))
        )

    def encode(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return mu and logvar, (batch, latent)."""
        return self.encoder(x).chunk(2, dim=-1)


def training(ways: Ways, model: Vae) -> side_by_side.Training:
    """Return the training of a model in one of the ways."""

    def loss(model: Vae, x: Tensor, noise: Tensor) -> Tensor:
        mu, logvar = model.encode(x)
        logits = model.decoder(ways.sample(mu, logvar, noise))
        return ways.loss(x, logits, mu, logvar)

    return side_by_side.Training(model, loss, RATE)


def draw(levels: Tensor, latent: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return binary images of grey levels from 0 to 1, and noise for the latent sample."""
    noise = torch.randn(len(levels), latent, generator=rng)
    return torch.bernoulli(levels, generator=rng), noise


def elbo(trained: side_by_side.Training, levels: Tensor, latent: int) -> float:
    """Return the ELBO in nats per image, mean over 10 draws, the same at every call."""
    x, noise = draw(levels.repeat(10, 1), latent, torch.Generator().manual_seed(0))
    with torch.no_grad():
        return -float(trained.loss(trained.model, x, noise))


def times_of_loss(model: Vae, x: Tensor, noise: Tensor, rounds: int) -> list[float]:
    """Return the microseconds of the latent sample, the loss, and their gradients, alone."""
    with torch.no_grad():
        mu, logvar = model.encode(x)
        logits = model.decoder(mu)
    inputs = [leaf.clone().requires_grad_() for leaf in (mu, logvar, logits)]
    d_z, d_loss = torch.ones_like(mu), torch.ones(())

    def once(ways: Ways) -> None:
        mu, logvar, logits = inputs
        results = ways.sample(mu, logvar, noise), ways.loss(x, logits, mu, logvar)
        torch.autograd.grad(results, inputs, (d_z, d_loss))

    return side_by_side.times_in_turn(once, WAYS, rounds)


def plot_digits(model: Vae, levels: Tensor, latent: int, path: Path) -> None:
    """Plot held-out images, their reconstructions and samples, by the probability of a 1."""
    x, _ = draw(levels[:14], latent, torch.Generator().manual_seed(0))
    with torch.no_grad():
        reconstructed = model.decoder(model.encode(x)[0]).sigmoid()
        samples = model.decoder(torch.randn(4 * 14, latent)).sigmoid()
    rows = {
        "Held-out images, drawn from their grey levels": x,
        "Their reconstructions: the probability of a 1": reconstructed,
        "Samples: z drawn from N(0, I), decoded": samples,
    }
    side_by_side.plot_images(rows, 0, 1, path)


def main(options: argparse.Namespace) -> None:
    """Train, compare, draw."""
    options.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    levels = torch.from_numpy(load_digits().data).float()[torch.randperm(1797)] / 16
    test, latent, rng = levels[TRAIN:], options.latent, torch.Generator().manual_seed(options.seed)
    model = Vae(latent)
    pair = [training(ways, copy.deepcopy(model)) for ways in WAYS]
    before = elbo(pair[1], test, latent)

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        for batch in torch.randperm(TRAIN, generator=rng).split(BATCH):
            yield draw(levels[batch], latent, rng)

    side_by_side.train(pair, options.epochs, batches)
    print()
    for name, trained in zip(side_by_side.NAMES, pair, strict=True):
        after = elbo(trained, test, latent)
        print(f"{name}  ELBO of held-out images {before:.3f} to {after:.3f} nats per image")

    times = {f"training step, {BATCH} images": side_by_side.step_times(pair)}
    for count, rounds in ((BATCH, 300), (MANY, 30)):
        drawn = draw(levels[torch.arange(count) % TRAIN], latent, rng)
        parts = times_of_loss(pair[1].model, *drawn, rounds)
        times[f"sample, loss, gradients alone, {count} images"] = parts
    side_by_side.print_times(times)
    title = "VAE on handwritten digits, in PyTorch"
    unit = "nats per image"
    side_by_side.plot(pair, times, title, unit, options.out / "torch_vae.png")
    plot_digits(pair[1].model, test, latent, options.out / "torch_vae_digits.png")
    side_by_side.check(pair, CLOSELY, LOOSELY, " nats")


if __name__ == "__main__":
    main(OPTIONS)
