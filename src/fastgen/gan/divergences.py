"""The divergences behind adversarial training."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from fastgen._ops import OPS

__all__ = ["js_divergence"]

_js_divergence = OPS["gan.js_divergence"]


def js_divergence(
    p: ArrayLike,
    q: ArrayLike,
    /,
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
    Each term is right within 3 ULP, also as p approaches q, where the logarithms of the usual
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
