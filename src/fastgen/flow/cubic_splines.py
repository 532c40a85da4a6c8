"""Monotonic cubic splines."""

from __future__ import annotations

import functools
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

__all__ = ["cubic_spline"]

_NAME = "cubic_spline"


def _configured(bins: int, slopes: int, *options: Any) -> Op:
    check_bins(_NAME, "widths", bins)
    if slopes != 2:
        raise failure(_NAME, "derivatives", "2, of the left and of the right end", slopes)
    return polynomial(_NAME, bins, *options)


def _operation(
    inputs: tuple[Any, ...],
    inverse: bool = False,
    bound: float = 1.0,
    tails: str | None = "linear",
    min_bin_width: float = 1e-3,
    min_bin_height: float = 1e-3,
) -> Op:
    """Check inputs and options, and return the operation for them."""
    check_real(_NAME, bound=bound, min_bin_width=min_bin_width, min_bin_height=min_bin_height)
    kind = kind_of_tails(_NAME, tails)
    least = float(min_bin_width), float(min_bin_height)
    sizes = size_of(inputs[1]), size_of(inputs[3])
    told = functools.partial(_configured, *sizes, bool(inverse), float(bound), kind, least)
    return checked(_NAME, inputs, bound, tails, told)


@operation({False: "flow.cubic_spline", True: "flow.cubic_spline_inverse"}, choice="inverse")
@composed(inputs=4)
def cubic_spline(
    x: ArrayLike,
    widths: ArrayLike,
    heights: ArrayLike,
    derivatives: ArrayLike,
    *,
    inverse: bool = False,
    bound: float = 1.0,
    tails: Literal["linear"] | None = "linear",
    min_bin_width: float = 1e-3,
    min_bin_height: float = 1e-3,
    out: OutPair = None,
) -> tuple[Array, Array]:
    r"""Monotonic cubic spline of every element, with its log-derivative.

    .. math:: y = y_k + h \theta (p \bar\theta^2 + (3 - q) \theta \bar\theta + \theta^2), \quad
              \log \frac{dy}{dx} = \log \frac{h}{w}
              (p \bar\theta^2 + 2 (3 - p - q) \theta \bar\theta + q \theta^2)

    in the bin k that holds x, of width w and height h, with :math:`\theta = (x - x_k) / w`,
    :math:`\bar\theta = 1 - \theta`, and slopes p and q times h / w at its ends. Between two bins of
    widths w, w' and slopes s, s', that slope is the least of 2 s, 2 s' and
    (w' s + w s') / (w + w').

    Parameters
    ----------
    x : array_like
        The elements to transform.
    widths, heights : array_like
        Raw sizes of the K bins, whose softmax is their shares, of the shape of `x` and then
        ``(..., K)``; batch dimensions broadcast. Views of one array of parameters cost no copy.
    derivatives : array_like
        Raw slopes ``(..., 2)`` at the left and right end: 3 sigmoid(u) times that of the bin there.
    {inverse_of_spline}
    {bound_of_spline}
    tails : {"linear", None}, default "linear"
        The transform outside of the bins. "linear" is the identity, with a log-derivative of 0. The
        log-derivative jumps at the bound where the slope of the end is not 1. None refuses elements
        outside.
    min_bin_width, min_bin_height : float, default 1e-3
        Least size of a bin, as a share of the interval.
    {outs_or_x}

    Returns
    -------
    {y_and_log_derivative}

    Raises
    ------
    {raises_of_spline}

    Notes
    -----
    This is the spline of nflows, for [-bound, bound] in place of [0, 1]. The inverse of nflows
    solves the cubic in closed form, which cancels: in either precision it was off by up to 0.15 of
    the bound, and NaN where a bin is a line. Here the inverse finds the root from its nearer end,
    to rounding, also a double or triple root. Its error in x is the error of y over the slope.

    Knots, and the place of a point between them, are computed in double and end exactly at the
    bound. In float32, y is right within 1 ULP of the bound, and the log-derivative to 1e-6. In
    float64, both are right within 4 ULP of their largest terms. All four inputs have gradients,
    which are finite outside of the bins too. A NaN or a raw size of inf gives NaN. A raw size of
    -inf gives a bin of the least size. An infinite raw slope gives the limit.

    References
    ----------
    .. [1] Durkan, Bekasov, Murray and Papamakarios, "Cubic-Spline Flows", ICML workshop 2019.
    .. [2] Steffen, "A simple method for monotonic interpolation in one dimension", 1990.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> spline = np.zeros(4), np.array([0.0, 1.0, 0.0, 0.0]), np.zeros(2)
    >>> y, logabsdet = fastgen.flow.cubic_spline(np.array([-2.0, 0.0, 0.5]), *spline)
    >>> y.round(6), logabsdet.round(6)
    (array([-2.      ,  0.299287,  0.649644]), array([ 0.      ,  0.261816, -0.355657]))
    >>> fastgen.flow.cubic_spline(y, *spline, inverse=True)[0].round(6)
    array([-2. ,  0. ,  0.5])
    """
    inputs = (in_domain(_NAME, x, bound, tails), widths, heights, derivatives)
    op = _operation(inputs, inverse, bound, tails, min_bin_width, min_bin_height)
    return row(op, inputs, out=out)
