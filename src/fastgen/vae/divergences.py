"""Kullback-Leibler divergences between the distributions of an autoencoder."""

from __future__ import annotations

from fastgen._ops import OPS
from fastgen._registry import operation
from fastgen._typing import Array, ArrayLike, Axis

__all__ = [
    "kl_bernoulli",
    "kl_diag_normal",
    "kl_diag_normal_sigma",
    "kl_laplace",
    "kl_standard_normal",
]

_kl_standard_normal = OPS["vae.kl_standard_normal"]
_kl_diag_normal = OPS["vae.kl_diag_normal"]
_kl_diag_normal_sigma = OPS["vae.kl_diag_normal_sigma"]
_kl_laplace = OPS["vae.kl_laplace"]
_kl_bernoulli = OPS["vae.kl_bernoulli"]


@operation("vae.kl_standard_normal")
def kl_standard_normal(
    mu: ArrayLike,
    logvar: ArrayLike,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
    out: Array | None = None,
) -> Array:
    r"""Kullback-Leibler divergence from a diagonal normal distribution to the standard normal.

    .. math:: \mathrm{KL}(N(\mu, \mathrm{diag}\, e^{\ell}) \,\|\, N(0, I))
              = \tfrac12 \sum_i \left(\mu_i^2 + e^{\ell_i} - 1 - \ell_i\right)

    Parameters
    ----------
    mu, logvar : array_like
        Means and log-variances :math:`\ell = \log \sigma^2`. Their shapes broadcast together,
        usually ``(batch, latent)``.
    {axis}
    {keepdims}
    {out}

    Returns
    -------
    ndarray or scalar
        In nats, of the batch shape. Never negative; exactly 0 for mu = 0, logvar = 0.

    Raises
    ------
    {raises}

    Notes
    -----
    Float types are kept: float32 in, float32 out. float16 and bfloat16 are computed in float32 and
    rounded once. The sum is accumulated in float64 in a fixed order, so its bits depend on neither
    threads nor memory layout. Each term is right within 2 ULP, also near the standard normal, where
    :math:`e^\ell - 1 - \ell` cancels in the usual expression. An infinite `logvar` gives +inf.

    References
    ----------
    .. [1] Kingma and Welling, "Auto-Encoding Variational Bayes", ICLR 2014, appendix B.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> fastgen.vae.kl_standard_normal(np.array([[1.0, 2.0], [0.0, 0.0]]), np.zeros((2, 2)))
    array([2.5, 0. ])
    """
    return _kl_standard_normal((mu, logvar), axis, keepdims, out)


@operation("vae.kl_diag_normal")
def kl_diag_normal(
    mu_q: ArrayLike,
    logvar_q: ArrayLike,
    mu_p: ArrayLike,
    logvar_p: ArrayLike,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
    out: Array | None = None,
) -> Array:
    r"""Kullback-Leibler divergence between two diagonal normal distributions, q from p.

    .. math:: \mathrm{KL}(q \,\|\, p) = \tfrac12 \sum_i \left(e^{d_i} - 1 - d_i
              + (\mu^q_i - \mu^p_i)^2 e^{-\ell^p_i}\right), \quad d = \ell^q - \ell^p

    Parameters
    ----------
    mu_q, logvar_q : array_like
        Means and log-variances of q.
    mu_p, logvar_p : array_like
        Means and log-variances of p. All four shapes broadcast together.
    {axis}
    {keepdims}
    {out}

    Returns
    -------
    ndarray or scalar
        In nats, of the batch shape. Never negative; exactly 0 where q equals p.

    Raises
    ------
    {raises}

    Notes
    -----
    Types, the order of the sum and infinities are as in `kl_standard_normal`. Where both
    log-variances are infinite, the result is NaN. Each term is right within 4 ULP for the rounded
    differences :math:`d` and :math:`\mu^q - \mu^p`.

    References
    ----------
    .. [1] Kullback, "Information Theory and Statistics", 1959, chapter 9.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> q, p = np.array([1.0, 0.0]), np.zeros(2)
    >>> float(fastgen.vae.kl_diag_normal(q, p, p, p))
    0.5
    """
    return _kl_diag_normal((mu_q, logvar_q, mu_p, logvar_p), axis, keepdims, out)


