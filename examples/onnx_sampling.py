"""Sample from an ONNX model by its own scheduler_config.json, with onnxruntime, fastgen and NumPy.

A small model that predicts v is trained by PyTorch on handwritten digits, in a process of its own,
which writes model.onnx and scheduler/scheduler_config.json, as models on a hub have them. Then this
process, where PyTorch is never imported, makes the sampler by `samplers.from_config`, and samples.
The time per step is printed for the model and for the sampler. The script fails if PyTorch is
imported, or if the samples are not as bright and as varied as the digits.

The data: the 1797 images of 8x8 pixels in scikit-learn's `load_digits`, scaled to [-1, 1].

    pip install '.[examples]' torch onnx onnxscript onnxruntime
    python examples/onnx_sampling.py [--epochs 200] [--steps 20] [--samples 56] [--seed 0]
                                     [--scheduler NAME] [--out DIR]

NAME is another scheduler of diffusers, such as EulerDiscreteScheduler. DIR gets the model, its
configuration, and onnx_digits.png: images, and samples on their way from noise to data.
"""

import argparse
import json
import logging
import multiprocessing
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from fastgen.diffusion import Schedule, add_noise, timestep_embedding
from fastgen.diffusion.samplers import from_config
from fastgen.noise import normal


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name, default in (("--epochs", 200), ("--steps", 20), ("--samples", 56), ("--seed", 0)):
        parser.add_argument(name, type=int, default=default, help=f"default {default}")
    parser.add_argument("--scheduler", metavar="NAME", help="default: that of the configuration")
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="default: here")
    options = parser.parse_args()
    if min(options.epochs, options.steps, options.samples - 13, options.seed + 1) < 1:
        parser.error(
            "--epochs and --steps must be at least 1, --samples at least 14, --seed at least 0"
        )
    return options


if __name__ == "__main__":  # wrong arguments are refused before the slow imports
    OPTIONS = arguments()

NEEDED = "this example needs: pip install '.[examples]' torch onnx onnxscript onnxruntime"
try:
    import onnxruntime
    from matplotlib.figure import Figure  # draws to files, without a display
    from sklearn.datasets import load_digits
except ImportError as error:
    sys.exit(f"{error}; {NEEDED}")

PIXELS, EMBEDDING, HIDDEN, BATCH, RATE = 64, 32, 384, 128, 2e-3
CONFIG = {
    "_class_name": "DPMSolverMultistepScheduler",
    "_diffusers_version": "0.42.0",
    "algorithm_type": "dpmsolver++",
    "beta_schedule": "squaredcos_cap_v2",
    "num_train_timesteps": 1000,
    "prediction_type": "v_prediction",
    "solver_order": 2,
    "timestep_spacing": "trailing",
}
Array = np.ndarray  # of float32


def digits() -> Array:
    """Return the images, (1797, pixels), from -1 to 1."""
    return load_digits().data.astype(np.float32) / 8 - 1


