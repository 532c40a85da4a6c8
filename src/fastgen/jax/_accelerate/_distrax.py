"""distrax: divergences between two distributions of one kind, and its spline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from distrax import Independent, Laplace, Normal
from distrax._src.distributions.distribution import tfd

from fastgen._accelerate.replacements import Function, Library, Place, Replacement
from fastgen.jax._accelerate._distrax_spline import SPLINES
from fastgen.jax._accelerate.calls import computed, plain

_DIVERGENCES: dict[Any, Function] = tfd.kullback_leibler._DIVERGENCES


class InRegistry(Place):
    """The divergence of a pair of distributions."""

    def __init__(self, owner: type) -> None:
        self.owner = owner

    @property
    def name(self) -> str:
        """The pair."""
        return f"kl_divergence({self.owner.__name__}, {self.owner.__name__})"

    def get(self) -> Function:
        """Return the function of the pair."""
        return _DIVERGENCES[self.owner, self.owner]

    def set(self, new: Function) -> None:
        """Replace the function."""
        _DIVERGENCES[self.owner, self.owner] = new


_BY: dict[type, str] = {Normal: "vae.kl_diag_normal_sigma", Laplace: "vae.kl_laplace"}
"""The function of fastgen for each kind, which takes locations and scales."""


def _divergence(kind: Any, p: Any, q: Any, dims: int = 0) -> Any:
    """Return the divergence, summed over the last batch axes; None if fastgen lacks it."""
    if type(p) is not kind or type(q) is not kind:
        return None
    arrays = p.loc, p.scale, q.loc, q.scale
    shapes = p.batch_shape, q.batch_shape
    if not plain(arrays) or min(map(len, shapes)) < dims or not _broadcast(shapes):
        return None
    return computed(_BY[kind], *arrays, axis=tuple(range(-dims, 0)))


def _broadcast(shapes: tuple[Any, ...]) -> bool:
    try:
        jnp.broadcast_shapes(*shapes)
    except ValueError:
        return False
    return True


def _of_pair(kind: type) -> Callable[[Function], Function]:
    def make(original: Function) -> Function:
        def function(p: Any, q: Any, *args: Any, **named: Any) -> Any:
            found = _divergence(kind, p, q)
            return original(p, q, *args, **named) if found is None else found

        return function

    return make


def _independent(original: Function) -> Function:
    def function(p: Any, q: Any, *args: Any, **named: Any) -> Any:
        found = None
        if type(p) is Independent and type(q) is Independent and p.event_shape == q.event_shape:
            kind = type(p.distribution)
            if kind in _BY:
                found = _divergence(kind, p.distribution, q.distribution, len(p.event_shape))
        return original(p, q, *args, **named) if found is None else found

    return function


LIBRARY = Library(
    "distrax",
    "distrax",
    ("0.1.9",),
    (
        *SPLINES,
        *[Replacement(InRegistry(kind), by, _of_pair(kind)) for kind, by in _BY.items()],
        Replacement(InRegistry(Independent), _BY[Normal], _independent),
    ),
)
