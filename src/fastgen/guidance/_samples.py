"""A sample is what one index of the first axis selects: how operations are told so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastgen._core import Op
from fastgen._derivatives import Rule, gradients_of


def axes_of_sample(axis: Any, arrays: Sequence[Any], per_sample: Sequence[Any]) -> Any:
    """By default every axis but the first; the last one where that says the same, and is faster.

    An array of one axis is a single sample. `per_sample` are numbers of which each sample may have
    its own; without any, an elementwise operation need not know where samples end.
    """
    if axis is not None:
        return axis
    ndim = max(map(np.ndim, arrays))
    if ndim <= 2 or (len(per_sample) > 0 and all(np.ndim(x) == 0 for x in per_sample)):
        return -1
    return tuple(range(1, ndim))


def rule_of(op: Op, arrays: int, keywords: dict[str, Any], elementwise: bool = False) -> Rule:
    """Return the derivative of a function of some arrays, then numbers per sample, and then
    keywords with defaults, that calls an operation."""

    def rule(
        wanted: list[int], inputs: tuple[Any, ...], cotangent: Any, value: bool, **options: Any
    ) -> tuple[Any, tuple[Any, ...]]:
        given = tuple(options.get(name, default) for name, default in keywords.items())
        numbers = inputs[arrays:] + given
        axis = options.get("axis")
        axis = axes_of_sample(axis, inputs[:arrays], numbers if elementwise else ())
        return gradients_of(op, wanted, inputs + given, cotangent, value, axis)

    return rule
