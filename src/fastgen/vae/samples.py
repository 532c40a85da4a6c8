"""Draws from the encoder's distribution, as functions of its parameters."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from fastgen._compose import composed, row
from fastgen._core import Stream
from fastgen._ops import OPS
from fastgen._registry import operation
from fastgen.noise.keys import noise_of

__all__ = ["reparameterize", "sample_diag_normal", "sample_diag_normal_with_log_prob"]

_sample = OPS["vae.sample_diag_normal"]
_sample_with_log_prob = OPS["vae.sample_diag_normal_with_log_prob"]


@operation("vae.sample_diag_normal")
def sample_diag_normal(
    mu: ArrayLike, logvar: ArrayLike, noise: ArrayLike | Stream, *, out: Any = None
) -> Any:
    r"""Diagonal normals, of given standard normal noise.

    .. math:: z = \mu + e^{\ell / 2} \, \epsilon

    Parameters
    ----------
    mu, logvar : array_like
        Means and log-variances.
    noise : array_like or fastgen.noise.Stream
        Standard normal noise :math:`\epsilon`. All three shapes broadcast together.
    out : ndarray, optional
        Where to put the result. It may be one of the inputs.

    Returns
    -------
    ndarray or scalar
        Of the broadcast shape.

    Raises
    ------
    ValueError
        If shapes do not broadcast, or `out` does not fit.
    TypeError
        If an input is complex, longdouble, object or masked.

    Notes
    -----
    Right within 3 ULP of the larger term. `reparameterize` is this, with noise that it finds
    itself; this one has a derivative by the noise too.

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
    axis: int | tuple[int, ...] | None = -1,
    keepdims: bool = False,
    out: Any = None,
) -> Any:
    r"""Diagonal normals, of given standard normal noise, and their log-density.

    .. math:: z = \mu + e^{\ell / 2} \, \epsilon, \quad
              \log q(z) = -\tfrac12 \sum_i \left(\log 2\pi + \ell_i + \epsilon_i^2\right)

    Parameters
    ----------
    mu, logvar : array_like
        Means and log-variances.
    noise : array_like or fastgen.noise.Stream
        Standard normal noise :math:`\epsilon`. All three shapes broadcast together.
    axis : int, tuple of int, or None, default -1
        The event axes, summed over in the log-density. None sums over all.
    keepdims : bool, default False
        Keep the event axes, with length 1, in the log-density.
    out : tuple of two ndarrays or None, optional
        Where to put the results.

    Returns
    -------
    z : ndarray or scalar
        Of the broadcast shape.
    log_prob : ndarray or scalar
        In nats, of the batch shape.

    Raises
    ------
    ValueError
        If shapes do not broadcast, `axis` is out of range, or `out` does not fit.
    TypeError
        If an input is complex, longdouble, object or masked.

    Notes
    -----
    In one pass over memory. Nothing is subtracted from `z` again, so the log-density keeps its
    precision where `mu` is large beside the standard deviation. Types and the order of the sum are
    as in `kl_standard_normal`. Right within 3 ULP of the largest term, before the sum. The
    derivative is that of both as functions of the parameters and the noise.

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


@composed(inputs=2)
def reparameterize(
    mu: ArrayLike,
    logvar: ArrayLike,
    *,
    noise: ArrayLike | Stream | None = None,
    rng: Any = None,
    key: int | None = None,
    counter: int = 0,
    return_log_prob: bool = False,
    axis: int | tuple[int, ...] | None = -1,
    keepdims: bool = False,
    out: Any = None,
) -> Any:
    r"""Draws from a diagonal normal distribution, differentiable in its parameters.

    .. math:: z = \mu + e^{\ell / 2} \, \epsilon, \quad \epsilon \sim N(0, 1)

    Parameters
    ----------
    mu, logvar : array_like
        Means and log-variances; their shapes broadcast together.
    noise : array_like or fastgen.noise.Stream, optional
        The noise :math:`\epsilon`, if it is already there.
    rng : numpy.random.Generator, int or None, optional
        Where the key comes from if there is neither noise nor key: what `numpy.random.default_rng`
        takes. None is fresh entropy.
    key : int, optional
        Which stream of noise, :math:`0 \le key < 2^{64}`: as in `fastgen.noise.normal`.
    counter : int, optional
        The index in the stream of the first element.
    return_log_prob : bool, default False
        Return :math:`\log q(z)` too, from the same pass.
    axis : int, tuple of int, or None, default -1
        The event axes, summed over in the log-density.
    keepdims : bool, default False
        Keep the event axes, with length 1, in the log-density.
    out : ndarray, or tuple of two ndarrays or None, optional
        Where to put the result or results.

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
        not fit. From the pullback of `vjp`, if there was neither `noise` nor `key`.
    TypeError
        If an input is complex, longdouble, object or masked.

    Notes
    -----
    Noise that is not given is made where it is wanted, and never exists in memory: element `j` of
    the broadcast shape, counted as ``ravel()`` does, takes element ``counter + j`` of the stream.
    So the draws do not depend on batch size or thread count, and the derivative makes the same
    noise again. Right within 3 ULP of the larger term.

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
        return row(_sample_with_log_prob, operands, axis, keepdims)
    return row(_sample, operands)
