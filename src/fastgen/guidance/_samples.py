"""The axes of one sample: a sample is what one index of the first axis selects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastgen._compose import Row
from fastgen._core import Op


def axes_of_sample(axis: Any, arrays: Sequence[Any], per_sample: Sequence[Any]) -> Any:
    """Return `axis`, or by default every axis but the first.

    An array of one axis is a single sample. `per_sample` are the numbers that may differ from
    sample to sample. Where they do not, an elementwise row has no use for the axes of samples: the
    last axis does, which arrays of other libraries take too.
    """
    if axis is not None:
        return axis
    ndim = max(map(np.ndim, arrays))
    if ndim <= 2 or (len(per_sample) > 0 and all(np.ndim(x) == 0 for x in per_sample)):
        return -1
    return tuple(range(1, ndim))


def elementwise(op: Op, arrays: tuple[Any, ...], numbers: tuple[Any, ...], axis: Any) -> Any:
    """Describe a row whose elements depend on each other only by numbers per sample."""
    return Row(op, arrays + numbers, axes_of_sample(axis, arrays, numbers))


def whole(op: Op, arrays: tuple[Any, ...], numbers: tuple[Any, ...], axis: Any) -> Any:
    """Describe a row that takes statistics over each sample."""
    return Row(op, arrays + numbers, axes_of_sample(axis, arrays, ()))
