"""nflows: its splines, and the couplings and autoregressive transforms that use them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from nflows.transforms import (
    AffineCouplingTransform,
    MaskedAffineAutoregressiveTransform,
    splines,
)
from nflows.utils import torchutils

from fastgen.torch._accelerate.calls import Parts, Task, plain
from fastgen.torch._accelerate.replacements import (
    Function,
    InClass,
    InModules,
    Library,
    Replacement,
    answered,
)
from fastgen.torch._accelerate.splines import (
    CUBIC,
    LINEAR,
    QUADRATIC,
    RATIONAL,
    Kind,
    constrained,
    packed,
    unconstrained,
)

_SPLINES = "nflows.transforms.splines"
_COUPLING = "nflows.transforms.coupling"
_MASKED = "nflows.transforms.autoregressive"


def _coupling(kind: Kind) -> Callable[[Function], Function]:
    """Return the maker of `_piecewise_cdf` of a coupling."""

    def answer(original: Function, self: Any, x: Any, parameters: Any, inverse: Any = False) -> Any:
        return _packed(kind, self, self.transform_net, x, parameters, inverse, kind is QUADRATIC)

    return answered(answer)


def _masked(kind: Kind) -> Callable[[Function], Function]:
    """Return the maker of `_elementwise` of an autoregressive transform."""

    def answer(original: Function, self: Any, x: Any, parameters: Any, inverse: Any = False) -> Any:
        if x.dim() != 2:
            return None
        each = parameters.view(*x.shape, -1)
        found = _packed(kind, self, self.autoregressive_net, x, each, inverse, False)
        return found and (found[0], torchutils.sum_except_batch(found[1]))

    return answered(answer)


def _packed(
    kind: Kind, self: Any, net: Any, x: Any, parameters: Any, inverse: Any, heights: bool
) -> Any:
    """Return a spline of a transform, whose first parameters are divided by a root."""
    bins = self.num_bins
    hidden: Any = getattr(net, "hidden_features", None)
    if hidden is None and kind is RATIONAL and hasattr(self, "transform_net"):
        hidden = getattr(net, "hidden_channels", None)
        if hidden is None:
            return None  # nflows warns
    given = {name: getattr(self, name, 1e-3) for name in kind.least}
    given |= {
        "bins": bins,
        "tails": getattr(self, "tails", None),
        "tail_bound": getattr(self, "tail_bound", 1.0),
        "inverse": inverse,
    }
    divided = 0
    if hidden is not None and kind is not LINEAR:
        divided = 2 * bins if kind is not QUADRATIC else (2 * bins + 1 if heights else bins)
    divisor = math.sqrt(hidden) if divided else 1.0
    return packed(kind, splines, (x, parameters), (divisor, divided), given)


def _affine(by: str, owner: type, split: str, places: Function, **options: Any) -> Any:
    """Return the maker of an affine transform by scales and shifts in one tensor.

    `split` is the method that takes them apart. A class with its own keeps it.
    """
    known = vars(owner)[split]

    def answer(original: Function, self: Any, x: Any, parameters: Any) -> Any:
        found = places(x, parameters) if getattr(type(self), split) is known else None
        if found is None:
            return None
        each, parts = found
        axis = -1 if x.dim() == 2 else tuple(range(1, x.dim()))
        shape = parameters.shape

        def again(x: Any, parameters: Any) -> Any:
            return original(self, x, parameters.reshape(shape))

        return Task(by, {"axis": axis, **options}, again, parts)(x, each)

    return answered(answer)


def _halves(x: Any, parameters: Any) -> Any:
    """Return the parameters, whose first half along axis 1 is the shift."""
    if not plain((x, parameters)) or x.dim() < 2 or parameters.shape[2:] != x.shape[2:]:
        return None
    n = x.shape[1]
    if len(parameters) != len(x) or parameters.shape[1] != 2 * n:
        return None
    every = slice(None)
    return parameters, Parts(((every, slice(n, None)), (every, slice(n))))


def _pairs(x: Any, parameters: Any) -> Any:
    """Return the parameters in pairs of scale and shift."""
    if not plain((x, parameters)) or x.dim() != 2 or parameters.numel() != 2 * x.numel():
        return None
    return parameters.view(*x.shape, 2), Parts(((..., 0), (..., 1)))


def _functions(kind: Kind, module: str) -> list[Replacement]:
    name = kind.by.partition(".")[2]
    place = f"{_SPLINES}.{module}"
    made = [Replacement(InModules(place, name), kind.by, constrained(kind))]
    if kind is not QUADRATIC:  # nflows halves the ends of the unconstrained one twice
        tails = f"unconstrained_{name}"
        made.append(Replacement(InModules(place, tails), kind.by, unconstrained(kind)))
    return made


def _methods(kind: Kind, name: str) -> list[Replacement]:
    coupling = InClass(_COUPLING, f"Piecewise{name}CouplingTransform", "_piecewise_cdf")
    masked = InClass(_MASKED, f"MaskedPiecewise{name}AutoregressiveTransform", "_elementwise")
    return [
        Replacement(coupling, kind.by, _coupling(kind)),
        Replacement(masked, kind.by, _masked(kind)),
    ]


def _affines() -> list[Replacement]:
    made = []
    for direction, by in (
        ("forward", "flow.affine_coupling"),
        ("inverse", "flow.affine_coupling_inverse"),
    ):
        coupling = _affine(
            by, AffineCouplingTransform, "_scale_and_shift", _halves, scale_map="sigmoid"
        )
        masked = _affine(
            by,
            MaskedAffineAutoregressiveTransform,
            "_unconstrained_scale_and_shift",
            _pairs,
            scale_map="softplus",
            limit=math.inf,
        )
        place = InClass(_COUPLING, "AffineCouplingTransform", f"_coupling_transform_{direction}")
        made.append(Replacement(place, by, coupling))
        place = InClass(_MASKED, "MaskedAffineAutoregressiveTransform", f"_elementwise_{direction}")
        made.append(Replacement(place, by, masked))
    return made


LIBRARY = Library(
    "nflows",
    "nflows",
    ("0.14",),
    (
        *_functions(LINEAR, "linear"),
        *_functions(QUADRATIC, "quadratic"),
        *_functions(CUBIC, "cubic"),
        *_functions(RATIONAL, "rational_quadratic"),
        *_methods(LINEAR, "Linear"),
        *_methods(QUADRATIC, "Quadratic"),
        *_methods(CUBIC, "Cubic"),
        *_methods(RATIONAL, "RationalQuadratic"),
        *_affines(),
    ),
)
