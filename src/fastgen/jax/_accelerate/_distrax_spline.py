"""The rational-quadratic spline of distrax.

A bijector keeps its raw parameters beside itself, because they are no part of it as a tree: where
JAX takes it apart and makes it again, the original answers, and gradients are those in its knots.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import jax.numpy as jnp
import numpy as np
from distrax._src.bijectors.rational_quadratic_spline import RationalQuadraticSpline

from fastgen._accelerate.replacements import Function, InClass, Replacement
from fastgen.jax._accelerate.calls import computed, plain

_SPLINE = "flow.rational_quadratic_spline"


class _Raw(NamedTuple):
    """What fastgen's spline takes."""

    params: Any
    boundary: str
    centre: float
    options: dict[str, Any]

    def parameters(self) -> tuple[Any, Any, Any]:
        """Return the raw widths, heights and slopes. A raw slope of 0 means the slope 1."""
        bins = self.params.shape[-1] // 3
        widths, heights, slopes = jnp.split(self.params, (bins, 2 * bins), axis=-1)
        first, inner, last = slopes[..., :1], slopes[..., 1:-1], slopes[..., -1:]
        if self.boundary == "identity":
            return widths, heights, inner
        if self.boundary in ("lower_identity", "upper_identity"):
            one = jnp.zeros_like(first)
            ends = (one, last) if self.boundary == "lower_identity" else (first, one)
            slopes = jnp.concatenate([ends[0], inner, ends[1]], axis=-1)
        elif self.boundary == "circular":
            slopes = jnp.concatenate([first, inner, first], axis=-1)
        return widths, heights, slopes


_raw: WeakKeyDictionary[Any, _Raw] = WeakKeyDictionary()


def _initializer(original: Function) -> Function:
    signature = inspect.signature(original)

    def init(self: Any, *args: Any, **named: Any) -> None:
        original(self, *args, **named)
        given = signature.bind(self, *args, **named)
        given.apply_defaults()
        found = _raw_of(**{n: x for n, x in given.arguments.items() if n != "self"})
        if type(self) is RationalQuadraticSpline and found is not None:
            _raw[self] = found

    return init


def _raw_of(
    params: Any,
    range_min: Any,
    range_max: Any,
    boundary_slopes: str,
    min_bin_size: Any,
    min_knot_slope: Any,
) -> _Raw | None:
    """Return what fastgen's spline takes; None if fastgen lacks it."""
    numbers = range_min, range_max, min_bin_size, min_knot_slope
    if not plain((params,)) or any(not isinstance(x, (int, float)) for x in numbers):
        return None
    bins, bound = params.shape[-1] // 3, (range_max - range_min) / 2
    if bins < 2 or not 0 < bound < math.inf or min_bin_size * bins >= 2 * bound:
        return None
    options = {
        "bound": bound,
        "min_bin_width": float(min_bin_size),
        "min_bin_height": float(min_bin_size),
        "min_derivative": float(min_knot_slope),
        "convention": "distrax",
    }
    return _Raw(params, boundary_slopes, (range_min + range_max) / 2, options)


def _spline(inverse: bool) -> Callable[[Function], Function]:
    """Return the maker of the spline, or of its inverse."""

    def make(original: Function) -> Function:
        parameter = list(inspect.signature(original).parameters)[1]

        def method(self: Any, *args: Any, **named: Any) -> Any:
            x = named.get(parameter, args[0] if args else None)
            found = _computed(self, x, inverse) if len(args) + len(named) == 1 else None
            return original(self, *args, **named) if found is None else found

        return method

    return make


def _computed(bijector: Any, x: Any, inverse: bool) -> Any:
    """Return the spline of elements; None if fastgen lacks it."""
    raw = _raw.get(bijector)
    x = jnp.asarray(x) if isinstance(x, np.ndarray) else x
    if raw is None or not plain((x, raw.params)):
        return None
    try:
        jnp.broadcast_shapes(x.shape, raw.params.shape[:-1])
    except ValueError:
        return None
    moved = x - raw.centre if raw.centre else x
    y, logdet = computed(_SPLINE, moved, *raw.parameters(), inverse=inverse, **raw.options)
    return (y + raw.centre if raw.centre else y), logdet


def _in_class(method: str, make: Callable[[Function], Function]) -> Replacement:
    module = "distrax._src.bijectors.rational_quadratic_spline"
    return Replacement(InClass(module, "RationalQuadraticSpline", method), _SPLINE, make)


SPLINES = (
    _in_class("__init__", _initializer),
    _in_class("forward_and_log_det", _spline(False)),
    _in_class("inverse_and_log_det", _spline(True)),
)
