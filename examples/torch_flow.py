"""Train a spline flow of nflows on a real table, with and without fastgen.torch.accelerate.

It shows that a program of nflows computes with fastgen by one line, `accelerate("nflows")`, and
that nothing else changes. Two flows start from the same weights and take the same steps on the
same batches, one as nflows computes it, one accelerated. The times of a step are printed side by
side, with those of its splines alone: the networks and the optimizer stay as they are. The script
fails if the curves part, or if the flows do not beat a Gaussian on held-out data.

The data: scikit-learn's `load_breast_cancer`, 569 tumours described by 30 numbers. Each gets
uniform noise as wide as its last digit, so that the table has a density, and is standardized. The
flow works on data that the Gaussian which fits the training data makes white, so what it gains is
what the splines learn. The Gaussian to beat is fitted to training and validation data together.
Validation says which epoch counts.

    pip install '.[examples]' torch nflows
    python examples/torch_flow.py [--epochs 60] [--seed 0] [--out DIR]

DIR gets torch_flow.png (curves and times) and torch_flow_table.png (data and samples).
"""

import argparse
import contextlib
import copy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name, default in (("--epochs", 60), ("--seed", 0)):
        parser.add_argument(name, type=int, default=default, help=f"default {default}")
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="default: here")
    options = parser.parse_args()
    if min(options.epochs, options.seed + 1) < 1:
        parser.error("--epochs must be at least 1, --seed at least 0")
    return options


if __name__ == "__main__":  # wrong arguments are refused before the slow imports
    OPTIONS = arguments()

try:
    import _side_by_side as side_by_side
    import torch
    from matplotlib.figure import Figure
    from nflows.distributions.normal import StandardNormal
    from nflows.flows.base import Flow
    from nflows.nn.nets import ResidualNet
    from nflows.transforms import splines
    from nflows.transforms.base import CompositeTransform
    from nflows.transforms.coupling import PiecewiseRationalQuadraticCouplingTransform as Coupling
    from sklearn.datasets import load_breast_cancer
    from torch import Tensor, nn

    from fastgen.torch import accelerate
except ImportError as error:
    sys.exit(f"{error}; this example needs: pip install '.[examples]' torch nflows")

LAYERS, HIDDEN, BINS, BOUND = 6, 32, 6, 5.0
BATCH, RATE, DECAY = 64, 5e-4, 1e-2
# Nats between the curves, in the first steps, and in all. Rounding grows with the steps: after 300,
# nflows differs by 5e-3 from itself with other last bits in its first weights. In float64 the two
# curves differ by 5e-11.
CLOSELY, LOOSELY = 1e-4, 1e-1
LIMITS = (-3, 5)  # of the pictures, in deviations


class Table(NamedTuple):
    """White training, validation and test data, and what makes them white."""

    training: Tensor
    validation: Tensor
    test: Tensor
    mean: Tensor
    factor: Tensor
    """Of Cholesky: the covariance of the training data is factor @ factor.T."""
    gaussian: float
    """What the Gaussian of training and validation data gives the test data, in nats."""

    @property
    def logabsdet(self) -> float:
        """The logarithm of the change of volume by whitening."""
        return -float(self.factor.diagonal().log().sum())

    def undo(self, z: Tensor) -> Tensor:
        """Return standardized numbers of white ones."""
        return z @ self.factor.T + self.mean


def load_table(seed: int) -> Table:
    """Split at random: 60 % for training, 15 % for validation, 25 % for the test."""
    rng, x = np.random.default_rng(seed), load_breast_cancer().data
    digit = np.array([np.diff(np.unique(column)).min() for column in x.T])
    x = x + digit * rng.random(x.shape)
    x = torch.from_numpy(rng.permutation((x - x.mean(axis=0)) / x.std(axis=0))).float()
    a, b = int(0.6 * len(x)), int(0.75 * len(x))
    mean, factor = x[:a].mean(0), torch.linalg.cholesky(torch.cov(x[:a].T))
    white = torch.linalg.solve_triangular(factor, (x - mean).T, upper=False).T
    fitted = torch.distributions.MultivariateNormal(x[:b].mean(0), torch.cov(x[:b].T))
    gaussian = float(fitted.log_prob(x[b:]).mean())
    return Table(white[:a], white[a:b], white[b:], mean, factor, gaussian)


def network(inputs: int, outputs: int) -> nn.Module:
    """Return the network of a coupling."""
    return ResidualNet(inputs, outputs, hidden_features=HIDDEN, num_blocks=1)


