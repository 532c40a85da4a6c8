"""Finite-scalar quantisation: a few levels per channel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastgen._abstract import as_array
from fastgen._arrays import array_of
from fastgen._compose import DESCRIBE, Composition, composed, computed
from fastgen._ops import OPS
from fastgen._typing import Array, ArrayLike
from fastgen.vae._passed import Passed

__all__ = ["finite_scalar", "finite_scalar_codes", "finite_scalar_indices"]

_tanh = OPS["elementary.tanh"]


class _Scalars(Passed):
    """Numbers of a few levels per channel."""

    name = "vae.finite_scalar"

    def __init__(self, inputs: tuple[Any, ...], levels: Any) -> None:
        super().__init__(inputs)
        self.levels = levels
        self.numbers = _levels("finite_scalar", levels)
        if not self.shape or self.shape[-1] != len(self.numbers):
            raise ValueError(
                f"finite_scalar: x must have the shape (..., {len(self.numbers)}), got {self.shape}"
            )

    def on(self, arrays: tuple[Any, ...]) -> Composition:
        """Return the same of another array."""
        return _Scalars(arrays, self.levels)

    def _bounded(self) -> tuple[Any, Any, Any]:
        """Return tanh of the shifted input, its factor and the offset, in float64."""
        factor = (self.numbers - 1) * (1 - 1e-3) / 2
        offset = np.where(self.numbers % 2 == 1, 0.0, 0.5)
        wide = as_array(self.inputs[0]).astype(np.float64)
        return np.asarray(_tanh((wide + np.tan(offset / factor),))), factor, offset

    def codes(self) -> Any:
        """Return the codes, from -1 to 1."""
        bounded, factor, offset = self._bounded()
        return np.rint(bounded * factor - offset) / (self.numbers // 2)

    def slope(self) -> Any:
        """Return the derivative of the formula without its rounding."""
        bounded, factor, _ = self._bounded()
        return (1 - bounded) * (1 + bounded) * factor / (self.numbers // 2)


def _levels(function: str, levels: Any) -> Array:
    """Return the numbers of levels as integers."""
    numbers = np.asarray(levels)
    if numbers.ndim != 1 or numbers.dtype.kind not in "iu" or not numbers.size:
        raise ValueError(
            f"{function}: levels must hold an integer for each channel, got {levels!r}"
        )
    if numbers.min() < 2 or math.prod(numbers.tolist()) >= 2**63:
        raise ValueError(
            f"{function}: levels must be at least 2, and give less than 2^63 codes; got {levels!r}"
        )
    return numbers.astype(np.int64)


@composed(inputs=1)
def finite_scalar(x: ArrayLike, levels: Sequence[int]) -> Array:
    r"""Finite-scalar quantisation: each channel is rounded to one of a few levels.

    .. math:: \frac{1}{\lfloor L/2 \rfloor} \mathrm{round}\left(h \tanh(x + s) - o\right), \qquad
              h = 0.999 \, \frac{L - 1}{2}, \quad s = \tan(o / h)

    with :math:`o = 1/2` for an even number of levels :math:`L`, else 0.

    Parameters
    ----------
    x : array_like
        The vectors, of shape (..., d): one number per channel.
    levels : sequence of int
        The number of levels of each of the d channels, at least 2, such as ``(8, 5, 5, 5)``.

    Returns
    -------
    ndarray
        The codes, of the shape of `x`, from -1 to 1: multiples of :math:`1 / \lfloor L/2 \rfloor`.

    Raises
    ------
    ValueError
        If `levels` are no integers of at least 2, or do not fit the last axis of `x`.
    {type_error}

    Notes
    -----
    The derivative is that of the formula without its rounding (straight-through). There is no
    codebook: `finite_scalar_indices` numbers the codes. The function computes in float64, in plain
    NumPy. Ties are rounded to even.

    References
    ----------
    .. [1] Mentzer, Minnen, Agustsson, Tschannen, "Finite Scalar Quantization: VQ-VAE Made Simple",
       ICLR 2024 (2023), appendix A.1.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> fastgen.vae.finite_scalar(np.array([[-3.0, 0.1, 0.6]]), (4, 5, 3))
    array([[-1.,  0.,  1.]])
    """
    return computed(_Scalars((x,), levels), DESCRIBE)


def _basis(numbers: Array) -> Array:
    """Return the value of one step of each channel in an index."""
    return np.concatenate([[1], np.cumprod(numbers[:-1])]).astype(np.int64)


def finite_scalar_indices(codes: ArrayLike, levels: Sequence[int]) -> Array:
    r"""Number of each code of finite-scalar quantisation.

    .. math:: \sum_i b_i \left(c_i + 1\right) \lfloor L_i / 2 \rfloor, \qquad
              b_i = \prod_{j < i} L_j

    Parameters
    ----------
    codes : array_like
        The codes, of shape (..., d), as `finite_scalar` gives them.
    levels : sequence of int
        The number of levels of each channel.

    Returns
    -------
    ndarray or scalar
        Integers of the shape (...), from 0 to the product of the levels less 1.

    Raises
    ------
    ValueError
        If `levels` are no integers of at least 2, or do not fit the last axis of `codes`, or a
        number is no code.
    TypeError
        If an input is complex, longdouble, object or masked.

    Notes
    -----
    It has no derivative: indices are whole numbers.

    References
    ----------
    .. [1] Mentzer, Minnen, Agustsson, Tschannen, "Finite Scalar Quantization: VQ-VAE Made Simple",
       ICLR 2024 (2023), appendix A.1.

    Examples
    --------
    >>> import fastgen
    >>> fastgen.vae.finite_scalar_indices([[-1.0, 0.0, 1.0], [0.5, 1.0, 1.0]], (4, 5, 3))
    array([48, 59])
    """
    numbers = _levels("finite_scalar_indices", levels)
    array = array_of(codes, np.float64, "finite_scalar_indices: codes")
    if array.ndim == 0 or array.shape[-1] != len(numbers):
        raise ValueError(
            f"finite_scalar_indices: codes must have the shape (..., {len(numbers)}), "
            f"got {array.shape}"
        )
    steps = (array + 1) * (numbers // 2)
    whole = np.rint(steps)
    # Half precision holds a code within 2^-9 of itself.
    if not np.all((np.abs(steps - whole) <= 0.25) & (whole >= 0) & (whole < numbers)):
        raise ValueError("finite_scalar_indices: codes must be those of finite_scalar")
    found: Array = (whole.astype(np.int64) * _basis(numbers)).sum(axis=-1)
    return found


def finite_scalar_codes(indices: ArrayLike, levels: Sequence[int]) -> Array:
    r"""Code of each number: the inverse of `finite_scalar_indices`.

    .. math:: c_i = \left(\lfloor k / b_i \rfloor \bmod L_i\right) / \lfloor L_i / 2 \rfloor - 1,
              \qquad b_i = \prod_{j < i} L_j

    Parameters
    ----------
    indices : array_like
        Integers, of any shape.
    levels : sequence of int
        The number of levels of each of d channels.

    Returns
    -------
    ndarray
        The codes in float64, of the shape of `indices` and then d.

    Raises
    ------
    ValueError
        If `levels` are no integers of at least 2, or an index is out of range.
    TypeError
        If `indices` are no integers.

    Notes
    -----
    It has no derivative: indices are whole numbers.

    References
    ----------
    .. [1] Mentzer, Minnen, Agustsson, Tschannen, "Finite Scalar Quantization: VQ-VAE Made Simple",
       ICLR 2024 (2023), appendix A.1.

    Examples
    --------
    >>> import fastgen
    >>> fastgen.vae.finite_scalar_codes([48, 59], (4, 5, 3))
    array([[-1. ,  0. ,  1. ],
           [ 0.5,  1. ,  1. ]])
    """
    numbers = _levels("finite_scalar_codes", levels)
    index = array_of(indices, name="finite_scalar_codes: indices")
    if index.dtype.kind not in "iu" and index.size:
        raise TypeError(f"finite_scalar_codes: indices must be integers, got {index.dtype}")
    if index.size and not (index.min() >= 0 and index.max() < math.prod(numbers.tolist())):
        raise ValueError(
            f"finite_scalar_codes: indices must lie in 0 to {math.prod(numbers.tolist()) - 1}"
        )
    digits = index.astype(np.int64)[..., None] // _basis(numbers) % numbers
    codes: Array = (digits - numbers // 2) / (numbers // 2)
    return codes
