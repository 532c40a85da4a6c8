"""Transforms of nflows, and of libraries that have taken them over.

A network makes one tensor of the parameters. fastgen reads the parts of it where they lie.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import torch

from fastgen._accelerate.replacements import Function, answered
from fastgen.torch._accelerate.calls import Parts, Task, plain
from fastgen.torch._accelerate.splines import (
    CUBIC,
    LINEAR,
    QUADRATIC,
    RATIONAL,
    Kind,
    Options,
    has_tails,
    least_fit,
    options_of,
    within,
)


def coupling(kind: Kind, module: Any) -> Callable[[Function], Function]:
    """Return the maker of a coupling's `_piecewise_cdf`; `module` is that of the splines."""

    def answer(original: Function, self: Any, x: Any, parameters: Any, inverse: Any = False) -> Any:
        return _spline(kind, module, self, self.transform_net, x, parameters, inverse)

    return answered(answer)


def masked(kind: Kind, module: Any) -> Callable[[Function], Function]:
    """Return the maker of an autoregressive transform's `_elementwise`."""

    def answer(original: Function, self: Any, x: Any, parameters: Any, inverse: Any = False) -> Any:
        if x.dim() != 2:
            return None
        each = parameters.view(*x.shape, -1)
        found = _spline(kind, module, self, self.autoregressive_net, x, each, inverse)
        return found and (found[0], found[1].sum(dim=-1))

    return answered(answer)


def _spline(
    kind: Kind, module: Any, self: Any, net: Any, x: Any, parameters: Any, inverse: Any
) -> Any:
    """Return a spline of a transform, whose first parameters are divided by a root."""
    coupled = hasattr(self, "transform_net")
    hidden: Any = getattr(net, "hidden_features", None)
    if hidden is None and coupled and kind.by == RATIONAL.by:
        hidden = getattr(net, "hidden_channels", None)
        if hidden is None:
            return None  # the library warns
    given = {name: getattr(self, name, 1e-3) for name in kind.least}
    given |= {
        "bins": self.num_bins,
        "tails": getattr(self, "tails", None),
        "tail_bound": getattr(self, "tail_bound", 1.0),
        "inverse": inverse,
    }
    divided = 0
    if hidden is not None and kind is not LINEAR:
        divided = 2 * self.num_bins
        if kind is QUADRATIC:
            divided = divided + 1 if coupled else self.num_bins
    divisor = math.sqrt(hidden) if divided else 1.0
    return _packed(kind, module, (x, parameters), (divisor, divided), given)


def _packed(
    kind: Kind, module: Any, tensors: tuple[Any, Any], divided: tuple[float, int], given: Options
) -> Any:
    """Return a spline whose parameters are one tensor; None if fastgen does not have it.

    Parameters
    ----------
    kind : Kind
    module : module
        That of the library's splines.
    tensors : tuple
        The elements, and their parameters.
    divided : tuple
        A number by which the first parameters are divided, and how many these are.
    given : dict
        The options: "bins", "tails", "tail_bound", "inverse", and the least sizes.
    """
    x, parameters = tensors
    bins, tails, bound = given["bins"], given["tails"], given["tail_bound"]
    if not plain(tensors) or parameters.shape[:-1] != x.shape or not least_fit(kind, bins, given):
        return None
    name, places = kind.by.partition(".")[2], {"tails": tails, "tail_bound": bound}
    centre = 0.0
    if tails is None and within(x, 0, 1):
        bound = centre = 0.5
        places = {"left": -0.5, "right": 0.5, "bottom": -0.5, "top": 0.5}
    elif has_tails(kind, x, tails, bound):
        name = f"unconstrained_{name}"
    else:
        return None
    sizes = kind.sizes(bins, tails)
    if parameters.shape[-1] != sum(sizes):
        return None
    options = options_of(kind, given, float(bound))
    whole = {n: given[n] for n in ("inverse", *kind.least)} | places

    def again(x: Any, parameters: Any) -> Any:
        count = divided[1]
        first, rest = parameters.split([count, sum(sizes) - count], dim=-1)
        parameters = torch.cat([first / divided[0], rest], dim=-1)
        return getattr(module, name)(x, *parameters.split(sizes, dim=-1), **whole)

    pieces = (bins, bins, 2) if kind is CUBIC else sizes
    task = Task(kind.by, options, again, Parts(_places(pieces), *divided))
    if centre == 0:
        return task(x, parameters)
    y, logabsdet = task(x - centre, parameters)
    return y + centre, logabsdet


def _places(sizes: tuple[int, ...]) -> tuple[Any, ...]:
    """Return the indices of pieces of the last axis."""
    ends = itertools.accumulate(sizes)
    return tuple([(..., slice(end - n, end)) for n, end in zip(sizes, ends, strict=True)])


LEAST_AFFINE = 2**12
"""With fewer elements, an affine transform is as fast in PyTorch's operations."""


def affine(by: str, owner: type, split: str, **options: Any) -> Callable[[Function], Function]:
    """Return the maker of an affine transform by pairs of a scale and a shift.

    `split` is the method that takes them apart. A class with its own keeps it.
    """
    known = vars(owner)[split]
    parts = Parts(((..., 0), (..., 1)))

    def answer(original: Function, self: Any, x: Any, parameters: Any) -> Any:
        if getattr(type(self), split) is not known or not plain((x, parameters)):
            return None
        if x.dim() != 2 or parameters.numel() != 2 * x.numel() or x.numel() < LEAST_AFFINE:
            return None
        shape = parameters.shape

        def again(x: Any, parameters: Any) -> Any:
            return original(self, x, parameters.reshape(shape))

        return Task(by, {"axis": -1, **options}, again, parts)(x, parameters.view(*x.shape, 2))

    return answered(answer)
