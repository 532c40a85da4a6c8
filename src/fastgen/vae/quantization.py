"""Vector quantisation: the nearest code of each vector, and codebooks as averages."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastgen._arrays import array_of
from fastgen._messages import holds_numbers
from fastgen._ops import OPS
from fastgen._row_blocks import row_blocks
from fastgen._typing import Array, ArrayLike

__all__ = ["code_perplexity", "code_sums", "codebook_from_sums", "nearest_code"]

_squared_norm = OPS["elementary.squared_norm"]
_BLOCK = 2**19  # products of a block of vectors with all codes: they stay in the caches


def nearest_code(x: ArrayLike, codebook: ArrayLike) -> Array:
    r"""Index of the code that is nearest to each vector.

    .. math:: \arg\min_k \sum_i (x_i - c_{ki})^2

    Parameters
    ----------
    x : array_like
        The vectors, of shape (..., d).
    codebook : array_like
        The codes, of shape (K, d).

    Returns
    -------
    ndarray or scalar
        Integers of the shape (...). The codes of the vectors are ``codebook[indices]``.

    Raises
    ------
    ValueError
        If `codebook` has no codes, or the vectors have another length than the codes.
    TypeError
        If an input is complex, longdouble, object or masked.

    Notes
    -----
    Of codes at the same distance, the first is taken. A distance that is NaN is not the least; a
    vector with NaN gets index 0.

    Distances are sums of squared differences in float64, so the index is that of the nearest code
    but for a relative difference of 1e-15. Products of vectors and codes, by BLAS, find the codes
    that may be nearest: those within the error bound of the products. Only where several are left,
    their distances are computed. So the index is the same on every machine, and for any batch.
    Blocks of vectors are compared one after the other: no array of all distances exists.

    It has no derivative: an index is no smooth function. In training, the gradient of the code
    passes to `x` as it is (`straight_through`). With PyTorch, give ``x.detach()`` here: an input
    that requires a gradient is refused.

    References
    ----------
    .. [1] van den Oord, Vinyals, Kavukcuoglu, "Neural Discrete Representation Learning", NeurIPS
       2017.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> codebook = np.array([[0.0, 0.0], [1.0, 1.0], [4.0, 0.0]])
    >>> fastgen.vae.nearest_code([[0.9, 0.8], [3.0, -1.0], [0.5, 0.5]], codebook)
    array([1, 2, 0])
    """
    vectors, codes = _numbers("x", x), _numbers("codebook", codebook)
    if codes.ndim != 2 or len(codes) == 0:
        raise ValueError(f"nearest_code: codebook must have the shape (K, d), got {codes.shape}")
    if vectors.ndim == 0 or vectors.shape[-1] != codes.shape[1]:
        raise ValueError(
            f"nearest_code: x must have the shape (..., {codes.shape[1]}), got {vectors.shape}"
        )
    flat = vectors.reshape(math.prod(vectors.shape[:-1]), codes.shape[1])
    found = np.zeros(len(flat), np.int64)
    single = {vectors.dtype, codes.dtype} <= {np.dtype(np.float32)}
    centre = _centre(codes)
    # Around their mean, codes are short, and products cancel little.
    near = (codes - centre).astype(np.float32 if single else np.float64)
    wide = near.astype(np.float64)
    with np.errstate(all="ignore"):
        squares = np.einsum("kd,kd->k", wide, wide)
        half, longest = (squares / 2).astype(near.dtype), float(np.sqrt(squares.max()))
        for block in row_blocks(len(flat), len(codes), _BLOCK):
            rows = flat[block]
            moved = (rows - centre).astype(near.dtype)
            found[block] = _nearest(rows, codes, moved, near.T, half, longest)
    return found.reshape(vectors.shape[:-1])[()]


def _numbers(name: str, x: Any) -> Array:
    """Return an array of float32 or float64, with the values of x."""
    array = array_of(x, name=f"nearest_code: {name}")
    if not holds_numbers(array.dtype):
        raise TypeError(f"nearest_code: {name} must hold real numbers, got {array.dtype}")
    half = array.dtype.kind not in "biu" and array.dtype.itemsize < 8
    return array.astype(np.float32 if half else np.float64, copy=False)


def _centre(codes: Array) -> Array:
    """Return the mean of the codes in float64, or 0 where it is not finite."""
    with np.errstate(all="ignore"):
        mean = codes.mean(axis=0, dtype=np.float64)
    return np.where(np.isfinite(mean), mean, 0.0)


def _nearest(
    rows: Array, codes: Array, moved: Array, near: Array, half: Array, longest: float
) -> Array:
    """Return the nearest codes of a block. `moved` and `near` are rows and codes, centred.

    A score is (|c|^2 - |x - c|^2 + |x|^2) / 2. Its error: d + 3 roundings of the product of the
    lengths, of which 3 are those of the centred numbers, and 4 of the square.
    """
    scores = moved @ near
    scores -= half
    best = scores.argmax(axis=1)
    top = scores[np.arange(len(rows)), best]
    lengths = np.sqrt(np.einsum("nd,nd->n", moved, moved, dtype=np.float64))
    unit = float(np.finfo(near.dtype).eps) / 2
    tiny = float(np.finfo(near.dtype).tiny)
    terms = len(near) + 4
    error = 1.01 * terms * (unit * longest * (lengths + longest) + tiny)
    open_ = ~((scores >= (top - 2 * error)[:, None]).sum(axis=1) == 1) | ~np.isfinite(top + error)
    for row in np.flatnonzero(open_):
        limit = top[row] - 2 * error[row]
        left = np.flatnonzero(scores[row] >= limit) if np.isfinite(limit) else np.arange(len(codes))
        best[row] = _first_nearest(rows[row], codes, left)
    return best


def _first_nearest(row: Array, codes: Array, left: Array) -> int:
    """Return the first of the nearest among some codes."""
    difference = codes[left].astype(np.float64) - row
    distance = np.asarray(_squared_norm((difference,)))
    distance = np.where(np.isnan(distance), np.inf, distance)
    return int(left[distance.argmin()]) if np.isfinite(distance).any() else int(left[0])


def code_sums(x: ArrayLike, indices: ArrayLike, size: int) -> tuple[Array, Array]:
    r"""Count the vectors of each code, and add them.

    .. math:: n_k = |\{j : z_j = k\}|, \qquad s_k = \sum_{j :\, z_j = k} x_j

    Parameters
    ----------
    x : array_like
        The vectors, of shape (..., d).
    indices : array_like
        The index of the code of each, of shape (...); see `nearest_code`.
    size : int
        The number K of codes.

    Returns
    -------
    counts : ndarray
        In float64, of shape (K,).
    sums : ndarray
        In float64, of shape (K, d).

    Raises
    ------
    ValueError
        If shapes do not fit, or an index lies outside of 0 to K - 1.

    Notes
    -----
    The sums are in float64, in the order of the vectors. For a codebook that follows its vectors,
    keep averages of both results by `fastgen.ema.update`, and give them to `codebook_from_sums`.

    It has no derivative: the codebook learns by averages, not by gradients.

    Examples
    --------
    >>> import fastgen
    >>> fastgen.vae.code_sums([[1.0, 2.0], [3.0, 4.0]], [1, 1], 2)
    (array([0., 2.]), array([[0., 0.],
           [4., 6.]]))
    """
    vectors = array_of(x, np.float64, "code_sums: x")
    index = array_of(indices, name="code_sums: indices")
    if index.dtype.kind not in "iu" and index.size:
        raise TypeError(f"code_sums: indices must be integers, got {index.dtype}")
    if vectors.ndim == 0 or vectors.shape[:-1] != index.shape:
        raise ValueError(
            f"code_sums: x must have the shape of indices and one axis more, "
            f"got {vectors.shape} and {index.shape}"
        )
    flat, rows = index.ravel().astype(np.int64), vectors.reshape(index.size, vectors.shape[-1])
    if flat.size and not (flat.min() >= 0 and flat.max() < size):
        raise ValueError(f"code_sums: indices must lie in 0 to {size - 1}")
    counts = np.bincount(flat, minlength=size).astype(np.float64)
    sums = np.empty((size, rows.shape[1]))
    for k in range(rows.shape[1]):
        sums[:, k] = np.bincount(flat, rows[:, k], size)
    return counts, sums


def codebook_from_sums(counts: ArrayLike, sums: ArrayLike, *, epsilon: float = 1e-5) -> Array:
    r"""Codebook of the means of its vectors, with smoothed counts.

    .. math:: c_k = s_k \,\Big/\, \Big( \frac{n_k + \epsilon}{n + K \epsilon}\, n \Big), \qquad
              n = \sum_k n_k

    Parameters
    ----------
    counts : array_like
        How many vectors each code has, of shape (K,), or averages of them.
    sums : array_like
        The sums of these vectors, of shape (K, d), or averages of them.
    epsilon : float, default 1e-5
        How many vectors are added to each count: Laplace's smoothing. It keeps a code without
        vectors finite.

    Returns
    -------
    ndarray
        The codes, in float64, of shape (K, d).

    Raises
    ------
    ValueError
        If shapes do not fit, or `epsilon` is negative.

    Notes
    -----
    With averages of `code_sums` this is the codebook of VQ-VAE and of vector-quantize-pytorch. A
    code without vectors is near 0 where its sum has decayed: replace such codes by vectors.

    It has no derivative: the codebook learns by averages, not by gradients.

    Examples
    --------
    >>> import fastgen
    >>> fastgen.vae.codebook_from_sums([1.0, 2.0], [[1.0, 2.0], [4.0, 6.0]], epsilon=0.0)
    array([[1., 2.],
           [2., 3.]])
    """
    n = array_of(counts, np.float64, "codebook_from_sums: counts")
    s = array_of(sums, np.float64, "codebook_from_sums: sums")
    if n.ndim != 1 or s.ndim != 2 or len(n) != len(s):
        raise ValueError(
            f"codebook_from_sums: counts and sums must have the shapes (K,) and (K, d), "
            f"got {n.shape} and {s.shape}"
        )
    if not epsilon >= 0:
        raise ValueError(f"codebook_from_sums: epsilon must not be negative, got {epsilon}")
    total = n.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        smoothed = (n + epsilon) / (total + len(n) * epsilon) * total
        return s / smoothed[:, None]


def code_perplexity(counts: ArrayLike) -> float:
    r"""Effective number of codes in use: the exponential of the entropy of their shares.

    .. math:: \exp\Big(-\sum_k p_k \log p_k\Big), \qquad p_k = n_k \Big/ \sum_j n_j

    Parameters
    ----------
    counts : array_like
        How many vectors each code has, of shape (K,); see `code_sums`.

    Returns
    -------
    float
        From 1, where all vectors have one code, to K, where all codes are used alike. NaN without
        vectors.

    Raises
    ------
    ValueError
        If a count is negative.

    Notes
    -----
    It has no derivative: it is a number to watch.

    Examples
    --------
    >>> import fastgen
    >>> round(fastgen.vae.code_perplexity([3, 0, 3]), 12)
    2.0
    """
    n = array_of(counts, np.float64, "code_perplexity: counts").ravel()
    if np.any(n < 0):
        raise ValueError("code_perplexity: counts must not be negative")
    total = n.sum()
    if not total > 0:
        return float("nan")
    used = n[n > 0] / total
    return float(np.exp(-np.sum(used * np.log(used))))
