"""The divergences behind adversarial training."""

from __future__ import annotations

from fastgen._ops import OPS, chosen
from fastgen._registry import operation
from fastgen._typing import Array, ArrayLike, Axis, FDivergence

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
    axis: Axis = -1,
    keepdims: bool = False,
    out: Array | None = None,
) -> Array:
    r"""Jensen-Shannon divergence of two discrete distributions.

    .. math:: \mathrm{JS}(p, q) = \tfrac12 \sum_i \left(p_i \log \frac{2 p_i}{p_i + q_i}
              + q_i \log \frac{2 q_i}{p_i + q_i}\right)

    Parameters
    ----------
    p, q : array_like
        Probabilities. Their shapes broadcast together.
    {axis}
    {keepdims}
    {out}

    Returns
    -------
    ndarray or scalar
        In nats, of the batch shape. Between 0 and log 2. Symmetric to the last bit, and exactly 0
        where p equals q.

    Raises
    ------
    {raises}

    Notes
    -----
    Each term is right within 4 ULP, also where p is close to q and the logarithms above cancel. ``0
    log 0`` is 0. The derivative is :math:`\tfrac12 \log (2 p / (p + q))`: -inf where p is 0 and q
    is not, and 0 by definition where both are. Probabilities are neither checked nor normalized. A
    negative one gives NaN. Where they do not sum to 1, the result is the sum of the terms above, at
    most log 2 times the mean of the two sums. Types and the order of the sum are as in
    `fastgen.vae.kl_standard_normal`.

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
def f_divergence(log_ratio: ArrayLike, *, kind: FDivergence, out: Array | None = None) -> Array:
    r"""Integrand of an f-divergence, from the logarithm of a density ratio.

    .. math:: D_f(p \,\|\, q) = E_{x \sim q} f(u(x)), \quad u(x) = p(x) / q(x) = e^{\ell(x)}

    ======================= =================================================== ====================
    kind                    f(u)                                                its expectation
    ======================= =================================================== ====================
    ``"kl"``                :math:`u \log u - u + 1`                            KL(p, q)
    ``"reverse_kl"``        :math:`-\log u + u - 1`                             KL(q, p)
    ``"jensen_shannon"``    :math:`\frac12 (u\log u - (1+u)\log\frac{1+u}2)`    in [0, log 2]
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
        The divergence, one of the table above.
    out : ndarray, optional
        The array that receives the result. It may be `log_ratio`.

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
    Each f has its minimum, 0, at u = 1. Where the f of the textbooks has none there, a multiple of
    u - 1 is added, whose expectation is 0. So the terms are never negative, and their mean has a
    lower variance where p and q are close. Other libraries use other factors: the Jensen-Shannon
    and squared Hellinger divergences of TensorFlow Probability are twice these.

    Max error: 3 ULP, and 5 ULP for Jensen-Shannon, in float32 and float64, over the whole range,
    also near a ratio of 1. Infinite log-ratios give the limits.

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
def optimal_discriminator(log_p: ArrayLike, log_q: ArrayLike, *, out: Array | None = None) -> Array:
    r"""Probability that a sample is real, as the optimal discriminator gives it.

    .. math:: D^*(x) = \frac{p(x)}{p(x) + q(x)} = \mathrm{sigmoid}(\log p - \log q)

    Parameters
    ----------
    log_p, log_q : array_like
        Log-densities of real and generated samples. Their shapes broadcast together.
    {out}

    Returns
    -------
    ndarray or scalar
        Of the broadcast shape. Between 0 and 1.

    Raises
    ------
    {raises_elementwise}

    Notes
    -----
    Max error: 2 ULP, in float32 and float64. The rounding error of the difference of the logarithms
    is added back. Where both densities are 0 or both are infinite, the result is NaN.

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
