"""flowjax: its rational-quadratic spline."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from flowjax.bijections.bijection import _unwrap_check_and_cast

from fastgen._accelerate.replacements import Function, InClass, Library, Replacement
from fastgen.jax._accelerate.calls import computed, plain

_SPLINE = "flow.rational_quadratic_spline"


def _spline(inverse: bool) -> Callable[[Function], Function]:
    """Return the maker of the spline, or of its inverse."""

    def make(original: Function) -> Function:
        def method(self: Any, x: Any, condition: Any = None) -> Any:
            found = _computed(self, x, inverse)
            return original(self, x, condition) if found is None else found

        checked: Function = _unwrap_check_and_cast(method)
        return checked

    return make


def _computed(spline: Any, x: Any, inverse: bool) -> Any:
    """Return the spline of an element, the identity outside; None if fastgen lacks it.

    The knots are given, and so are the slopes of all of them.
    """
    knots = spline.x_pos, spline.y_pos, spline.derivatives
    if not plain((x, *knots)) or not _fits(knots, spline.interval):
        return None
    low, high = spline.interval
    centre, bound = (low + high) / 2, float(x.dtype.type((high - low) / 2))
    within = (x >= low) & (x <= high)
    y, log_derivative = computed(
        _SPLINE,
        jnp.clip(x - centre, -bound, bound),
        jnp.diff(knots[0]),
        jnp.diff(knots[1]),
        knots[2],
        inverse=inverse,
        bound=bound,
        tails=None,
        convention="tfp",
    )
    y = jnp.clip(y + centre, low, high)
    return jnp.where(within, y, x), jnp.where(within, log_derivative, 0.0)


def _fits(knots: tuple[Any, ...], interval: tuple[Any, Any]) -> bool:
    """Whether there are two bins or more, on an interval of numbers."""
    if any(k.ndim != 1 or k.shape != knots[0].shape for k in knots) or len(knots[0]) < 3:
        return False
    if any(not isinstance(end, (int, float)) for end in interval):
        return False
    return -math.inf < interval[0] < interval[1] < math.inf


def _replacement(method: str, inverse: bool) -> Replacement:
    module = "flowjax.bijections.rational_quadratic_spline"
    place = InClass(module, "RationalQuadraticSpline", method)
    return Replacement(place, _SPLINE, _spline(inverse))


LIBRARY = Library(
    "flowjax",
    "flowjax",
    ("19.1.2",),
    (
        _replacement("transform_and_log_det", False),
        _replacement("inverse_and_log_det", True),
    ),
)
