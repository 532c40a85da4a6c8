"""Kullback-Leibler divergence between categorical distributions."""

from __future__ import annotations

from fastgen._ops import OPS
from fastgen._registry import operation
from fastgen._typing import Array, ArrayLike, Axis

__all__ = ["kl_categorical"]

_kl_categorical = OPS["vae.kl_categorical"]


@operation("vae.kl_categorical")
def kl_categorical(
    logits_q: ArrayLike,
    logits_p: ArrayLike,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
    out: Array | None = None,
) -> Array:
    r"""Kullback-Leibler divergence between two categorical distributions, q from p, from logits.

    .. math:: \mathrm{KL}(q \,\|\, p) = \sum_i q_i \log \frac{q_i}{p_i},
              \quad q = \mathrm{softmax}(a), \; p = \mathrm{softmax}(b)

    Parameters
    ----------
    logits_q : array_like
        Logits :math:`a` of q: log-probabilities, up to a constant.
    logits_p : array_like
        Logits :math:`b` of p. Both shapes broadcast together.
    axis : int, tuple of int, or None, default -1
        The axes of the classes. None stands for all axes.
    {keepdims}
    {out}

    Returns
    -------
    ndarray or scalar
        In nats, of the batch shape. Never negative; exactly 0 for equal logits.

    Raises
    ------
    {raises}

    Notes
    -----
    The result is right within 4 ULP, also where q is close to p and the terms above cancel, and
    where logits differ by a constant. Types are as in `kl_standard_normal`. A logit of -inf means a
    probability of 0. A class that only q has makes the divergence +inf. A class that only p has
    counts in the normalisation of p alone. Logits of +inf give NaN. Logits of q that are all -inf
    give NaN too.

    References
    ----------
    .. [1] Banerjee, Merugu, Dhillon and Ghosh, "Clustering with Bregman Divergences", JMLR 6, 2005,
       table 1.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> float(fastgen.vae.kl_categorical(np.array([0.0, -np.inf]), np.array([0.0, 0.0])))
    0.6931471805599453
    """
    return _kl_categorical((logits_q, logits_p), axis, keepdims, out)
