"""Monotonic splines of polynomials: elementwise, with parameters from a network."""

from __future__ import annotations

from typing import Any, Literal

from fastgen._compose import composed, row
from fastgen._core import Op
from fastgen._messages import check_real
from fastgen._registry import operation
from fastgen._typing import Array, ArrayLike, OutPair
from fastgen.flow._spline_options import (
    check_bins,
    checked,
    failure,
    in_domain,
    kind_of_tails,
    polynomial,
    size_of,
)

__all__ = ["linear_spline", "quadratic_spline"]


def _linear(
    inputs: tuple[Any, ...],
    inverse: bool = False,
    bound: float = 1.0,
    tails: str | None = "linear",
) -> Op:
    """Check inputs and options, and return the operation for them."""
    name, bins = "linear_spline", size_of(inputs[1])
    check_real(name, bound=bound)
    kind = kind_of_tails(name, tails)

    def told() -> Op:
        check_bins(name, "heights", bins)
        return polynomial(name, bins, bool(inverse), float(bound), kind, (0.0, 0.0))

    return checked(name, inputs, bound, tails, told)


@operation({False: "flow.linear_spline", True: "flow.linear_spline_inverse"}, choice="inverse")
@composed(inputs=2)
def linear_spline(
    x: ArrayLike,
    heights: ArrayLike,
    *,
    inverse: bool = False,
    bound: float = 1.0,
    tails: Literal["linear"] | None = "linear",
    out: OutPair = None,
) -> tuple[Array, Array]:
    r"""Monotonic piecewise linear spline of every element, with its log-derivative.

    .. math:: y = y_k + \theta h_k, \quad \log \frac{dy}{dx} = \log (K p_k)

    in the bin k that holds x, of K of equal width, with the share :math:`p = \mathrm{softmax}(u)`
    of raw heights u, the height :math:`h_k = 2 B p_k`, and
    :math:`\theta = (x - x_k) K / 2 B`, for the bound B.

    Parameters
    ----------
    x : array_like
        The elements to transform.
    heights : array_like
        Raw heights of the K bins, of the shape of `x` and then ``(..., K)``; batch dimensions
        broadcast.
    {inverse_of_spline}
    {bound_of_spline}
    tails : {"linear", None}, default "linear"
        The transform outside of the bins. "linear" is the identity, of slope 1, whatever the slope
        of the last bin is. None refuses elements outside.
    {outs_or_x}

    Returns
    -------
    y : ndarray or scalar
        The transformed elements.
    logabsdet : ndarray or scalar
        The log-derivative of each element, in the direction that is asked for, in nats. A knot
        belongs to the bin above it.

    Raises
    ------
    ValueError
        If there are fewer than 2 bins, batch dimensions do not broadcast, `bound` is not positive,
        an element lies outside and `tails` is None, or `tails` is something else.
    {type_error}

    Notes
    -----
    Knots are computed in double and end exactly at the bound. In float32, y is right within 1 ULP
    of the bound; in float64, within 4 ULP. The log-derivative is not computed from a height, and is
    right within 2 ULP of the largest of itself, the span of the raw heights, and 1. The error of
    the inverse is that of y over the slope. Both inputs have gradients, which are finite outside of
    the bins too. A NaN or a raw height of inf gives NaN. A raw height of -inf gives a flat bin.
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
    inputs = (in_domain("linear_spline", x, bound, tails), heights)
    return row(_linear(inputs, inverse, bound, tails), inputs, out=out)


def _quadratic(
    inputs: tuple[Any, ...],
    inverse: bool = False,
    bound: float = 1.0,
    tails: str | None = "linear",
    min_bin_width: float = 1e-3,
    min_bin_height: float = 1e-3,
) -> Op:
    """Check inputs and options, and return the operation for them."""
    name, bins, knots = "quadratic_spline", size_of(inputs[1]), size_of(inputs[2])
    check_real(name, bound=bound, min_bin_width=min_bin_width, min_bin_height=min_bin_height)
    kind, least = kind_of_tails(name, tails), (float(min_bin_width), float(min_bin_height))

    def told() -> Op:
        check_bins(name, "widths", bins)
        if knots not in (bins - 1, bins + 1):
            expected = f"K - 1 = {bins - 1} or K + 1 = {bins + 1} for {bins} bins"
            raise failure(name, "heights", expected, knots)
        return polynomial(name, bins, bool(inverse), float(bound), kind, least)

    return checked(name, inputs, bound, tails, told)


@operation(
    {False: "flow.quadratic_spline", True: "flow.quadratic_spline_inverse"}, choice="inverse"
)
@composed(inputs=3)
def quadratic_spline(
    x: ArrayLike,
    widths: ArrayLike,
    heights: ArrayLike,
    *,
    inverse: bool = False,
    bound: float = 1.0,
    tails: Literal["linear"] | None = "linear",
    min_bin_width: float = 1e-3,
    min_bin_height: float = 1e-3,
    out: OutPair = None,
) -> tuple[Array, Array]:
    r"""Monotonic piecewise quadratic spline of every element, with its log-derivative.

    .. math:: y = y_k + \frac{w \theta}{2} \left(d_k (1 + \bar\theta) + d_{k+1} \theta\right),
              \quad \log \frac{dy}{dx} = \log (d_k \bar\theta + d_{k+1} \theta)

    in the bin k that holds x, of width w, with densities d at its ends,
    :math:`\theta = (x - x_k) / w` and :math:`\bar\theta = 1 - \theta`: the density dy/dx is
    continuous, and a line in each bin.

    Parameters
    ----------
    x : array_like
        The elements to transform.
    widths : array_like
        Raw widths of the K bins, of the shape of `x` and then ``(..., K)``; batch dimensions
        broadcast. The widths are their softmax.
    heights : array_like
        Raw heights of the density, at K - 1 or K + 1 knots. K - 1 are those of the knots between
        bins, and the density at both ends is 1. The densities are softplus + 1/1000, over their
        mean.
    {inverse_of_spline}
    {bound_of_spline}
    tails : {"linear", None}, default "linear"
        The transform outside of the bins. "linear" is a line with the density of the end, which is
        the identity for K - 1 heights. None refuses elements outside.
    min_bin_width : float, default 1e-3
        Least width of a bin, as a share of the interval.
    min_bin_height : float, default 1e-3
        Least density.
    {outs_or_x}

    Returns
    -------
    {y_and_log_derivative}

    Raises
    ------
    ValueError
        If there are fewer than 2 bins, sizes of parameters do not fit, batch dimensions do not
        broadcast, a minimum is not from 0 to below 1 / K, `bound` is not positive, an element lies
        outside and `tails` is None, or `tails` is something else.
    {type_error}

    Notes
    -----
    Everything but the logarithm is computed in double, from terms of one sign. In float32, y is
    right within 1 ULP of the bound, and the log-derivative to 1e-6. In float64, both are right
    within 8 ULP of their largest terms. The inverse takes the root of a mean of squares, so no
    discriminant is negative, and equal densities are no special case. Its error in x is that of y
    over the slope. All three inputs have gradients, which are finite outside of the bins too. A NaN
    or a raw parameter of inf gives NaN.

    With K + 1 heights this is `quadratic_spline` of nflows. The `unconstrained_quadratic_spline` of
    nflows, with K - 1 heights, is meant to have a density of 1 at the ends, but halves their widths
    twice.

    References
    ----------
    .. [1] Mueller, McWilliams, Rousselle, Gross and Novak, "Neural Importance Sampling", ACM
       Transactions on Graphics 38(5), 2019.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> widths, heights = np.zeros(4), np.array([0.0, 1.0, 0.0])
    >>> y, logabsdet = fastgen.flow.quadratic_spline(np.array([-2.0, 0.0, 0.5]), widths, heights)
    >>> y.round(6), logabsdet.round(6)
    (array([-2.      ,  0.      ,  0.557306]), array([ 0.      ,  0.377375, -0.260359]))
    >>> fastgen.flow.quadratic_spline(y, widths, heights, inverse=True)[0].round(6)
    array([-2. ,  0. ,  0.5])
    """
    inputs = (in_domain("quadratic_spline", x, bound, tails), widths, heights)
    op = _quadratic(inputs, inverse, bound, tails, min_bin_width, min_bin_height)
    return row(op, inputs, out=out)
