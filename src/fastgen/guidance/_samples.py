"""The axes of one sample. An index of the first axis selects a sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastgen._compose import Row
from fastgen._core import Op


def axes_of_sample(axis: Any, arrays: Sequence[Any], per_sample: Sequence[Any]) -> Any:
    """Return `axis`, or by default every axis but the first.

    An array of one axis is a single sample. `per_sample` holds numbers that may differ between
    samples. If none differs, an elementwise row does not need the axes of a sample. The last axis
    is returned then, because arrays of other libraries allow one axis only.
    """
    if axis is not None:
        return axis
    if per_sample and all(type(x) is float or np.ndim(x) == 0 for x in per_sample):
        return -1
    ndim = max([x.ndim if type(x) is np.ndarray else np.ndim(x) for x in arrays])
    return -1 if ndim <= 2 else tuple(range(1, ndim))


def elementwise(op: Op, arrays: tuple[Any, ...], numbers: tuple[Any, ...], axis: Any) -> Any:
    """Describe an elementwise row, with coefficients per sample."""
    return Row(op, arrays + numbers, axes_of_sample(axis, arrays, numbers))


def whole(op: Op, arrays: tuple[Any, ...], numbers: tuple[Any, ...], axis: Any) -> Any:
    """Describe a row that computes statistics over each sample."""
    return Row(op, arrays + numbers, axes_of_sample(axis, arrays, ()))
