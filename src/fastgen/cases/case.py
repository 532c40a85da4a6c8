"""The form of a case, and the sample inputs that many cases share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
INF, NAN = float("inf"), float("nan")


@dataclass(frozen=True)
class Case:
    """The exact values of one operation, and its error bounds.

    A formula takes mpmath's context and then the inputs. Most operations do the same to every
    element (and may sum the results): their formulas take one element, so every input is a number.
    If the elements of a row or matrix belong together, the case has `dims`, and an input is as the
    signature says: a number for "()", a list for "(n)", a list of lists for "(d,d)".

    Results are written like inputs. Several results, and their scales, are in a tuple.
    """

    sample: Callable[[Any], tuple[Array, ...]]
    """Makes sample inputs from normal draws of their shapes. The draws are one array if all shapes
    are equal, else a list."""
    exact: Callable[..., Any]
    """The value."""
    gradient: Callable[..., tuple[Any, ...]] | None
    """The derivative by each input; None if the operation has none. If the value is more than one
    number, it is the vector-Jacobian product, which takes the inputs and then the cotangent of each
    output."""
    ulp: float | tuple[float, ...]
    """The largest error of the value, in units in the last place (ULP) of it or of `scale`."""
    known: tuple[tuple[tuple[Any, ...], Any], ...]
    """Inputs, exact in float32, and the value to 25 digits. They serve where mpmath is not
    installed."""
    edges: tuple[tuple[tuple[Any, ...], Any], ...]
    """Special inputs and the exact result."""
    bits: tuple[str, str]
    """Digests of float32 and float64 results: the same on every machine with fused multiply-add."""
    scale: Callable[..., Any] | None = None
    """The largest term, if terms may cancel. By default, the value itself."""
    gradient_ulp: float | tuple[float, ...] = 4
    """The largest error of each derivative."""
    gradient_scale: Callable[..., tuple[Any, ...]] | None = None
    """The largest term of each derivative, if terms may cancel."""
    call: Callable[..., Any] | None = None
    """How to call the public function, or its reference, with the operation's inputs, if it takes
    them in another form: ``lambda f, u, c, s, r: f(u, c, s, rescale=r)``. What such a function adds
    to its operation needs tests of its own."""
    dims: Mapping[str, int] = field(default_factory=dict)
    """The lengths of core dimensions in samples, if their elements belong together. "n" is there
    only if a formula takes single rows: `known` and `edges` may have rows of any length."""


# Samples are made by exact arithmetic: they are the same on every machine.


def normal(z: Array) -> tuple[Array, ...]:
    """Return the draws as they are."""
    return tuple(z)


def positive(z: Array) -> tuple[Array, ...]:
    """Return positive numbers."""
    return tuple(np.abs(z) + 2**-10)


def above_minus_one(z: Array) -> tuple[Array, ...]:
    """Return numbers above -1."""
    return tuple(np.abs(z) - 0.875)


def spread(z: Array) -> tuple[Array, ...]:
    """Return the draws, five times as large."""
    return tuple(5 * z)


def scales(z: Array) -> tuple[Array, ...]:
    """Return the draws, and in every other place a scale: positive, and near 0.75 for small z."""
    return tuple(np.abs(x + 0.75) + 2**-10 if k % 2 else x for k, x in enumerate(z))


def probability_and_logits(z: Array) -> tuple[Array, ...]:
    """Return numbers from 0 to 1, and draws five times as large."""
    return np.minimum(np.abs(z[0]) / 4, 1), 5 * z[1]
