"""nflows: its splines, and the couplings and autoregressive transforms that use them."""

from __future__ import annotations

import math

from nflows.transforms import MaskedAffineAutoregressiveTransform, splines

from fastgen._accelerate.replacements import InClass, InModules, Library, Replacement
from fastgen.torch._accelerate.conditioned import affine, coupling, masked
from fastgen.torch._accelerate.splines import (
    CUBIC,
    LINEAR,
    QUADRATIC,
    RATIONAL,
    Kind,
    constrained,
    unconstrained,
)

_SPLINES = "nflows.transforms.splines"
_COUPLING = "nflows.transforms.coupling"
_MASKED = "nflows.transforms.autoregressive"


def _functions(kind: Kind, module: str) -> list[Replacement]:
    name = kind.by.partition(".")[2]
    place = f"{_SPLINES}.{module}"
    made = [Replacement(InModules(place, name), kind.by, constrained(kind))]
    if kind.tails:
        tails = f"unconstrained_{name}"
        made.append(Replacement(InModules(place, tails), kind.by, unconstrained(kind)))
    return made


def _methods(kind: Kind, name: str) -> list[Replacement]:
    coupled = InClass(_COUPLING, f"Piecewise{name}CouplingTransform", "_piecewise_cdf")
    autoregressive = f"MaskedPiecewise{name}AutoregressiveTransform"
    return [
        Replacement(coupled, kind.by, coupling(kind, splines)),
        Replacement(
            InClass(_MASKED, autoregressive, "_elementwise"), kind.by, masked(kind, splines)
        ),
    ]


def _affines() -> list[Replacement]:
    made = []
    for direction, end in (("forward", ""), ("inverse", "_inverse")):
        by = f"flow.affine_coupling{end}"
        place = InClass(_MASKED, "MaskedAffineAutoregressiveTransform", f"_elementwise_{direction}")
        make = affine(
            by,
            MaskedAffineAutoregressiveTransform,
            "_unconstrained_scale_and_shift",
            scale_map="softplus",
            limit=math.inf,
        )
        made.append(Replacement(place, by, make))
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
