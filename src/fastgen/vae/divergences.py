"""Variational autoencoders: divergences and likelihoods, per sample, in nats."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from fastgen._ops import OPS

__all__ = ["gaussian_nll", "kl_diag_normal", "kl_standard_normal"]

_kl_standard_normal = OPS["vae.kl_standard_normal"]
_kl_diag_normal = OPS["vae.kl_diag_normal"]
_gaussian_nll = OPS["vae.gaussian_nll"]


def kl_standard_normal(
    mu: ArrayLike,
    logvar: ArrayLike,
    /,
    *,
    axis: int | tuple[int, ...] | None = -1,
    keepdims: bool = False,
    out: Any = None,
) -> Any:
    r"""Kullback-Leibler divergence from a diagonal normal distribution to the standard normal.

    .. math:: \mathrm{KL}(N(\mu, \mathrm{diag}\, e^{\ell}) \,\|\, N(0, I))
              = \tfrac12 \sum_i \left(\mu_i^2 + e^{\ell_i} - 1 - \ell_i\right)

    Parameters
    ----------
    mu, logvar : array_like
        Means and log-variances :math:`\ell = \log \sigma^2`. Their shapes broadcast together,
        usually ``(batch, latent)``.
    axis : int, tuple of int, or None, default -1
        The event axes, summed over. None sums over all.
    keepdims : bool, default False
        Keep the event axes, with length 1.
    out : ndarray, optional
        Where to put the result.

    Returns
    -------
    ndarray or scalar
        In nats, of the batch shape. Never negative; exactly 0 for mu = 0, logvar = 0.

    Raises
    ------
    ValueError
        If shapes do not broadcast, `axis` is out of range, or `out` does not fit.
    TypeError
        If an input is complex, longdouble, object or masked.

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


def kl_diag_normal(
    mu_q: ArrayLike,
    logvar_q: ArrayLike,
    mu_p: ArrayLike,
    logvar_p: ArrayLike,
    /,
    *,
    axis: int | tuple[int, ...] | None = -1,
    keepdims: bool = False,
    out: Any = None,
) -> Any:
    r"""Kullback-Leibler divergence between two diagonal normal distributions, q from p.

    .. math:: \mathrm{KL}(q \,\|\, p) = \tfrac12 \sum_i \left(e^{d_i} - 1 - d_i
              + (\mu^q_i - \mu^p_i)^2 e^{-\ell^p_i}\right), \quad d = \ell^q - \ell^p

    Parameters
    ----------
    mu_q, logvar_q : array_like
        Means and log-variances of q.
    mu_p, logvar_p : array_like
        Means and log-variances of p. All four shapes broadcast together.
    axis : int, tuple of int, or None, default -1
        The event axes, summed over. None sums over all.
    keepdims : bool, default False
        Keep the event axes, with length 1.
    out : ndarray, optional
        Where to put the result.

    Returns
    -------
    ndarray or scalar
        In nats, of the batch shape. Never negative; exactly 0 where q equals p.

    Raises
    ------
    ValueError
        If shapes do not broadcast, `axis` is out of range, or `out` does not fit.
    TypeError
        If an input is complex, longdouble, object or masked.

    Notes
    -----
    Types, the order of the sum and infinities are as in `kl_standard_normal`; where both
    log-variances are infinite the result is NaN. Each term is right within 4 ULP for the rounded
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


def gaussian_nll(
    x: ArrayLike,
    mu: ArrayLike,
    logvar: ArrayLike,
    /,
    *,
    axis: int | tuple[int, ...] | None = -1,
    keepdims: bool = False,
    out: Any = None,
) -> Any:
    r"""Negative log-likelihood of a diagonal normal distribution, with its constant.

    .. math:: -\log N(x; \mu, \mathrm{diag}\, e^{\ell})
              = \tfrac12 \sum_i \left(\log 2\pi + \ell_i + (x_i - \mu_i)^2 e^{-\ell_i}\right)

    Parameters
    ----------
    x : array_like
        Where the density is taken.
    mu, logvar : array_like
        Means and log-variances. All three shapes broadcast together.
    axis : int, tuple of int, or None, default -1
        The event axes, summed over. None sums over all.
    keepdims : bool, default False
        Keep the event axes, with length 1.
    out : ndarray, optional
        Where to put the result.

    Returns
    -------
    ndarray or scalar
        In nats, of the batch shape. Negative where the density exceeds 1.

    Raises
    ------
    ValueError
        If shapes do not broadcast, `axis` is out of range, or `out` does not fit.
    TypeError
        If an input is complex, longdouble, object or masked.

    Notes
    -----
    Types and the order of the sum are as in `kl_standard_normal`. The variance is not clamped: with
    ``logvar=-inf`` the result is -inf where x equals mu and +inf elsewhere. Each term is right
    within 4 ULP of its largest part.

    References
    ----------
    .. [1] Kingma and Welling, "Auto-Encoding Variational Bayes", ICLR 2014, appendix C.2.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> float(fastgen.vae.gaussian_nll(np.zeros(2), np.zeros(2), np.zeros(2)))
    1.8378770664093453
    """
    return _gaussian_nll((x, mu, logvar), axis, keepdims, out)
