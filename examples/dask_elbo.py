"""The ELBO of a data set that is larger than the memory of the workers, on a cluster of two.

The data set lies in a file of NumPy. Dask cuts it into blocks, and two worker processes read and
compute one block after the other. The ELBO of each image needs noise. It comes from a key and the
number of the image, so it does not depend on the blocks. `fastgen.exact_mean` is the exact mean,
rounded once. So the result has the same bits on any number of workers, and for any blocks. One
process computes it again, in other blocks, without dask. The script fails if a bit differs.

The images have 28 x 28 pixels of 0 or 1. A latent variable is the brightness of a patch of 4 x 4
pixels. The encoder reads it from the share of ones, and the decoder gives it to all of them.

    pip install . 'dask[array,distributed]'
    python examples/dask_elbo.py [--images 800000] [--memory 300] [--workers 2] [--dir DIR]

DIR gets the data set, of 784 bytes for an image, for the time of the run. By default it is a
folder of the system for temporary files. --memory is the limit of a worker in MB.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from time import perf_counter


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name, default in (("--images", 800_000), ("--memory", 300), ("--workers", 2)):
        parser.add_argument(name, type=int, default=default, help=f"default {default}")
    parser.add_argument("--dir", type=Path, default=None, metavar="DIR")
    options = parser.parse_args()
    if options.images < 1 or options.memory < 256 or options.workers < 1:
        parser.error("--images and --workers must be at least 1, --memory at least 256")
    return options


if __name__ == "__main__":  # wrong arguments are refused before the slow imports
    OPTIONS = arguments()

try:
    import dask
    import dask.array as da
    import numpy as np
    from distributed import Client, LocalCluster, progress

    import fastgen
    from fastgen import noise, vae
except ImportError as error:
    sys.exit(f"{error}; this example needs: pip install . 'dask[array,distributed]'")

PIXELS, LATENTS, BLOCK = 784, 49, 4096
KEY = 7
Array = np.ndarray


class Images:
    """The images in a file. It pickles as the path, so each worker opens the file itself."""

    def __init__(self, path: Path) -> None:
        """Read the shape."""
        images = np.load(path, mmap_mode="r")
        self.path, self.shape, self.dtype, self.ndim = path, images.shape, images.dtype, 2

    def __getitem__(self, index: object) -> Array:
        """Return a copy of some images."""
        return np.array(np.load(self.path, mmap_mode="r")[index])


def patches(values: Array) -> Array:
    """Return the number of each pixel's patch, for one number per patch: (n, 49) to (n, 784)."""
    of_patch = values.reshape(-1, 7, 1, 7, 1)
    return np.broadcast_to(of_patch, (len(values), 7, 4, 7, 4)).reshape(-1, PIXELS)


def write(path: Path, count: int) -> None:
    """Draw images: a patch has a brightness, which is the probability of its ones."""
    images = np.lib.format.open_memmap(path, "w+", np.uint8, (count, PIXELS))
    for first in range(0, count, BLOCK):
        size = min(BLOCK, count - first)
        levels = noise.random_bits(size * LATENTS, key=1, counter=first * LATENTS)
        words = noise.random_bits(size * PIXELS // 4, key=2, counter=first * PIXELS // 4)
        bits = words.view(np.uint8).reshape(size, PIXELS)
        images[first : first + size] = bits < patches((levels >> 24).reshape(size, LATENTS))
    images.flush()


def encode(x: Array) -> Array:
    """Return the means of the latent variables: the log-odds of the ones of a patch."""
    ones = x.reshape(-1, 7, 4, 7, 4).sum((2, 4), dtype=np.float32).reshape(-1, LATENTS)
    return np.log((ones + 0.5) / (16.5 - ones))


def decode(z: Array) -> Array:
    """Return the logits of the pixels."""
    return patches(z * np.float32(1.1))


def mean_elbo(images: Images) -> da.Array:
    """Return the mean ELBO, lazily: nothing is computed yet."""
    x = da.from_array(images, chunks=(BLOCK, PIXELS), asarray=False).astype(np.float32)
    mu = x.map_blocks(encode, chunks=(x.chunks[0], (LATENTS,)), dtype=np.float32)
    logvar = da.full_like(mu, -1.5)
    z = vae.reparameterize(mu, logvar, key=KEY)
    logits = z.map_blocks(decode, chunks=x.chunks, dtype=np.float32)
    return fastgen.exact_mean(vae.bernoulli_elbo(x, logits, mu, logvar))


def mean_elbo_in_one_process(images: Images, block: int) -> float:
    """Return the mean ELBO without dask, in blocks of another size."""
    found = np.empty(len(np.load(images.path, mmap_mode="r")), np.float32)
    for first in range(0, len(found), block):
        x = images[first : first + block].astype(np.float32)
        mu = encode(x)
        logvar = np.full_like(mu, -1.5)
        z = vae.reparameterize(mu, logvar, key=KEY, counter=first * LATENTS)
        found[first : first + block] = vae.bernoulli_elbo(x, decode(z), mu, logvar)
    return float(fastgen.exact_mean(found))


def on_cluster(images: Images, workers: int, memory: int) -> float:
    """Return the mean ELBO, computed by worker processes."""
    limit = {"n_workers": workers, "threads_per_worker": 1, "memory_limit": f"{memory}MB"}
    with LocalCluster(dashboard_address=None, **limit) as cluster, Client(cluster) as client:
        future = client.compute(mean_elbo(images))
        progress(future, notebook=False)
        return float(future.result())


def main(options: argparse.Namespace) -> None:
    """Write the data set, compute twice, compare."""
    dask.config.set({"distributed.comm.timeouts.connect": "60s"})
    with tempfile.TemporaryDirectory(dir=options.dir) as folder:
        path = Path(folder) / "images.npy"
        write(path, options.images)
        size, images = path.stat().st_size / 1e6, Images(path)
        limit = options.workers * options.memory
        print(f"data set {size:.0f} MB on disk, {4 * size:.0f} MB in float32; workers {limit} MB")
        start = perf_counter()
        value = on_cluster(images, options.workers, options.memory)
        print(f"\n{options.workers} workers  ELBO {value!r} nats, {perf_counter() - start:.1f} s")
        start = perf_counter()
        again = mean_elbo_in_one_process(images, 10_000)
        print(f"one process  ELBO {again!r} nats, {perf_counter() - start:.1f} s")
    if value != again:
        sys.exit("the two differ")
    print("the same bits")


if __name__ == "__main__":
    main(OPTIONS)
