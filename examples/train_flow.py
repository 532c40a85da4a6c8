"""Train a normalizing flow on real tables, in plain NumPy plus fastgen, against a Gaussian.

It shows what fastgen replaces in such a program: the couplings, their log-determinants and
derivatives, and the likelihood. All else (networks, backpropagation, Adam) is NumPy.

Two data sets of scikit-learn: `load_breast_cancer`, 569 tumours described by 30 numbers, and
`load_digits`, 1797 images of 8x8 pixels with grey levels 0 to 16, which pass a logit first. Both
get uniform noise as wide as their last digit, so that they have a density. Data are split
into training, validation (which says when to stop) and test. The flow begins as the Gaussian that
fits the training data, by its Cholesky factor; so what it gains is what the couplings learn. The
Gaussian to beat is fitted to training and validation data together.

    pip install '.[examples]'
    python examples/train_flow.py [--epochs 20] [--coupling affine] [--seed 0] [--out DIR]

DIR gets flow_table.png and flow_digits.png (data and samples). The script fails where the flow does
not beat the Gaussian on the test data.
"""

import argparse
import sys
from pathlib import Path
from time import perf_counter
from typing import ClassVar

import numpy as np

import fastgen
from fastgen import flow


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name, default in (("--epochs", 20), ("--seed", 0)):
        parser.add_argument(name, type=int, default=default, help=f"default {default}")
    choices = {"choices": ("affine", "spline"), "default": "spline"}
    parser.add_argument("--coupling", **choices, help="default spline")
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="default: here")
    options = parser.parse_args()
    if min(options.epochs, options.seed + 1) < 1:
        parser.error("--epochs must be at least 1, --seed at least 0")
    return options


if __name__ == "__main__":  # wrong arguments are refused before the slow imports
    OPTIONS = arguments()

try:
    from matplotlib.figure import Figure  # draws to files, without a display
    from sklearn.datasets import load_breast_cancer, load_digits
    from threadpoolctl import threadpool_limits  # comes with scikit-learn
except ImportError as error:
    sys.exit(f"{error}; this example needs: pip install '.[examples]'")

LAYERS, HIDDEN, BATCH = 8, 32, 64
RATE, DECAY = 5e-4, 1e-2  # of Adam, at the first step; of weights
BINS, BOUND = 6, 5.0  # of splines
ALPHA = 0.05  # distance of pixels from 0 and 1, where the logit is infinite
Array = np.ndarray  # of float32


class Affine:
    """A transform of a dimension by two numbers: a shift, and a log-scale within +-1."""

    numbers = 2
    grad = staticmethod(fastgen.value_and_grad(flow.affine_coupling, argnums=(0, 1, 2)))

    @staticmethod
    def parts(params: Array) -> tuple[Array, Array]:
        """Split (batch, dims, 2) into log-scale and shift, (batch, dims), as views."""
        return params[..., 0], params[..., 1]

    def __call__(self, x: Array, params: Array, inverse: bool = False) -> tuple[Array, Array]:
        """Return y and log|dy/dx|: (batch, dims) and (batch,)."""
        function = flow.affine_coupling_inverse if inverse else flow.affine_coupling
        return function(x, *self.parts(params), scale_map="tanh")

    def backward(self, x: Array, params: Array, d_y: Array, d_logabsdet: float) -> tuple:
        """Return the gradients of x and params from those of y and log|dy/dx|."""
        cotangent = (d_y, d_logabsdet)
        _, (d_x, *d_params) = self.grad(
            x, *self.parts(params), cotangent=cotangent, scale_map="tanh"
        )
        return d_x, np.stack(d_params, axis=-1)


