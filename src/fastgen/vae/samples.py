"""Draws from the encoder's distribution, as functions of its parameters."""

from __future__ import annotations

from typing import Literal, overload

from fastgen._compose import composed, row
from fastgen._core import Stream
from fastgen._ops import OPS
from fastgen._registry import operation
from fastgen._typing import Array, ArrayLike, Axis, OutPair, Rng
from fastgen.noise.keys import noise_of

__all__ = ["reparameterize", "sample_diag_normal", "sample_diag_normal_with_log_prob"]

_sample = OPS["vae.sample_diag_normal"]
_sample_with_log_prob = OPS["vae.sample_diag_normal_with_log_prob"]
_reparameterize = _sample.called("vae.reparameterize")
_reparameterize_with_log_prob = _sample_with_log_prob.called("vae.reparameterize")


@operation("vae.sample_diag_normal")
def sample_diag_normal(
    mu: ArrayLike, logvar: ArrayLike, noise: ArrayLike | Stream, *, out: Array | None = None
) -> Array:
    r"""Draws from a diagonal normal distribution, from given standard normal noise.

    .. math:: z = \mu + e^{\ell / 2} \, \epsilon

    Parameters
    ----------
    mu, logvar : array_like
        Means and log-variances.
    noise : array_like or fastgen.noise.Stream
        Standard normal noise :math:`\epsilon`. All three shapes broadcast together.
    {out_or_input}

    Returns
    -------
    ndarray or scalar
        Of the broadcast shape.

    Raises
    ------
    {raises_elementwise}

    Notes
    -----
    The result is right within 3 ULP of the larger term. `reparameterize` is this function with
    noise that it draws itself. This one has a derivative by the noise too.

    References
    ----------
    .. [1] Kingma and Welling, "Auto-Encoding Variational Bayes", ICLR 2014, section 2.4.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> fastgen.vae.sample_diag_normal([1.0, 2.0], [0.0, -np.inf], [0.5, 3.0])
    array([1.5, 2. ])
    """
    return _sample((mu, logvar, noise), out=out)


@operation("vae.sample_diag_normal_with_log_prob")
def sample_diag_normal_with_log_prob(
    mu: ArrayLike,
    logvar: ArrayLike,
    noise: ArrayLike | Stream,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
    out: OutPair = None,
) -> tuple[Array, Array]:
    r"""Draws from a diagonal normal distribution, from given noise, and their log-density.

    .. math:: z = \mu + e^{\ell / 2} \, \epsilon, \quad
              \log q(z) = -\tfrac12 \sum_i \left(\log 2\pi + \ell_i + \epsilon_i^2\right)

    Parameters
    ----------
    mu, logvar : array_like
        Means and log-variances.
    noise : array_like or fastgen.noise.Stream
        Standard normal noise :math:`\epsilon`. All three shapes broadcast together.
    axis : int, tuple of int, or None, default -1
        The event axes. The log-density is summed over them. None stands for all axes.
    keepdims : bool, default False
        Keep the event axes, with length 1, in the log-density.
    {outs}

    Returns
    -------
    z : ndarray or scalar
        Of the broadcast shape.
    log_prob : ndarray or scalar
        In nats, of the batch shape.

    Raises
    ------
    {raises}

    Notes
    -----
    One pass over memory gives both. The log-density comes from the noise, not from `z` minus `mu`,
    so it keeps its precision where `mu` is large beside the standard deviation. Types and the order
    of the sum are as in `kl_standard_normal`. Each term is right within 3 ULP of the largest of its
    parts. The derivative is that of both results, as functions of the parameters and the noise.

    References
    ----------
    .. [1] Kingma and Welling, "Auto-Encoding Variational Bayes", ICLR 2014, section 2.4.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> z, log_prob = fastgen.vae.sample_diag_normal_with_log_prob([1.0, 2.0], 0.0, [0.5, 0.0])
    >>> z, float(log_prob)
    (array([1.5, 2. ]), -1.9628770664093453)
    """
    return _sample_with_log_prob((mu, logvar, noise), axis, keepdims, out)


