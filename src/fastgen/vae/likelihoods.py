"""Log-likelihoods of data and of latent variables."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastgen._compose import composed, row
from fastgen._ops import OPS
from fastgen._registry import operation
from fastgen._typing import Array, ArrayLike, Axis

__all__ = [
    "bernoulli_nll",
    "discretized_gaussian_nll",
    "gaussian_nll",
    "standard_normal_log_prob",
]

_gaussian_nll = OPS["vae.gaussian_nll"]
_bernoulli_nll = OPS["vae.bernoulli_nll"]
_discretized = OPS["vae.discretized_gaussian_nll"]
_standard_normal_log_prob = OPS["vae.standard_normal_log_prob"]


@operation("vae.gaussian_nll")
def gaussian_nll(
    x: ArrayLike,
    mu: ArrayLike,
    logvar: ArrayLike,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
    out: Array | None = None,
) -> Array:
    r"""Negative log-likelihood of a diagonal normal distribution, with its constant.

    .. math:: -\log N(x; \mu, \mathrm{diag}\, e^{\ell})
              = \tfrac12 \sum_i \left(\log 2\pi + \ell_i + (x_i - \mu_i)^2 e^{-\ell_i}\right)

    Parameters
    ----------
    x : array_like
        The points at which the density is evaluated.
    mu, logvar : array_like
        Means and log-variances. All three shapes broadcast together.
    {axis}
    {keepdims}
    {out}

    Returns
    -------
    ndarray or scalar
        In nats, of the batch shape. It is negative where the density exceeds 1.

    Raises
    ------
    {raises}

    Notes
    -----
    Types and the order of the sum are as in `kl_standard_normal`. The variance is not clamped. With
    ``logvar=-inf`` the result is -inf where x equals mu, and +inf elsewhere. Each term is right
    within 4 ULP of its largest part.

    References
    ----------
    .. [1] Kingma and Welling, "Auto-Encoding Variational Bayes", ICLR 2014, appendix C.2.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> float(fastgen.vae.gaussian_nll(np.zeros(2), np.zeros(2), np.zeros(2)))
    1.8378770664093456
    """
    return _gaussian_nll((x, mu, logvar), axis, keepdims, out)


@operation("vae.bernoulli_nll")
def bernoulli_nll(
    x: ArrayLike,
    logits: ArrayLike,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
    out: Array | None = None,
) -> Array:
    r"""Negative log-likelihood of factorized Bernoulli distributions, from logits.

    .. math:: -\log p(x) = \sum_i \left((1 - x_i) \log(1 + e^{\ell_i})
              + x_i \log(1 + e^{-\ell_i})\right)

    Parameters
    ----------
    x : array_like
        Targets, from 0 to 1: binary pixels, grey values or probabilities. Divide pixels from 0 to
        255 by 255.
    logits : array_like
        Log-odds :math:`\ell`. Both shapes broadcast together.
    {axis}
    {keepdims}
    {out}

    Returns
    -------
    ndarray or scalar
        In nats, of the batch shape. Never negative.

    Raises
    ------
    {raises}

    Notes
    -----
    Types and the order of the sum are as in `kl_standard_normal`. Each term is right within 3 ULP
    for targets from 0 to 1 and logits of any size. A target outside of [0, 1] has no likelihood:
    its term is NaN, and so are the gradients of this element. The gradient of the logits keeps its
    digits in both tails.

    References
    ----------
    .. [1] Kingma and Welling, "Auto-Encoding Variational Bayes", ICLR 2014, appendix C.1.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> float(fastgen.vae.bernoulli_nll(np.array([1.0, 0.0]), np.array([40.0, -40.0])))
    8.496708510583178e-18
    """
    return _bernoulli_nll((x, logits), axis, keepdims, out)


def _check_bins(bins: Any) -> Any:
    if isinstance(bins, (int, float, np.integer, np.floating)):
        if not 2 <= bins < math.inf:
            raise ValueError(
                f"discretized_gaussian_nll: bins must be at least 2 and finite; got {bins}"
            )
        return float(bins)
    return bins


@operation("vae.discretized_gaussian_nll", also=("bins",))
@composed(inputs=3)
def discretized_gaussian_nll(
    x: ArrayLike,
    mu: ArrayLike,
    log_sigma: ArrayLike,
    *,
    bins: ArrayLike = 256,
    axis: Axis = -1,
    keepdims: bool = False,
    out: Array | None = None,
) -> Array:
    r"""Negative log-probability that a normal distribution gives to the bins of quantized data.

    .. math:: -\sum_i \log\left(\Phi\!\left(\frac{x_i + \delta - \mu_i}{\sigma_i}\right)
              - \Phi\!\left(\frac{x_i - \delta - \mu_i}{\sigma_i}\right)\right),
              \quad \delta = \frac{1}{\mathrm{bins} - 1}, \quad \sigma = e^{\mathrm{log\_sigma}}

    Parameters
    ----------
    x : array_like
        The data, scaled to [-1, 1]: pixel k of 256 is ``k / 127.5 - 1``. The bin of x reaches from
        :math:`x - \delta` to :math:`x + \delta`. Bins within :math:`\delta` of -1 or 1 reach to
        :math:`-\infty` or :math:`\infty`.
    mu, log_sigma : array_like
        Means and logarithms of the standard deviations (half of log-variances). All three shapes
        broadcast together.
    bins : int or array_like, default 256
        The number of values that the data can take. An array has one number per sample.
    {axis}
    {keepdims}
    {out}

    Returns
    -------
    ndarray or scalar
        In nats, of the batch shape. Never negative. The probabilities of all values of x add up to
        1.

    Raises
    ------
    ValueError
        If shapes do not broadcast, `axis` is out of range, `bins` is a number below 2 or
        infinite, or `out` does not fit.
    {type_error}

    Notes
    -----
    Types and the order of the sum are as in `kl_standard_normal`. The difference of distribution
    functions is computed as it stands, with no approximation by tanh and no smallest probability.
    Each term is right within 5 ULP for narrow and wide bins, near the mean and far from it. Where
    one bin holds nearly all of the probability, the error is up to :math:`1 + l^2` times as large,
    where an end of the bin lies :math:`l` standard deviations from the mean. Rounding `log_sigma`
    has the same effect.

    The derivative by `x` is that of the formula: minus the derivative by `mu`, as if the bins moved
    with the data. An array `bins` gives NaN where it is below 2 or infinite.

    References
    ----------
    .. [1] Ho, Jain and Abbeel, "Denoising Diffusion Probabilistic Models", NeurIPS 2020,
       equation 13.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> x = np.arange(4) / 1.5 - 1  # four values
    >>> nll = fastgen.vae.discretized_gaussian_nll(x, 0.25, -1.0, bins=4, axis=())
    >>> round(float(np.sum(np.exp(-nll))), 15)
    1.0
    """
    return row(_discretized, (x, mu, log_sigma, _check_bins(bins)), axis, keepdims, out)


@operation("vae.standard_normal_log_prob")
def standard_normal_log_prob(
    z: ArrayLike,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
    out: Array | None = None,
) -> Array:
    r"""Log-density of the standard normal distribution.

    .. math:: \log N(z; 0, I) = -\tfrac12 \sum_i \left(z_i^2 + \log 2\pi\right)

    Parameters
    ----------
    z : array_like
        The points at which the density is evaluated.
    {axis}
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
    Types and the order of the sum are as in `kl_standard_normal`. Each term is right within
    1.5 ULP.

    References
    ----------
    .. [1] Kingma and Welling, "Auto-Encoding Variational Bayes", ICLR 2014, appendix B.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> float(fastgen.vae.standard_normal_log_prob(np.zeros(2)))
    -1.8378770664093456
    """
    return _standard_normal_log_prob((z,), axis, keepdims, out)
