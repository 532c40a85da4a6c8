"""The functions of `fastgen.ema`, on tensors. Those of lists of tensors are here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch

from fastgen import ema as _arrays
from fastgen._core import apply_in_place
from fastgen._typing import Array, ArrayLike
from fastgen.ema import _matched
from fastgen.ema.arrays import _lerp
from fastgen.ema.arrays import move as _move
from fastgen.torch import _family
from fastgen.torch._plain import interpreter, modes
from fastgen.torch._tensors import check, check_writable, on_memory, to_array, to_tensor

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
    if 0 < rate < 1 and _moved(ours, theirs, rate):
        return
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
        _count_changes(ours)
        return
    with torch.no_grad():
        for a, w in zip(ours, theirs, strict=True):
            if rate == 1:
                a.copy_(w)
            elif rate != 0:
                a.lerp_(w.to(a), rate)


def _moved(averages: list[torch.Tensor], weights: list[torch.Tensor], rate: float) -> bool:
    """Move tensors of the usual kind, and return True. Return False for others: nothing has moved.

    Python takes some microseconds to check a tensor. So NumPy and C check: NumPy has no view of
    tensors on other devices, of other layouts, or without plain memory.
    """
    with torch.no_grad():  # NumPy has then views of parameters too
        try:
            ours, theirs = list(map(on_memory, averages)), list(map(on_memory, weights))
        except (RuntimeError, TypeError):
            return False
    if not apply_in_place(_lerp, ours, theirs, rate):
        return False
    _count_changes(averages)
    return True


def _takes_lists() -> bool:
    """Whether PyTorch counts the changes of a list of tensors in one call. Old versions do not."""
    try:
        torch.autograd.graph.increment_version([])
    except (AttributeError, RuntimeError, TypeError):
        return False
    return True


_in_one_call = _takes_lists()


def _count_changes(tensors: list[torch.Tensor]) -> None:
    """Tell autograd that tensors have changed in place."""
    if _in_one_call:
        torch.autograd.graph.increment_version(tensors)
        return
    for x in tensors:
        torch.autograd.graph.increment_version(x)


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