class Spline:
    """A transform of a dimension by a monotonic spline of BINS pieces within +-BOUND."""

    numbers = 3 * BINS - 1  # widths, heights, and the slopes between
    # If all numbers are 0, the spline is the identity.
    options: ClassVar = {"bound": BOUND, "convention": "distrax"}
    grad = staticmethod(fastgen.value_and_grad(flow.rational_quadratic_spline))

    @staticmethod
    def parts(params: Array) -> tuple[Array, ...]:
        """Split (batch, dims, numbers) into widths, heights and slopes, as views."""
        return params[..., :BINS], params[..., BINS : 2 * BINS], params[..., 2 * BINS :]

    def __call__(self, x: Array, params: Array, inverse: bool = False) -> tuple[Array, Array]:
        """Return y and log|dy/dx|: (batch, dims) and (batch,)."""
        y, logabsdet = flow.rational_quadratic_spline(
            x, *self.parts(params), inverse=inverse, **self.options
        )
        return y, fastgen.elementary.total(logabsdet)

    def backward(self, x: Array, params: Array, d_y: Array, d_logabsdet: float) -> tuple:
        """Return the gradients of x and params from those of y and log|dy/dx|."""
        cotangent = (d_y, d_logabsdet)
        _, gradients = self.grad(x, *self.parts(params), cotangent=cotangent, **self.options)
        return gradients[0], np.concatenate(gradients[1:], axis=-1)


class Mlp:
    """Two dense layers with a tanh between them; the second starts at 0."""

    def __init__(self, rng: np.random.Generator, inputs: int, outputs: int) -> None:
        """Start with random weights and biases of 0."""
        weights = rng.standard_normal((inputs, HIDDEN), np.float32) / np.float32(inputs**0.5)
        shapes = HIDDEN, (HIDDEN, outputs), outputs
        self.parameters = [weights, *(np.zeros(shape, np.float32) for shape in shapes)]

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


