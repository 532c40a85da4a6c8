"""Normalizing flows: transforms with their log-determinants, in plain NumPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastgen.reference.flow_splines import cubic_spline as cubic_spline
from fastgen.reference.flow_splines import linear_spline as linear_spline
from fastgen.reference.flow_splines import quadratic_spline as quadratic_spline
from fastgen.reference.flow_splines import rational_quadratic_spline as rational_quadratic_spline

Axis = int | tuple[int, ...] | None


def logabsdet_diagonal(diagonal: Any, *, axis: Axis = -1, keepdims: bool = False) -> Any:
    """Log-determinant of diagonal matrices, from their diagonals."""
    return np.sum(np.log(np.abs(diagonal)), axis=axis, keepdims=keepdims)


def logdet_triangular(tril: Any, *, unit_diagonal: bool = False) -> Any:
    """Log-determinant of triangular matrices."""
    diagonal = np.diagonal(tril, axis1=-2, axis2=-1)
    return logabsdet_diagonal(np.ones_like(diagonal) if unit_diagonal else diagonal)


def logdet_lu(lu: Any, *, height: int = 1, width: int = 1) -> Any:
    """Log-determinant of matrices in factors L U, applied to every pixel of an image."""
    return height * width * logdet_triangular(lu)


def slogdet_diagonal(diagonal: Any, *, axis: Axis = -1, keepdims: bool = False) -> Any:
    """Sign and log-determinant of diagonal matrices, from their diagonals."""
    sign = np.prod(np.sign(diagonal), axis=axis, keepdims=keepdims)
    return sign, logabsdet_diagonal(diagonal, axis=axis, keepdims=keepdims)


def slogdet_triangular(tril: Any) -> Any:
    """Sign and log-determinant of triangular matrices."""
    return slogdet_diagonal(np.diagonal(tril, axis1=-2, axis2=-1))


def slogdet(a: Any) -> Any:
    """Sign and log-determinant of small matrices."""
    return tuple(np.linalg.slogdet(a))


def _log_scale(u: Any, limit: Any, scale_map: str) -> Any:
    if scale_map == "exp":
        return u
    if scale_map == "sigmoid":
        return np.log(1 / (1 + np.exp(-(u + 2))) + 1e-3)
    if scale_map == "softplus":
        return np.log(np.minimum(np.logaddexp(u, 0) + 1e-3, 3 if limit is None else limit))
    if scale_map == "tanh":
        return (1.0 if limit is None else limit) * np.tanh(u)
    return u / (1 + np.abs(u) / (math.log(1000) if limit is None else limit))


def affine_coupling(
    x: Any,
    log_scale: Any,
    shift: Any,
    mask: Any = None,
    limit: Any = None,
    *,
    scale_map: str = "exp",
    axis: Axis = -1,
    keepdims: bool = False,
) -> Any:
    """Affine coupling: scale and shift, with the log-determinant."""
    moves = np.ones_like(x, bool) if mask is None else np.logical_not(np.greater(mask, 0.5))
    log_s = np.where(moves, _log_scale(log_scale, limit, scale_map), 0)
    y = np.where(moves, x * np.exp(log_s) + shift, x)
    return y, np.sum(log_s + np.zeros_like(y), axis=axis, keepdims=keepdims)


def affine_coupling_inverse(
    y: Any,
    log_scale: Any,
    shift: Any,
    mask: Any = None,
    limit: Any = None,
    *,
    scale_map: str = "exp",
    axis: Axis = -1,
    keepdims: bool = False,
) -> Any:
    """Inverse of `affine_coupling`, with its own log-determinant."""
    moves = np.ones_like(y, bool) if mask is None else np.logical_not(np.greater(mask, 0.5))
    log_s = np.where(moves, _log_scale(log_scale, limit, scale_map), 0)
    x = np.where(moves, (y - shift) * np.exp(-log_s), y)
    return x, -np.sum(log_s + np.zeros_like(x), axis=axis, keepdims=keepdims)


def additive_coupling(
    x: Any, shift: Any, /, mask: Any = None, *, axis: Axis = -1, keepdims: bool = False
) -> Any:
    """Additive coupling, whose log-determinant is 0."""
    y = x + shift if mask is None else np.where(np.greater(mask, 0.5), x, x + shift)
    return y, np.sum(np.zeros_like(y), axis=axis, keepdims=keepdims)


def additive_coupling_inverse(
    y: Any, shift: Any, /, mask: Any = None, *, axis: Axis = -1, keepdims: bool = False
) -> Any:
    """Inverse of `additive_coupling`."""
    x = y - shift if mask is None else np.where(np.greater(mask, 0.5), y, y - shift)
    return x, np.sum(np.zeros_like(x), axis=axis, keepdims=keepdims)


def actnorm(
    x: Any,
    log_scale: Any,
    shift: Any,
    *,
    inverse: bool = False,
    axis: Axis = -1,
    keepdims: bool = False,
) -> Any:
    """Activation normalization: a learned scale and shift for each channel."""
    function = affine_coupling_inverse if inverse else affine_coupling
    return function(x, log_scale, shift, axis=axis, keepdims=keepdims)


def batch_norm(
    x: Any,
    log_gamma: Any,
    beta: Any,
    mean: Any,
    var: Any,
    eps: Any = 1e-5,
    *,
    inverse: bool = False,
    axis: Axis = -1,
    keepdims: bool = False,
) -> Any:
    """Batch normalization as a flow."""
    log_s = log_gamma - 0.5 * np.log(var + eps)
    if inverse:
        y = (x - beta) * np.exp(-log_gamma) * np.sqrt(var + eps) + mean
    else:
        y = (x - mean) / np.sqrt(var + eps) * np.exp(log_gamma) + beta
    total = np.sum(log_s + np.zeros_like(y), axis=axis, keepdims=keepdims)
    return y, -total if inverse else total


def _with_logabsdet(y: Any, terms: Any, axis: Axis, keepdims: bool) -> Any:
    return y, np.sum(terms + np.zeros_like(y), axis=axis, keepdims=keepdims)


def exp(x: Any, *, inverse: bool = False, axis: Axis = -1, keepdims: bool = False) -> Any:
    """Exponential, to the positive numbers, with its log-determinant."""
    y, terms = (np.log(x), -np.log(x)) if inverse else (np.exp(x), x)
    return _with_logabsdet(y, terms, axis, keepdims)


def sigmoid(x: Any, *, inverse: bool = False, axis: Axis = -1, keepdims: bool = False) -> Any:
    """Logistic sigmoid, to (0, 1), with its log-determinant."""
    return logit(x, inverse=not inverse, axis=axis, keepdims=keepdims)


def logit(
    x: Any,
    alpha: Any = 0.0,
    *,
    inverse: bool = False,
    axis: Axis = -1,
    keepdims: bool = False,
) -> Any:
    """Logit of pixels, kept away from 0 and 1, with its log-determinant."""
    c = 1 - 2 * alpha
    if inverse:
        y = (1 / (1 + np.exp(-x)) - alpha) / c
        terms = -np.abs(x) - 2 * np.log1p(np.exp(-np.abs(x))) - np.log(c)
    else:
        p = alpha + c * x
        y, terms = np.log(p) - np.log(1 - p), np.log(c) - np.log(p) - np.log(1 - p)
    return _with_logabsdet(y, terms, axis, keepdims)


def tanh(x: Any, *, inverse: bool = False, axis: Axis = -1, keepdims: bool = False) -> Any:
    """Hyperbolic tangent, to (-1, 1), with its log-determinant."""
    if inverse:
        return _with_logabsdet(np.arctanh(x), -np.log1p(-(x**2)), axis, keepdims)
    terms = 2 * (math.log(2) - np.abs(x) - np.log1p(np.exp(-2 * np.abs(x))))
    return _with_logabsdet(np.tanh(x), terms, axis, keepdims)


def softplus(x: Any, *, inverse: bool = False, axis: Axis = -1, keepdims: bool = False) -> Any:
    """Softplus, to the positive numbers, with its log-determinant."""
    if inverse:
        gap = np.log(-np.expm1(-x))
        return _with_logabsdet(x + gap, -gap, axis, keepdims)
    return _with_logabsdet(np.logaddexp(x, 0), -np.logaddexp(-x, 0), axis, keepdims)


def leaky_relu(
    x: Any,
    negative_slope: Any = 0.01,
    *,
    inverse: bool = False,
    axis: Axis = -1,
    keepdims: bool = False,
) -> Any:
    """Leaky ReLU, with its log-determinant."""
    slope = np.where(x < 0, negative_slope, 1)
    if inverse:
        return _with_logabsdet(x / slope, -np.log(slope), axis, keepdims)
    return _with_logabsdet(x * slope, np.log(slope), axis, keepdims)


def power(
    x: Any,
    exponent: Any = 2.0,
    *,
    inverse: bool = False,
    axis: Axis = -1,
    keepdims: bool = False,
) -> Any:
    """Power that keeps the sign, with its log-determinant."""
    p = 1 / exponent if inverse else exponent
    terms = np.log(np.abs(p)) + (p - 1) * np.log(np.abs(x))
    return _with_logabsdet(np.sign(x) * np.abs(x) ** p, terms, axis, keepdims)


def soft_clip(
    x: Any,
    bound: Any = 5.0,
    *,
    inverse: bool = False,
    axis: Axis = -1,
    keepdims: bool = False,
) -> Any:
    """Soft clip, to (-b, b), with its log-determinant."""
    grown = 1 - np.abs(x) / bound if inverse else 1 + np.abs(x) / bound
    return _with_logabsdet(x / grown, -2 * np.log(grown), axis, keepdims)


def log_prob(z: Any, logabsdet: Any, *, axis: Axis = -1, keepdims: bool = False) -> Any:
    """Log-likelihood of data that a flow maps to a standard normal distribution."""
    log_2_pi = math.log(2 * math.pi)
    return -0.5 * np.sum(z**2 + log_2_pi, axis=axis, keepdims=keepdims) + logabsdet


def bits_per_dim(log_prob: Any, *, dims: int, bins: int = 256) -> Any:
    """Bits per dimension, from the log-likelihood of dequantized data."""
    return -log_prob / (dims * math.log(2)) + math.log2(bins)


def planar(x: Any, w: Any, u: Any, b: Any, *, axis: Axis = -1, keepdims: bool = False) -> Any:
    """Planar flow, with its log-determinant."""
    x, w, u = np.broadcast_arrays(x, w, u)
    wu, ww = (np.sum(w * v, axis=axis, keepdims=True) for v in (u, w))
    b = b if keepdims or np.ndim(b) == 0 else np.reshape(b, np.shape(wu))
    m = np.logaddexp(wu, 0) - 1
    u = u + np.where(ww > 0, (m - wu) / np.where(ww > 0, ww, 1), 0) * w
    h = np.tanh(np.sum(w * x, axis=axis, keepdims=True) + b)
    logabsdet = np.log1p(np.sum(u * w, axis=axis, keepdims=True) * (1 - h**2))
    return x + u * h, np.sum(logabsdet, axis=axis, keepdims=keepdims)


def radial(
    x: Any,
    center: Any,
    log_alpha: Any,
    beta: Any,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
) -> Any:
    """Radial flow, with its log-determinant."""
    offset = x - center
    r = np.sqrt(np.sum(offset**2, axis=axis, keepdims=True))
    alpha, s = (
        v if keepdims or np.ndim(v) == 0 else np.reshape(v, np.shape(r))
        for v in (np.exp(log_alpha), np.logaddexp(beta, 0))
    )
    k = (s - alpha) / (alpha + r)
    n = offset.size // max(r.size, 1)
    logabsdet = (n - 1) * np.log1p(k) + np.log1p(alpha * k / (alpha + r))
    logabsdet = logabsdet if n else np.zeros_like(logabsdet)
    return x + k * offset, np.sum(logabsdet, axis=axis, keepdims=keepdims)


def split_parameters(params: Any, *, layout: str, axis: int = -1) -> tuple[Any, Any]:
    """Log-scales and shifts in one array, as views of it."""
    params = np.moveaxis(params, axis, 0)
    parts = (params[::2], params[1::2]) if "pairs" in layout else np.split(params, 2)
    first, second = (np.moveaxis(part, 0, axis) for part in parts)
    return (second, first) if layout.startswith("shift") else (first, second)
