"""Elementwise bijectors."""

from __future__ import annotations

from fastgen._ops import OPS
from fastgen._registry import operation
from fastgen._typing import Array, ArrayLike, Axis, OutPair

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
    axis: Axis = -1,
    keepdims: bool = False,
    out: OutPair = None,
) -> tuple[Array, Array]:
    r"""Exponential, to the positive numbers, with its log-determinant.

    .. math:: y = e^x, \quad \log|\det| = \sum_i x_i

    Parameters
    ----------
    x : array_like
        The elements to transform: any numbers, or positive ones for the inverse.
    inverse : bool, default False
        If True, compute the logarithm and its own log-determinant.
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
    axis: Axis = -1,
    keepdims: bool = False,
    out: OutPair = None,
) -> tuple[Array, Array]:
    r"""Leaky ReLU, with its log-determinant.

    .. math:: y = \begin{cases} x & x \ge 0 \\ a x & x < 0 \end{cases},
              \quad \log|\det| = \sum_{x_i < 0} \log a_i

    Parameters
    ----------
    x : array_like
        The elements to transform.
    negative_slope : array_like, default 0.01
        The slope :math:`a > 0` below 0.
    inverse : bool, default False
        If True, compute :math:`x / a` where x is negative, and its own log-determinant.
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
    Each value and term is right within 1 ULP. A slope of 0 or below gives NaN where x is negative.
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
    axis: Axis = -1,
    keepdims: bool = False,
    out: OutPair = None,
) -> tuple[Array, Array]:
    r"""Power that keeps the sign, with its log-determinant.

    .. math:: y = \mathrm{sign}(x)\, |x|^p,
              \quad \log|\det| = \sum_i \left(\log|p| + (p - 1) \log |x_i|\right)

    Parameters
    ----------
    x : array_like
        The elements to transform.
    exponent : array_like, default 2.0
        The exponent :math:`p`, not 0.
    inverse : bool, default False
        If True, compute the power :math:`1 / p` and its own log-determinant.
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
    Each value is right within 3 ULP times :math:`1 + |p \log |x||`, because the exponent of e is
    rounded. For p = 1 and 2, and their inverses, it is rounded once. Each term of the
    log-determinant is right within 3 ULP of its larger part. At x = 0 it is -inf for p > 1, 0 for p
    = 1 and +inf for p < 1. Types and the order of the sum are as in
    `fastgen.vae.kl_standard_normal`.

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
    axis: Axis = -1,
    keepdims: bool = False,
    out: OutPair = None,
) -> tuple[Array, Array]:
    r"""Soft clip, to (-b, b), with its log-determinant.

    .. math:: y = \frac{x}{1 + |x| / b}, \quad \log|\det| = -2 \sum_i \log(1 + |x_i| / b)

    Parameters
    ----------
    x : array_like
        The elements to transform: any numbers, or numbers in [-b, b] for the inverse.
    bound : array_like, default 5.0
        The limit :math:`b > 0`. zuko's default is 1.
    inverse : bool, default False
        If True, compute :math:`x / (1 - |x| / b)` and its own log-determinant.
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
    Each value and term is right within 3 ULP, those of the inverse also near the bound. The inverse
    is infinite at the bound and NaN beyond it. Types and the order of the sum are as in
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
