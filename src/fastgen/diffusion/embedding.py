"""Timesteps as vectors of sines and cosines, the form in which networks take them."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from fastgen._abstract import is_dask
from fastgen._arrays import array_of
from fastgen._core import empty
from fastgen._messages import holds_numbers
from fastgen._ops import OPS, chosen
from fastgen._plain import of_elements
from fastgen._registry import operation
from fastgen._typing import Array, ArrayLike, EmbeddingLayout, OutPair

__all__ = ["fourier_features", "timestep_embedding"]

_features = OPS["diffusion.fourier_features"]
_LARGEST_ANGLE = 2.0**20


@operation("diffusion.fourier_features")
def fourier_features(
    t: ArrayLike, frequencies: ArrayLike, *, out: OutPair = None
) -> tuple[Array, Array]:
    r"""Sines and cosines of times: a time as a vector, in the form that networks take.

    .. math:: \sin(t f), \quad \cos(t f)

    Parameters
    ----------
    t : array_like
        Times or steps, usually ``(batch, 1)``.
    frequencies : array_like
        Angular frequencies :math:`f`, usually ``(h,)``.
    {outs}

    Returns
    -------
    sine, cosine : ndarray or scalar
        Of the broadcast shape, usually ``(batch, h)``.

    Raises
    ------
    {raises_elementwise}

    See Also
    --------
    timestep_embedding : both in one array, with the usual frequencies.

    Notes
    -----
    The function computes in double, and rounds once. The product t f counts with all its digits.
    Max error: 1 ULP of the larger of the result and :math:`2^{-47}`. An angle above :math:`2^{20}`
    or an infinity gives NaN. The derivatives are within 2 ULP of their terms.

    References
    ----------
    .. [1] Rahimi and Recht, "Random Features for Large-Scale Kernel Machines", NeurIPS 2007.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> sine, cosine = fastgen.diffusion.fourier_features(0.5, np.pi * np.array([1, 2]))
    >>> sine.round(6) + 0.0, cosine.round(6) + 0.0
    (array([1., 0.]), array([ 0., -1.]))
    """
    return _features((t, frequencies), out=out)


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
    timesteps keep their digits; in float32 an angle near 1000 has an error of 3e-5. The sines and
    cosines are those of `fourier_features`, and of NumPy for a timestep above :math:`2^{20}`.

    It has no derivative: steps and times are no variables.

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
    if not holds_numbers(steps.dtype):
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
    frequencies = np.exp(-math.log(max_period) * exponents)
    out = empty((*steps.shape, int(dim)), np.dtype(dtype))
    out[..., 2 * half :] = 0
    first, second = out[..., :half], out[..., half : 2 * half]
    own = (first, second) if layout == "sin_cos" else (second, first)
    _fill(np.asarray(scale * steps.astype(np.float64)), frequencies, own)
    return out


def _fill(t: Array, frequencies: Array, out: tuple[Array, Array]) -> None:
    """Write the sines and cosines of all angles. Those of large angles are NumPy's."""
    by_numpy = np.abs(t) * frequencies.max(initial=0.0) > _LARGEST_ANGLE
    if out[0].dtype.kind == "f" and out[0].dtype.itemsize <= 8:
        _features((t[..., None], frequencies), out=out)
    else:
        by_numpy = np.ones(t.shape, bool)
    if by_numpy.any():
        angles = np.multiply.outer(t[by_numpy], frequencies)
        for array, function in zip(out, (np.sin, np.cos), strict=True):
            array[by_numpy] = function(angles)
