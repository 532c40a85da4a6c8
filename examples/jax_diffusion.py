"""Train a diffusion model in JAX on real digits, with and without fastgen.jax.

Two models start from the same weights and take the same steps on the same batches, timesteps and
noise: one with formulas as they are usually written in JAX, one with `add_noise`, `velocity` and
`denoising_loss` of fastgen. The network and the optimizer are the same. A step of each is one
compiled program. The script prints the loss of both, and the time of a step, and of noising, loss
and gradient alone. It fails if the curves part. XLA merges formulas as short as these into few
loops, so fastgen gains nothing in this example: the longer the formula, the more it gains.

The data: the 1797 images of 8x8 pixels in scikit-learn's `load_digits`, scaled to [-1, 1].

    pip install '.[examples]' jax
    python examples/jax_diffusion.py [--epochs 60] [--seed 0] [--out DIR]

DIR gets jax_diffusion.png (both curves, and their difference).
"""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any


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
    import jax
    import jax.numpy as jnp
    import numpy as np
    from matplotlib.figure import Figure  # draws to files, without a display
    from sklearn.datasets import load_digits

    import fastgen.jax as fj
    from fastgen.diffusion import Schedule
except ImportError as error:
    sys.exit(f"{error}; this example needs: pip install '.[examples]' jax")

PIXELS, EMBEDDING, HIDDEN, BATCH, RATE = 64, 32, 384, 128, 2e-3
TRAIN_STEPS, MANY = 1000, 65536  # MANY: images of a large batch, to time the loss alone
FIRST, CLOSELY, LOOSELY = 20, 1e-5, 1e-2  # between the curves in the first steps, and in all

SCHEDULE = Schedule.cosine(TRAIN_STEPS)
ALPHA, SIGMA = (
    jnp.asarray(table, jnp.float32)[:, None]
    for table in SCHEDULE.coefficients(np.arange(TRAIN_STEPS))
)
EMBEDDINGS = fj.diffusion.timestep_embedding(jnp.arange(TRAIN_STEPS), EMBEDDING)
Array = jax.Array
Loss = Callable[[Callable[[Array, Array], Array], Array, Array, Array], Array]


def with_jax(network: Any, x: Array, t: Array, noise: Array) -> Array:
    """Return the loss, as it is usually written in JAX."""
    alpha, sigma = ALPHA[t], SIGMA[t]
    predicted = network(alpha * x + sigma * noise, t)
    return jnp.mean((predicted - (alpha * noise - sigma * x)) ** 2)


def with_fastgen(network: Any, x: Array, t: Array, noise: Array) -> Array:
    """Return the same with fastgen.jax."""
    predicted = network(fj.diffusion.add_noise(x, t, SCHEDULE, noise=noise), t)
    v = fj.diffusion.velocity(x, noise, t, SCHEDULE)
    return fj.diffusion.denoising_loss(predicted, v).mean()


WAYS = {"JAX": with_jax, "fastgen": with_fastgen}


def weights(key: Array) -> list[tuple[Array, Array]]:
    """Return random weights and biases of three dense layers."""
    sizes = (PIXELS + EMBEDDING, HIDDEN, HIDDEN, PIXELS)
    keys = jax.random.split(key, len(sizes) - 1)
    pairs = zip(keys, sizes, sizes[1:], strict=False)
    return [(jax.random.normal(k, (m, n)) / jnp.sqrt(m), jnp.zeros(n)) for k, m, n in pairs]


def network(layers: list[tuple[Array, Array]], x: Array, t: Array) -> Array:
    """Turn (batch, pixels) and (batch,) into (batch, pixels)."""
    x = jnp.concatenate([x, EMBEDDINGS[t]], axis=1)
    for weight, bias in layers[:-1]:
        x = jax.nn.silu(x @ weight + bias)
    weight, bias = layers[-1]
    return x @ weight + bias


def training_step(loss: Loss) -> Callable[..., Any]:
    """Return one step of Adam, as a compiled program."""

    @jax.jit
    def step(state: Any, count: Array, *batch: Array) -> Any:
        layers, first, second = state

        def of_layers(layers: Any) -> Array:
            return loss(lambda x, t: network(layers, x, t), *batch)

        value, slopes = jax.value_and_grad(of_layers)(layers)
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, slopes)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, slopes)

        def moved(p: Array, m: Array, v: Array) -> Array:
            root = jnp.sqrt(v / (1 - 0.999**count)) + 1e-8
            return p - RATE * m / (1 - 0.9**count) / root

        return (jax.tree.map(moved, layers, first, second), first, second), value

    return step


