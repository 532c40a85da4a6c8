"""The affine flows of normflows.

A method of these computes networks, and then the transform. The answers here compute the networks
once. Where fastgen does not compute the transform, the original takes a stand-in for the flow,
whose networks return what they have returned.

Flows whose scale is a sigmoid, and `AffineConstFlow`, stay: PyTorch's operations are as fast.
"""

from __future__ import annotations

import functools
import math
from types import SimpleNamespace
from typing import Any

import torch

from fastgen._accelerate.replacements import Function, InClass, Replacement, answered
from fastgen.torch._accelerate.calls import Parts, Task, plain

_ALL = slice(None)
_IN_TURN = Parts(((_ALL, slice(1, None, 2)), (_ALL, slice(0, None, 2))))
"""A shift and a scale in turn along axis 1."""
LEAST_COUPLED, LEAST_MASKED = 2**16, 2**13
"""With fewer elements, PyTorch's operations are as fast."""


def _coupling(by: str, original: Function) -> Function:
    """Return the replacement of a method of `AffineCoupling`."""

    def answer(original: Function, self: Any, z: Any) -> Any:
        if not isinstance(z, (list, tuple)) or len(z) != 2 or not plain(z):
            return None
        if z[1].dim() < 2 or z[1].numel() < LEAST_COUPLED:
            return None
        if not self.scale or self.scale_map != "exp":
            return None
        first, second = z
        parameters = self.param_map(first)

        def again(x: Any, parameters: Any) -> Any:
            known = SimpleNamespace(param_map=lambda _: parameters, scale=True, scale_map="exp")
            (_, y), logabsdet = original(known, [first, x])
            return y, logabsdet

        y, logabsdet = (
            Task(by, {"axis": _events(second)}, again, _IN_TURN)(second, parameters)
            if plain((second, parameters)) and parameters.shape == _twice(second)
            else again(second, parameters)
        )
        return [first, y], logabsdet

    return answered(answer)(original)


def _masked(by: str, original: Function) -> Function:
    """Return the replacement of a method of `MaskedAffineFlow`."""

    def answer(original: Function, self: Any, z: Any) -> Any:
        mask = self.b
        if not plain((z, mask)) or z.dim() < 2 or z.numel() < LEAST_MASKED:
            return None
        if mask.shape != (1, *z.shape[1:]) or mask.requires_grad or not _binary(mask):
            return None
        kept = mask * z
        scale, shift = self.s(kept), self.t(kept)

        def again(z: Any, scale: Any, shift: Any, mask: Any) -> Any:
            return original(SimpleNamespace(b=mask, s=lambda _: scale, t=lambda _: shift), z)

        given = z, scale, shift, mask
        ours = plain(given) and scale.shape == shift.shape == z.shape and _moderate(scale, shift)
        return Task(by, {"axis": _events(z)}, again)(*given) if ours else again(*given)

    return answered(answer)(original)


def _twice(x: Any) -> tuple[int, ...]:
    """Return the shape of two parameters per element, along axis 1."""
    return (x.shape[0], 2 * x.shape[1], *x.shape[2:])


def _events(x: Any) -> tuple[int, ...]:
    """Return all axes but the first."""
    return tuple(range(1, x.dim()))


def _binary(mask: Any) -> bool:
    return torch.equal(mask.clamp(0, 1).round(), mask)


def _moderate(scale: Any, shift: Any) -> bool:
    """Whether all elements are finite, and the scales e^40 at most.

    The original multiplies masked elements by 0. So it makes NaN of what is not finite.
    """
    least, most = torch.aminmax(scale.detach())
    return bool(least > -40 and most < 40) and math.isfinite(shift.detach().sum())


def _replacements() -> list[Replacement]:
    made = []
    for direction, end in (("forward", ""), ("inverse", "_inverse")):
        by = f"flow.affine_coupling{end}"
        for owner, make in (("AffineCoupling", _coupling), ("MaskedAffineFlow", _masked)):
            place = InClass("normflows.flows.affine.coupling", owner, direction)
            made.append(Replacement(place, by, functools.partial(make, by)))
    return made


AFFINES = tuple(_replacements())
