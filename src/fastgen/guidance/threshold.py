"""Thresholding: it keeps guided predictions within the range of the data."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from fastgen._abstract import is_dask
from fastgen._arrays import array_of
from fastgen._compose import Result, composed
from fastgen._core import result_dtype
from fastgen._messages import out_of_dask
from fastgen._ops import OPS
from fastgen._plain import of_samples
from fastgen._registry import operation
from fastgen._typing import Array, ArrayLike, Axis
from fastgen.guidance._samples import elementwise

__all__ = ["dynamic_threshold", "scale_to_limit"]

_scale_to_limit = OPS["guidance.scale_to_limit"]


@operation("guidance.scale_to_limit")
@composed(inputs=2)
def scale_to_limit(
    x: ArrayLike, limit: ArrayLike, *, axis: Axis = None, out: Array | None = None
) -> Array:
    r"""Clip at a limit, and divide by it.

    .. math:: \mathrm{clip}(x, -m, m) / m

    Parameters
    ----------
    x : array_like
        The samples, of shape (B, ...).
    limit : array_like
        The limit :math:`m`: a positive number, or one per sample, of shape (B,).
    {axis_of_sample}
    {out_or_x}

    Returns
    -------
    ndarray or scalar
        Of the shape and float type of `x`, between -1 and 1.

    Raises
    ------
    {raises_elementwise}

    Notes
    -----
    The result is correctly rounded.

    Examples
    --------
    >>> import fastgen
    >>> fastgen.guidance.scale_to_limit([-1.0, 0.5, 4.0], 2.0)
    array([-0.5 ,  0.25,  1.  ])
    """
    return elementwise(_scale_to_limit, (x,), (limit,), axis, out)


def dynamic_threshold(
    x0: ArrayLike, *, quantile: float = 0.995, max_limit: float = np.inf, out: Array | None = None
) -> Array:
    r"""Dynamic thresholding: clip each sample at a quantile of its own magnitudes.

    .. math:: \mathrm{clip}(x, -m, m) / m, \qquad
              m = \min(\max(1, \mathrm{quantile}_q |x|), m_{\max})

    Parameters
    ----------
    x0 : array_like
        The predicted samples, of shape (B, ...).
    quantile : float, default 0.995
        The quantile, from 0 to 1, with linear interpolation as in `numpy.quantile`.
    max_limit : float, default inf
        The largest limit, at least 1. A value of 1 clips at 1.
    out : ndarray, optional
        The array that receives the result. It may be `x0`.

    Returns
    -------
    ndarray
        Of the shape and float type of `x0`, between -1 and 1.

    Raises
    ------
    ValueError
        If `quantile` or `max_limit` is out of range, or `out` does not fit.
    TypeError
        If `x0` is complex, longdouble, object or masked.

    Notes
    -----
    The quantile is selected without a sort. A sample that holds a NaN becomes NaN. Source: Saharia
    et al., "Photorealistic Text-to-Image Diffusion Models with Deep Language Understanding" (2022).

    It has no derivative: a quantile is no smooth function.

    Examples
    --------
    >>> import fastgen
    >>> fastgen.guidance.dynamic_threshold([[0.5, -1.0, 2.0, -4.0]], quantile=1.0)
    array([[ 0.125, -0.25 ,  0.5  , -1.   ]])
    """
    if not 0 <= quantile <= 1:
        raise ValueError(f"dynamic_threshold: quantile must lie between 0 and 1, got {quantile}")
    if not max_limit >= 1:
        raise ValueError(f"dynamic_threshold: max_limit must be at least 1, got {max_limit}")
    if is_dask(x0):
        return _lazily(x0, quantile, max_limit, out)
    array = array_of(x0)
    if array.size == 0:
        return scale_to_limit(array, 1.0, out=out)
    flat = array.reshape(1 if array.ndim < 2 else array.shape[0], -1)
    limits = limits_of(flat, quantile, max_limit)
    return scale_to_limit(array, limits if array.ndim > 1 else limits[0], out=out)


def _lazily(x0: Any, quantile: float, max_limit: float, out: Any) -> Any:
    """Return `dynamic_threshold` of a dask array."""
    if out is not None:
        raise TypeError(out_of_dask("guidance.dynamic_threshold", (x0,)))
    call = partial(dynamic_threshold, quantile=quantile, max_limit=max_limit)
    made = Result(x0.shape, result_dtype((x0,)))
    return of_samples(call, "guidance.dynamic_threshold", ("x0",), (x0,), made)


def limits_of_samples(samples: Any, quantile: float, max_limit: float) -> Any:
    """Return the limits of dynamic thresholding: (B, ...) to (B,), of dask arrays lazily."""
    if is_dask(samples):
        call = partial(limits_of_samples, quantile=quantile, max_limit=max_limit)
        made = Result(samples.shape[:1], np.dtype(np.float64))
        return of_samples(call, "guidance.dynamic_threshold", ("x0",), (samples,), made)
    return limits_of(samples.reshape(len(samples), -1), quantile, max_limit)


def limits_of(samples: Any, quantile: float, max_limit: float) -> Any:
    """Return the limits of dynamic thresholding in float64: (B, elements) to (B,)."""
    limits = np.array([_quantile(row, quantile) for row in samples], np.float64)
    return np.minimum(np.maximum(limits, 1.0), max_limit)


def _quantile(row: Any, quantile: float) -> float:
    """Return a quantile of the magnitudes of a sample."""
    magnitudes = np.abs(row.astype(np.float32) if row.dtype.itemsize == 2 else row)
    place = quantile * (magnitudes.size - 1)
    low = int(place)
    high = min(low + 1, magnitudes.size - 1)
    magnitudes.partition((low, high, magnitudes.size - 1))
    if np.isnan(magnitudes[-1]):  # partition moves NaN to the end
        return np.nan
    below, above = float(magnitudes[low]), float(magnitudes[high])
    return below if place == low else below + (place - low) * (above - below)