def loss_alone(loss: Loss) -> Callable[..., Array]:
    """Return noising, loss and its gradient in the prediction, as a compiled program."""

    @jax.jit
    def gradient(predicted: Array, *batch: Array) -> Array:
        return jax.grad(lambda p: loss(lambda x, t: p, *batch))(predicted)

    return gradient


def microseconds(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Return the median time of each call, made in turn."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start = perf_counter()
            jax.block_until_ready(call())
            times[name].append(perf_counter() - start)
    return {name: 1e6 * float(np.median(found)) for name, found in times.items()}


def draw(key: Array, images: Array) -> tuple[Array, Array, Array]:
    """Return a batch with timesteps and noise."""
    of_t, of_noise = jax.random.split(key)
    t = jax.random.randint(of_t, (len(images),), 0, TRAIN_STEPS)
    return images, t, jax.random.normal(of_noise, images.shape)


def train(images: Array, epochs: int, seed: int) -> tuple[dict[str, list[float]], Any]:
    """Train both models in turn. Return their losses, and the times of their steps."""
    layers = weights(jax.random.key(seed))
    zeros = jax.tree.map(jnp.zeros_like, layers)
    states = dict.fromkeys(WAYS, (layers, zeros, zeros))
    steps = {name: training_step(loss) for name, loss in WAYS.items()}
    losses: dict[str, list[float]] = {name: [] for name in WAYS}
    times: dict[str, list[float]] = {name: [] for name in WAYS}
    rng, key, count = np.random.default_rng(seed), jax.random.key(seed + 1), 0
    for epoch in range(1, epochs + 1):
        order = rng.permutation(len(images))
        for start in range(0, len(images) // BATCH * BATCH, BATCH):
            count += 1
            batch = draw(jax.random.fold_in(key, count), images[order[start : start + BATCH]])
            for name, step in list(steps.items())[:: 2 * (count % 2) - 1]:
                begun = perf_counter()
                states[name], value = step(states[name], jnp.float32(count), *batch)
                losses[name].append(float(value))
                times[name].append(perf_counter() - begun)
        if epoch in (1, epochs) or epoch % -(-epochs // 6) == 0:
            means = [f"{name} {np.mean(of[-14:]):.4f}" for name, of in losses.items()]
            print(f"epoch {epoch}/{epochs}  loss: {', '.join(means)}", flush=True)
    return losses, {name: 1e6 * float(np.median(of)) for name, of in times.items()}


def plot(losses: dict[str, list[float]], apart: np.ndarray, path: Path) -> None:
    """Plot both curves and their difference."""
    figure = Figure(figsize=(9, 6), layout="constrained")
    curves, below = figure.subplots(2, sharex=True, height_ratios=(3, 1))
    steps = np.arange(1, len(apart) + 1)
    styles = {"lw": 4, "alpha": 0.4}, {"lw": 0.7}
    for (name, values), style in zip(losses.items(), styles, strict=True):
        curves.plot(steps, values, label=name, **style)
    curves.set(title="A diffusion model in JAX, with and without fastgen", ylabel="squared error")
    curves.legend()
    below.semilogy(steps, apart, "k.", ms=1)  # equal losses leave a gap
    below.set(xlabel="step", ylabel="difference")
    figure.savefig(path, dpi=120)


def main(options: argparse.Namespace) -> None:
    """Train, compare, time."""
    options.out.mkdir(parents=True, exist_ok=True)
    images = jnp.asarray(load_digits().data, jnp.float32) / 8 - 1
    losses, of_step = train(images, options.epochs, options.seed)
    rows = {f"training step, {BATCH} images": of_step}
    for count, rounds in ((BATCH, 200), (MANY, 10)):
        batch = draw(jax.random.key(0), images[jnp.arange(count) % len(images)])
        predicted = jnp.zeros_like(batch[0])
        programs = {name: loss_alone(loss) for name, loss in WAYS.items()}
        calls = {name: partial(f, predicted, *batch) for name, f in programs.items()}
        microseconds(calls, 1)  # compiles
        rows[f"noising, loss, gradient alone, {count} images"] = microseconds(calls, rounds)
    print(f"\n{'median time':48} {'JAX':>10} {'fastgen':>10}")
    for name, row in rows.items():
        print(f"{name:48} {row['JAX']:7.0f} us {row['fastgen']:7.0f} us")
    apart = np.abs(np.subtract(*losses.values()))
    plot(losses, apart, options.out / "jax_diffusion.png")
    print(f"\nLargest difference of the curves: {apart.max():.1e}", end=" ")
    print(f"(in the first {FIRST} steps {apart[:FIRST].max():.1e})")
    if not (apart[:FIRST].max() <= CLOSELY and apart.max() <= LOOSELY):
        sys.exit(f"error: they should agree within {LOOSELY:.0e}, at first within {CLOSELY:.0e}")


if __name__ == "__main__":
    main(OPTIONS)
