"""The Jensen-Shannon divergence of distributions that are given by logits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastgen._core import result_dtype
from fastgen._derivatives import as_input, with_rule
from fastgen._ops import OPS
from fastgen.gan._sums import Array

__all__ = ["js_divergence_from_logits"]

_exp, _expm1, _log, _log1p = (OPS[f"elementary.{f}"] for f in ("exp", "expm1", "log", "log1p"))
_total = OPS["elementary.total"]
_js_of_ratio = OPS["gan.f_divergence_jensen_shannon"]
_Axis = int | tuple[int, ...] | None
_BLOCK = 16384  # elements


def _normalised(logits: Array) -> tuple[Array, Array, Array]:
    """The largest logits, the probabilities, and the log of their sum relative to the largest."""
    largest = np.max(logits, axis=-1, keepdims=True, initial=-np.inf)
    powers = np.asarray(_exp((logits - largest,)))
    total = np.asarray(_total((powers,), -1, True))
    return largest, powers / total, np.asarray(_log((total,)))


def _difference(a: Array, b: Array) -> tuple[Array, Array]:
    """A - b, 0 where both are the same infinity, and exactly what it lost to rounding."""
    d = np.where(a == b, 0.0, a - b)
    part = d - a
    lost = (a - (d - part)) - (b + part)
    return d, np.where(np.isfinite(lost), lost, 0.0)


def _probabilities(a: Array, b: Array) -> tuple[Array, Array, Array]:
    """P, q and log(p / q) of rows, the latter to full relative precision where p and q are close.

    log(p / q) = d - log(sum p / sum q), with d the difference of the logits less that of their
    largest. The last logarithm is log(1 + sum q (e^d - 1)), of which no digit is lost near 0.
    """
    (largest_a, p, log_a), (largest_b, q, log_b) = _normalised(a), _normalised(b)
    (apart, lost), (shift, lost_too) = _difference(a, b), _difference(largest_a, largest_b)
    apart = (apart - shift) + (lost - lost_too)
    known = log_a - log_b
    far = p * np.asarray(_exp((known,))) - q
    excess = np.where(abs(apart) < 1, q * np.asarray(_expm1((apart,))), far)
    exact = np.asarray(_log1p((np.asarray(_total((excess,), -1, True)),)))
    return p, q, apart - np.where(abs(known) < 0.5, exact, known)


def _divergence(p: Array, q: Array, log_ratio: Array) -> Any:
    larger = np.where(log_ratio > 0, p, q)
    return _total((larger * np.asarray(_js_of_ratio((-abs(log_ratio),))),))


def _gradient(p: Array, log_ratio: Array) -> Array:
    """p (g - sum p g), g = 1/2 log(2p / (p + q)), which w = log((1 + e^-|log p/q|) / 2) gives."""
    w = np.asarray(_log1p((0.5 * np.asarray(_expm1((-abs(log_ratio),))),)))
    slope = 0.5 * np.where(log_ratio > 0, -w, log_ratio - w)
    weighted = np.where(p == 0, 0.0, p * slope)
    gradient: Array = weighted - p * np.asarray(_total((weighted,), -1, True))
    return gradient


def _by_rows(inputs: tuple[Any, ...], axis: _Axis, wanted: list[int]) -> tuple[Array, list[Array]]:
    """The divergences and the wanted gradients, a few rows at a time, which stay in the cache."""
    OPS["gan.js_divergence"](inputs, axis)  # refuses what the divergence of probabilities refuses
    arrays = np.broadcast_arrays(*inputs)
    ndim = arrays[0].ndim
    axes = tuple(range(ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    last = tuple(range(ndim - len(axes), ndim))
    moved = [np.moveaxis(x, axes, last) for x in arrays]
    shape, batch = moved[0].shape, moved[0].shape[: ndim - len(axes)]
    a, b = (x.reshape(math.prod(batch), math.prod(shape[len(batch) :])) for x in moved)
    value = np.empty(len(a))
    gradients = [np.empty(a.shape, result_dtype(inputs)) for _ in wanted]
    step = max(1, _BLOCK // max(1, a.shape[1]))
    with np.errstate(all="ignore"):
        for start in range(0, len(a), step):
            rows = slice(start, start + step)
            p, q, ratio = _probabilities(a[rows].astype(float), b[rows].astype(float))
            value[rows] = _divergence(p, q, ratio)
            for gradient, k in zip(gradients, wanted, strict=True):
                gradient[rows] = _gradient(q, -ratio) if k else _gradient(p, ratio)
    back = [np.moveaxis(g.reshape(shape), last, axes) for g in gradients]
    return value.reshape(batch), back


def _rule(
    wanted: list[int],
    inputs: tuple[Any, ...],
    cotangent: Any,
    with_value: bool,
    *,
    axis: _Axis = -1,
) -> tuple[Any, tuple[Any, ...]]:
    value, gradients = _by_rows(inputs, axis, wanted)
    scale = np.asarray(cotangent)
    if scale.ndim and axis is not None:
        scale = np.expand_dims(np.broadcast_to(scale, value.shape), axis)
    scaled = [(scale * g).astype(g.dtype) for g in gradients]
    return value.astype(result_dtype(inputs))[()], tuple(
        as_input(g, inputs[k]) for g, k in zip(scaled, wanted, strict=True)
    )


@with_rule(_rule, nin=2)
def js_divergence_from_logits(
    logits_p: ArrayLike, logits_q: ArrayLike, /, *, axis: _Axis = -1
) -> Any:
    r"""Jensen-Shannon divergence of two discrete distributions, from logits.

    .. math:: \mathrm{JS}(\mathrm{softmax}(a), \mathrm{softmax}(b))

    Parameters
    ----------
    logits_p, logits_q : array_like
        Logits :math:`a` and :math:`b`, up to a constant of each sample. Their shapes broadcast
        together. -inf is a probability of 0.
    axis : int, tuple of int, or None, default -1
        The event axes. None takes all.

    Returns
    -------
    ndarray or scalar
        In nats, of the batch shape and of the float type of the logits. Between 0 and log 2.

    Raises
    ------
    ValueError
        If shapes do not broadcast, or `axis` is out of range.
    TypeError
        If an input is complex, longdouble, object or masked.

    Notes
    -----
    Computed in float64 and rounded once. No digit is lost as the distributions approach each
    other: their ratio comes from the difference of the logits. A logit of +inf gives NaN.

    This function takes several passes over memory; for probabilities, `js_divergence` takes one.

    References
    ----------
    .. [1] Lin, "Divergence measures based on the Shannon entropy", IEEE Trans. Inf. Theory, 1991.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> float(fastgen.gan.js_divergence_from_logits(np.array([0.0, 1e4]), np.array([1e4, 0.0])))
    0.6931471805599453
    """
    value, _ = _by_rows((logits_p, logits_q), axis, [])
    return value.astype(result_dtype((logits_p, logits_q)))[()]
