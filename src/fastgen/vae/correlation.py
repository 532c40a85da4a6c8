"""The three terms of the mean divergence of an encoder from its prior."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fastgen import _messages
from fastgen._abstract import as_array, is_dask
from fastgen._axes import Axes
from fastgen._compose import DESCRIBE, Composition, Result, composed, computed, lazy
from fastgen._core import empty, result_dtype
from fastgen._ops import OPS
from fastgen._pullbacks import as_input, for_each_output
from fastgen._row_blocks import row_blocks
from fastgen._typing import Array, ArrayLike

__all__ = ["TotalCorrelation", "total_correlation"]

_nll = OPS["vae.gaussian_nll"]
_prior = OPS["vae.standard_normal_log_prob"]
_log_mean = OPS["vae.iwae_bound"]
_distance = OPS["vae.squared_mahalanobis"]
_marginal = OPS["vae.mixture_log_prob"]
_marginal_of_scaled = OPS["vae.scaled_mixture_log_prob"]
_exp = OPS["elementary.exp"]
_total = OPS["elementary.total"]
_PAIRS = 1 << 17  # elements in each array of a block: samples x distributions


class TotalCorrelation(NamedTuple):
    """Per sample, in nats; their sum is log q(z|x) - log p(z)."""

    index_code_mi: Array
    """log q(z|x) - log q(z): the mutual information of data and code."""
    total_correlation: Array
    """log q(z) - sum of log q(z_d): how far latent variables depend on each other."""
    dimension_wise_kl: Array
    """Sum of log q(z_d) - log p(z_d): how far each is from the prior."""


def _checked(inputs: tuple[Any, ...], dataset_size: float) -> tuple[Array, Array, Array]:
    """Return the inputs as arrays of one float type and of the shape (batch, latent)."""
    arrays = []
    for k, x in enumerate(inputs):
        _messages.check_numbers("vae.total_correlation", k, x)
        array = as_array(x)
        arrays.append(array.astype(np.float64) if array.dtype.kind in "biu" else array)
        _messages.check_shape_is_known(_messages.named("vae.total_correlation", k), array)
    shapes = [a.shape for a in arrays]
    if len(set(shapes)) > 1 or len(shapes[0]) != 2:
        raise ValueError(
            "total_correlation: z, mu and logvar must have one shape (batch, latent); "
            f"got {', '.join(map(str, shapes))}"
        )
    _messages.check_real("total_correlation", dataset_size=dataset_size)
    if not dataset_size >= shapes[0][0]:
        raise ValueError(
            "total_correlation: dataset_size must be at least the batch size "
            f"{shapes[0][0]}; got {dataset_size}"
        )
    wide = np.float64 if result_dtype(tuple(arrays)) == np.float64 else np.float32
    return arrays[0].astype(wide), arrays[1].astype(wide), arrays[2].astype(wide)


def _log_densities(z: Array, mu: Array, logvar: Array, block: slice) -> Array:
    """Return log q(z_i | x_j) in float64, for a block of samples and all distributions."""
    some = z[block, None, :]
    out = empty((len(some), len(mu)), np.float64)
    _nll((some, mu, logvar), -1, False, out)
    return np.negative(out, out=out)


def _for_each(samples: Array, arrays: tuple[Array, ...]) -> list[Array]:
    """Return views of the arrays, repeated along a new first axis of samples."""
    return [np.broadcast_to(x, (len(samples), *x.shape)) for x in arrays]


def _log_mean_density(z: Array, mu: Array, inverse_sigma: Array, log_volume: Array) -> Array:
    """Return log(mean over j of q(z_i | x_j)) in float64, without the power of 2 pi."""
    pairs = empty((len(z), len(mu)), np.float64)
    _distance((z[:, None, :], mu, inverse_sigma), -1, False, pairs)
    pairs *= -0.5
    pairs -= log_volume
    return np.asarray(_log_mean((pairs,)))


def _terms(z: Array, mu: Array, logvar: Array, dataset_size: float) -> list[Array]:
    """Return log q(z|x), log q(z), sum of log q(z_d) and log p(z), per sample, in float64."""
    batch, latents = z.shape
    inverse_sigma = np.asarray(_exp((-0.5 * logvar,)))
    log_volume = 0.5 * _total((logvar.astype(np.float64),))
    joint, marginal = np.empty(batch), empty((latents, batch), np.float64)
    of_each = [np.ascontiguousarray(x.T) for x in (z, mu, inverse_sigma, -0.5 * logvar)]
    for block in row_blocks(batch, batch, _PAIRS):
        joint[block] = _log_mean_density(z[block], mu, inverse_sigma, log_volume)
    for block in row_blocks(latents, batch, _PAIRS):
        # One latent variable after the other, so that its components stay in cache.
        shape = (block.stop - block.start, batch, batch)
        samples, *components = (x[block] for x in of_each)
        shared = (np.broadcast_to(x[:, None, :], shape) for x in components)
        _marginal_of_scaled((samples, *shared), -1, False, marginal[block])
    own = -_nll((z, mu, logvar), -1, False, np.empty(batch))
    prior = _prior((z,), -1, False, np.empty(batch))
    log_size = math.log(dataset_size) + 0.5 * latents * math.log(2 * math.pi)
    sizes = latents * (math.log(dataset_size * batch) + 0.5 * math.log(2 * math.pi))
    return [own, joint - log_size, _total((marginal.T,)) - sizes, prior]


class _Correlation(Composition):
    """The three terms, computed in blocks: no array of all pairs of samples exists."""

    name = "vae.total_correlation"

    def __init__(self, inputs: tuple[Any, ...], dataset_size: float) -> None:
        self.inputs, self.dataset_size = inputs, dataset_size
        self.computed = _checked(inputs, dataset_size)

    @property
    def arrays(self) -> tuple[Any, ...]:
        """The inputs."""
        return self.inputs

    def on(self, arrays: tuple[Any, ...]) -> Composition:
        """Return the terms of other inputs."""
        return _Correlation(arrays, self.dataset_size)

    def axes(self) -> Axes:
        """Return core axes alone: each sample is compared with the whole batch."""
        return Axes(((None, None),) * 3, ((None,),) * 3)

    def value(self, out: Any = None) -> TotalCorrelation:
        """Return the terms."""
        if any(map(is_dask, self.inputs)):
            return TotalCorrelation(*lazy(self, out))
        own, joint, marginals, prior = _terms(*self.computed, self.dataset_size)
        terms = (own - joint, joint - marginals, marginals - prior)
        dtype = result_dtype(self.inputs)
        return TotalCorrelation(*(t.astype(dtype) for t in terms))

    def gradients(
        self, wanted: Sequence[int], cotangent: Any, with_value: bool
    ) -> tuple[Any, tuple[Any, ...]]:
        """Return the terms, or None without `with_value`, and the wanted gradients."""
        z, mu, logvar = self.computed
        each = [
            np.broadcast_to(c, len(z))
            for c in for_each_output("vae.total_correlation", 3, cotangent)
        ]
        of_mi, of_tc, of_kl = (np.asarray(c, z.dtype) for c in each)
        own = _derivative(_nll, (z, mu, logvar), -of_mi)
        prior = _derivative(_prior, (z,), -of_kl)
        gradients = [own[0] + prior[0], own[1], own[2]]
        for found in (
            _joint_gradients(z, mu, logvar, of_tc - of_mi),
            _marginal_gradients(z, mu, logvar, of_kl - of_tc),
        ):
            gradients = [a + b for a, b in zip(gradients, found, strict=True)]
        value = self.value() if with_value else None
        return value, tuple(as_input(gradients[k], self.inputs[k]) for k in wanted)

    def results(self) -> tuple[Result, ...]:
        """Return the shape and type of each term."""
        return (Result(self.computed[0].shape[:1], result_dtype(self.inputs)),) * 3


def _derivative(op: Any, inputs: tuple[Array, ...], cotangent: Array) -> list[Array]:
    outputs = sum(2 << k for k in range(len(inputs)))
    return list(op.derivative((*inputs, cotangent), -1, False, None, outputs)[1:])


def _joint_gradients(z: Array, mu: Array, logvar: Array, cotangent: Array) -> list[Array]:
    """Return the gradients of log q(z), the density of all latent variables together."""
    gradients = [np.zeros(z.shape) for _ in range(3)]
    for block in row_blocks(len(z), mu.size, _PAIRS):
        logs = _log_densities(z, mu, logvar, block)
        (shares,) = _derivative(_log_mean, (logs,), cotangent[block].astype(np.float64))
        some = (z[block, None, :], mu[None], logvar[None])
        d_z, d_mu, d_logvar = _derivative(_nll, some, -shares.astype(z.dtype))
        gradients[0][block] = _total((d_z,), 1)
        gradients[1] += _total((d_mu,), 0)
        gradients[2] += _total((d_logvar,), 0)
    return gradients


def _marginal_gradients(z: Array, mu: Array, logvar: Array, cotangent: Array) -> list[Array]:
    """Return the gradients of the sum of log q(z_d), the marginal densities."""
    gradients = [np.zeros(z.shape) for _ in range(3)]
    of_each = tuple(np.ascontiguousarray(x.T) for x in (mu, logvar))
    for block in row_blocks(len(z), mu.size, _PAIRS):
        weights = np.repeat(cotangent[block, None], z.shape[1], axis=1)
        inputs = (z[block], *_for_each(z[block], of_each))
        d_z, d_mu, d_logvar = _derivative(_marginal, inputs, weights)
        gradients[0][block] = d_z
        gradients[1] += _total((d_mu,), 0).T
        gradients[2] += _total((d_logvar,), 0).T
    return gradients


@composed(inputs=3)
def total_correlation(
    z: ArrayLike, mu: ArrayLike, logvar: ArrayLike, *, dataset_size: float
) -> TotalCorrelation:
    r"""Mutual information, total correlation and dimension-wise divergence of a batch of codes.

    .. math::
        \log \frac{q(z | x)}{p(z)} = \log \frac{q(z | x)}{q(z)}
        + \log \frac{q(z)}{\prod_d q(z_d)} + \sum_d \log \frac{q(z_d)}{p(z_d)}

    Parameters
    ----------
    z : array_like
        One sample of the latent variables for each data point, of the shape ``(batch, latent)``.
    mu, logvar : array_like
        Means and log-variances from the encoder for these data points, of the same shape.
    dataset_size : float
        The number of data points that the batch is drawn from.

    Returns
    -------
    TotalCorrelation
        ``(index_code_mi, total_correlation, dimension_wise_kl)``, each per sample, in nats. Their
        means over the batch are the terms of the beta-TCVAE, whose loss is a weighted sum of them.

    Raises
    ------
    ValueError
        If shapes are not the same, or `dataset_size` is smaller than the batch.
    {type_error}

    Notes
    -----
    The densities of all data are estimated by minibatch weighted sampling, :math:`q(z_i) \approx
    \frac{1}{N M} \sum_j q(z_i | x_j)` for M of N data points, and :math:`q(z_{id})` likewise. The
    estimate is biased: the total correlation of a small batch grows with :math:`\log N`, and single
    terms may be negative.

    Pairs of data points are computed in blocks. The memory is that of at most batch x batch numbers
    and a few million more, never of batch x batch x latent. Logarithms of densities are summed in
    float64, and each term is rounded once. The derivative computes each block again. Its error is
    that of the derivatives of `gaussian_nll` and `mixture_log_prob`.

    References
    ----------
    .. [1] Chen, Li, Grosse and Duvenaud, "Isolating Sources of Disentanglement in Variational
       Autoencoders", NeurIPS 2018, equations 2 and S3.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> z = np.array([[-2.0, 0.0], [2.0, 0.0]])
    >>> terms = fastgen.vae.total_correlation(z, z, np.full((2, 2), -4.0), dataset_size=2)
    >>> terms.index_code_mi.round(6)
    array([1.386294, 1.386294])
    """
    return computed(_Correlation((z, mu, logvar), dataset_size), DESCRIBE)
