"""Monotonic splines whose pieces are polynomials: elementwise, of shapes that a network says."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from fastgen._core import Op
from fastgen._derivatives import gradients_of, with_rule
from fastgen.flow._spline_options import (
    check_bins,
    kind_of_tails,
    operation,
    polynomial,
    size_of,
)

__all__ = ["linear_spline"]


def _linear(
    inputs: tuple[Any, ...],
    inverse: bool = False,
    bound: float = 1.0,
    tails: str | None = "linear",
) -> Op:
    """Return the operation for these inputs and options, once they have been found right."""
    name, bins = "linear_spline", size_of(inputs[1])
    kind = kind_of_tails(name, tails)

    def told() -> Op:
        check_bins(name, "heights", bins)
        return polynomial(name, bins, bool(inverse), float(bound), kind, (0.0, 0.0))

    return operation(name, inputs, bound, tails, told)


def _linear_rule(
    wanted: list[int], inputs: tuple[Any, ...], cotangent: Any, with_value: bool, **options: Any
) -> tuple[Any, tuple[Any, ...]]:
    return gradients_of(_linear(inputs, **options), wanted, inputs, cotangent, with_value)


@with_rule(_linear_rule, nin=2)
def linear_spline(
    x: ArrayLike,
    heights: ArrayLike,
    /,
    *,
    inverse: bool = False,
    bound: float = 1.0,
    tails: str | None = "linear",
    out: Any = None,
) -> Any:
    r"""Monotonic piecewise linear spline of every element, with its log-derivative.

    .. math:: y = y_k + \theta h_k, \quad \log \frac{dy}{dx} = \log (K p_k)

    in the bin k that holds x, of K of equal width, with the share :math:`p = \mathrm{softmax}(u)`
    of raw heights u, the height :math:`h_k = 2 B p_k`, and
    :math:`\theta = (x - x_k) K / 2 B`, for the bound B.

    Parameters
    ----------
    x : array_like
        What is transformed.
    heights : array_like
        Raw heights of the K bins, of the shape of `x` and then ``(..., K)``; batch dimensions
        broadcast.
    inverse : bool, default False
        Give x of y instead, and :math:`\log dx/dy`.
    bound : float, default 1.0
        The bins cover ``[-bound, bound]``, in x and y.
    tails : {"linear", None}, default "linear"
        Outside of the bins: the identity, of slope 1 whatever that of the last bin is, as it is
        another in each bin; or nothing, so that elements outside are refused.
    out : tuple of ndarray or None, optional
        Where to put the two results; the first may be `x`.

    Returns
    -------
    y : ndarray or scalar
        The transformed elements.
    logabsdet : ndarray or scalar
        The log-derivative of each, in nats: that of the direction that was asked for. A knot
        belongs to the bin above it.

    Raises
    ------
    ValueError
        If there are fewer than 2 bins, batch dimensions do not broadcast, `bound` is not positive,
        an element lies outside and `tails` is None, or `tails` is something else.
    TypeError
        If an input is complex, longdouble, object or masked.

    Notes
    -----
    Knots are computed in double and end exactly at the bound. In float32, y is right within 1 ULP
    of the bound, and the log-derivative, which is never computed from a height, within 2 ULP of
    the largest of it, the span of the raw heights, and 1. The error of the inverse is that of y
    over the slope. Gradients by `vjp` and `value_and_grad` are of both inputs, finite outside of
    the bins too. NaN gives NaN, and so does a raw height of inf; one of -inf makes a flat bin.
    This is `linear_spline` and `unconstrained_linear_spline` of nflows [1]_.

    References
    ----------
    .. [1] Mueller, McWilliams, Rousselle, Gross and Novak, "Neural Importance Sampling", ACM
       Transactions on Graphics 38(5), 2019.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> heights = np.log([1.0, 2.0, 4.0, 1.0])
    >>> y, logabsdet = fastgen.flow.linear_spline(np.array([-0.5, 0.25, 3.0]), heights)
    >>> y, logabsdet.round(6)
    (array([-0.75,  0.25,  3.  ]), array([0.      , 0.693147, 0.      ]))
    >>> fastgen.flow.linear_spline(y, heights, inverse=True)[0].round(6)
    array([-0.5 ,  0.25,  3.  ])
    """
    inputs = (x, heights)
    return _linear(inputs, inverse, bound, tails)(inputs, out=out)
