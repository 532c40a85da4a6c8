"""Generative adversarial networks: losses, penalties and divergences, in plain NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

Axis = int | tuple[int, ...] | None


def _x_log_y(x: Any, y: Any) -> Any:
    return x * np.log(np.where(x == 0, 1, y))


def js_divergence(p: Any, q: Any, *, axis: Axis = -1, keepdims: bool = False) -> Any:
    """Jensen-Shannon divergence of two discrete distributions."""
    middle = np.where(p + q == 0, 1, p + q) / 2
    terms = _x_log_y(p, p / middle) + _x_log_y(q, q / middle)
    return 0.5 * np.sum(terms, axis=axis, keepdims=keepdims)


def f_divergence(log_ratio: Any, *, kind: str) -> Any:
    """Integrand of an f-divergence, from the logarithm of a density ratio."""
    u = np.exp(log_ratio)
    integrands: dict[str, Callable[[], Any]] = {
        "kl": lambda: u * log_ratio - u + 1,
        "reverse_kl": lambda: -log_ratio + u - 1,
        "jensen_shannon": lambda: (u * log_ratio - (1 + u) * np.log((1 + u) / 2)) / 2,
        "total_variation": lambda: abs(u - 1) / 2,
        "pearson": lambda: (u - 1) ** 2,
        "neyman": lambda: (u - 1) ** 2 / u,
        "squared_hellinger": lambda: (np.sqrt(u) - 1) ** 2 / 2,
        "jeffreys": lambda: (u - 1) * log_ratio,
        "triangular": lambda: (u - 1) ** 2 / (u + 1),
    }
    return integrands[kind]()


def optimal_discriminator(log_p: Any, log_q: Any) -> Any:
    """Probability that a sample is real, by the optimal discriminator."""
    return 1 / (1 + np.exp(log_q - log_p))


def logistic_loss(logits: Any, target: Any, *, axis: Axis = -1, keepdims: bool = False) -> Any:
    """Cross-entropy of logits with the probability of being real."""
    terms = target * np.logaddexp(0, -logits) + (1 - target) * np.logaddexp(0, logits)
    return np.sum(terms, axis=axis, keepdims=keepdims)


def hinge_loss(logits: Any, target: Any, *, axis: Axis = -1, keepdims: bool = False) -> Any:
    """Hinge loss of logits."""
    return np.sum(np.maximum(0, 1 - target * logits), axis=axis, keepdims=keepdims)


def squared_loss(output: Any, target: Any, *, axis: Axis = -1, keepdims: bool = False) -> Any:
    """Half of the squared distance from a target."""
    return 0.5 * np.sum((output - target) ** 2, axis=axis, keepdims=keepdims)


def relativistic_loss(above: Any, below: Any, *, axis: Axis = -1, keepdims: bool = False) -> Any:
    """Logistic loss of the difference of two logits: `above` should be larger than `below`."""
    return np.sum(np.logaddexp(0, below - above), axis=axis, keepdims=keepdims)


def _reduction(name: str) -> Callable[[Any], Any]:
    reductions: dict[str, Callable[[Any], Any]]
    reductions = {"mean": np.mean, "sum": np.sum, "none": np.asarray}
    return reductions[name]


def discriminator_loss(
    real: Any,
    fake: Any,
    *,
    kind: str,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
    targets: tuple[float, float, float] = (0.0, 1.0, 1.0),
) -> Any:
    """Loss of the discriminator, from its outputs on real and on generated samples."""
    reduce = _reduction(reduction)
    if kind == "relativistic":
        return reduce(relativistic_loss(real, fake, axis=()))
    if kind == "hinge":
        terms = hinge_loss(real, 1, axis=()), hinge_loss(fake, -1, axis=())
    elif kind == "least_squares":
        terms = squared_loss(real, targets[1], axis=()), squared_loss(fake, targets[0], axis=())
    elif kind == "wasserstein":
        terms = -real, fake
    else:
        target = 1 - label_smoothing
        terms = logistic_loss(real, target, axis=()), logistic_loss(fake, 0, axis=())
    return reduce(terms[0]) + reduce(terms[1])


def generator_loss(
    fake: Any,
    *,
    kind: str,
    real: Any = None,
    reduction: str = "mean",
    targets: tuple[float, float, float] = (0.0, 1.0, 1.0),
) -> Any:
    """Loss of the generator, from the discriminator's outputs on generated samples."""
    reduce = _reduction(reduction)
    if kind == "relativistic":
        return reduce(relativistic_loss(fake, real, axis=()))
    if kind == "non_saturating":
        return reduce(logistic_loss(fake, 1, axis=()))
    if kind == "least_squares":
        return reduce(squared_loss(fake, targets[2], axis=()))
    if kind in ("hinge", "wasserstein"):
        return reduce(-fake)
    return reduce(-logistic_loss(fake, 0, axis=()))


