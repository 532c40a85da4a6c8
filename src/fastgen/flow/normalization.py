"""Normalization layers as flows: a scale and a shift for each channel."""

from __future__ import annotations

from fastgen._compose import composed, row
from fastgen._ops import OPS
from fastgen._registry import operation
from fastgen._typing import Array, ArrayLike, Axis, OutPair

__all__ = ["actnorm", "batch_norm"]

_affine = (
    OPS["flow.affine_coupling_exp"].called("flow.actnorm"),
    OPS["flow.affine_coupling_inverse_exp"].called("flow.actnorm"),
)
_batch_norm = OPS["flow.batch_norm"], OPS["flow.batch_norm_inverse"]


@composed(inputs=3)
def actnorm(
    x: ArrayLike,
    log_scale: ArrayLike,
    shift: ArrayLike,
    *,
    inverse: bool = False,
    axis: Axis = -1,
    keepdims: bool = False,
    out: OutPair = None,
) -> tuple[Array, Array]:
    r"""Activation normalization: a learned scale and shift for each channel.

    .. math:: y = x\, e^{\ell} + t, \quad \log|\det| = h w \sum_c \ell_c

    Parameters
    ----------
    x : array_like
        ``(batch, channels)``, or images.
    log_scale, shift : array_like
        :math:`\ell` and :math:`t` of each channel: ``(channels,)``; for images
        ``(batch, channels, height, width)``, ``(channels, 1, 1)``. Shapes broadcast together.
    inverse : bool, default False
        If True, compute :math:`(x - t) e^{-\ell}` and its log-determinant, minus the one above.
    axis : int, tuple of int, or None, default -1
        The event axes. The log-determinant is summed over them. For images, ``(1, 2, 3)`` counts
        each channel at each of its h w pixels.
    {keepdims_of_logabsdet}
    {outs_or_x}

    Returns
    -------
    y : ndarray or scalar
        Of the broadcast shape.
    logabsdet : ndarray or scalar
        In nats, of the batch shape.

    Raises
    ------
    {raises}

    Notes
    -----
    Accuracy and types are as in `affine_coupling`. For data with channels of mean m and standard
    deviation s, start with :math:`\ell = -\log s` and :math:`t = -m / s`. Glow's own form,
    :math:`(x + b) e^\ell`, has :math:`t = b\, e^\ell`.

    References
    ----------
    .. [1] Kingma and Dhariwal, "Glow", NeurIPS 2018, section 3.1.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> images, log_scale = np.ones((2, 3, 4, 4)), np.full((3, 1, 1), 0.5)
    >>> fastgen.flow.actnorm(images, log_scale, 0.0, axis=(1, 2, 3))[1]
    array([24., 24.])
    """
    return row(_affine[inverse], (x, log_scale, shift, 0.0), axis, keepdims, out)


@operation({False: "flow.batch_norm", True: "flow.batch_norm_inverse"}, choice="inverse")
def batch_norm(
    x: ArrayLike,
    log_gamma: ArrayLike,
    beta: ArrayLike,
    mean: ArrayLike,
    var: ArrayLike,
    eps: ArrayLike = 1e-5,
    *,
    inverse: bool = False,
    axis: Axis = -1,
    keepdims: bool = False,
    out: OutPair = None,
) -> tuple[Array, Array]:
    r"""Batch normalization as a flow.

    .. math:: y = \frac{x - m}{\sqrt{v + \epsilon}}\, e^{\gamma} + \beta,
              \quad \log|\det| = h w \sum_c \left(\gamma_c - \tfrac12 \log(v_c + \epsilon)\right)

    Parameters
    ----------
    x : array_like
        ``(batch, channels)``, or images.
    log_gamma, beta : array_like
        The learned log-scales :math:`\gamma` and shifts of each channel: ``(channels,)``; for
        images ``(batch, channels, height, width)``, ``(channels, 1, 1)``.
    mean, var : array_like
        Mean and variance of each channel, of this batch or running ones. Shapes broadcast together.
    eps : array_like, default 1e-5
        The number :math:`\epsilon` that is added to the variance.
    inverse : bool, default False
        If True, compute x from y, and the log-determinant of the inverse, minus the one above.
    axis : int, tuple of int, or None, default -1
        The event axes. The log-determinant is summed over them. For images, ``(1, 2, 3)`` counts
        each channel at each of its h w pixels.
    {keepdims_of_logabsdet}
    {outs_or_x}

    Returns
    -------
    y : ndarray or scalar
        Of the broadcast shape.
    logabsdet : ndarray or scalar
        In nats, of the batch shape.

    Raises
    ------
    {raises}

    Notes
    -----
    y is right within 6 ULP of the larger of its two terms, and each term of the log-determinant
    within 2 ULP of the larger of its own. Logarithms are summed, so nothing underflows for many
    channels. `mean` and `var` are inputs with gradients of their own. Where they come from the
    batch, pass their gradients on to it. The weight of nflows is :math:`e^\gamma =
    \mathrm{softplus}(u) + \epsilon`. Types are as in `fastgen.vae.kl_standard_normal`.

    References
    ----------
    .. [1] Dinh, Sohl-Dickstein and Bengio, "Density estimation using Real NVP", ICLR 2017,
       section 3.7.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> x, zero, var = np.array([[1.0, 3.0]]), np.zeros(2), np.array([4.0, 4.0])
    >>> y, logabsdet = fastgen.flow.batch_norm(x, zero, zero, zero, var, eps=0.0)
    >>> y, logabsdet
    (array([[0.5, 1.5]]), array([-1.38629436]))
    """
    return _batch_norm[inverse]((x, log_gamma, beta, mean, var, eps), axis, keepdims, out)
