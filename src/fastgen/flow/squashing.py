"""Bijectors from all numbers to an interval or half of them, and back."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from fastgen._ops import OPS
from fastgen._registry import operation

__all__ = ["logit", "sigmoid", "softplus", "tanh"]

_sigmoid = OPS["flow.sigmoid"], OPS["flow.sigmoid_inverse"]
_logit = OPS["flow.logit"], OPS["flow.logit_inverse"]
_tanh = OPS["flow.tanh"], OPS["flow.tanh_inverse"]
_softplus = OPS["flow.softplus"], OPS["flow.softplus_inverse"]


@operation({False: "flow.sigmoid", True: "flow.sigmoid_inverse"}, choice="inverse")
def sigmoid(
    x: ArrayLike,
    *,
    inverse: bool = False,
    axis: int | tuple[int, ...] | None = -1,
    keepdims: bool = False,
    out: Any = None,
) -> Any:
    r"""Logistic sigmoid, to (0, 1), with its log-determinant.

    .. math:: y = \frac{1}{1 + e^{-x}}, \quad \log|\det| =
              -\sum_i \left(|x_i| + 2 \log(1 + e^{-|x_i|})\right)

    Parameters
    ----------
    x : array_like
        What is transformed: any numbers, or those in [0, 1] for the inverse.
    inverse : bool, default False
        With ``inverse=True``, the logit :math:`\log x - \log(1 - x)` and its own
        log-determinant; see also `logit`.
    axis : int, tuple of int, or None, default -1
        The event axes, over which the log-determinant is summed. None sums over all, ``()`` leaves
        it elementwise.
    keepdims : bool, default False
        Keep the event axes of the log-determinant, with length 1.
    out : tuple of ndarray or None, optional
        Where to put the results; the first may be `x`.

    Returns
    -------
    y : ndarray or scalar
        Of the broadcast shape.
    logabsdet : ndarray or scalar
        :math:`\log |\det \partial y / \partial x|` of the way taken, in nats, of the batch shape.

    Raises
    ------
    ValueError
        If `axis` is out of range, or `out` does not fit.
    TypeError
        If an input is complex, longdouble, object or masked.

    Notes
    -----
    Each value and term is right within 2 ULP, of the inverse 4, over the whole range: the
    log-determinant stays finite where y has rounded to 0 or 1.
    Types and the order of the sum are as in `fastgen.vae.kl_standard_normal`.

    References
    ----------
    .. [1] Dinh, Sohl-Dickstein and Bengio, "Density estimation using Real NVP", ICLR 2017.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> y, logabsdet = fastgen.flow.sigmoid(np.array([0.0, 1000.0]), axis=())
    >>> y, logabsdet
    (array([0.5, 1. ]), array([   -1.38629436, -1000.        ]))
    """
    return _sigmoid[inverse]((x,), axis, keepdims, out)


@operation({False: "flow.logit", True: "flow.logit_inverse"}, choice="inverse")
def logit(
    x: ArrayLike,
    alpha: ArrayLike = 0.0,
    *,
    inverse: bool = False,
    axis: int | tuple[int, ...] | None = -1,
    keepdims: bool = False,
    out: Any = None,
) -> Any:
    r"""Logit of pixels, kept away from 0 and 1, with its log-determinant.

    .. math:: y = \log \frac{p}{1 - p}, \quad p = a + (1 - 2a) x,
              \quad \log|\det| = \sum_i \left(\log(1 - 2a) - \log p_i - \log(1 - p_i)\right)

    Parameters
    ----------
    x : array_like
        Pixels, from 0 to 1; any numbers for the inverse.
    alpha : array_like, default 0.0
        How far :math:`p` is kept from 0 and 1, :math:`a`: usually 0.05 for images. Below 1/2.
    inverse : bool, default False
        With ``inverse=True``, :math:`(\mathrm{sigmoid}(x) - a) / (1 - 2a)` and its own
        log-determinant.
    axis : int, tuple of int, or None, default -1
        The event axes, over which the log-determinant is summed. None sums over all, ``()`` leaves
        it elementwise.
    keepdims : bool, default False
        Keep the event axes of the log-determinant, with length 1.
    out : tuple of ndarray or None, optional
        Where to put the results; the first may be `x`.

    Returns
    -------
    y : ndarray or scalar
        Of the broadcast shape.
    logabsdet : ndarray or scalar
        :math:`\log |\det \partial y / \partial x|` of the way taken, in nats, of the batch shape.

    Raises
    ------
    ValueError
        If shapes do not broadcast, `axis` is out of range, or `out` does not fit.
    TypeError
        If an input is complex, longdouble, object or masked.

    Notes
    -----
    Each value, and each term of the log-determinant, is right within 4 ULP; of the inverse, within
    4 ULP of the larger part of the difference. Where p is 0 or 1, y is infinite; beyond them it is
    NaN. Types and the order of the sum are as in
    `fastgen.vae.kl_standard_normal`.

    References
    ----------
    .. [1] Dinh, Sohl-Dickstein and Bengio, "Density estimation using Real NVP", ICLR 2017,
       section 4.1.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> y, logabsdet = fastgen.flow.logit(np.array([[0.0, 0.5]]), alpha=0.05)
    >>> y, logabsdet
    (array([[-2.94443898,  0.        ]]), array([4.2225989]))
    """
    return _logit[inverse]((x, alpha), axis, keepdims, out)


@operation({False: "flow.tanh", True: "flow.tanh_inverse"}, choice="inverse")
def tanh(
    x: ArrayLike,
    *,
    inverse: bool = False,
    axis: int | tuple[int, ...] | None = -1,
    keepdims: bool = False,
    out: Any = None,
) -> Any:
    r"""Hyperbolic tangent, to (-1, 1), with its log-determinant.

    .. math:: y = \tanh x, \quad \log|\det| = \sum_i \log(1 - y_i^2) = -2 \sum_i \log \cosh x_i

    Parameters
    ----------
    x : array_like
        What is transformed: any numbers, or those in [-1, 1] for the inverse.
    inverse : bool, default False
        With ``inverse=True``, artanh and its own log-determinant.
    axis : int, tuple of int, or None, default -1
        The event axes, over which the log-determinant is summed. None sums over all, ``()`` leaves
        it elementwise.
    keepdims : bool, default False
        Keep the event axes of the log-determinant, with length 1.
    out : tuple of ndarray or None, optional
        Where to put the results; the first may be `x`.

    Returns
    -------
    y : ndarray or scalar
        Of the broadcast shape.
    logabsdet : ndarray or scalar
        :math:`\log |\det \partial y / \partial x|` of the way taken, in nats, of the batch shape.

    Raises
    ------
    ValueError
        If `axis` is out of range, or `out` does not fit.
    TypeError
        If an input is complex, longdouble, object or masked.

    Notes
    -----
    Each value is right within 2 ULP, and each term of the log-determinant within 5 ULP, both near
    0 and in the tails: it is -18.6 at x = 10, where :math:`1 - y^2` is 0 in float32, and finite for
    every finite x. Types and the order of the sum are as in
    `fastgen.vae.kl_standard_normal`.

    References
    ----------
    .. [1] Haarnoja et al., "Soft Actor-Critic", ICML 2018, appendix C.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> y, logabsdet = fastgen.flow.tanh(np.array([0.0, 10.0], np.float32), axis=())
    >>> y, logabsdet
    (array([0., 1.], dtype=float32), array([  0.      , -18.613705], dtype=float32))
    """
    return _tanh[inverse]((x,), axis, keepdims, out)


@operation({False: "flow.softplus", True: "flow.softplus_inverse"}, choice="inverse")
def softplus(
    x: ArrayLike,
    *,
    inverse: bool = False,
    axis: int | tuple[int, ...] | None = -1,
    keepdims: bool = False,
    out: Any = None,
) -> Any:
    r"""Softplus, to the positive numbers, with its log-determinant.

    .. math:: y = \log(1 + e^x), \quad \log|\det| = -\sum_i \log(1 + e^{-x_i})

    Parameters
    ----------
    x : array_like
        What is transformed: any numbers, or positive ones for the inverse.
    inverse : bool, default False
        With ``inverse=True``, :math:`x + \log(1 - e^{-x})` and its own log-determinant.
    axis : int, tuple of int, or None, default -1
        The event axes, over which the log-determinant is summed. None sums over all, ``()`` leaves
        it elementwise.
    keepdims : bool, default False
        Keep the event axes of the log-determinant, with length 1.
    out : tuple of ndarray or None, optional
        Where to put the results; the first may be `x`.

    Returns
    -------
    y : ndarray or scalar
        Of the broadcast shape.
    logabsdet : ndarray or scalar
        :math:`\log |\det \partial y / \partial x|` of the way taken, in nats, of the batch shape.

    Raises
    ------
    ValueError
        If `axis` is out of range, or `out` does not fit.
    TypeError
        If an input is complex, longdouble, object or masked.

    Notes
    -----
    Each value and term is right within 2 ULP, and the inverse within 4 ULP of its larger term.
    There is no threshold beyond which y would be x. The inverse of 0 is -inf, that of a negative
    number NaN. Types and the order of the sum are as in
    `fastgen.vae.kl_standard_normal`.

    References
    ----------
    .. [1] Maechler, "Accurately computing log(1 - exp(-|a|))", 2012.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> y, logabsdet = fastgen.flow.softplus(np.array([-40.0, 0.0]), axis=())
    >>> y, logabsdet
    (array([4.24835426e-18, 6.93147181e-01]), array([-40.        ,  -0.69314718]))
    """
    return _softplus[inverse]((x,), axis, keepdims, out)
