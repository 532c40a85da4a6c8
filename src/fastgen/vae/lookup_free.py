"""Lookup-free quantisation: the sign of each channel."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastgen._abstract import as_array
from fastgen._arrays import array_of
from fastgen._compose import DESCRIBE, Composition, composed, computed
from fastgen._typing import Array, ArrayLike
from fastgen.vae._passed import Passed

__all__ = ["lookup_free", "lookup_free_indices"]


class _Signs(Passed):
    """The signs, of which 0 has -1."""

    name = "vae.lookup_free"

    def on(self, arrays: tuple[Any, ...]) -> Composition:
        """Return the same of another array."""
        return _Signs(arrays)

    def codes(self) -> Any:
        """Return the signs."""
        x = as_array(self.inputs[0])
        with np.errstate(invalid="ignore"):
            signs = np.where(x > 0, 1.0, -1.0)
            return np.where(x == x, signs, np.nan)


@composed(inputs=1)
def lookup_free(x: ArrayLike) -> Array:
    r"""Lookup-free quantisation: each channel becomes 1 or -1.

    .. math:: 1 \text{ where } x > 0, \text{ else } {-1}

    Parameters
    ----------
    x : array_like
        The vectors, of shape (..., d).

    Returns
    -------
    ndarray or scalar
        The codes, of the shape and float type of `x`. NaN gives NaN.

    Raises
    ------
    {type_error}

    Notes
    -----
    The derivative is the identity (straight-through). `lookup_free_indices` numbers the codes. The
    commitment loss is ``quantization_loss(x, codes, commitment=1.0)`` without a gradient of the
    codes.

    References
    ----------
    .. [1] Yu et al., "Language Model Beats Diffusion: Tokenizer is Key to Visual Generation"
       (MAGVIT-2), ICLR 2024, section 3.1.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> fastgen.vae.lookup_free(np.array([0.5, -2.0, 0.0]))
    array([ 1., -1., -1.])
    """
    return computed(_Signs((x,)), DESCRIBE)


def lookup_free_indices(x: ArrayLike) -> Array:
    r"""Number of each code of lookup-free quantisation, from vectors or their codes.

    .. math:: \sum_{i=0}^{d-1} 2^i \, [x_i > 0]

    Parameters
    ----------
    x : array_like
        The vectors or the codes, of shape (..., d), with d at most 62.

    Returns
    -------
    ndarray or scalar
        Integers of the shape (...).

    Raises
    ------
    ValueError
        If the last axis is longer than 62, or `x` has none.
    TypeError
        If `x` is complex, longdouble, object or masked.

    Notes
    -----
    It has no derivative: an index is no smooth function.

    References
    ----------
    .. [1] Yu et al., "Language Model Beats Diffusion: Tokenizer is Key to Visual Generation"
       (MAGVIT-2), ICLR 2024, equation 3.

    Examples
    --------
    >>> import fastgen
    >>> fastgen.vae.lookup_free_indices([[0.5, -2.0, 3.0], [-1.0, -1.0, -1.0]])
    array([5, 0])
    """
    array = array_of(x, np.float64, "lookup_free_indices: x")
    if array.ndim == 0 or array.shape[-1] > 62:
        raise ValueError(
            f"lookup_free_indices: x must have the shape (..., d) with d at most 62, "
            f"got {array.shape}"
        )
    bits = np.int64(1) << np.arange(array.shape[-1], dtype=np.int64)
    found: Array = ((array > 0) * bits).sum(axis=-1)
    return found