def train(folder: Path, epochs: int, samples: int, seed: int) -> None:
    """Train a model of v by PyTorch, and write it and its configuration into a folder."""
    import torch
    from torch import nn

    class Network(nn.Module):
        """Three dense layers with SiLU between them: x_t, and t in steps, to v."""

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("table", torch.from_numpy(table))
            sizes = (PIXELS + EMBEDDING, HIDDEN, HIDDEN, PIXELS)
            first, second, last = map(nn.Linear, sizes, sizes[1:])
            self.layers = nn.Sequential(first, nn.SiLU(), second, nn.SiLU(), last)

        def forward(self, x: Any, t: Any) -> Any:
            embedded = self.table[t].expand(x.shape[0], -1)
            return self.layers(torch.cat([x, embedded], 1))

    torch.manual_seed(seed)
    torch.set_num_threads(1)  # more only cost, with matrices this small
    schedule, rng, x = Schedule.cosine(1000), np.random.default_rng(seed), digits()
    table = timestep_embedding(np.arange(1000), EMBEDDING).astype(np.float32)
    network = Network()
    optimizer = torch.optim.Adam(network.parameters(), RATE)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for epoch in range(epochs):
        losses = []
        for batch in rng.permutation(len(x))[: len(x) // BATCH * BATCH].reshape(-1, BATCH):
            t, noise = rng.integers(0, 1000, BATCH), rng.standard_normal((BATCH, PIXELS), "f")
            alpha, sigma = (c.astype("f")[:, None] for c in schedule.coefficients(t))
            noised = torch.from_numpy(add_noise(x[batch], t, schedule, noise=noise))
            v = torch.from_numpy(alpha * noise - sigma * x[batch])
            loss = (network(noised, torch.from_numpy(t)) - v).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        cosine.step()
        if epoch + 1 == epochs or epoch % -(-epochs // 5) == 0:
            print(f"epoch {epoch + 1}/{epochs}  loss {np.mean(losses):.4f}", flush=True)
    logging.disable()  # the exporter names all packages that it could use
    with warnings.catch_warnings(action="ignore"):
        example = torch.zeros(samples, PIXELS), torch.zeros(1, dtype=torch.int64)
        names = {"input_names": ["x", "t"], "output_names": ["v"], "verbose": False}
        torch.onnx.export(network.eval(), example, str(folder / "model.onnx"), **names)
    (folder / "scheduler").mkdir(exist_ok=True)
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(CONFIG, indent=2))


def sample(folder: Path, options: argparse.Namespace) -> tuple[list[Array], Array, str]:
    """Return the samples after every step, the seconds of model and sampler, and the sampler."""
    changes = {"_class_name": options.scheduler} if options.scheduler else {}
    sampler = from_config(folder, options.steps, **changes)
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
    x = normal((options.samples, PIXELS), key=options.seed, dtype=np.float32)
    x *= np.float32(sampler.init_noise_scale)
    state, path, seconds = sampler.state(), [x], []
    for i, t in enumerate(sampler.timesteps):
        start = perf_counter()
        scaled = sampler.scale_input(x, i)
        ready = perf_counter()
        inputs = {"x": np.asarray(scaled), "t": np.array([round(t)], np.int64)}
        (v,) = session.run(None, inputs)
        predicted = perf_counter()
        x = sampler.step(x, v, i, state=state, key=options.seed)
        seconds.append((predicted - ready, perf_counter() - predicted + ready - start))
        path.append(x)
    return path, np.array(seconds), repr(sampler)


def plot(images: Array, path: list[Array], file: Path) -> None:
    """Plot images, and samples at steps from noise to data: (images, pixels) each."""
    figure = Figure(figsize=(10, 6), layout="constrained")
    shown = [path[round(k)] for k in np.linspace(0, len(path) - 1, 5)[:-1]]
    rows = (images, *(x[:14] / max(1, float(np.abs(x).max()) / 2) for x in shown), path[-1])
    titles = ("Images", "Samples on their way from noise", "", "", "", "Samples")
    heights = [1] * 5 + [len(path[-1]) // 14]
    axes = figure.subplots(6, height_ratios=heights)
    for axis, title, x in zip(axes, titles, rows, strict=True):
        whole = x[: len(x) // 14 * 14].reshape(-1, 8, 8)
        framed = np.pad(whole, ((0, 0), (1, 0), (1, 0)), constant_values=np.nan)
        mosaic = framed.reshape(-1, 14, 9, 9).swapaxes(1, 2).reshape(-1, 14 * 9)
        axis.imshow(mosaic, cmap="gray", vmin=-1, vmax=1)  # NaN stays white: the frames
        axis.set_title(title, loc="left")
        axis.axis("off")
    figure.savefig(file, dpi=120)


def main(options: argparse.Namespace) -> None:
    """Train elsewhere, sample here, compare, draw."""
    missing = [name for name in ("torch", "onnx", "onnxscript") if find_spec(name) is None]
    if missing:
        sys.exit(f"No module named {missing[0]!r}; {NEEDED}")
    options.out.mkdir(parents=True, exist_ok=True)
    given = (options.out, options.epochs, options.samples, options.seed)
    training = multiprocessing.get_context("spawn").Process(target=train, args=given)
    training.start()
    training.join()
    if training.exitcode:
        sys.exit(f"error: the training ended with {training.exitcode}")

    path, seconds, sampler = sample(options.out, options)
    assert "torch" not in sys.modules
    model, own = 1e6 * np.median(seconds, axis=0)
    print(f"\n{sampler}")
    print(f"time per step  {model:.0f} us for the model, {own:.1f} us for the sampler")

    x, drawn = digits(), path[-1]
    levels = [(float(y.mean()), float(y.std(axis=0).mean())) for y in (drawn, x)]
    print("grey levels    mean {:.3f}, deviation of a pixel {:.3f}".format(*levels[0]), end="; ")
    print("of the digits {:.3f}, {:.3f}".format(*levels[1]))
    plot(x[:14], path, options.out / "onnx_digits.png")
    if not np.allclose(*levels, atol=0.15):  # also where it is NaN
        sys.exit("error: the samples should be as bright and as varied as the digits")


if __name__ == "__main__":
    main(OPTIONS)
