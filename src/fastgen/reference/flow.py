"""Normalizing flows: transforms with their log-determinants, in plain NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

Axis = int | tuple[int, ...] | None


def logabsdet_diagonal(x: Any, /, *, axis: Axis = -1, keepdims: bool = False) -> Any:
    """Log-determinant of diagonal matrices, from their diagonals."""
    return np.sum(np.log(np.abs(x)), axis=axis, keepdims=keepdims)


def logdet_triangular(tril: Any, /, *, unit_diagonal: bool = False) -> Any:
    """Log-determinant of triangular matrices."""
    diagonal = np.diagonal(tril, axis1=-2, axis2=-1)
    return logabsdet_diagonal(np.ones_like(diagonal) if unit_diagonal else diagonal)


def logdet_lu(lu: Any, /, *, height: int = 1, width: int = 1) -> Any:
    """Log-determinant of matrices in factors L U, applied at every place of an image."""
    return height * width * logdet_triangular(lu)
