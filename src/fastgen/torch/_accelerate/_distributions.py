"""torch.distributions: divergences between two distributions of one kind."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.distributions import (
    Bernoulli,
    Independent,
    Laplace,
    MultivariateNormal,
    Normal,
    kl,
)

from fastgen._accelerate.replacements import Function, Library, Place, Replacement
from fastgen.torch._accelerate.calls import Task, plain

Parameters = Callable[[Any], tuple[Any, ...] | None]


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
        found: Function = kl._KL_REGISTRY[self.owner, self.owner]
        return found

    def set(self, new: Function) -> None:
        """Replace the function."""
        kl.register_kl(self.owner, self.owner)(new)


def _loc_and_scale(d: Any) -> tuple[Any, ...]:
    return d.loc, d.scale


def _logits(d: Any) -> tuple[Any, ...] | None:
    """Return the logits; None where PyTorch has edge cases.

    These are infinite logits, and probabilities so near to 0 or 1 that PyTorch clamps them.
    """
    given = d._param
    if not plain((given,)):
        return None
    least, most = torch.aminmax(given.detach())
    if given is d.__dict__.get("logits"):
        return (given,) if least > -math.inf and most < math.inf else None
    eps = torch.finfo(given.dtype).eps
    return (torch.logit(given),) if least >= eps and most <= 1 - eps else None


_ELEMENTWISE: dict[type, tuple[str, Parameters]] = {
    Normal: ("vae.kl_diag_normal_sigma", _loc_and_scale),
    Laplace: ("vae.kl_laplace", _loc_and_scale),
    Bernoulli: ("vae.kl_bernoulli", _logits),
}


def _summed(owner: Any, p: Any, q: Any, dims: int) -> Any:
    """Return the divergence of elements, summed over the last axes; None if fastgen lacks it."""
    name, parameters = _ELEMENTWISE[owner]
    made = None if type(p) is not owner or type(q) is not owner else (parameters(p), parameters(q))
    if made is None or None in made or len(p.batch_shape) < dims or len(q.batch_shape) < dims:
        return None
    tensors = (*made[0], *made[1])  # type: ignore[misc]
    if not plain(tensors) or (owner is Bernoulli and p.batch_shape != q.batch_shape):
        return None  # the original does not broadcast Bernoullis

    def again(*tensors: Any) -> Any:
        half = len(tensors) // 2
        if owner is Bernoulli:
            pair = [Bernoulli(logits=x, validate_args=False) for x in tensors]
        else:
            pair = [owner(*tensors[k : k + half], validate_args=False) for k in (0, half)]
        found = _ORIGINALS[owner](*pair)
        return found.sum(dim=tuple(range(-dims, 0))) if dims else found

    return Task(name, {"axis": tuple(range(-dims, 0))}, again)(*tensors)


def _elementwise(owner: type) -> Callable[[Function], Function]:
    def make(original: Function) -> Function:
        def function(p: Any, q: Any) -> Any:
            found = _summed(owner, p, q, 0)
            return original(p, q) if found is None else found

        return function

    return make


def _independent(original: Function) -> Function:
    def function(p: Any, q: Any) -> Any:
        found, base, dims = None, type(p.base_dist), p.reinterpreted_batch_ndims
        same = dims == q.reinterpreted_batch_ndims and p.event_shape == q.event_shape
        if same and base in _ELEMENTWISE:
            found = _summed(base, p.base_dist, q.base_dist, dims)
        return original(p, q) if found is None else found

    return function


def _multivariate(original: Function) -> Function:
    def function(p: Any, q: Any) -> Any:
        tensors = p.loc, p._unbroadcasted_scale_tril, q.loc, q._unbroadcasted_scale_tril
        both = type(p) is type(q) is MultivariateNormal
        if not both or p.event_shape != q.event_shape or not plain(tensors):
            return original(p, q)

        def again(*tensors: Any) -> Any:
            pair = [
                MultivariateNormal(loc, scale_tril=tril, validate_args=False)
                for loc, tril in (tensors[:2], tensors[2:])
            ]
            return original(*pair)

        return Task("vae.kl_tril_normal", {}, again)(*tensors)

    return function


_ORIGINALS = {owner: kl._KL_REGISTRY[owner, owner] for owner in _ELEMENTWISE}
_MADE = {owner: _elementwise(owner) for owner in _ELEMENTWISE}

LIBRARY = Library(
    "torch.distributions",
    "torch",
    ("2.13", "2.14"),
    (
        *[
            Replacement(InRegistry(owner), name, _MADE[owner])
            for owner, (name, _) in _ELEMENTWISE.items()
        ],
        Replacement(InRegistry(Independent), "vae.kl_diag_normal_sigma", _independent),
        Replacement(InRegistry(MultivariateNormal), "vae.kl_tril_normal", _multivariate),
    ),
)