def make_flow(dims: int) -> Flow:
    """Return a flow whose couplings move random halves; it starts near the identity."""
    layers = []
    for _ in range(LAYERS):
        mask = torch.zeros(dims)
        mask[torch.randperm(dims)[: dims // 2]] = 1
        layers.append(Coupling(mask, network, BINS, tails="linear", tail_bound=BOUND))
        last = layers[-1].transform_net.final_layer
        with torch.no_grad():
            last.weight *= 0.01
            last.bias.zero_()
            last.bias.view(dims // 2, -1)[:, 2 * BINS :] = np.log(np.e - 1)  # slopes of 1
    return Flow(CompositeTransform(layers), StandardNormal([dims]))


def loss(flow: Flow, x: Tensor) -> Tensor:
    """Return the mean of -log p(x), in nats per sample."""
    return -flow.log_prob(x).mean()


class Best:
    """The validation's choice: the weights of the best epoch so far, of each training."""

    def __init__(self, table: Table) -> None:
        """Start without any."""
        self.table = table
        self.found: dict[side_by_side.Training, tuple[float, dict]] = {}

    def look(self, training: side_by_side.Training) -> None:
        """Keep the weights if the validation data like them better than earlier ones."""
        with torch.no_grad():
            score = -float(training.loss(training.model, self.table.validation))
        if training not in self.found or score > self.found[training][0]:
            self.found[training] = score, copy.deepcopy(training.model.state_dict())

    def test(self, training: side_by_side.Training) -> float:
        """Put the best weights back; return the test's log-likelihood, in nats per sample."""
        training.model.load_state_dict(self.found[training][1])
        with torch.no_grad(), training.within():
            return self.table.logabsdet - float(training.loss(training.model, self.table.test))


def time_of_splines(training: side_by_side.Training, x: Tensor) -> float:
    """Return the microseconds of the splines of all couplings with their gradients, alone."""
    coupling = training.model._transform._transforms[0]
    with torch.no_grad():
        params = coupling.transform_net(x[:, coupling.identity_features])
    params = params.reshape(len(x), -1, 3 * BINS - 1)
    parts = params[..., :BINS], params[..., BINS : 2 * BINS], params[..., 2 * BINS :]
    moved = (x[:, coupling.transform_features], *parts)
    inputs = [part.clone().requires_grad_() for part in moved]

    def once(_: None) -> None:
        for _ in range(LAYERS):
            results = splines.unconstrained_rational_quadratic_spline(
                *inputs, tails="linear", tail_bound=BOUND
            )
            torch.autograd.grad(results, inputs, [torch.ones_like(r) for r in results])

    with training.within():
        return side_by_side.times_in_turn(once, [None], 20)[0]


def plot_table(test: Tensor, samples: Tensor, path: Path) -> None:
    """Pairs of columns, of held-out data above and of as many samples below."""
    names, pairs = load_breast_cancer().feature_names, ((0, 5), (6, 7), (13, 23), (10, 16))
    figure = Figure(figsize=(12, 6), layout="constrained")
    axes = figure.subplots(2, 4, sharex="col", sharey="col")
    for row, title, x in zip(axes, ("held-out tumours", "samples"), (test, samples), strict=True):
        for axis, (i, j) in zip(row, pairs, strict=True):
            axis.plot(x[:, i], x[:, j], ".", ms=3)
            axis.set(title=title, xlabel=names[i], ylabel=names[j], xlim=LIMITS, ylim=LIMITS)
    figure.suptitle("Columns of the table, in standard deviations, and samples of the flow")
    figure.savefig(path, dpi=120)


def main(options: argparse.Namespace) -> None:
    """Train, compare, draw."""
    options.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    table, rng = load_table(options.seed), torch.Generator().manual_seed(options.seed)
    dims, rows = table.test.shape[1], len(table.training) // BATCH * BATCH
    flow = make_flow(dims)
    ways = contextlib.nullcontext, lambda: accelerate("nflows")
    pair = [
        side_by_side.Training(copy.deepcopy(flow), loss, RATE, DECAY, within) for within in ways
    ]

    def batches() -> Iterator[tuple[Tensor]]:
        for batch in torch.randperm(len(table.training), generator=rng)[:rows].split(BATCH):
            yield (table.training[batch],)

    best = Best(table)
    side_by_side.train(pair, options.epochs, batches, best.look)
    print(f"\nGaussian  {table.gaussian:.4f} nats per held-out sample")
    tests = [best.test(training) for training in pair]
    for name, test in zip(side_by_side.NAMES, tests, strict=True):
        print(f"{name:8}  {test:.4f} nats per held-out sample")

    alone = [time_of_splines(training, table.training[:BATCH]) for training in pair]
    times = {
        "training step": side_by_side.step_times(pair),
        f"its {LAYERS} splines and gradients, alone": alone,
    }
    side_by_side.print_times(times)
    title, unit = "Spline flow of nflows on a table of tumours", "nats per sample"
    side_by_side.plot(pair, times, title, unit, options.out / "torch_flow.png")
    with torch.no_grad(), accelerate("nflows"):
        samples = table.undo(pair[1].model.sample(len(table.test)))
    plot_table(table.undo(table.test), samples, options.out / "torch_flow_table.png")
    side_by_side.check(pair, CLOSELY, LOOSELY, " nats")
    if not min(tests) > table.gaussian:  # also where it is NaN
        sys.exit("error: the flows should be better than the Gaussian")


if __name__ == "__main__":
    main(OPTIONS)