@overload
def reparameterize(
    mu: ArrayLike,
    logvar: ArrayLike,
    *,
    noise: ArrayLike | Stream | None = ...,
    rng: Rng = ...,
    key: int | None = ...,
    counter: int = ...,
    return_log_prob: Literal[False] = ...,
    axis: Axis = ...,
    keepdims: bool = ...,
    out: Array | None = ...,
) -> Array: ...


@overload
def reparameterize(
    mu: ArrayLike,
    logvar: ArrayLike,
    *,
    noise: ArrayLike | Stream | None = ...,
    rng: Rng = ...,
    key: int | None = ...,
    counter: int = ...,
    return_log_prob: Literal[True],
    axis: Axis = ...,
    keepdims: bool = ...,
    out: OutPair = ...,
) -> tuple[Array, Array]: ...


@overload
def reparameterize(
    mu: ArrayLike,
    logvar: ArrayLike,
    *,
    noise: ArrayLike | Stream | None = ...,
    rng: Rng = ...,
    key: int | None = ...,
    counter: int = ...,
    return_log_prob: bool,
    axis: Axis = ...,
    keepdims: bool = ...,
    out: Array | OutPair = ...,
) -> Array | tuple[Array, Array]: ...


@composed(inputs=2, operands=("mu", "logvar", "noise"))
def reparameterize(
    mu: ArrayLike,
    logvar: ArrayLike,
    *,
    noise: ArrayLike | Stream | None = None,
    rng: Rng = None,
    key: int | None = None,
    counter: int = 0,
    return_log_prob: bool = False,
    axis: Axis = -1,
    keepdims: bool = False,
    out: Array | OutPair = None,
) -> Array | tuple[Array, Array]:
    r"""Draws from a diagonal normal distribution, differentiable in its parameters.

    .. math:: z = \mu + e^{\ell / 2} \, \epsilon, \quad \epsilon \sim N(0, 1)

    Parameters
    ----------
    mu, logvar : array_like
        Means and log-variances. Their shapes broadcast together.
    noise : array_like or fastgen.noise.Stream, optional
        The noise :math:`\epsilon`. By default it is drawn by key and counter.
    {rng_or_noise}
    {key_and_counter_of_noise}
    return_log_prob : bool, default False
        Return :math:`\log q(z)` too, from the same pass over memory.
    axis : int, tuple of int, or None, default -1
        The event axes. The log-density is summed over them. None stands for all axes.
    keepdims : bool, default False
        Keep the event axes, with length 1, in the log-density.
    out : ndarray, or tuple of two ndarrays or None, optional
        The arrays that receive the result or results.

    Returns
    -------
    z : ndarray or scalar
        Of the broadcast shape.
    log_prob : ndarray or scalar
        With `return_log_prob`: in nats, of the batch shape.

    Raises
    ------
    ValueError
        If the noise is given twice, shapes do not broadcast, `axis` is out of range, or `out` does
        not fit. The pullback of `vjp` raises it if neither `noise` nor `key` is given.
    {type_error}

    Notes
    -----
    Drawn noise is computed element by element and is never stored: element `j` of the broadcast
    shape, in the order of ``ravel()``, takes element ``counter + j`` of the stream. So the draws do
    not depend on batch size or thread count, and the derivative draws the same noise again. The
    result is right within 3 ULP of the larger term.

    References
    ----------
    .. [1] Kingma and Welling, "Auto-Encoding Variational Bayes", ICLR 2014, section 2.4.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> mu, logvar = np.array([[1.0, 2.0]]), np.zeros((1, 2))
    >>> fastgen.vae.reparameterize(mu, logvar, key=1)
    array([[0.75662131, 2.40414676]])
    >>> fastgen.noise.normal((1, 2), key=1) + mu
    array([[0.75662131, 2.40414676]])
    """
    operands = (mu, logvar, noise_of("reparameterize", noise, rng, key, counter))
    if return_log_prob:
        return row(_reparameterize_with_log_prob, operands, axis, keepdims, out)
    return row(_reparameterize, operands, out=out)
