"""Elementwise bijectors."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from fastgen._ops import OPS
from fastgen._registry import operation

__all__ = ["exp", "leaky_relu", "power", "soft_clip"]

_exp = OPS["flow.exp"], OPS["flow.exp_inverse"]
_leaky_relu = OPS["flow.leaky_relu"], OPS["flow.leaky_relu_inverse"]
_power = OPS["flow.power"], OPS["flow.power_inverse"]
_soft_clip = OPS["flow.soft_clip"], OPS["flow.soft_clip_inverse"]


@operation({False: "flow.exp", True: "flow.exp_inverse"}, choice="inverse")
def exp(
    x: ArrayLike,
    *,
    inverse: bool = False,
    axis: int | tuple[int, ...] | None = -1,
    keepdims: bool = False,
    out: Any = None,
) -> Any:
    r"""Exponential, to the positive numbers, with its log-determinant.

    .. math:: y = e^x, \quad \log|\det| = \sum_i x_i

    Parameters
    ----------
    x : array_like
        What is transformed: any numbers, or positive ones for the inverse.
    inverse : bool, default False
        With ``inverse=True``, the logarithm and its own log-determinant.
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
    Each value and term is right within 1 ULP. Types and the order of the sum are as in
    `fastgen.vae.kl_standard_normal`.

    References
    ----------
    .. [1] Papamakarios et al., "Normalizing Flows for Probabilistic Modeling and Inference",
       JMLR 22, 2021.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> y, logabsdet = fastgen.flow.exp(np.array([0.0, 1.0]))
    >>> y, float(logabsdet)
    (array([1.        , 2.71828183]), 1.0)
    """
    return _exp[inverse]((x,), axis, keepdims, out)


@operation({False: "flow.leaky_relu", True: "flow.leaky_relu_inverse"}, choice="inverse")
def leaky_relu(
    x: ArrayLike,
    negative_slope: ArrayLike = 0.01,
    *,
    inverse: bool = False,
    axis: int | tuple[int, ...] | None = -1,
    keepdims: bool = False,
    out: Any = None,
) -> Any:
    r"""Leaky ReLU, with its log-determinant.

    .. math:: y = \begin{cases} x & x \ge 0 \\ a x & x < 0 \end{cases},
              \quad \log|\det| = \sum_{x_i < 0} \log a_i

    Parameters
    ----------
    x : array_like
        What is transformed.
    negative_slope : array_like, default 0.01
        The slope :math:`a > 0` below 0.
    inverse : bool, default False
        With ``inverse=True``, :math:`x / a` where x is negative, and its own
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
    Each value and term is right within 1 ULP. A slope of 0 or below gives NaN where it counts.
    Types and the order of the sum are as in `fastgen.vae.kl_standard_normal`.

    References
    ----------
    .. [1] He et al., "Delving deep into rectifiers", ICCV 2015.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> y, logabsdet = fastgen.flow.leaky_relu(np.array([-2.0, 2.0]), negative_slope=0.5)
    >>> y, float(logabsdet)
    (array([-1.,  2.]), -0.6931471805599453)
    """
    return _leaky_relu[inverse]((x, negative_slope), axis, keepdims, out)


@operation({False: "flow.power", True: "flow.power_inverse"}, choice="inverse")
def power(
    x: ArrayLike,
    exponent: ArrayLike = 2.0,
    *,
    inverse: bool = False,
    axis: int | tuple[int, ...] | None = -1,
    keepdims: bool = False,
    out: Any = None,
) -> Any:
    r"""Power that keeps the sign, with its log-determinant.

    .. math:: y = \mathrm{sign}(x)\, |x|^p,
              \quad \log|\det| = \sum_i \left(\log|p| + (p - 1) \log |x_i|\right)

    Parameters
    ----------
    x : array_like
        What is transformed.
    exponent : array_like, default 2.0
        :math:`p`, not 0.
    inverse : bool, default False
        With ``inverse=True``, the power :math:`1 / p` and its own log-determinant.
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
    Each value is right within 3 ULP times :math:`1 + |p \log |x||`, which is what rounding the
    exponent of e costs; for p = 1 and 2, and their inverses, it is rounded once. Each term of the
    log-determinant is right within 3 ULP of its larger part. At x = 0 it is -inf for p > 1, 0 for
    p = 1, +inf below. Types and the order of the sum are as in `fastgen.vae.kl_standard_normal`.

    References
    ----------
    .. [1] Papamakarios et al., "Normalizing Flows for Probabilistic Modeling and Inference",
       JMLR 22, 2021.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> y, logabsdet = fastgen.flow.power(np.array([-3.0, 1.0]), axis=())
    >>> y, logabsdet
    (array([-9.,  1.]), array([1.79175947, 0.69314718]))
    """
    return _power[inverse]((x, exponent), axis, keepdims, out)


@operation({False: "flow.soft_clip", True: "flow.soft_clip_inverse"}, choice="inverse")
def soft_clip(
    x: ArrayLike,
    bound: ArrayLike = 5.0,
    *,
    inverse: bool = False,
    axis: int | tuple[int, ...] | None = -1,
    keepdims: bool = False,
    out: Any = None,
) -> Any:
    r"""Soft clip, to (-b, b), with its log-determinant.

    .. math:: y = \frac{x}{1 + |x| / b}, \quad \log|\det| = -2 \sum_i \log(1 + |x_i| / b)

    Parameters
    ----------
    x : array_like
        What is transformed: any numbers, or those in [-b, b] for the inverse.
    bound : array_like, default 5.0
        The limit :math:`b > 0`; 1 by default in zuko.
    inverse : bool, default False
        With ``inverse=True``, :math:`x / (1 - |x| / b)` and its own log-determinant.
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
    Each value and term is right within 3 ULP, of the inverse also near the bound. The inverse of
    the bound is infinite, and beyond it NaN. Types and the order of the sum are as in
    `fastgen.vae.kl_standard_normal`.

    References
    ----------
    .. [1] Rozet et al., "Zuko: Normalizing flows in PyTorch", 2022.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> y, logabsdet = fastgen.flow.soft_clip(np.array([1.0, -np.inf]), bound=1.0, axis=())
    >>> y, logabsdet
    (array([ 0.5, -1. ]), array([-1.38629436,        -inf]))
    """
    return _soft_clip[inverse]((x, bound), axis, keepdims, out)
