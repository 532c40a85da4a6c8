"""Bijectors from all numbers to an interval or half of them, and back."""

from __future__ import annotations

from fastgen._ops import OPS
from fastgen._registry import operation
from fastgen._typing import Array, ArrayLike, Axis, OutPair

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
    axis: Axis = -1,
    keepdims: bool = False,
    out: OutPair = None,
) -> tuple[Array, Array]:
    r"""Logistic sigmoid, to (0, 1), with its log-determinant.

    .. math:: y = \frac{1}{1 + e^{-x}}, \quad \log|\det| =
              -\sum_i \left(|x_i| + 2 \log(1 + e^{-|x_i|})\right)

    Parameters
    ----------
    x : array_like
        The elements to transform: any numbers, or numbers in [0, 1] for the inverse.
    inverse : bool, default False
        If True, compute the logit :math:`\log x - \log(1 - x)` and its own log-determinant.
        See also `logit`.
    {axis_of_logabsdet}
    {keepdims_of_logabsdet}
    {outs_or_x}

    Returns
    -------
    {y_and_logabsdet}

    Raises
    ------
    {raises_of_one_input}

    Notes
    -----
    Each value and term is right within 2 ULP, those of the inverse within 4 ULP, over the whole
    range. The log-determinant stays finite where y rounds to 0 or 1. Types and the order of the sum
    are as in `fastgen.vae.kl_standard_normal`.

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
    axis: Axis = -1,
    keepdims: bool = False,
    out: OutPair = None,
) -> tuple[Array, Array]:
    r"""Logit of pixels that are kept away from 0 and 1, with its log-determinant.

    .. math:: y = \log \frac{p}{1 - p}, \quad p = a + (1 - 2a) x,
              \quad \log|\det| = \sum_i \left(\log(1 - 2a) - \log p_i - \log(1 - p_i)\right)

    Parameters
    ----------
    x : array_like
        Pixels, from 0 to 1, or any numbers for the inverse.
    alpha : array_like, default 0.0
        The least distance :math:`a` of :math:`p` from 0 and 1, below 1/2. Images usually take 0.05.
    inverse : bool, default False
        If True, compute :math:`(\mathrm{sigmoid}(x) - a) / (1 - 2a)` and its own log-determinant.
    {axis_of_logabsdet}
    {keepdims_of_logabsdet}
    {outs_or_x}

    Returns
    -------
    {y_and_logabsdet}

    Raises
    ------
    {raises}

    Notes
    -----
    Each value, and each term of the log-determinant, is right within 4 ULP. The inverse is right
    within 4 ULP of the larger part of the difference. Where p is 0 or 1, y is infinite. Beyond them
    it is NaN. Types and the order of the sum are as in `fastgen.vae.kl_standard_normal`.

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
    axis: Axis = -1,
    keepdims: bool = False,
    out: OutPair = None,
) -> tuple[Array, Array]:
    r"""Hyperbolic tangent, to (-1, 1), with its log-determinant.

    .. math:: y = \tanh x, \quad \log|\det| = \sum_i \log(1 - y_i^2) = -2 \sum_i \log \cosh x_i

    Parameters
    ----------
    x : array_like
        The elements to transform: any numbers, or numbers in [-1, 1] for the inverse.
    inverse : bool, default False
        If True, compute artanh and its own log-determinant.
    {axis_of_logabsdet}
    {keepdims_of_logabsdet}
    {outs_or_x}

    Returns
    -------
    {y_and_logabsdet}

    Raises
    ------
    {raises_of_one_input}

    Notes
    -----
    Each value is right within 2 ULP, and each term of the log-determinant within 5 ULP, near 0 and
    in the tails. At x = 10, where :math:`1 - y^2` is 0 in float32, the term is -18.6. It is finite
    for every finite x. Types and the order of the sum are as in `fastgen.vae.kl_standard_normal`.

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
    axis: Axis = -1,
    keepdims: bool = False,
    out: OutPair = None,
) -> tuple[Array, Array]:
    r"""Softplus, to the positive numbers, with its log-determinant.

    .. math:: y = \log(1 + e^x), \quad \log|\det| = -\sum_i \log(1 + e^{-x_i})

    Parameters
    ----------
    x : array_like
        The elements to transform: any numbers, or positive ones for the inverse.
    inverse : bool, default False
        If True, compute :math:`x + \log(1 - e^{-x})` and its own log-determinant.
    {axis_of_logabsdet}
    {keepdims_of_logabsdet}
    {outs_or_x}

    Returns
    -------
    {y_and_logabsdet}

    Raises
    ------
    {raises_of_one_input}

    Notes
    -----
    Each value and term is right within 2 ULP, and the inverse within 4 ULP of its larger term.
    There is no threshold beyond which y is x. The inverse of 0 is -inf. The inverse of a negative
    number is NaN. Types and the order of the sum are as in `fastgen.vae.kl_standard_normal`.

    References
    ----------
    .. [1] Maechler, "Accurately computing log(1 - exp(-\|a\|))", 2012.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> y, logabsdet = fastgen.flow.softplus(np.array([-40.0, 0.0]), axis=())
    >>> y, logabsdet
    (array([4.24835426e-18, 6.93147181e-01]), array([-40.        ,  -0.69314718]))
    """
    return _softplus[inverse]((x,), axis, keepdims, out)
