"""Data-parallel training in PyTorch: two processes compute what one process computes.

Each process takes its part of every batch (torch.distributed with gloo, on this machine). Noise
comes from a key and the number of the element in the whole batch: `counter` is where a part begins.
So a sample has the same noise in every process, whatever the split. The script trains a small
variational autoencoder three times: in one process, and in two with even and with uneven parts. It
compares, sample by sample, the noise, the losses and their gradients by what the networks give:
these have the same bits. The gradients of weights are sums over the batch, which the processes
round in another order. So the curves agree up to rounding, and the script fails if they part.

    pip install . torch
    python examples/torch_distributed.py [--steps 60] [--batch 96] [--seed 0]
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name, default in (("--steps", 60), ("--batch", 96), ("--seed", 0)):
        parser.add_argument(name, type=int, default=default, help=f"default {default}")
    options = parser.parse_args()
    if options.steps < 1 or options.batch < 3 or options.seed < 0:
        parser.error("--steps must be at least 1, --batch at least 3, --seed at least 0")
    return options


if __name__ == "__main__":  # wrong arguments are refused before the slow imports
    OPTIONS = arguments()

try:
    import torch
    import torch.distributed as dist
    import torch.multiprocessing as mp
    from torch import Tensor, nn

    import fastgen
    import fastgen.torch as ft
except ImportError as error:
    sys.exit(f"{error}; this example needs: pip install . torch")

PIXELS, HIDDEN, LATENTS, RATE = 64, 128, 8, 2e-3
CLOSELY = 1e-4  # nats, between the curves
Run = dict[str, Tensor]


class Vae(nn.Module):
    """q(z|x) = N(mu, exp(logvar)), p(z) = N(0, I), p(x|z) = Bernoulli(sigmoid(logits))."""

    def __init__(self) -> None:
        """Make two random networks."""
        super().__init__()
        self.encoder, self.decoder = (
            nn.Sequential(nn.Linear(inputs, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, outputs))
            for inputs, outputs in ((PIXELS, 2 * LATENTS), (LATENTS, PIXELS))
        )

    def losses(self, x: Tensor, key: int, first: int) -> Tensor:
        """Return the negative ELBO of each image; `first` is the number of the first one."""
        mu, logvar = self.encoder(x).chunk(2, dim=-1)
        z = ft.vae.reparameterize(mu, logvar, key=key, counter=first * LATENTS)
        return -ft.vae.bernoulli_elbo(x, self.decoder(z), mu, logvar)


def batch_of(step: int, count: int) -> Tensor:
    """Return the images of a step: two bars each, at random places."""
    rng = torch.Generator().manual_seed(step)
    images = torch.zeros(count, 8, 8)
    rows, columns = torch.randint(8, (2, count), generator=rng)
    images[torch.arange(count), rows] = 1
    images[torch.arange(count), :, columns] = 1
    return images.reshape(count, PIXELS)


def alone(part: slice, count: int) -> list[Tensor]:
    """Return noise, losses and gradients of a part of a batch whose network outputs are given."""
    rng = torch.Generator().manual_seed(1)
    mu, logvar = torch.randn(2, count, LATENTS, generator=rng)
    logits = torch.randn(count, PIXELS, generator=rng)
    x = batch_of(0, count)[part]
    inputs = [y[part].clone().requires_grad_() for y in (mu, logvar, logits)]
    z = ft.vae.reparameterize(*inputs[:2], key=5, counter=part.start * LATENTS)
    losses = -ft.vae.bernoulli_elbo(x, inputs[2], *inputs[:2])
    gradients = torch.autograd.grad((z.sum(), losses.sum()), inputs)
    return [z.detach(), losses.detach(), *gradients]


def train(part: slice, options: argparse.Namespace, processes: int) -> list[Tensor]:
    """Train on a part of each batch. Return the losses of all steps, and what `alone` gives."""
    torch.set_num_threads(1)
    ft.share_threads()
    torch.manual_seed(options.seed)  # all processes start from the same weights
    model = Vae()
    optimizer = torch.optim.Adam(model.parameters(), RATE)
    curve = []
    for step in range(options.steps):
        x = batch_of(step, options.batch)[part]
        losses = model.losses(x, key=step, first=part.start)
        optimizer.zero_grad()
        (losses.sum() / options.batch).backward()
        if processes > 1:
            for weights in model.parameters():
                dist.all_reduce(weights.grad)
        optimizer.step()
        curve.append(losses.detach())
    return [torch.stack(curve, 1), *alone(part, options.batch)]


def worker(rank: int, parts: list[slice], options: argparse.Namespace, folder: str) -> None:
    """Be one of the processes."""
    meet = f"file://{folder}/meet"
    dist.init_process_group("gloo", init_method=meet, rank=rank, world_size=len(parts))
    torch.save(train(parts[rank], options, len(parts)), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def in_processes(first_part: int, options: argparse.Namespace) -> list[Tensor]:
    """Train in two processes. The first takes so many samples of each batch."""
    parts = [slice(0, first_part), slice(first_part, options.batch)]
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(worker, (parts, options, folder), nprocs=len(parts))
        found = [torch.load(Path(folder) / f"{rank}.pt") for rank in range(len(parts))]
    return [torch.cat(both) for both in zip(*found, strict=True)]


def main(options: argparse.Namespace) -> None:
    """Train three times, and compare."""
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    whole = train(slice(0, options.batch), options, 1)
    names = "z", "losses", "d/d mu", "d/d logvar", "d/d logits"
    failed = False
    for count in (options.batch // 2, options.batch // 3):
        split = in_processes(count, options)
        same = [torch.equal(a, b) for a, b in zip(whole[1:], split[1:], strict=True)]
        means = [fastgen.exact_mean(run[0].numpy(), axis=0) for run in (whole, split)]
        apart = float(abs(means[0] - means[1]).max())
        print(f"parts of {count} and {options.batch - count} samples")
        for name, equal in zip(names, same, strict=True):
            print(f"  {name:10}  {'the same bits' if equal else 'DIFFERENT'}, sample by sample")
        print(f"  loss {means[0][0]:.3f} to {means[0][-1]:.3f} nats; curves differ by {apart:.1e}")
        failed |= not all(same) or apart > CLOSELY
    if failed:
        sys.exit("the processes differ from one process")


if __name__ == "__main__":
    main(OPTIONS)
