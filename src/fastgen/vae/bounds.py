"""Evidence lower bounds: the objectives of variational autoencoders."""

from __future__ import annotations

from fastgen._compose import composed
from fastgen._ops import OPS
from fastgen._sums import weighted_sum
from fastgen._typing import Array, ArrayLike, Axis
from fastgen.vae._elbo import form_of

__all__ = ["bernoulli_elbo", "gaussian_elbo"]

_gaussian_nll, _bernoulli_nll = OPS["vae.gaussian_nll"], OPS["vae.bernoulli_nll"]


@composed(inputs=5)
def gaussian_elbo(
    x: ArrayLike,
    x_mu: ArrayLike,
    x_logvar: ArrayLike,
    mu: ArrayLike,
    logvar: ArrayLike,
    *,
    beta: float = 1.0,
    free_bits: float | None = None,
    axis: Axis = -1,
    latent_axis: Axis = -1,
    keepdims: bool = False,
    out: Array | None = None,
) -> Array:
    r"""Evidence lower bound of an autoencoder whose decoder gives normal distributions, per sample.

    .. math:: \log N(x; \mu^x, \mathrm{diag}\, e^{\ell^x})
              - \beta \, \mathrm{KL}(N(\mu, \mathrm{diag}\, e^{\ell}) \,\|\, N(0, I))

    Parameters
    ----------
    x : array_like
        The data.
    x_mu, x_logvar : array_like
        The output of the decoder for a latent sample: means and log-variances of the data. Their
        shapes broadcast with that of `x`.
    mu, logvar : array_like
        The output of the encoder for `x`: means and log-variances of the latent variables.
    beta : float, default 1
        The weight of the divergence. 1 gives the bound, other values the beta-VAE's objective.
    free_bits : float, optional
        As for `bernoulli_elbo`.
    axis, latent_axis : int, tuple of int, or None, default -1
        The event axes of the data and of the latent variables. The two batch shapes broadcast
        together.
    keepdims : bool, default False
        Keep the event axes of the data, with length 1.
    {out}

    Returns
    -------
    ndarray or scalar
        The bound in nats, of the batch shape. It is a Monte Carlo estimate from one latent sample,
        the one that the decoder got. The loss is minus its mean.

    Raises
    ------
    ValueError
        If shapes do not broadcast, an axis is out of range, `beta` or `free_bits` is negative or
        NaN, or `out` does not fit.
    {type_error}

    Notes
    -----
    Types, errors and derivative are as for `bernoulli_elbo`. Each term has the error of
    `gaussian_nll` or `kl_standard_normal`, and the difference is rounded once.

    References
    ----------
    .. [1] Kingma and Welling, "Auto-Encoding Variational Bayes", ICLR 2014, equation 3.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> x, z = np.zeros((1, 2)), np.array([[1.0, 2.0]])
    >>> fastgen.vae.gaussian_elbo(x, x, x, z, np.zeros((1, 2)))
    array([-4.33787707])
    """
    inputs = (x, x_mu, x_logvar, mu, logvar)
    options = (beta, free_bits, axis, latent_axis, keepdims)
    return weighted_sum(form_of("vae.gaussian_elbo", _gaussian_nll, *options), inputs, out)


@composed(inputs=4)
def bernoulli_elbo(
    x: ArrayLike,
    logits: ArrayLike,
    mu: ArrayLike,
    logvar: ArrayLike,
    *,
    beta: float = 1.0,
    free_bits: float | None = None,
    axis: Axis = -1,
    latent_axis: Axis = -1,
    keepdims: bool = False,
    out: Array | None = None,
) -> Array:
    r"""Evidence lower bound of an autoencoder whose decoder gives logits, per sample.

    .. math:: \sum_i \left(x_i \log p_i + (1 - x_i) \log(1 - p_i)\right)
              - \beta \, \mathrm{KL}(N(\mu, \mathrm{diag}\, e^{\ell}) \,\|\, N(0, I)),
              \quad p = \mathrm{sigmoid}(\mathrm{logits})

    Parameters
    ----------
    x : array_like
        The data, from 0 to 1. Divide pixels from 0 to 255 by 255: a value outside of [0, 1] makes
        the bound of its sample NaN, and the gradients of this element.
    logits : array_like
        The output of the decoder for a latent sample: log-odds of the data. Its shape broadcasts
        with that of `x`.
    mu, logvar : array_like
        The output of the encoder for `x`: means and log-variances of the latent variables.
    beta : float, default 1
        The weight of the divergence. 1 gives the bound, other values the beta-VAE's objective.
    free_bits : float, optional
        The least number of nats :math:`\lambda` that each latent variable counts. Where the
        divergence of a latent variable, averaged over the batch, does not exceed :math:`\lambda`,
        it counts :math:`\lambda` and has a gradient of 0. The mean over the batch then has the
        divergence :math:`\sum_j \max(\lambda, E\, \mathrm{KL}_j)`, as in [3]_. Each index of the
        event axes is one latent variable.
    axis, latent_axis : int, tuple of int, or None, default -1
        The event axes of the data and of the latent variables. The two batch shapes broadcast
        together. Images `x` of shape ``(batch, channel, height, width)`` with `mu` of shape
        ``(batch, latent)`` need ``axis=(1, 2, 3)``.
    keepdims : bool, default False
        Keep the event axes of the data, with length 1.
    {out}

    Returns
    -------
    ndarray or scalar
        The bound in nats, of the batch shape. It is a Monte Carlo estimate from one latent sample,
        the one that the decoder got. The loss is minus its mean.

    Raises
    ------
    ValueError
        If shapes do not broadcast, an axis is out of range, `beta` or `free_bits` is negative or
        NaN, or `out` does not fit.
    {type_error}

    Notes
    -----
    Both sums are accumulated in float64. Their difference is rounded once, to the float type of the
    inputs. Each term of the sums is right within 3 ULP (`bernoulli_nll`) and 2 ULP
    (`kl_standard_normal`). Dask arrays give the same bits, block by block; `free_bits` is refused
    for them, because it needs the whole batch.
    `value_and_grad` takes one pass over each input, and with `free_bits` two over `mu` and
    `logvar`.

    References
    ----------
    .. [1] Kingma and Welling, "Auto-Encoding Variational Bayes", ICLR 2014, equation 3.
    .. [2] Higgins et al., "beta-VAE", ICLR 2017, equation 4.
    .. [3] Kingma et al., "Improving Variational Inference with Inverse Autoregressive Flow",
       NeurIPS 2016, appendix C.8.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> x, z = np.array([[1.0, 0.0]]), np.array([[1.0, 2.0]])
    >>> fastgen.vae.bernoulli_elbo(x, np.array([[40.0, -40.0]]), z, np.zeros((1, 2)), beta=2)
    array([-5.])
    """
    inputs = (x, logits, mu, logvar)
    options = (beta, free_bits, axis, latent_axis, keepdims)
    return weighted_sum(form_of("vae.bernoulli_elbo", _bernoulli_nll, *options), inputs, out)
