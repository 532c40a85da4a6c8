"""Linear interpolation."""

from __future__ import annotations

from fastgen._ops import OPS
from fastgen._registry import operation
from fastgen._typing import Array, ArrayLike, Axis

__all__ = ["lerp"]

_lerp = OPS["elementary.lerp"]


@operation("elementary.lerp")
def lerp(
    x: ArrayLike,
    y: ArrayLike,
    t: ArrayLike,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
    out: Array | None = None,
) -> Array:
    r"""Linear interpolation between two arrays.

    .. math:: x + t (y - x)

    Parameters
    ----------
    x, y : array_like
        The ends. Their shapes broadcast together, usually ``(batch, features)``.
    t : array_like
        The weight of `y`: a number, or an array of the batch shape, without the event axes.
    {axis_of_coefficients}
    {keepdims_of_coefficients}
    {out_or_x}

    Returns
    -------
    ndarray or scalar
        Of the shape of x and y. Exactly x at t = 0, exactly y at t = 1, and exactly x where the two
        are equal.

    Raises
    ------
    {raises}

    Notes
    -----
    Max error: 1.5 ULP of the larger of :math:`|x|` and :math:`|y|`, for t from 0 to 1. Other t are
    not refused. `fastgen.ema.update` does this to many arrays in place.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> fastgen.elementary.lerp(np.zeros(2), np.array([1.0, 2.0]), 0.25)
    array([0.25, 0.5 ])
    """
    return _lerp((x, y, t), axis, keepdims, out)
