"""Monotonic splines: elementwise transforms with parameters from a network."""

from __future__ import annotations

import functools
import math
from typing import Any, Literal

from fastgen._compose import composed, row
from fastgen._core import Op
from fastgen._messages import check_real
from fastgen._ops import chosen
from fastgen._registry import operation
from fastgen._typing import Array, ArrayLike, OutPair, SplineConvention
from fastgen.flow._spline_options import (
    TAILS,
    check_bins,
    check_bound,
    check_least,
    checked,
    failure,
    in_domain,
    kind_of_tails,
    row_of,
    size_of,
)

__all__ = ["rational_quadratic_spline"]

_NAME = "rational_quadratic_spline"
# The numbers of the conventions in csrc/flow/splines/spline_options.h.
_CONVENTIONS = {"nflows": 0, "zuko": 1, "distrax": 2, "tfp": 3}
_COUNTS = {"linear": ("K - 1", "K + 1"), "none": ("K - 1", "K + 1"), "circular": ("K",)}


def _check_counts(bins: int, slopes: int, tails: str, convention: str) -> None:
    """Raise if the number of bins or of slopes is wrong."""
    check_bins(_NAME, "widths", bins)
    counts = {"K - 1": bins - 1, "K": bins, "K + 1": bins + 1}
    allowed = _COUNTS[tails]
    if convention == "tfp" and tails != "none":  # outside of the bins, it is the identity
        allowed = ("K - 1",)
    if slopes not in [counts[count] for count in allowed]:
        expected = " or ".join(f"{count} = {counts[count]}" for count in allowed)
        raise failure(_NAME, "derivatives", f"{expected} for {bins} bins and these tails", slopes)


def _check_minima(
    bins: int, bound: float, minima: tuple[float, float, float], convention: str
) -> None:
    """Raise if the least bins do not fit in the interval, or the least slope is out of range."""
    check_bound(_NAME, bound)
    if convention in ("nflows", "distrax"):
        room = 1.0 if convention == "nflows" else 2 * bound
        for what, least in zip(("min_bin_width", "min_bin_height"), minima, strict=False):
            check_least(_NAME, what, least, bins, room)
    low, high = (-math.inf, math.inf) if convention == "tfp" else (0, 1)
    if not low <= minima[2] < high or (convention == "zuko" and minima[2] == 0):
        expected = "from 0 (for zuko, above 0) to below 1"
        raise failure(_NAME, "min_derivative", expected, minima[2])


@functools.lru_cache(maxsize=256)
def _configured(
    bins: int,
    slopes: int,
    inverse: bool,
    bound: float,
    tails: str,
    minima: tuple[float, float, float],
    convention: str,
) -> Op:
    """Return the operation with these options."""
    _check_counts(bins, slopes, tails, convention)
    _check_minima(bins, bound, minima, convention)
    width, height, slope = minima
    offset = 0.0
    if convention == "distrax":  # a raw slope of 0 gives the slope 1
        offset = math.log(math.expm1(1 - slope))
    elif convention == "zuko":  # log slopes are softly clipped at +-|log min_derivative|
        offset = 1 / abs(math.log(slope))
        width = height = 2 * offset
        slope = 0.0
    return row_of(_NAME, inverse).with_options(
        bound, width, height, slope, offset, _CONVENTIONS[convention], TAILS[tails]
    )


def _operation(
    inputs: tuple[Any, ...],
    inverse: bool = False,
    bound: float = 1.0,
    tails: str | None = "linear",
    min_bin_width: float = 1e-3,
    min_bin_height: float = 1e-3,
    min_derivative: float = 1e-3,
    convention: str = "nflows",
) -> Op:
    """Check inputs and options, and return the operation for them."""
    chosen(_NAME, "convention", _CONVENTIONS, convention)
    check_real(_NAME, bound=bound, min_bin_width=min_bin_width, min_bin_height=min_bin_height)
    check_real(_NAME, min_derivative=min_derivative)
    kind = kind_of_tails(_NAME, tails, ("linear", "circular"))
    minima = (float(min_bin_width), float(min_bin_height), float(min_derivative))
    sizes = size_of(inputs[1]), size_of(inputs[3])
    told = functools.partial(
        _configured, *sizes, bool(inverse), float(bound), kind, minima, convention
    )
    return checked(_NAME, inputs, bound, tails, told)


