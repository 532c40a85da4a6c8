"""Two collections of arrays, place by place; nothing is written before all of it fits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from fastgen._arrays import array_of
from fastgen._core import extent
from fastgen._messages import holds_numbers

MAX_WORK = 10_000  # of the search for elements that two arrays share


def matched(averages: Any, weights: Any) -> tuple[Sequence[Any], list[Any], list[Any]]:
    """Return the places, such as ``3`` or ``'bias'``, and both sides in one order."""
    if isinstance(averages, Mapping) or isinstance(weights, Mapping):
        if not (isinstance(averages, Mapping) and isinstance(weights, Mapping)):
            raise TypeError("update: averages and weights must both be mappings, or none of them")
        for key in averages.keys() ^ weights.keys():
            where = "averages" if key in averages else "weights"
            raise ValueError(f"update: {key!r} is a key of {where} alone")
        return list(averages), list(averages.values()), [weights[key] for key in averages]
    ours, theirs = listed("averages", averages), listed("weights", weights)
    if len(ours) != len(theirs):
        raise ValueError(
            f"update: averages and weights must have one length, got {len(ours)} and {len(theirs)}"
        )
    return range(len(ours)), ours, theirs


def listed(name: str, arrays: Any) -> list[Any]:
    """Return a collection as a list. One array is none."""
    if isinstance(arrays, (str, bytes)) or hasattr(arrays, "dtype"):
        raise TypeError(f"update: {name} must be a sequence of arrays, got one; give [{name}]")
    if not isinstance(arrays, Iterable):
        raise TypeError(f"update: {name} must be a sequence of arrays, got {arrays!r}")
    return list(arrays)


def rate_of(decay: Any) -> float:
    """Return 1 - decay, or raise."""
    try:
        number = float(decay)
    except (TypeError, ValueError):
        raise TypeError(f"update: decay must be a number, got {decay!r}") from None
    if not 0 <= number <= 1:
        raise ValueError(f"update: decay must lie in [0, 1], got {number}")
    return 1 - number


def readable(places: Sequence[Any], weights: list[Any]) -> list[Any]:
    """Return the weights as arrays, or raise."""
    found = []
    for place, x in zip(places, weights, strict=True):
        array = x if type(x) is np.ndarray else array_of(x, name=f"update: weights[{place!r}]")
        if not holds_numbers(array.dtype):
            raise TypeError(f"update: weights[{place!r}] must hold real numbers, got {array.dtype}")
        found.append(array)
    return found


def check(places: Sequence[Any], averages: list[Any], weights: list[Any]) -> None:
    """Raise if an average can't be written, or has another shape than its weights."""
    for place, a, w in zip(places, averages, weights, strict=True):
        if not isinstance(a, np.ndarray) or isinstance(a, np.ma.MaskedArray):
            raise TypeError(
                f"update: averages[{place!r}] must be an array that can be written, got a "
                f"{type(a).__module__}.{type(a).__name__}"
            )
        if not (holds_numbers(a.dtype) and a.dtype.kind not in "biu"):
            raise TypeError(
                f"update: averages[{place!r}] must hold float16, bfloat16, float32 or float64, "
                f"got {a.dtype}"
            )
        if a.shape != w.shape:
            raise ValueError(
                f"update: averages[{place!r}] and weights[{place!r}] must have one shape, "
                f"got {a.shape} and {w.shape}"
            )
        if not a.flags.writeable:
            raise ValueError(f"update: averages[{place!r}] is read-only")
        if _may_overlap_itself(a):
            raise ValueError(
                f"update: averages[{place!r}] has elements that share memory; give its copy()"
            )
    _check_memory(places, averages, weights)


def _may_overlap_itself(x: Any) -> bool:
    """Whether a step along an axis may be no longer than all that the shorter steps reach."""
    if x.flags.forc or x.size == 0:
        return False
    steps = sorted((abs(s), n) for s, n in zip(x.strides, x.shape, strict=True) if n > 1)
    reach = x.itemsize
    for step, n in steps:
        if step < reach:
            return True
        reach += step * (n - 1)
    return False


def _check_memory(places: Sequence[Any], averages: list[Any], weights: list[Any]) -> None:
    """Raise if an average shares memory with any other array."""
    spans = [(*extent(x), k, True) for k, x in enumerate(averages)]
    spans += [(*extent(x), k, False) for k, x in enumerate(weights)]
    spans.sort()
    written = reached = 0  # where all averages, and all arrays, before this one end
    for low, high, _, is_average in spans:
        if low < written or (is_average and low < reached):
            _raise_if_shared(places, averages, weights, spans)
            return
        if low < high:
            reached = max(reached, high)
            written = max(written, high) if is_average else written


def _raise_if_shared(
    places: Sequence[Any], averages: list[Any], weights: list[Any], spans: list[Any]
) -> None:
    """Compare the arrays whose spans of memory overlap, element by element."""
    active: list[Any] = []
    for span in spans:
        low, high, _, is_average = span
        active = [other for other in active if other[1] > low]
        for other in active:
            if not (is_average or other[3]) or low == high:
                continue
            first, second = [(averages if s[3] else weights)[s[2]] for s in (other, span)]
            if np.may_share_memory(first, second, max_work=MAX_WORK):  # type: ignore[arg-type]
                names = [
                    f"{'averages' if s[3] else 'weights'}[{places[s[2]]!r}]" for s in (other, span)
                ]
                names.sort()
                raise ValueError(f"update: {names[0]} and {names[1]} share memory")
        active.append(span)
