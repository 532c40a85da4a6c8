"""Conversions between what networks predict on a path: velocity, data, noise and score."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import numpy as np

from fastgen._compose import composed
from fastgen._ops import OPS, chosen
from fastgen._typing import Array, ArrayLike
from fastgen.diffusion import _rows
from fastgen.diffusion.paths.path import Path, at, first_without

__all__ = ["convert"]

_convert = OPS["diffusion.linear_combination"].called("diffusion.paths.convert")
PREDICTIONS = dict.fromkeys(["velocity", "x1", "epsilon", "score"])
Kind = Literal["velocity", "x1", "epsilon", "score"]

# For each source and target: the coefficients of x_t and of the prediction, from alpha, sigma,
# their derivatives p and q, and d = alpha q - p sigma. On all paths with falling noise and rising
# signal, the two terms of d have one sign.
MAPS = {
    ("velocity", "x1"): lambda a, s, p, q, d: (q / d, -s / d),
    ("velocity", "epsilon"): lambda a, s, p, q, d: (-p / d, a / d),
    ("velocity", "score"): lambda a, s, p, q, d: (p / d / s, -a / d / s),
    ("x1", "velocity"): lambda a, s, p, q, d: (q / s, -d / s),
    ("x1", "epsilon"): lambda a, s, p, q, d: (1 / s, -a / s),
    ("x1", "score"): lambda a, s, p, q, d: (-1 / s / s, a / s / s),
    ("epsilon", "velocity"): lambda a, s, p, q, d: (p / a, d / a),
    ("epsilon", "x1"): lambda a, s, p, q, d: (1 / a, -s / a),
    ("epsilon", "score"): lambda a, s, p, q, d: (0 * s, -1 / s),
    ("score", "velocity"): lambda a, s, p, q, d: (p / a, -d * s / a),
    ("score", "x1"): lambda a, s, p, q, d: (1 / a, s * s / a),
    ("score", "epsilon"): lambda a, s, p, q, d: (0 * s, -s),
}


def _of_conversion(t: Any, function: str, path: Path, source: str, target: str) -> tuple[Any, Any]:
    """Return the coefficients of x_t and of the prediction, or raise a ValueError."""
    if source == target:
        return np.zeros_like(t), np.ones_like(t)
    a, s, p, q = map(np.asarray, path._at(t))
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        of_x, of_prediction = MAPS[source, target](a, s, p, q, a * q - p * s)
    ordinary = np.isfinite(of_x) & np.isfinite(of_prediction)
    if "velocity" in (source, target):  # an infinite velocity would leave coefficients of 0
        ordinary &= np.isfinite(p) & np.isfinite(q)
    where = first_without(ordinary, t)
    if where is not None:
        raise ValueError(
            f"{function}: {source} does not determine {target} at t = {where:g} of {path!r}"
        )
    return of_x, of_prediction


@composed(inputs=2, operands=("x_t", "prediction", "t", "t"))
def convert(
    x_t: ArrayLike,
    prediction: ArrayLike,
    t: ArrayLike,
    path: Path,
    *,
    source: Kind,
    target: Kind,
    out: Array | None = None,
) -> Array:
    r"""Turn one kind of prediction on a path into another.

    ============== =====================================================================
    ``"velocity"`` :math:`\dot\alpha_t x_1 + \dot\sigma_t \epsilon`
    ``"x1"``       the data in :math:`x_t = \alpha_t x_1 + \sigma_t \epsilon`
    ``"epsilon"``  the noise in it, the start of the path
    ``"score"``    :math:`-\epsilon / \sigma_t`, the slope of the log-density of :math:`x_t`
    ============== =====================================================================

    .. math:: y = a_t x_t + b_t p

    Parameters
    ----------
    x_t : array_like
        Points on the path.
    prediction : array_like
        The prediction p of the network, of the shape of `x_t`.
    t, path
        As in `sample`.
    source, target : {"velocity", "x1", "epsilon", "score"}
        The kind of `prediction` and the kind of the result, of the table above.
    {out_or_input}

    Returns
    -------
    ndarray
        Of the shape of `x_t`.

    Raises
    ------
    ValueError
        If shapes do not fit, a time lies outside [0, 1], a kind is unknown, or the prediction does
        not determine the target at a time: at 0, where there is no data, noise and score do not
        determine data or velocity, nor does the velocity of ``Polynomial(n)`` for n > 1 determine
        anything; at 1, where there is no noise, data do not determine the noise or the velocity,
        and nothing has a score. Where the velocity is infinite, nothing is converted to or from it.
    TypeError
        If an input is complex, longdouble, object or masked, or `path` is no path.

    Notes
    -----
    The function takes one pass over memory, with coefficients in float64, which are exact within
    a few ULP up to the ends: with :math:`d_t = \alpha_t \dot\sigma_t - \dot\alpha_t \sigma_t`, the
    data are :math:`(\dot\sigma_t x_t - \sigma_t \dot x_t) / d_t` and the noise is
    :math:`(\alpha_t \dot x_t - \dot\alpha_t x_t) / d_t`, and nothing cancels in :math:`d_t`. Next
    to an end, the coefficients may be large: they multiply the error of the prediction. The error
    is within 2 ULP of the larger of the two terms. `x_t` and `prediction` have derivatives.

    `fastgen.diffusion.convert` is the same for schedules, where "x0" is the data.

    References
    ----------
    .. [1] Lipman et al., "Flow Matching Guide and Code", 2024.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgen.diffusion import paths
    >>> x_t, velocity = np.full(2, 0.25), np.ones(2)
    >>> paths.convert(x_t, velocity, 0.25, paths.Linear(), source="velocity", target="x1")
    array([1., 1.])
    """
    chosen("paths.convert", "source", PREDICTIONS, source)
    chosen("paths.convert", "target", PREDICTIONS, target)
    found = partial(_of_conversion, source=source, target=target)
    coefficients = at("paths.convert", path, t, found, 2)
    call = ("paths.convert", ("x_t", "prediction"), (x_t, prediction), ("t", t), coefficients)
    return _rows.along_leading(_convert, *call, out)
