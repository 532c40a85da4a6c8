"""The Jensen-Shannon divergence of distributions that are given by logits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastgen._derivatives import as_input, with_rule
from fastgen._ops import OPS
from fastgen.gan._sums import Array, float_type

__all__ = ["js_divergence_from_logits"]

_exp, _expm1, _log, _log1p = (OPS[f"elementary.{f}"] for f in ("exp", "expm1", "log", "log1p"))
_total = OPS["elementary.total"]
_js_of_ratio = OPS["gan.f_divergence_jensen_shannon"]
_Axis = int | tuple[int, ...] | None


def _normalised(logits: Array, axis: _Axis) -> tuple[Array, Array, Array]:
    """The largest logits, the probabilities, and the log of their sum relative to the largest."""
    largest = np.max(logits, axis=axis, keepdims=True, initial=-np.inf)
    powers = np.asarray(_exp((logits - largest,)))
    total = np.asarray(_total((powers,), axis, True))
    return largest, powers / total, np.asarray(_log((total,)))


def _difference(a: Array, b: Array) -> tuple[Array, Array]:
    """A - b, 0 where both are the same infinity, and exactly what it lost to rounding."""
    d = np.where(a == b, 0.0, a - b)
    part = d - a
    lost = (a - (d - part)) - (b + part)
    return d, np.where(np.isfinite(lost), lost, 0.0)


def _probabilities(
    logits_p: ArrayLike, logits_q: ArrayLike, axis: _Axis
) -> tuple[Array, Array, Array]:
    """P, q and log(p / q), the latter to full relative precision where p and q are close.

    log(p / q) = d - log(sum p / sum q), with d the difference of the logits less that of their
    largest. The last logarithm is log(1 + sum q (e^d - 1)), of which no digit is lost near 0.
    """
    wide = [np.array(x, np.float64) for x in (logits_p, logits_q)]
    a, b = np.broadcast_arrays(*wide)
    with np.errstate(all="ignore"):
        (largest_a, p, log_a), (largest_b, q, log_b) = _normalised(a, axis), _normalised(b, axis)
        (apart, lost), (shift, lost_too) = _difference(a, b), _difference(largest_a, largest_b)
        apart = (apart - shift) + (lost - lost_too)
        known = log_a - log_b
        far = p * np.asarray(_exp((known,))) - q
        excess = np.where(abs(apart) < 1, q * np.asarray(_expm1((apart,))), far)
        exact = np.asarray(_log1p((np.asarray(_total((excess,), axis, True)),)))
        return p, q, apart - np.where(abs(known) < 0.5, exact, known)


def _value(p: Array, q: Array, log_ratio: Array, axis: _Axis, dtype: Any) -> Any:
    larger = np.where(log_ratio > 0, p, q)
    with np.errstate(all="ignore"):
        terms = larger * np.asarray(_js_of_ratio((-abs(log_ratio),)))
        return np.asarray(_total((terms,), axis)).astype(dtype)[()]


def _gradient(p: Array, log_ratio: Array, axis: _Axis) -> Array:
    """p (g - sum p g), g = 1/2 log(2p / (p + q)), which w = log((1 + e^-|log p/q|) / 2) gives."""
    with np.errstate(all="ignore"):
        w = np.asarray(_log1p((0.5 * np.asarray(_expm1((-abs(log_ratio),))),)))
        slope = 0.5 * np.where(log_ratio > 0, -w, log_ratio - w)
        weighted = np.where(p == 0, 0.0, p * slope)
        gradient: Array = weighted - p * np.asarray(_total((weighted,), axis, True))
    return gradient


def _rule(
    wanted: list[int],
    inputs: tuple[Any, ...],
    cotangent: Any,
    with_value: bool,
    *,
    axis: _Axis = -1,
) -> tuple[Any, tuple[Any, ...]]:
    _check(inputs, axis)
    dtype = float_type(inputs)
    p, q, log_ratio = _probabilities(inputs[0], inputs[1], axis)
    value = _value(p, q, log_ratio, axis, dtype) if with_value else None
    axes = tuple(range(p.ndim)) if axis is None else axis
    scale = np.broadcast_to(np.asarray(cotangent, np.float64), np.sum(p, axis=axes).shape)
    scale = np.expand_dims(scale, axes)
    of = {0: (p, log_ratio), 1: (q, -log_ratio)}
    gradients = [(scale * _gradient(*of[k], axis)).astype(dtype) for k in wanted]
    return value, tuple(as_input(g, inputs[k]) for g, k in zip(gradients, wanted, strict=True))


def _check(inputs: tuple[Any, ...], axis: _Axis) -> None:
    """Refuse what the operation on probabilities refuses."""
    OPS["gan.js_divergence"](inputs, axis)


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
    _check((logits_p, logits_q), axis)
    p, q, log_ratio = _probabilities(logits_p, logits_q, axis)
    return _value(p, q, log_ratio, axis, float_type((logits_p, logits_q)))
