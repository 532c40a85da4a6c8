"""The axes of one sample. An index of the first axis selects a sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastgen._compose import row
from fastgen._core import Op


def axes_of_sample(axis: Any, arrays: Sequence[Any], per_sample: Sequence[Any]) -> Any:
    """Return `axis`, or by default every axis but the first.

    An array of one axis is a single sample. `per_sample` holds numbers that may differ between
    samples. If none differs, an elementwise row does not need the axes of a sample. The last axis
    is returned then, because arrays of other libraries allow one axis only.
    """
    if axis is not None:
        return axis
    ndim = max(map(_ndim, arrays))
    if ndim <= 2 or (per_sample and not any(map(_ndim, per_sample))):
        return -1
    return tuple(range(1, ndim))


def _ndim(x: Any) -> int:
    """Return the number of axes. `numpy.ndim` takes longer."""
    if type(x) is np.ndarray:
        return x.ndim
    return 0 if type(x) is float else np.ndim(x)


def elementwise(
    op: Op, arrays: tuple[Any, ...], numbers: tuple[Any, ...], axis: Any, out: Any
) -> Any:
    """Compute an elementwise row, with coefficients per sample."""
    return row(op, arrays + numbers, axes_of_sample(axis, arrays, numbers), False, out)


def whole(op: Op, arrays: tuple[Any, ...], numbers: tuple[Any, ...], axis: Any, out: Any) -> Any:
    """Compute a row that computes statistics over each sample."""
    return row(op, arrays + numbers, axes_of_sample(axis, arrays, ()), False, out)