def js_estimate(real: Any, fake: Any) -> Any:
    """Jensen-Shannon divergence of real and generated samples, estimated by a discriminator."""
    loss = discriminator_loss(real, fake, kind="minimax")
    return math.log(2) - 0.5 * loss


def gradient_penalty(
    grad: Any,
    *,
    kind: str = "wgan_gp",
    center: float | None = None,
    axis: Any = ...,
    keepdims: bool = False,
) -> Any:
    """Penalty on the norm of the discriminator's gradient, per sample."""
    axes = tuple(range(1, grad.ndim)) if axis is ... else axis
    if kind == "r1":
        return 0.5 * np.sum(grad**2, axis=axes, keepdims=keepdims)
    center = 1.0 if center is None else center
    return (np.sqrt(np.sum(grad**2, axis=axes, keepdims=keepdims)) - center) ** 2


def js_divergence_from_logits(
    logits_p: Any, logits_q: Any, *, axis: Axis = -1, keepdims: bool = False
) -> Any:
    """Jensen-Shannon divergence of two discrete distributions, from logits."""
    p, q = (
        np.exp(x - np.max(x, axis=axis, keepdims=True, initial=-np.inf))
        for x in np.broadcast_arrays(logits_p, logits_q)
    )
    with np.errstate(invalid="ignore"):
        p, q = (x / np.sum(x, axis=axis, keepdims=True) for x in (p, q))
    return js_divergence(p, q, axis=axis, keepdims=keepdims)


def maximum_mean_discrepancy(
    x: Any,
    y: Any,
    *,
    kernel: str,
    bandwidth: Any = None,
    degree: int | None = None,
    scale: float | None = None,
    offset: float | None = None,
    unbiased: bool = True,
) -> Any:
    """Squared maximum mean discrepancy of two sets of samples."""
    x, y = np.asarray(x), np.asarray(y)
    n, m = x.shape[0], y.shape[0]

    def kernels(a: Any, b: Any) -> Any:
        if kernel == "polynomial":
            slope = 1 / a.shape[1] if scale is None else scale
            return (slope * (a @ b.T) + (1.0 if offset is None else offset)) ** (degree or 3)
        squares = np.sum((a[:, None] - b[None]) ** 2, axis=-1)
        each = bandwidth if isinstance(bandwidth, list | tuple) else [bandwidth]
        if kernel == "rbf":
            return sum(np.exp(-squares / (2 * s * s)) for s in each)
        return sum(s * s / (s * s + squares) for s in each)

    def mean(a: Any, size: int) -> Any:
        pairs = kernels(a, a)
        if not unbiased:
            return np.mean(pairs)
        return np.sum(pairs * (1.0 - np.eye(size))) / (size * (size - 1))

    return mean(x, n) + mean(y, m) - 2 * np.mean(kernels(x, y))


def frechet_distance_of_normals(
    mean_x: Any, covariance_x: Any, mean_y: Any, covariance_y: Any
) -> Any:
    """Squared Frechet distance of two normals."""
    values, vectors = np.linalg.eigh(np.asarray(covariance_x))
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    roots = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ np.asarray(covariance_y) @ root), 0.0))
    traces = np.trace(np.asarray(covariance_x)) + np.trace(np.asarray(covariance_y))
    return np.sum((np.asarray(mean_x) - np.asarray(mean_y)) ** 2) + traces - 2 * np.sum(roots)


def frechet_distance(x: Any, y: Any) -> Any:
    """Squared Frechet distance of two sets of features."""
    x, y = np.asarray(x), np.asarray(y)
    moments = []
    for a in (x, y):
        centred = a - np.mean(a, axis=0)
        moments += [np.mean(a, axis=0), centred.T @ centred / (a.shape[0] - 1)]
    return frechet_distance_of_normals(*moments)


def pulling_away_term(features: Any) -> Any:
    """Mean squared cosine of the angles between the features of generated samples."""
    features = np.asarray(features)
    n = features.shape[0]
    unit = features / np.sqrt(np.sum(features**2, axis=1, keepdims=True))
    return np.sum((unit @ unit.T) ** 2 * (1.0 - np.eye(n))) / (n * (n - 1))