@operation(
    {False: "flow.rational_quadratic_spline", True: "flow.rational_quadratic_spline_inverse"},
    choice="inverse",
)
@composed(inputs=4)
def rational_quadratic_spline(
    x: ArrayLike,
    widths: ArrayLike,
    heights: ArrayLike,
    derivatives: ArrayLike,
    *,
    inverse: bool = False,
    bound: float = 1.0,
    tails: Literal["linear", "circular"] | None = "linear",
    min_bin_width: float = 1e-3,
    min_bin_height: float = 1e-3,
    min_derivative: float = 1e-3,
    convention: SplineConvention = "nflows",
    out: OutPair = None,
) -> tuple[Array, Array]:
    r"""Monotonic rational-quadratic spline of every element, with its log-derivative.

    .. math:: y = y_k + h \frac{s \theta^2 + d_k \theta \bar\theta}{D}, \quad
              \log \frac{dy}{dx} = \log \frac{s^2 (d_{k+1} \theta^2 + 2 s \theta \bar\theta
              + d_k \bar\theta^2)}{D^2}

    in the bin k that holds x, of width w, height h and slope :math:`s = h / w`, with
    :math:`\theta = (x - x_k) / w`, :math:`\bar\theta = 1 - \theta` and
    :math:`D = s (\theta^2 + \bar\theta^2) + (d_k + d_{k+1}) \theta \bar\theta`.

    Parameters
    ----------
    x : array_like
        The elements to transform.
    widths, heights : array_like
        Raw sizes of the K bins, of the shape of `x` and then ``(..., K)``; batch dimensions
        broadcast. Views of one array of parameters cost no copy.
    derivatives : array_like
        Raw slopes, at K - 1, K + 1 or, with circular tails, K knots. K - 1 are those of the knots
        between bins, and the slope at both ends is 1. With circular tails, the last knot is also
        the first. For "tfp", K + 1 need ``tails=None``.
    {inverse_of_spline}
    {bound_of_spline}
    tails : {"linear", None, "circular"}, default "linear"
        The transform outside of the bins. "linear" is a line with the slope of the end, which is
        the identity for K - 1 derivatives. None refuses elements outside. "circular" repeats the
        spline: :math:`y(x + 2B) = y(x) + 2B` for the bound B.
    min_bin_width, min_bin_height : float, default 1e-3
        The least size of a bin. It is a share of the interval for "nflows" and a length for
        "distrax". The other conventions have none.
    min_derivative : float, default 1e-3
        The least slope. For "zuko", it is `slope` of that library, and its inverse is the largest
        slope. "tfp" does not use it.
    convention : {"nflows", "zuko", "distrax", "tfp"}, default "nflows"
        The meaning of raw parameters: that of the library. Sizes are softmax of the parameters,
        which "zuko" softly clips first. Slopes are softplus for "nflows" and "distrax" (where 0
        means 1), and exp for "zuko". For "tfp", the parameters are the sizes and slopes themselves.
    {outs_or_x}

    Returns
    -------
    {y_and_log_derivative}

    Raises
    ------
    {raises_of_spline}

    Notes
    -----
    Knots, and the place of a point between them, are computed in double and end exactly at the
    bound, so sharp splines lose no digits. Knots in float32 cost up to 9 nats. In float32, y is
    right within 1 ULP of the bound, and the log-derivative to 1e-5. In float64, both are right
    within 8 ULP of their largest terms. The inverse takes the root of a
    sum of squares, so no discriminant is negative. Its error in x is that of y over the slope. All
    four inputs have gradients, which are finite outside of the bins too. A NaN or an infinite
    parameter gives NaN.

    References
    ----------
    .. [1] Durkan, Bekasov, Murray and Papamakarios, "Neural Spline Flows", NeurIPS 2019.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> zeros = np.zeros(4)
    >>> y, logabsdet = fastgen.flow.rational_quadratic_spline(
    ...     np.array([-2.0, 0.0, 0.5]), zeros, zeros, np.array([0.0, 1.0, 0.0])
    ... )
    >>> y.round(6), logabsdet.round(6)
    (array([-2. ,  0. ,  0.5]), array([ 0.      ,  0.273275, -0.365071]))
    >>> fastgen.flow.rational_quadratic_spline(y, zeros, zeros, np.array([0.0, 1.0, 0.0]),
    ...     inverse=True)[0].round(6)
    array([-2. ,  0. ,  0.5])
    """
    inputs = (in_domain(_NAME, x, bound, tails), widths, heights, derivatives)
    minima = min_bin_width, min_bin_height, min_derivative
    return row(_operation(inputs, inverse, bound, tails, *minima, convention), inputs, out=out)
