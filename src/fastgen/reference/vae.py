"""Variational autoencoders: divergences and likelihoods, in plain NumPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastgen.reference.elementary import log_ndtr, logsumexp

Axis = int | tuple[int, ...] | None


def kl_standard_normal(mu: Any, logvar: Any, *, axis: Axis = -1, keepdims: bool = False) -> Any:
    """Kullback-Leibler divergence from a diagonal normal distribution to the standard normal."""
    return 0.5 * np.sum(mu**2 + np.exp(logvar) - 1 - logvar, axis=axis, keepdims=keepdims)


def kl_diag_normal(
    mu_q: Any,
    logvar_q: Any,
    mu_p: Any,
    logvar_p: Any,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
) -> Any:
    """Kullback-Leibler divergence between two diagonal normal distributions, q from p."""
    d = logvar_q - logvar_p
    terms = np.exp(d) - 1 - d + (mu_q - mu_p) ** 2 * np.exp(-logvar_p)
    return 0.5 * np.sum(terms, axis=axis, keepdims=keepdims)


def gaussian_nll(x: Any, mu: Any, logvar: Any, *, axis: Axis = -1, keepdims: bool = False) -> Any:
    """Negative log-likelihood of a diagonal normal distribution, with its constant."""
    log_2_pi = math.log(2 * math.pi)
    terms = log_2_pi + logvar + (x - mu) ** 2 * np.exp(-logvar)
    return 0.5 * np.sum(terms, axis=axis, keepdims=keepdims)


def kl_diag_normal_sigma(
    mu_q: Any,
    sigma_q: Any,
    mu_p: Any,
    sigma_p: Any,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
) -> Any:
    """Kullback-Leibler divergence between two diagonal normal distributions, from sigmas."""
    r = (sigma_q / sigma_p) ** 2
    terms = r - 1 - np.log(r) + ((mu_q - mu_p) / sigma_p) ** 2
    return 0.5 * np.sum(terms, axis=axis, keepdims=keepdims)


def kl_laplace(
    loc_q: Any,
    scale_q: Any,
    loc_p: Any,
    scale_p: Any,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
) -> Any:
    """Kullback-Leibler divergence between two factorized Laplace distributions, q from p."""
    distance, r = np.abs(loc_q - loc_p), scale_q / scale_p
    terms = -np.log(r) + distance / scale_p + r * np.exp(-distance / scale_q) - 1
    return np.sum(terms, axis=axis, keepdims=keepdims)


def kl_bernoulli(logits_q: Any, logits_p: Any, *, axis: Axis = -1, keepdims: bool = False) -> Any:
    """Kullback-Leibler divergence between two factorized Bernoulli distributions, from logits."""
    p = 1 / (1 + np.exp(-logits_q))
    terms = np.logaddexp(logits_p, 0) - np.logaddexp(logits_q, 0) - (logits_p - logits_q) * p
    return np.sum(terms, axis=axis, keepdims=keepdims)


def bernoulli_nll(x: Any, logits: Any, *, axis: Axis = -1, keepdims: bool = False) -> Any:
    """Negative log-likelihood of factorized Bernoulli distributions, from logits."""
    terms = np.logaddexp(logits, 0) - x * logits
    within = np.where((x >= 0) & (x <= 1), 1.0, np.nan)  # a factor: its NaN is in gradients too
    return np.sum(terms * within, axis=axis, keepdims=keepdims)


def discretized_gaussian_nll(
    x: Any,
    mu: Any,
    log_sigma: Any,
    *,
    bins: Any = 256,
    axis: Axis = -1,
    keepdims: bool = False,
) -> Any:
    """Negative log-probability of the bins of quantized data under a normal distribution."""
    bins = np.expand_dims(bins, axis) if np.ndim(bins) and axis is not None else bins
    delta = 1 / (bins - 1)
    upper, lower = x > 1 - delta, x < delta - 1
    side = np.where(upper, 1, np.where(lower, -1, np.where(x < mu, -1, 1)))  # of the tail
    near, far = ((side * (x - mu) + end) * np.exp(-log_sigma) for end in (-delta, delta))
    log_near = log_ndtr(-near)
    log_far = np.where(upper | lower, -np.inf, log_ndtr(-far))
    inside = np.log1p(-np.exp(log_ndtr(np.minimum(near, 0))) - np.exp(log_far))
    beside = log_near + np.log(-np.expm1(log_far - log_near))
    return -np.sum(np.where(near < 0, inside, beside), axis=axis, keepdims=keepdims)


def standard_normal_log_prob(z: Any, *, axis: Axis = -1, keepdims: bool = False) -> Any:
    """Log-density of the standard normal distribution."""
    log_2_pi = math.log(2 * math.pi)
    return -0.5 * np.sum(z**2 + log_2_pi, axis=axis, keepdims=keepdims)


def _free(kl: Any, free_bits: float | None, axis: Axis) -> Any:
    """Sum divergences of latent variables. A batch mean below `free_bits` becomes `free_bits`."""
    if free_bits is not None:
        axes = axis if isinstance(axis, tuple) else (axis,)
        events = range(kl.ndim) if axis is None else [a % kl.ndim for a in axes]
        others = tuple(d for d in range(kl.ndim) if d not in events)
        kl = np.where(np.mean(kl, axis=others, keepdims=True) > free_bits, kl, free_bits)
    return np.sum(kl, axis=axis)


def _kept(total: Any, ndim: int, axis: Axis, keepdims: bool) -> Any:
    """Give the total the event axes of the data, with length 1."""
    if not keepdims:
        return total
    events = range(ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return np.expand_dims(total, tuple(a % ndim - ndim for a in events))


def gaussian_elbo(
    x: Any,
    x_mu: Any,
    x_logvar: Any,
    mu: Any,
    logvar: Any,
    *,
    beta: float = 1.0,
    free_bits: float | None = None,
    axis: Axis = -1,
    latent_axis: Axis = -1,
    keepdims: bool = False,
) -> Any:
    """Evidence lower bound of an autoencoder whose decoder gives normal distributions."""
    kl = _free(kl_standard_normal(mu, logvar, axis=()), free_bits, latent_axis)
    nll = gaussian_nll(x, x_mu, x_logvar, axis=axis)
    return _kept(-nll - beta * kl, np.ndim(x), axis, keepdims)


def bernoulli_elbo(
    x: Any,
    logits: Any,
    mu: Any,
    logvar: Any,
    *,
    beta: float = 1.0,
    free_bits: float | None = None,
    axis: Axis = -1,
    latent_axis: Axis = -1,
    keepdims: bool = False,
) -> Any:
    """Evidence lower bound of an autoencoder whose decoder gives logits."""
    kl = _free(kl_standard_normal(mu, logvar, axis=()), free_bits, latent_axis)
    return _kept(-bernoulli_nll(x, logits, axis=axis) - beta * kl, np.ndim(x), axis, keepdims)


def kl_tril_normal(mu_q: Any, tril_q: Any, mu_p: Any, tril_p: Any) -> Any:
    """Kullback-Leibler divergence between two normal distributions of full covariance."""
    m = np.linalg.solve(np.tril(tril_p), np.tril(tril_q))
    w = np.linalg.solve(np.tril(tril_p), (mu_q - mu_p)[..., None])
    logs = np.sum(np.log(np.diagonal(m, axis1=-2, axis2=-1)), axis=-1)
    squares = np.sum(m**2, axis=(-2, -1)) - m.shape[-1] + np.sum(w**2, axis=(-2, -1))
    return 0.5 * squares - logs


def sample_diag_normal(mu: Any, logvar: Any, noise: Any) -> Any:
    """Draws from diagonal normals, made from standard normal noise."""
    return mu + np.exp(logvar / 2) * noise


def sample_diag_normal_with_log_prob(
    mu: Any, logvar: Any, noise: Any, *, axis: Axis = -1, keepdims: bool = False
) -> tuple[Any, Any]:
    """Draws from diagonal normals, made from standard normal noise, and their log-density."""
    log_density = -0.5 * (math.log(2 * math.pi) + logvar + noise**2)
    log_prob = np.sum(log_density, axis=axis, keepdims=keepdims)
    return sample_diag_normal(mu, logvar, noise), log_prob


def reparameterize(
    mu: Any,
    logvar: Any,
    *,
    noise: Any = None,
    rng: Any = None,
    return_log_prob: bool = False,
    axis: Axis = -1,
    keepdims: bool = False,
) -> Any:
    """Draws from a diagonal normal distribution, made from given noise or drawn noise."""
    if noise is None:
        shape = np.broadcast_shapes(np.shape(mu), np.shape(logvar))
        noise = np.random.default_rng(rng).standard_normal(shape)
    if return_log_prob:
        return sample_diag_normal_with_log_prob(mu, logvar, noise, axis=axis, keepdims=keepdims)
    return sample_diag_normal(mu, logvar, noise)


def iwae_bound(log_w: Any, *, axis: Axis = -1, keepdims: bool = False) -> Any:
    """Importance-weighted lower bound of the log-likelihood, from log-weights."""
    total = logsumexp(log_w, axis=axis, keepdims=keepdims)
    return total - np.log(log_w.size / total.size) if log_w.size else np.full(total.shape, np.nan)


def mixture_log_prob(
    z: Any, mu: Any, logvar: Any, *, axis: Axis = -1, keepdims: bool = False
) -> Any:
    """Log-density of an equal mixture of normal distributions in one dimension."""
    z = np.expand_dims(z, axis) if np.ndim(z) and axis is not None else z
    return iwae_bound(-gaussian_nll(z, mu, logvar, axis=()), axis=axis, keepdims=keepdims)


def scaled_mixture_log_prob(
    z: Any,
    mu: Any,
    inverse_sigma: Any,
    log_weight: Any,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
) -> Any:
    """Log-density of a mixture of normals in one dimension, from prepared components."""
    z = np.expand_dims(z, axis) if np.ndim(z) and axis is not None else z
    distances = squared_mahalanobis(z, mu, inverse_sigma, axis=())
    return logsumexp(log_weight - 0.5 * distances, axis=axis, keepdims=keepdims)


def squared_mahalanobis(
    x: Any, mu: Any, inverse_sigma: Any, *, axis: Axis = -1, keepdims: bool = False
) -> Any:
    """Squared Mahalanobis distance from a diagonal normal distribution."""
    return np.sum(((x - mu) * inverse_sigma) ** 2, axis=axis, keepdims=keepdims)


def kl_categorical(logits_q: Any, logits_p: Any, *, axis: Axis = -1, keepdims: bool = False) -> Any:
    """Kullback-Leibler divergence between two categorical distributions, from logits."""
    log_q, log_p = (x - logsumexp(x, axis=axis, keepdims=True) for x in (logits_q, logits_p))
    return np.sum(np.exp(log_q) * (log_q - log_p), axis=axis, keepdims=keepdims)


def total_correlation(z: Any, mu: Any, logvar: Any, *, dataset_size: float) -> tuple[Any, ...]:
    """Mutual information, total correlation and dimension-wise divergence of a batch of codes."""
    pairs = -gaussian_nll(z[:, None, :], mu, logvar, axis=())  # (batch, batch, latent)
    size = math.log(dataset_size * len(z))
    own = -gaussian_nll(z, mu, logvar)
    joint = logsumexp(np.sum(pairs, axis=-1), axis=1) - size
    marginals = np.sum(logsumexp(pairs, axis=1) - size, axis=-1)
    return own - joint, joint - marginals, marginals - standard_normal_log_prob(z)


def nearest_code(x: Any, codebook: Any) -> Any:
    """Index of the code that is nearest to each vector."""
    return np.argmin(np.sum((np.asarray(x)[..., None, :] - codebook) ** 2, axis=-1), axis=-1)


def code_sums(x: Any, indices: Any, size: int) -> Any:
    """Count the vectors of each code, and add them."""
    x, indices = np.asarray(x), np.asarray(indices)
    chosen = indices.reshape(-1, 1) == np.arange(size)
    return np.sum(chosen * 1.0, axis=0), (chosen * 1.0).T @ x.reshape(-1, x.shape[-1])


def codebook_from_sums(counts: Any, sums: Any, *, epsilon: float = 1e-5) -> Any:
    """Codebook of the means of its vectors, with smoothed counts."""
    counts = np.asarray(counts)
    n = np.sum(counts)
    smoothed = (counts + epsilon) / (n + counts.shape[0] * epsilon) * n
    return np.asarray(sums) / smoothed[:, None]


def code_perplexity(counts: Any) -> Any:
    """Effective number of codes in use."""
    p = np.asarray(counts) / np.sum(np.asarray(counts))
    return np.exp(-np.sum(np.where(p > 0, p * np.log(np.where(p > 0, p, 1.0)), 0.0)))


def stopped(x: Any) -> Any:
    """Return x. Where the reference has derivatives, x has none here."""
    return x


def straight_through(x: Any, codes: Any) -> Any:
    """Codes whose gradient passes to the vectors as it is."""
    return stopped(codes) + (x - stopped(x))


def quantization_loss(
    x: Any, codes: Any, *, commitment: float = 0.25, axis: Axis = -1, keepdims: bool = False
) -> Any:
    """Codebook loss and commitment loss of vector quantisation, per vector."""
    of_codes, of_x = (stopped(x) - codes) ** 2, (x - stopped(codes)) ** 2
    return np.mean(of_codes + commitment * of_x, axis=axis, keepdims=keepdims)


def finite_scalar(x: Any, levels: Any) -> Any:
    """Round each channel to one of a few levels."""
    levels = np.asarray(levels)
    factor, offset = (levels - 1) * (1 - 1e-3) / 2, np.where(levels % 2 == 1, 0.0, 0.5)
    bounded = factor * np.tanh(x + np.tan(offset / factor)) - offset
    return straight_through(bounded, np.rint(bounded)) / (levels // 2)


def lookup_free(x: Any) -> Any:
    """Sign of each channel, of which 0 has -1."""
    return straight_through(x, np.where(x > 0, 1.0, -1.0))


def _steps(levels: Any) -> Any:
    """Value of one step of each channel in an index."""
    return np.concatenate([np.ones(1, int), np.cumprod(levels[:-1])])


def finite_scalar_indices(codes: Any, levels: Any) -> Any:
    """Index of each code of finite-scalar quantisation."""
    levels = np.asarray(levels)
    steps = np.rint((np.asarray(codes) + 1) * (levels // 2)).astype(int)
    return np.sum(steps * _steps(levels), axis=-1)


def finite_scalar_codes(indices: Any, levels: Any) -> Any:
    """Code of each index of finite-scalar quantisation."""
    levels = np.asarray(levels)
    return np.asarray(indices)[..., None] // _steps(levels) % levels / (levels // 2) - 1


def lookup_free_indices(x: Any) -> Any:
    """Index of each code of lookup-free quantisation."""
    x = np.asarray(x)
    return np.sum((x > 0) * 2 ** np.arange(x.shape[-1]), axis=-1)


def cross_entropy(
    logits: Any, labels: Any, *, smoothing: float = 0.0, ignored: int | None = None
) -> Any:
    """Cross-entropy of labels and classes, from logits, per row."""
    labels = np.asarray(labels)[..., None]
    chosen = np.arange(logits.shape[-1]) == labels
    log_p = logits - logsumexp(logits, axis=-1, keepdims=True)
    share = np.where(chosen, 1 - smoothing, 0.0) + smoothing / logits.shape[-1]
    total = -np.sum(np.where(share > 0, share * np.where(share > 0, log_p, 0.0), 0.0), axis=-1)
    return total if ignored is None else np.where(labels[..., 0] == ignored, 0.0, total)


def categorical_entropy(logits: Any) -> Any:
    """Entropy of a categorical distribution, from logits, per row."""
    log_p = logits - logsumexp(logits, axis=-1, keepdims=True)
    return -np.sum(np.exp(log_p) * log_p, axis=-1)
