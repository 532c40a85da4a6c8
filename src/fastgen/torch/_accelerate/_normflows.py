"""normflows: its spline, and the flows that use it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from normflows.utils import splines

from fastgen._accelerate.replacements import (
    Function,
    InClass,
    InModules,
    Library,
    Replacement,
)
from fastgen.torch._accelerate._normflows_affine import AFFINES
from fastgen.torch._accelerate.calls import plain, spreads
from fastgen.torch._accelerate.conditioned import coupling, masked
from fastgen.torch._accelerate.splines import (
    RATIONAL,
    Options,
    arguments,
    constrained,
    fits,
    options_of,
    spline,
    unconstrained,
)

_KIND = RATIONAL._replace(tails=("linear", "circular"))


def _with_tails(original: Function) -> Function:
    """Return the replacement of the spline with tails."""
    one, given_to = unconstrained(_KIND)(original), arguments(original)

    def function(*args: Any, **named: Any) -> Any:
        given = given_to(args, named)
        if given is None or not _differs(given):
            return one(*args, **named)
        found = _of_each(given)
        return original(*args, **named) if found is None else found

    return function


def _differs(given: Options) -> bool:
    """Whether the tails or bounds of elements may differ."""
    return not isinstance(given["tails"], str) or isinstance(given["tail_bound"], torch.Tensor)


def _of_each(given: Options) -> Any:
    """Return a spline whose tails or bounds differ between elements; None if fastgen lacks it.

    It is the spline on [-1, 1] of x / bound, with the slopes of all knots.
    """
    x, widths, heights, slopes = tensors = [given[name] for name in ("inputs", *_KIND.tensors)]
    tails, bound = given["tails"], given["tail_bound"]
    if not fits(_KIND, tensors, given) or not _has_bound(x, bound):
        return None
    knots = _slopes(x, slopes, tails, widths.shape[-1], given["min_derivative"])
    if knots is None:
        return None
    rest = {name: given[name] for name in ("inverse", *_KIND.least)}

    def again(*tensors: Any) -> Any:
        ends = {"left": -1.0, "right": 1.0, "bottom": -1.0, "top": 1.0}
        return splines.rational_quadratic_spline(*tensors, **rest, **ends)

    inside = (x >= -bound) & (x <= bound)
    scaled = (x / bound).clamp(-1, 1)
    y, logabsdet = spline(
        _KIND, [scaled, widths, heights, knots], options_of(_KIND, rest, 1.0), again
    )
    outside = x if isinstance(tails, str) else torch.zeros_like(x)  # as normflows has it
    return torch.where(inside, y * bound, outside), torch.where(inside, logabsdet, 0.0)


def _has_bound(x: Any, bound: Any) -> bool:
    """Whether the bound is a positive number, or one for each element."""
    if isinstance(bound, (int, float)):
        return 0 < bound < math.inf
    if not plain((x, bound)) or not spreads(bound, x):
        return False
    return bool(((bound > 0) & (bound < math.inf)).all())


def _slopes(x: Any, slopes: Any, tails: Any, bins: int, least: float) -> Any:
    """Return the slopes of all knots; None if they don't fit the tails."""
    count = slopes.shape[-1] - bins
    constant = float(np.log(np.exp(1 - least) - 1))  # whose slope is 1
    if isinstance(tails, str):
        if tails == "linear" and count == -1:
            return torch.nn.functional.pad(slopes, (1, 1), value=constant)
        circular = tails == "circular" and count == 0
        return torch.cat([slopes, slopes[..., :1]], dim=-1) if circular else None
    if tails is None or count != 1 or x.dim() == 0 or x.shape[-1] != len(tails):
        return None
    linear = torch.tensor([t == "linear" for t in tails])
    circular = torch.tensor([t == "circular" for t in tails])
    first = torch.where(linear, constant, slopes[..., 0])
    last = torch.where(circular, first, torch.where(linear, constant, slopes[..., -1]))
    return torch.cat([first[..., None], slopes[..., 1:-1], last[..., None]], dim=-1)


def _replacements() -> list[Replacement]:
    module, name = "normflows.utils.splines", "rational_quadratic_spline"
    flows = "normflows.flows.neural_spline"
    coupled = InClass(f"{flows}.coupling", "PiecewiseRationalQuadraticCoupling", "_piecewise_cdf")
    autoregressive = InClass(
        f"{flows}.autoregressive", "MaskedPiecewiseRationalQuadraticAutoregressive", "_elementwise"
    )
    return [
        Replacement(InModules(module, name), _KIND.by, constrained(_KIND)),
        Replacement(InModules(module, f"unconstrained_{name}"), _KIND.by, _with_tails),
        Replacement(coupled, _KIND.by, coupling(_KIND, splines)),
        Replacement(autoregressive, _KIND.by, masked(_KIND, splines)),
    ]


LIBRARY = Library("normflows", "normflows", ("1.7.3",), (*_replacements(), *AFFINES))
