"""Timesteps as vectors of sines and cosines, the form in which networks take them."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from fastgen._abstract import is_dask
from fastgen._arrays import array_of
from fastgen._ops import chosen
from fastgen._plain import of_elements
from fastgen._typing import Array, ArrayLike, EmbeddingLayout

__all__ = ["timestep_embedding"]


def timestep_embedding(
    t: ArrayLike,
    dim: int,
    *,
    layout: EmbeddingLayout = "sin_cos",
    max_period: float = 10000.0,
    downscale_freq_shift: float = 0.0,
    scale: float = 1.0,
    dtype: DTypeLike = np.float32,
) -> Array:
    r"""Sinusoidal embedding of timesteps.

    .. math:: \sin(s t \omega_i), \cos(s t \omega_i), \quad
              \omega_i = P^{-i / (h - d)}, \quad i = 0 \dots h - 1, \quad h = \lfloor n/2 \rfloor

    Parameters
    ----------
    t : array_like
        Steps or times, usually ``(batch,)``.
    dim : int
        The length n of an embedding. If it is odd, the last entry is 0.
    layout : {"sin_cos", "cos_sin"}, default "sin_cos"
        The order of the halves. "sin_cos" is that of Transformers and the default of diffusers.
        "cos_sin" is that of guided-diffusion and of diffusers' ``flip_sin_to_cos``.
    max_period : float, default 10000
        The longest period P, divided by 2 pi.
    downscale_freq_shift : float, default 0
        The shift d above. The default of diffusers is 1, and most of its models take 0.
    scale : float, default 1
        The factor s above.
    dtype : data-type, default float32
        The type of the result.

    Returns
    -------
    ndarray
        Of the shape of `t` with one more axis, of length `dim`.

    Raises
    ------
    ValueError
        If `dim` is not positive, `layout` is unknown, or there is no frequency.
    TypeError
        If `t` holds no real numbers.

    Notes
    -----
    Angles, sines and cosines are computed in float64 and rounded once, so embeddings of large
    timesteps keep their digits; in float32 an angle near 1000 has an error of 3e-5.

    References
    ----------
    .. [1] Vaswani et al., "Attention Is All You Need", NeurIPS 2017, section 3.5.

    Examples
    --------
    >>> import fastgen
    >>> fastgen.diffusion.timestep_embedding([0, 1], 4).round(3)
    array([[0.   , 0.   , 1.   , 1.   ],
           [0.841, 0.01 , 0.54 , 1.   ]], dtype=float32)
    """
    chosen("timestep_embedding", "layout", dict.fromkeys(["sin_cos", "cos_sin"]), layout)
    if is_dask(t):
        options: dict[str, Any] = {"layout": layout, "max_period": max_period, "scale": scale}
        options |= {"downscale_freq_shift": downscale_freq_shift, "dtype": dtype}
        call = partial(timestep_embedding, dim=dim, **options)
        return of_elements(call, "diffusion.timestep_embedding", "t", t, 1, (int(dim),), dtype)
    steps = array_of(t)
    if steps.dtype.kind not in "biuf":
        raise TypeError(f"timestep_embedding: t must hold real numbers, got {steps.dtype}")
    if not isinstance(dim, (int, np.integer)) or dim < 1:
        raise ValueError(f"timestep_embedding: dim must be a positive int, got {dim!r}")
    half = int(dim) // 2
    if half and not half - downscale_freq_shift > 0:
        raise ValueError(
            f"timestep_embedding: downscale_freq_shift must be below dim // 2 = {half}, got "
            f"{downscale_freq_shift}"
        )
    exponents = np.arange(half) / (half - downscale_freq_shift) if half else np.empty(0)
    angles = np.multiply.outer(
        scale * steps.astype(np.float64), np.exp(-math.log(max_period) * exponents)
    )
    out = np.zeros((*steps.shape, int(dim)), dtype)
    first, second = (np.sin, np.cos) if layout == "sin_cos" else (np.cos, np.sin)
    first(angles, out=out[..., :half], casting="same_kind")
    second(angles, out=out[..., half : 2 * half], casting="same_kind")
    return out
