"""Means of exponentials over samples and mixtures, from logarithms, and the distances in them."""

from __future__ import annotations

from fastgen._ops import OPS
from fastgen._registry import operation
from fastgen._typing import Array, ArrayLike, Axis

__all__ = ["iwae_bound", "mixture_log_prob", "scaled_mixture_log_prob", "squared_mahalanobis"]

_iwae_bound = OPS["vae.iwae_bound"]
_mixture_log_prob = OPS["vae.mixture_log_prob"]
_scaled_mixture_log_prob = OPS["vae.scaled_mixture_log_prob"]
_squared_mahalanobis = OPS["vae.squared_mahalanobis"]


@operation("vae.iwae_bound")
def iwae_bound(
    log_w: ArrayLike,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
    out: Array | None = None,
) -> Array:
    r"""Importance-weighted lower bound of the log-likelihood, from log-weights.

    .. math:: \log \frac1k \sum_{i=1}^k w_i, \quad
              w_i = \frac{p(x, z_i)}{q(z_i \,|\, x)}

    Parameters
    ----------
    log_w : array_like
        Logarithms of the weights of the samples :math:`z_i`. The evidence lower bound of one sample
        is such a logarithm.
    axis : int, tuple of int, or None, default -1
        The axes of the samples. None stands for all axes.
    {keepdims}
    {out}

    Returns
    -------
    ndarray or scalar
        In nats, of the float type of `log_w`.

    Raises
    ------
    {raises}

    Notes
    -----
    Max error: 3 ULP of the larger of the largest log-weight and the result. Nothing overflows. The
    derivative is the self-normalised weight :math:`w_i / \sum_j w_j`, within 4 ULP. The gradient of
    the bound is the sum of the gradients of the log-weights, each times its weight.

    References
    ----------
    .. [1] Burda, Grosse and Salakhutdinov, "Importance Weighted Autoencoders", ICLR 2016, equations
       8 and 14.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> fastgen.vae.iwae_bound(np.array([[-800.0, -800.0], [-80.0, -90.0]])).round(6)
    array([-800.      ,  -80.693102])
    """
    return _iwae_bound((log_w,), axis, keepdims, out)


@operation("vae.mixture_log_prob")
def mixture_log_prob(
    z: ArrayLike,
    mu: ArrayLike,
    logvar: ArrayLike,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
    out: Array | None = None,
) -> Array:
    r"""Log-density of an equal mixture of normal distributions in one dimension.

    .. math:: \log \frac1n \sum_{j=1}^n N(z; \mu_j, e^{\ell_j})

    Parameters
    ----------
    z : array_like
        The points at which the density is evaluated, of the batch shape.
    mu, logvar : array_like
        Means and log-variances of the components. Their shapes broadcast together.
    axis : int, tuple of int, or None, default -1
        The axes of the components. None stands for all axes.
    {keepdims}
    {out}

    Returns
    -------
    ndarray or scalar
        In nats, of the batch shape.

    Raises
    ------
    {raises}

    Notes
    -----
    The distribution of one latent variable over a batch of encoded data is such a mixture.
    `total_correlation` uses it. Nothing underflows, however far z is from every component. Max
    error: 4 ULP of the largest of the terms of the likeliest component.

    References
    ----------
    .. [1] Chen, Li, Grosse and Duvenaud, "Isolating Sources of Disentanglement in Variational
       Autoencoders", NeurIPS 2018, section 4.1.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> float(fastgen.vae.mixture_log_prob(0.0, np.array([-1.0, 1.0]), np.zeros(2)))
    -1.4189385332046727
    """
    return _mixture_log_prob((z, mu, logvar), axis, keepdims, out)


@operation("vae.scaled_mixture_log_prob")
def scaled_mixture_log_prob(
    z: ArrayLike,
    mu: ArrayLike,
    inverse_sigma: ArrayLike,
    log_weight: ArrayLike,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
    out: Array | None = None,
) -> Array:
    r"""Log-density of any mixture of normals in one dimension, from prepared components.

    .. math:: \log \sum_j e^{w_j - \frac12 ((z - \mu_j) s_j)^2}, \quad
              s_j = \frac1{\sigma_j}, \quad w_j = \log\frac{\pi_j}{\sqrt{2\pi}\, \sigma_j}

    Parameters
    ----------
    z : array_like
        The points at which the density is evaluated, of the batch shape.
    mu, inverse_sigma : array_like
        Means of the components, and the inverses of their standard deviations.
    log_weight : array_like
        Logarithms of the heights of the components, :math:`\pi_j / (\sqrt{2\pi}\,\sigma_j)` with
        the mixture weights :math:`\pi_j`. The shapes of the components broadcast together.
    axis : int, tuple of int, or None, default -1
        The axes of the components. None stands for all axes.
    {keepdims}
    {out}

    Returns
    -------
    ndarray or scalar
        In nats, of the batch shape.

    Raises
    ------
    {raises}

    Notes
    -----
    For many points with the same components, this takes half of the time of `mixture_log_prob`,
    which computes the exponential of each log-variance at each point. Max error: 4 ULP of the
    largest of the terms of the likeliest component.

    References
    ----------
    .. [1] Chen, Li, Grosse and Duvenaud, "Isolating Sources of Disentanglement in Variational
       Autoencoders", NeurIPS 2018, section 4.1.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> heights = np.log(np.array([0.25, 0.75]) / np.sqrt(2 * np.pi))
    >>> means, ones = np.array([-1.0, 1.0]), np.ones(2)
    >>> round(float(fastgen.vae.scaled_mixture_log_prob(1.0, means, ones, heights)), 12)
    -1.162496777557
    """
    inputs = (z, mu, inverse_sigma, log_weight)
    return _scaled_mixture_log_prob(inputs, axis, keepdims, out)


@operation("vae.squared_mahalanobis")
def squared_mahalanobis(
    x: ArrayLike,
    mu: ArrayLike,
    inverse_sigma: ArrayLike,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
    out: Array | None = None,
) -> Array:
    r"""Square of Mahalanobis' distance from a diagonal normal distribution.

    .. math:: \sum_i \left((x_i - \mu_i) / \sigma_i\right)^2

    Parameters
    ----------
    x : array_like
        The points.
    mu, inverse_sigma : array_like
        Means of the distribution, and the inverses of its standard deviations. Their shapes
        broadcast with that of `x`.
    {axis}
    {keepdims}
    {out}

    Returns
    -------
    ndarray or scalar
        Of the batch shape.

    Raises
    ------
    {raises}

    Notes
    -----
    The log-density of a normal distribution is minus half of it, plus a constant in `x`. Each term
    is right within 4 ULP. Types and the order of the sum are as in `kl_standard_normal`.

    References
    ----------
    .. [1] Mahalanobis, "On the generalised distance in statistics", Proceedings of the National
       Institute of Sciences of India, 1936.

    Examples
    --------
    >>> import fastgen
    >>> float(fastgen.vae.squared_mahalanobis([3.0, 1.0], [0.0, 1.0], [0.5, 9.0]))
    2.25
    """
    return _squared_mahalanobis((x, mu, inverse_sigma), axis, keepdims, out)
