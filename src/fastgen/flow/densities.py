"""Likelihoods by change of variables."""

from __future__ import annotations

import math
from typing import Any, SupportsIndex

import numpy as np

from fastgen._compose import DESCRIBE, composed, row
from fastgen._ops import OPS
from fastgen._registry import operation
from fastgen._sums import Form, Part, weighted_sum
from fastgen._typing import Array, ArrayLike, Axis

__all__ = ["bits_per_dim", "log_prob"]

_log_prob = OPS["flow.log_prob"]
_each = OPS["elementary.total"]  # for rows of one element
_base = OPS["vae.standard_normal_log_prob"]


@operation("flow.log_prob")
@composed(inputs=2)
def log_prob(
    z: ArrayLike,
    logabsdet: ArrayLike,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
    out: Array | None = None,
) -> Array:
    r"""Log-likelihood of data that a flow maps to a standard normal distribution.

    .. math:: \log p(x) = \log N(z; 0, I) + \log \left|\det \frac{\partial z}{\partial x}\right|,
              \quad \log N(z; 0, I) = -\tfrac12 \sum_i \left(z_i^2 + \log 2\pi\right)

    Parameters
    ----------
    z : array_like
        The data, transformed by the flow, usually ``(batch, n)``.
    logabsdet : array_like
        The sum of the log-determinants of the flow's transforms, of the batch shape.
    axis : int, tuple of int, or None, default -1
        The event axes of `z`, which are summed over. None stands for all axes.
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
    Each term is right within 1.5 ULP, and the result for a single element within 3 ULP of its
    largest term. The terms and the log-determinant are added in float64, in the order of
    `fastgen.vae.kl_standard_normal`, and the sum is rounded once.

    References
    ----------
    .. [1] Rezende and Mohamed, "Variational inference with normalizing flows", ICML 2015.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> fastgen.flow.log_prob(np.zeros((2, 2)), np.array([0.0, 1.0]))
    array([-1.83787707, -0.83787707])
    """
    given: Any = z
    if 0 in np.shape(given):  # the row reads the log-determinant beside each element of z
        parts = Part(_base, (0,), axis=axis), Part(_each, (1,), axis=())
        return weighted_sum(Form("flow.log_prob", parts, keepdims=keepdims), (z, logabsdet), out)
    return row(_log_prob, (z, logabsdet), axis, keepdims, out)


@composed(inputs=1)
def bits_per_dim(log_prob: ArrayLike, *, dims: int, bins: int = 256) -> Array:
    r"""Bits per dimension, from the log-likelihood of dequantized data.

    .. math:: -\frac{\log p(x)}{d \log 2} + \log_2 b

    Parameters
    ----------
    log_prob : array_like
        Log-likelihoods in nats, per sample, of data in [0, 1]: integers from 0 to b - 1, plus
        noise in [0, 1), divided by b.
    dims : int
        The number of dimensions of a sample. For images, it is channels times height times width.
    bins : int, default 256
        The number b of values of a dimension. It is 1 where the data have not been divided.

    Returns
    -------
    ndarray or scalar
        Of the shape and float type of `log_prob`.

    Raises
    ------
    ValueError
        If `dims` or `bins` is below 1.
    TypeError
        If `dims` or `bins` is no int, or `log_prob` is complex, longdouble, object or masked.

    References
    ----------
    .. [1] Theis, van den Oord and Bethge, "A note on the evaluation of generative models",
       ICLR 2016, section 3.1.

    Examples
    --------
    >>> import fastgen
    >>> float(fastgen.flow.bits_per_dim(0.0, dims=3072))  # of the uniform distribution
    8.0
    """
    if not (isinstance(dims, SupportsIndex) and isinstance(bins, SupportsIndex)):
        raise TypeError(f"bits_per_dim: dims and bins must be ints, got {dims!r} and {bins!r}")
    if dims < 1 or bins < 1:
        raise ValueError(f"bits_per_dim: dims and bins must be at least 1, got {dims} and {bins}")
    part = Part(_each, (0,), weight=-1 / (dims * math.log(2)), axis=())
    form = Form("flow.bits_per_dim", (part,), offset=math.log2(bins))
    return weighted_sum(form, (log_prob,), DESCRIBE)