class Coupling:
    """A coupling: a network reads half of the dimensions, and its output moves the others."""

    def __init__(self, rng: np.random.Generator, dims: int, transform: Affine | Spline) -> None:
        """Choose a random half."""
        order = rng.permutation(dims)
        self.stay, self.move, self.transform = order[: dims // 2], order[dims // 2 :], transform
        outputs = len(self.move) * transform.numbers
        self.network = Mlp(rng, len(self.stay), outputs)

    def params(self, x: Array) -> Array:
        """Return (batch, moving dims, numbers), from the half that stays."""
        out = self.network.forward(x[:, self.stay])
        return out.reshape(len(x), len(self.move), self.transform.numbers)

    def forward(self, x: Array, inverse: bool = False) -> tuple[Array, Array]:
        """Return y and log|dy/dx|: (batch, dims) and (batch,)."""
        self.x, self.p = x[:, self.move], self.params(x)
        y = x.copy()
        y[:, self.move], logabsdet = self.transform(self.x, self.p, inverse)
        return y, logabsdet

    def backward(self, d_y: Array, d_logabsdet: float) -> Array:
        """Return the gradient of x. The network keeps those of its parameters."""
        d_x = d_y.copy()
        d_moved, d_params = self.transform.backward(self.x, self.p, d_y[:, self.move], d_logabsdet)
        d_x[:, self.move] = d_moved
        d_x[:, self.stay] += self.network.backward(d_params.reshape(len(d_y), -1))
        return d_x


class Flow:
    """Couplings after a linear transform, from data to a standard normal distribution."""

    def __init__(self, rng: np.random.Generator, x: Array, transform: Affine | Spline) -> None:
        """The linear transform that makes x, (samples, dims), white; couplings that do nothing."""
        self.mean = x.mean(axis=0)
        self.factor = np.linalg.cholesky(np.cov(x.T)).astype(x.dtype)  # cov = factor @ factor.T
        self.unwhiten, self.whiten = self.factor.T, np.linalg.inv(self.factor).T
        self.couplings = [Coupling(rng, x.shape[1], transform) for _ in range(LAYERS)]
        self.parameters = [p for c in self.couplings for p in c.network.parameters]

    def forward(self, x: Array) -> tuple[Array, Array]:
        """z and log|dz/dx|: (batch, dims) and (batch,)."""
        z = (x - self.mean) @ self.whiten
        logabsdet = np.full(len(x), -flow.logdet_triangular(self.factor))
        for coupling in self.couplings:
            z, change = coupling.forward(z)
            logabsdet += change
        return z, logabsdet

    def log_prob(self, x: Array) -> Array:
        """Nats per sample, (batch,)."""
        return flow.log_prob(*self.forward(x))

    def gradients(self, x: Array) -> list[Array]:
        """Of the loss, the mean of -log p(x), in the order of the parameters."""
        z, _ = self.forward(x)
        d_z = z / len(x)
        for coupling in reversed(self.couplings):
            d_z = coupling.backward(d_z, -1 / len(x))
        return [g for c in self.couplings for g in c.network.gradients]

    def sample(self, count: int, rng: np.random.Generator) -> Array:
        """(count, dims): the transforms undone, from the last to the first."""
        z = rng.standard_normal((count, len(self.mean)), np.float32)
        for coupling in reversed(self.couplings):
            z, _ = coupling.forward(z, inverse=True)
        return z @ self.unwhiten + self.mean


def train(model: Flow, parts: dict[str, Array], epochs: int, rng: np.random.Generator) -> None:
    """Adam with decay; in the end the parameters that the validation data liked best."""
    m, v = ([np.zeros_like(p) for p in model.parameters] for _ in range(2))
    best, kept, step = -np.inf, [], 0
    for epoch in range(epochs + 1):
        score = float(np.mean(model.log_prob(parts["validation"])))
        if score > best:
            best, kept = score, [p.copy() for p in model.parameters]
        if epoch % -(-epochs // 5) == 0:
            print(f"  epoch {epoch:3}  validation {score:.2f} nats per sample", flush=True)
        rate = RATE * (0.5 + 0.5 * np.cos(np.pi * epoch / epochs))
        order = rng.permutation(len(parts["training"]))
        for batch in np.split(order, range(BATCH, len(order), BATCH)):
            step += 1
            scaled = rate * (1 - 0.999**step) ** 0.5 / (1 - 0.9**step)
            gradients = model.gradients(parts["training"][batch])
            for p, g, mean, square in zip(model.parameters, gradients, m, v, strict=True):
                mean += 0.1 * (g - mean)
                square += 0.001 * (g * g - square)
                p -= (scaled * mean / (np.sqrt(square) + 1e-8) + rate * DECAY * p).astype(p.dtype)
    for p, q in zip(model.parameters, kept, strict=True):
        p[...] = q


def gaussian_log_prob(fitted: Array, x: Array) -> Array:
    """Of the normal distribution with the mean and covariance of `fitted`; nats per sample."""
    factor = np.linalg.cholesky(np.cov(fitted.T))
    z = np.linalg.solve(factor, (x - fitted.mean(axis=0)).T).T
    return flow.log_prob(z, -flow.logdet_triangular(factor))


COUPLINGS = {"spline": Spline, "affine": Affine}


def split(x: Array, rng: np.random.Generator) -> dict[str, Array]:
    """(samples, dims) at random: 60 % for training, 15 % for validation, 25 % for the test."""
    x = x[rng.permutation(len(x))].astype(np.float32)
    a, b = int(0.6 * len(x)), int(0.75 * len(x))
    return {"training": x[:a], "validation": x[a:b], "test": x[b:]}


def compare(name: str, x: Array, options: argparse.Namespace) -> tuple[Flow, Array, float, float]:
    """The trained flow, the test data, and what it and the Gaussian give them, in nats."""
    rng = np.random.default_rng(options.seed)
    parts = split(x, rng)
    print(f"\n{name}: {len(x)} samples of {x.shape[1]} dimensions")
    model, start = Flow(rng, parts["training"], COUPLINGS[options.coupling]()), perf_counter()
    train(model, parts, options.epochs, rng)
    seconds, test = perf_counter() - start, parts["test"]
    fitted = np.concatenate([parts["training"], parts["validation"]]).astype(np.float64)
    ours = float(np.mean(model.log_prob(test)))
    gaussian = float(np.mean(gaussian_log_prob(fitted, test.astype(np.float64))))
    print(f"  test  flow {ours:.2f}, Gaussian {gaussian:.2f} nats per sample ({seconds:.1f} s)")
    return model, test, ours, gaussian


def load_table(rng: np.random.Generator) -> Array:
    """(569, 30): each number with noise as wide as its last digit, then standardized."""
    x = load_breast_cancer().data
    digit = np.array([np.diff(np.unique(column)).min() for column in x.T])
    x = x + digit * rng.random(x.shape)
    return (x - x.mean(axis=0)) / x.std(axis=0)


def plot_table(test: Array, samples: Array, path: Path) -> None:
    """Pairs of columns, of the data above and of samples below."""
    names, pairs = load_breast_cancer().feature_names, ((0, 5), (6, 7), (13, 23), (10, 16))
    figure = Figure(figsize=(12, 6), layout="constrained")
    for row, (title, x) in enumerate((("data", test), ("flow", samples[: len(test)]))):
        for column, (i, j) in enumerate(pairs):
            axis = figure.add_subplot(2, 4, 4 * row + column + 1)
            axis.plot(x[:, i], x[:, j], ".", ms=3)
            axis.set(title=title, xlabel=names[i], ylabel=names[j])
            limits = (np.quantile(test[:, k], (0, 1)) for k in (i, j))
            axis.axis(np.concatenate([np.add(pair, (-1, 1)) for pair in limits]))
    figure.savefig(path, dpi=120)


def plot_digits(test: Array, samples: Array, path: Path) -> None:
    """Images, (count, pixels) of grey levels from 0 to 1: data and samples."""
    figure = Figure(figsize=(9, 5), layout="constrained")
    panels = zip(figure.subplots(1, 2), ("Data", "Samples"), (test, samples), strict=True)
    for axis, title, images in panels:
        tiles = np.pad(images[:64].reshape(64, 8, 8), ((0, 0), (1, 1), (1, 1)), constant_values=1)
        mosaic = tiles.reshape(8, 8, 10, 10).swapaxes(1, 2).reshape(80, 80)
        axis.imshow(mosaic, cmap="gray", vmin=0, vmax=1)
        axis.set_title(title)
        axis.axis("off")
    figure.savefig(path, dpi=120)


def main(options: argparse.Namespace) -> None:
    """Train, compare, draw."""
    options.out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(options.seed)
    pixels = (load_digits().data + rng.random((1797, 64))) / 17  # in (0, 1)
    with threadpool_limits(1, user_api="blas"):  # more only cost, with matrices this small
        tumours = compare("Tumours", load_table(rng), options)
        digits = compare("Digits", flow.logit(pixels, alpha=ALPHA)[0], options)
    model, test, *nats = digits
    images, change = flow.logit(test, alpha=ALPHA, inverse=True)
    bits = flow.bits_per_dim(np.array(nats) - np.mean(change), dims=64, bins=17)
    print(f"  which is {bits[0]:.3f} and {bits[1]:.3f} bits per pixel of 17 grey levels")
    plot_table(tumours[1], tumours[0].sample(1000, rng), options.out / "flow_table.png")
    samples = flow.logit(model.sample(64, rng), alpha=ALPHA, inverse=True)[0]
    plot_digits(images, samples, options.out / "flow_digits.png")
    for _, _, ours, gaussian in (tumours, digits):
        if not ours > gaussian:  # also where it is NaN
            sys.exit("error: a flow should be better than the Gaussian that it began as")


if __name__ == "__main__":
    main(OPTIONS)
