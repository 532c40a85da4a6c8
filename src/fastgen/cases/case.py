"""What a case is, and the sample inputs that many share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
INF, NAN = float("inf"), float("nan")


@dataclass(frozen=True)
class Case:
    """What is known of one operation.

    Formulas take mpmath's context and then the inputs. Most operations do the same to every element
    (and may add up what comes out): their formulas speak of a single one, so every input is a
    number. Where the elements of a row or matrix belong together, `dims` is given, and an operand
    is what the signature says: a number for "()", a list for "(n)", a list of lists for "(d,d)".

    Results are written like operands; those of several outputs, and their scales, in a tuple.
    """

    sample: Callable[[Any], tuple[Array, ...]]
    """Inputs made, by exact arithmetic, from draws around 0 of their shapes: one array for all
    where these are the same, else a list."""
    exact: Callable[..., Any]
    """The value."""
    gradient: Callable[..., tuple[Any, ...]] | None
    """The derivative by each input; None where the operation has none. Where the value is more
    than one number, it is the vector-Jacobian product: after the inputs, it takes the cotangent of
    each output."""
    ulp: float | tuple[float, ...]
    """Max error of the value, in units of its last place (or of `scale`'s)."""
    known: tuple[tuple[tuple[Any, ...], Any], ...]
    """Inputs, exact in float32, and the value to 25 digits: checked where mpmath is not at hand."""
    edges: tuple[tuple[tuple[Any, ...], Any], ...]
    """Special inputs and the exact result."""
    bits: tuple[str, str]
    """Digests of float32 and float64 results, the same on every machine with fused multiply-add."""
    scale: Callable[..., Any] | None = None
    """The largest of the terms, where they may cancel; by default, the value itself."""
    gradient_ulp: float | tuple[float, ...] = 4
    """Max error of each derivative."""
    gradient_scale: Callable[..., tuple[Any, ...]] | None = None
    """The largest of its terms, where they may cancel."""
    call: Callable[..., Any] | None = None
    """How the public function is called with the operation's inputs, where it takes them in
    another form: ``lambda f, u, c, s, r: f(u, c, s, rescale=r)``. The reference is called alike.
    What such a function adds to its operation needs tests of its own."""
    dims: Mapping[str, int] = field(default_factory=dict)
    """The lengths of core dimensions whose elements belong together, in samples. Of "n", only
    where a formula is checked at single rows: `known` and `edges` may have rows of any length."""


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
