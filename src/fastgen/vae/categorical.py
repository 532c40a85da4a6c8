"""Kullback-Leibler divergence between categorical distributions."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from fastgen._ops import OPS
from fastgen._registry import operation

__all__ = ["kl_categorical"]

_kl_categorical = OPS["vae.kl_categorical"]


@operation("vae.kl_categorical")
def kl_categorical(
    logits_q: ArrayLike,
    logits_p: ArrayLike,
    *,
    axis: int | tuple[int, ...] | None = -1,
    keepdims: bool = False,
    out: Any = None,
) -> Any:
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
        The axes of the classes. None takes all.
    keepdims : bool, default False
        Keep these axes, with length 1.
    out : ndarray, optional
        Where to put the result.

    Returns
    -------
    ndarray or scalar
        In nats, of the batch shape. Never negative; exactly 0 for equal logits.

    Raises
    ------
    ValueError
        If shapes do not broadcast, `axis` is out of range, or `out` does not fit.
    TypeError
        If an input is complex, longdouble, object or masked.

    Notes
    -----
    Right within 4 ULP, also as q approaches p and the expression above cancels, and where logits
    differ by a constant. Types are as in `kl_standard_normal`. A logit of -inf is a probability of
    0: a class that only q has makes the divergence +inf, one that only p has contributes to p
    alone. Logits of +inf give NaN, and so do those of q if all are -inf.

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
