"""What a case is, and the sample inputs that many share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
INF, NAN = float("inf"), float("nan")


@dataclass(frozen=True)
class Case:
    """What is known of one operation.

    Formulas take mpmath's context and then one number per input, and speak of a single element.
    """

    sample: Callable[[Array], tuple[Array, ...]]
    """Inputs made from draws around 0 of shape (number of inputs, ...), by exact arithmetic."""
    exact: Callable[..., Any]
    """The value."""
    gradient: Callable[..., tuple[Any, ...]]
    """The partial derivatives."""
    ulp: float
    """Max error of the value, in units of its last place (or of `scale`'s)."""
    known: tuple[tuple[tuple[float, ...], str], ...]
    """Inputs, exact in float32, and the value to 25 digits: checked where mpmath is not at hand."""
    edges: tuple[tuple[tuple[float, ...], float], ...]
    """Special inputs and the exact result."""
    bits: tuple[str, str]
    """Digests of float32 and float64 results, the same on every machine with fused multiply-add."""
    scale: Callable[..., Any] | None = None
    """The largest of the terms, where they may cancel; by default, the value itself."""
    gradient_ulp: float = 4
    """Max error of each partial derivative."""
    gradient_scale: Callable[..., tuple[Any, ...]] | None = None
    """The largest of its terms, where they may cancel."""


# Samples are made by exact arithmetic only, so that they are the same on every machine.


def normal(z: Array) -> tuple[Array, ...]:
    """Return the draws as they are."""
    return tuple(z)


def positive(z: Array) -> tuple[Array, ...]:
    """Return positive numbers."""
    return tuple(np.abs(z) + 2**-10)


def above_minus_one(z: Array) -> tuple[Array, ...]:
    """Return numbers above -1."""
    return tuple(np.abs(z) - 0.875)


def wide(z: Array) -> tuple[Array, ...]:
    """Return numbers of some size."""
    return tuple(5 * z)


def scales(z: Array) -> tuple[Array, ...]:
    """Every other input is a scale: positive, and near the others where z is small."""
    return tuple(np.abs(x + 0.75) + 2**-10 if k % 2 else x for k, x in enumerate(z))


def probability_and_logits(z: Array) -> tuple[Array, ...]:
    """Return a number from 0 to 1, and one of some size."""
    return np.minimum(np.abs(z[0]) / 4, 1), 5 * z[1]
