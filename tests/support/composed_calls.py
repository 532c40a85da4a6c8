"""Calls of every composed function, over the product of their options."""

import itertools

import numpy as np

from fastgen import diffusion, flow, gan, guidance, vae
from fastgen.cases import each
from fastgen.diffusion import Schedule, paths

SCHEDULE = Schedule.cosine(100)
T = np.array([3, 50, 99])


def logits(*shape):
    return np.random.default_rng(len(shape)).normal(size=shape)


# Each sample is compared with all others.
WHOLE_BATCH = (gan.maximum_mean_discrepancy, gan.pulling_away_term, vae.total_correlation)


def calls():
    """Yield calls as (function, inputs, options)."""
    x, z = logits(3, 8), logits(3, 4)
    for axis, keepdims, beta in itertools.product(
        [-1, (0, 1), None, ()], [False, True], [1.0, 4.0]
    ):
        latent = axis if axis in (-1, None) else -1
        options = {"axis": axis, "latent_axis": latent, "keepdims": keepdims, "beta": beta}
        if axis == ():
            options["latent_axis"] = None
        yield vae.gaussian_elbo, (x, x, x, z, z), options
        yield vae.bernoulli_elbo, (np.abs(x) % 1, x, z, z), options
    yield vae.gaussian_elbo, (x, x, x, z, z), {"free_bits": 0.1}
    yield vae.total_correlation, (z, z, z), {"dataset_size": 100}
    yield vae.reparameterize, (z, z), {"key": 1}
    yield vae.straight_through, (x, np.rint(x)), {}
    for axis, keepdims in itertools.product([-1, (0, 1), None], [False, True]):
        options = {"axis": axis, "keepdims": keepdims, "commitment": 0.75}
        yield vae.quantization_loss, (x, np.rint(x)), options
    yield vae.finite_scalar, (z, (8, 5, 2, 3)), {}
    yield vae.lookup_free, (x,), {}
    yield vae.categorical_entropy, (x,), {}
    yield vae.cross_entropy, (x, np.array([0, 7, 2])), {}
    yield vae.cross_entropy, (x, np.array([-1, 7, 2])), {"ignored": -1, "smoothing": 0.25}
    yield vae.reparameterize, (z, z), {"key": 1, "return_log_prob": True}
    kinds = ["minimax", "non_saturating", "saturating", "hinge", "least_squares", "wasserstein"]
    for kind, reduction in itertools.product([*kinds, "relativistic"], ["mean", "sum", "none"]):
        options = {"kind": kind, "reduction": reduction}
        yield gan.discriminator_loss, (x, x + 1), options
        yield gan.generator_loss, (x,), options | {"real": x + 1}
    yield gan.js_estimate, (x, x + 1), {}
    for options in ({"kernel": "rbf", "bandwidth": (1.0, 2.0)}, {"kernel": "polynomial"}):
        yield gan.maximum_mean_discrepancy, (z, z + 1), options
    yield gan.pulling_away_term, (z,), {}
    for kind, keepdims in itertools.product(["wgan_gp", "dragan", "r1"], [False, True]):
        yield gan.gradient_penalty, (logits(3, 2, 4),), {"kind": kind, "keepdims": keepdims}
    yield flow.bits_per_dim, (x[:, 0],), {"dims": 8}
    matrices = logits(3, 4, 4)
    for unit in (False, True):
        yield flow.logdet_triangular, (matrices,), {"unit_diagonal": unit}
    yield flow.slogdet_triangular, (matrices,), {}
    yield flow.logdet_lu, (matrices,), {"height": 2, "width": 3}
    yield flow.actnorm, (x, x, x), {}
    for count in (1, 2, 3, 4):
        yield guidance.combine, (x, [x + k for k in range(count)], [2.0] * count), {}
    y = logits(3, 2, 4)
    for t in (5, T):
        yield diffusion.add_noise, (y, t, SCHEDULE), {"key": 1}
        yield diffusion.add_noise, (y, t, SCHEDULE), {"key": 1, "return_noise": True}
        yield diffusion.add_noise, (y, t, SCHEDULE), {"noise": y, "return_noise": True}
        yield diffusion.velocity, (y, y, t, SCHEDULE), {}
        yield diffusion.posterior_mean_variance, (y, y, t, SCHEDULE), {}
        yield diffusion.convert, (y, y, t, SCHEDULE), {"source": "epsilon", "target": "v"}
    for sigma in (2.0, np.array([1.0, 2.0, 3.0])):
        yield diffusion.edm_input, (y, sigma), {}
        yield diffusion.edm_denoised, (y, y, sigma), {}
        yield diffusion.langevin_step, (y, y, sigma), {"key": 1}
    yield diffusion.interpolate, (y, y, np.array([0.1, 0.5, 0.9])), {}
    yield from calls_of_paths(y)
    yield diffusion.denoising_loss, (y, y + 1), {"weight": np.array([1.0, 2.0, 3.0])}
    yield diffusion.epsilon_loss, (y,), {"key": 1}
    for steps in (T, np.array([0, 5, 99])):
        yield diffusion.vlb_terms, (y, y, y + 0.1, y, steps, SCHEDULE), {"parameterization": "v"}


def calls_of_paths(y):
    """Yield calls of functions of paths."""
    change = paths.PathChange(paths.Cosine(), paths.Linear())
    for t in (0.25, np.array([0.1, 0.5, 0.9])):
        yield paths.sample, (y, t, paths.Cosine()), {"key": 1}
        yield paths.sample, (y, t, paths.VariancePreserving()), {"noise": y + 1}
        for kind in ("constant", "brownian"):
            options = {"sigma": 0.5, "kind": kind, "key": 1}
            yield paths.bridge, (y, y + 1, t, paths.Polynomial(2)), options
        options = {"source": "velocity", "target": "score"}
        yield paths.convert, (y, y, t, paths.Linear()), options
        yield paths.change_velocity, (y, y, t, change), {}


CALLS = list(calls())
IDS = [f"{f.__name__}-{k}" for k, (f, _, _) in enumerate(CALLS)]


def described(results):
    """Return the shape and type of each result."""
    return [(r.shape, r.dtype) for r in map(np.asarray, each(results))]