@operation("vae.kl_diag_normal_sigma")
def kl_diag_normal_sigma(
    mu_q: ArrayLike,
    sigma_q: ArrayLike,
    mu_p: ArrayLike,
    sigma_p: ArrayLike,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
    out: Array | None = None,
) -> Array:
    r"""Kullback-Leibler divergence between two diagonal normal distributions, from sigmas.

    .. math:: \mathrm{KL}(q \,\|\, p) = \tfrac12 \sum_i \left(t_i^2 + 2 (t_i - \log(1 + t_i))
              + \left(\frac{\mu^q_i - \mu^p_i}{\sigma^p_i}\right)^2\right),
              \quad t = \frac{\sigma^q - \sigma^p}{\sigma^p}

    Parameters
    ----------
    mu_q, sigma_q : array_like
        Means and standard deviations of q.
    mu_p, sigma_p : array_like
        Means and standard deviations of p. All four shapes broadcast together.
    {axis}
    {keepdims}
    {out}

    Returns
    -------
    ndarray or scalar
        In nats, of the batch shape. Never negative; exactly 0 where q equals p.

    Raises
    ------
    {raises}

    Notes
    -----
    Types and the order of the sum are as in `kl_standard_normal`. Each term is right within 4 ULP,
    also where q and p are nearly equal. A sigma of 0 gives +inf, a negative sigma gives NaN. For
    log-variances, `kl_diag_normal` is faster: it needs no exponential of them.

    References
    ----------
    .. [1] Kullback, "Information Theory and Statistics", 1959, chapter 9.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> mu, sigma = np.zeros(2), np.array([1.0, 2.0])
    >>> float(fastgen.vae.kl_diag_normal_sigma(mu, sigma, mu, np.ones(2)))
    0.8068528194400547
    """
    return _kl_diag_normal_sigma((mu_q, sigma_q, mu_p, sigma_p), axis, keepdims, out)


@operation("vae.kl_laplace")
def kl_laplace(
    loc_q: ArrayLike,
    scale_q: ArrayLike,
    loc_p: ArrayLike,
    scale_p: ArrayLike,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
    out: Array | None = None,
) -> Array:
    r"""Kullback-Leibler divergence between two factorized Laplace distributions, q from p.

    .. math:: \mathrm{KL}(q \,\|\, p) = \sum_i \left(-\log r_i + \frac{|d_i|}{s^p_i}
              + r_i e^{-|d_i| / s^q_i} - 1\right),
              \quad d = \mu^q - \mu^p, \quad r = \frac{s^q}{s^p}

    Parameters
    ----------
    loc_q, scale_q : array_like
        Locations and scales :math:`s` of q.
    loc_p, scale_p : array_like
        Locations and scales of p. All four shapes broadcast together.
    {axis}
    {keepdims}
    {out}

    Returns
    -------
    ndarray or scalar
        In nats, of the batch shape. Never negative; exactly 0 where q equals p.

    Raises
    ------
    {raises}

    Notes
    -----
    Types and the order of the sum are as in `kl_standard_normal`. Each term is right within 4 ULP
    (5 ULP on CPUs without fused multiply-add), also where q and p are nearly equal and the terms
    above cancel. A scale of 0 gives +inf, a negative scale gives NaN.

    References
    ----------
    .. [1] Gil, Alajaji and Linder, "Renyi divergence measures for commonly used univariate
       continuous distributions", Information Sciences 249, 2013.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> loc, scale = np.array([1.0, 0.0]), np.ones(2)
    >>> float(fastgen.vae.kl_laplace(loc, scale, np.zeros(2), scale))
    0.36787944117144233
    """
    return _kl_laplace((loc_q, scale_q, loc_p, scale_p), axis, keepdims, out)


@operation("vae.kl_bernoulli")
def kl_bernoulli(
    logits_q: ArrayLike,
    logits_p: ArrayLike,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
    out: Array | None = None,
) -> Array:
    r"""Kullback-Leibler divergence between two factorized Bernoulli distributions, from logits.

    .. math:: \mathrm{KL}(q \,\|\, p) = \sum_i \left(\log(1 + e^{b_i}) - \log(1 + e^{a_i})
              - \frac{b_i - a_i}{1 + e^{-a_i}}\right)

    Parameters
    ----------
    logits_q : array_like
        Log-odds :math:`a` of q.
    logits_p : array_like
        Log-odds :math:`b` of p. Both shapes broadcast together.
    {axis}
    {keepdims}
    {out}

    Returns
    -------
    ndarray or scalar
        In nats, of the batch shape. Never negative; exactly 0 where q equals p.

    Raises
    ------
    {raises}

    Notes
    -----
    Types and the order of the sum are as in `kl_standard_normal`. Each term is right within 4 ULP
    (6 ULP on CPUs without fused multiply-add), where q and p are nearly equal and where their
    probabilities are close to 0 or 1. An infinite logit means a probability of 0 or 1. Equal
    infinite logits give 0. Where only the logit of p is infinite, the divergence is +inf.

    References
    ----------
    .. [1] Banerjee, Merugu, Dhillon and Ghosh, "Clustering with Bregman Divergences", JMLR 6, 2005,
       table 1.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> float(fastgen.vae.kl_bernoulli(np.array([-100.0, 3.0]), np.array([0.0, 3.0])))
    0.6931471805599453
    """
    return _kl_bernoulli((logits_q, logits_p), axis, keepdims, out)
