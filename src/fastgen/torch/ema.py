"""The functions of `fastgen.ema`, on tensors. Those of lists of tensors are here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch

from fastgen import ema as _arrays
from fastgen._typing import Array, ArrayLike
from fastgen.ema import _matched
from fastgen.ema.arrays import move as _move
from fastgen.torch import _family
from fastgen.torch._plain import interpreter, modes
from fastgen.torch._tensors import check, check_writable, to_array, to_tensor

__all__, __getattr__, __dir__ = _family.of("ema")


def update(
    averages: Iterable[Array] | Mapping[str, Array],
    weights: Iterable[ArrayLike] | Mapping[str, ArrayLike],
    decay: float,
) -> None:
    """Do what `fastgen.ema.update` does, to tensors."""
    if torch.compiler.is_compiling() or interpreter() is not None or modes() > 0:
        raise TypeError(
            "update: averages would change in place, which a compiled or transformed call does "
            "not allow; call the function outside of it"
        )
    rate = _matched.rate_of(decay)
    places, ours, theirs = _matched.matched(averages, weights)
    for place, a, w in zip(places, ours, theirs, strict=True):
        _check(f"update: averages[{place!r}]", a)
        _check(f"update: weights[{place!r}]", w)
        check_writable(f"update: averages[{place!r}]", a)
        if a.shape != w.shape:
            raise ValueError(
                f"update: averages[{place!r}] and weights[{place!r}] must have one shape, "
                f"got {tuple(a.shape)} and {tuple(w.shape)}"
            )
    if all([x.is_cpu for x in (*ours, *theirs)]):
        _move(places, list(map(to_array, ours)), list(map(to_array, theirs)), rate)
        for a in ours:
            torch.autograd.graph.increment_version(a)
        return
    with torch.no_grad():
        for a, w in zip(ours, theirs, strict=True):
            if rate == 1:
                a.copy_(w)
            elif rate != 0:
                a.lerp_(w.to(a), rate)


def combine(snapshots: Sequence[Sequence[ArrayLike]], coefficients: ArrayLike) -> list[Array]:
    """Do what `fastgen.ema.combine` does, to tensors."""
    rows = [[to_array(x) if isinstance(x, torch.Tensor) else x for x in row] for row in snapshots]
    factors = to_array(coefficients) if isinstance(coefficients, torch.Tensor) else coefficients
    return [to_tensor(x) for x in _arrays.combine(rows, factors)]


def _check(name: str, x: object) -> None:
    """Raise if x is no tensor with plain memory."""
    if not isinstance(x, torch.Tensor):
        raise TypeError(f"{name} must be a tensor, got a {type(x).__module__}.{type(x).__name__}")
    check(name, x)


for _f in (update, combine):
    _f.__doc__ = getattr(_arrays, _f.__name__).__doc__
