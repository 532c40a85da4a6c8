"""The divergences behind adversarial training."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from fastgen._ops import OPS, chosen
from fastgen._registry import operation

__all__ = ["f_divergence", "js_divergence", "optimal_discriminator"]

_js_divergence = OPS["gan.js_divergence"]
_F_DIVERGENCES = {
    kind: f"gan.f_divergence_{kind}"
    for kind in (
        "jeffreys",
        "jensen_shannon",
        "kl",
        "neyman",
        "pearson",
        "reverse_kl",
        "squared_hellinger",
        "total_variation",
        "triangular",
    )
}
_optimal_discriminator = OPS["gan.optimal_discriminator"]


@operation("gan.js_divergence")
def js_divergence(
    p: ArrayLike,
    q: ArrayLike,
    *,
    axis: int | tuple[int, ...] | None = -1,
    keepdims: bool = False,
    out: Any = None,
) -> Any:
    r"""Jensen-Shannon divergence of two discrete distributions.

    .. math:: \mathrm{JS}(p, q) = \tfrac12 \sum_i \left(p_i \log \frac{2 p_i}{p_i + q_i}
              + q_i \log \frac{2 q_i}{p_i + q_i}\right)

    Parameters
    ----------
    p, q : array_like
        Probabilities. Their shapes broadcast together.
    axis : int, tuple of int, or None, default -1
        The event axes, summed over. None sums over all.
    keepdims : bool, default False
        Keep the event axes, with length 1.
    out : ndarray, optional
        Where to put the result.

    Returns
    -------
    ndarray or scalar
        In nats, of the batch shape. Between 0 and log 2, symmetric to the last bit, and exactly 0
        where p equals q.

    Raises
    ------
    ValueError
        If shapes do not broadcast, `axis` is out of range, or `out` does not fit.
    TypeError
        If an input is complex, longdouble, object or masked.

    Notes
    -----
    Each term is right within 4 ULP, also as p approaches q, where the logarithms of the usual
    expression cancel. ``0 log 0`` is 0. The derivative is :math:`\tfrac12 \log (2 p / (p + q))`:
    -inf where p is 0 and q is not, and taken as 0 where both are. Probabilities are neither
    checked nor repaired: a negative one gives NaN, and those that do not sum to 1 give the sum of
    the terms above, at most log 2 times the mean of their two sums. Types and the order of the sum
    are as in `fastgen.vae.kl_standard_normal`.

    References
    ----------
    .. [1] Lin, "Divergence measures based on the Shannon entropy", IEEE Trans. Inf. Theory, 1991.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> fastgen.gan.js_divergence(np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([0.0, 1.0]))
    array([0.69314718, 0.21576155])
    """
    return _js_divergence((p, q), axis, keepdims, out)


@operation(_F_DIVERGENCES, choice="kind")
def f_divergence(log_ratio: ArrayLike, *, kind: str, out: Any = None) -> Any:
    r"""Integrand of an f-divergence, of the logarithm of a density ratio.

    .. math:: D_f(p \,\|\, q) = E_{x \sim q} f(u(x)), \quad u(x) = p(x) / q(x) = e^{\ell(x)}

    ======================= =================================================== ====================
    kind                    f(u)                                                its expectation
    ======================= =================================================== ====================
    ``"kl"``                :math:`u \log u - u + 1`                            KL(p, q)
    ``"reverse_kl"``        :math:`-\log u + u - 1`                             KL(q, p)
    ``"jensen_shannon"``    :math:`\frac12 (u \log u - (1+u) \log\frac{1+u}2)` in [0, log 2]
    ``"total_variation"``   :math:`\frac12 |u - 1|`                             in [0, 1]
    ``"pearson"``           :math:`(u - 1)^2`                                   chi-squared, over q
    ``"neyman"``            :math:`(u - 1)^2 / u`                               chi-squared, over p
    ``"squared_hellinger"`` :math:`\frac12 (\sqrt u - 1)^2`                     in [0, 1]
    ``"jeffreys"``          :math:`(u - 1) \log u`                              KL(p, q) + KL(q, p)
    ``"triangular"``        :math:`(u - 1)^2 / (u + 1)`                         in [0, 2]
    ======================= =================================================== ====================

    Parameters
    ----------
    log_ratio : array_like
        The log-ratios :math:`\ell = \log p - \log q`, of any shape.
    kind : str
        Which divergence, as above.
    out : ndarray, optional
        Where to put the result; it may be `log_ratio`.

    Returns
    -------
    ndarray or scalar
        One value per element, of the shape and float type of `log_ratio`. Its mean over draws from
        q estimates the divergence. Never negative, and exactly 0 where the ratio is 1.

    Raises
    ------
    ValueError
        If `kind` is unknown, or `out` does not fit.
    TypeError
        If `log_ratio` is complex, longdouble, object or masked.

    Notes
    -----
    Each f has its minimum, 0, at u = 1: where the textbook's has not, a multiple of u - 1 is added,
    whose expectation is 0. So the terms are never negative, and their mean has a lower variance
    where p and q are close. Other libraries scale some of these otherwise: the
    Jensen-Shannon and squared Hellinger of TensorFlow Probability are twice these.

    Max error: 3 ULP, for Jensen-Shannon 5, in float32 and float64, over the whole range, also near
    ratio 1. The limits
    at infinite log-ratios are honoured.

    References
    ----------
    .. [1] Csiszar, "Information-type measures of difference of probability distributions and
       indirect observations", Studia Sci. Math. Hungar., 1967.
    .. [2] Nowozin, Cseke and Tomioka, "f-GAN", NeurIPS 2016.

    Examples
    --------
    >>> import fastgen
    >>> float(fastgen.gan.f_divergence(-1.0, kind="pearson"))
    0.39957640089372803
    """
    row = chosen("f_divergence", "kind", _F_DIVERGENCES, kind)
    return OPS[row]((log_ratio,), -1, False, out)


@operation("gan.optimal_discriminator")
def optimal_discriminator(log_p: ArrayLike, log_q: ArrayLike, *, out: Any = None) -> Any:
    r"""Probability that a sample is real, by the best discriminator there is.

    .. math:: D^*(x) = \frac{p(x)}{p(x) + q(x)} = \mathrm{sigmoid}(\log p - \log q)

    Parameters
    ----------
    log_p, log_q : array_like
        Log-densities of real and generated samples. Their shapes broadcast together.
    out : ndarray, optional
        Where to put the result.

    Returns
    -------
    ndarray or scalar
        Of the broadcast shape. Between 0 and 1.

    Raises
    ------
    ValueError
        If shapes do not broadcast, or `out` does not fit.
    TypeError
        If an input is complex, longdouble, object or masked.

    Notes
    -----
    Max error: 2 ULP, in float32 and float64: what the difference of the logarithms loses to
    rounding is put back. Where both densities are 0 or both infinite the result is NaN.

    References
    ----------
    .. [1] Goodfellow et al., "Generative Adversarial Nets", NeurIPS 2014, proposition 1.

    Examples
    --------
    >>> import fastgen
    >>> float(fastgen.gan.optimal_discriminator(-1.0, -1.0))
    0.5
    """
    return _optimal_discriminator((log_p, log_q), -1, False, out)
