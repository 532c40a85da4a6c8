"""Noise as dask arrays: a block draws its own elements of the stream."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fastgen._blocks import pieces

SHORT = 1024  # elements: a draw of fewer takes about as long
MOST = 8  # times as many elements as a block has may be drawn, to make fewer draws


class Draw:
    """The elements of one block. `f` takes a shape and a counter."""

    def __init__(self, f: Callable[..., Any], shape: tuple[int, ...], counter: int) -> None:
        self.f, self.shape, self.counter = f, shape, counter

    def __call__(self, *positions: Any) -> Any:
        """Return the elements at these positions along each axis."""
        local = tuple([p.size for p in positions])
        first = [int(p[0]) if p.size else 0 for p in positions]
        if 0 in local or not local:
            return self.f(local, counter=self.counter)
        lower, wide = self._widened(first, local)
        room = None
        for index, start in pieces(lower, wide, self.shape):
            part = self.f(wide[len(index) :], counter=self.counter + start)
            if not index:
                room = part
                break
            room = np.empty(wide, part.dtype) if room is None else room
            room[index] = part
        assert room is not None
        inner = zip(first, lower, local, strict=True)
        return room[tuple([slice(a - b, a - b + n) for a, b, n in inner])]

    def _widened(
        self, first: list[int], local: tuple[int, ...]
    ) -> tuple[list[int], tuple[int, ...]]:
        """Return a larger block of whole rows, if the parts of this one are short."""
        lower, wide = list(first), list(local)
        for d in range(len(local) - 1, 0, -1):
            more = math.prod(wide[:d]) * math.prod(self.shape[d:])
            if math.prod(wide[d:]) >= SHORT or more > MOST * math.prod(local):
                break
            lower[d], wide[d] = 0, self.shape[d]
        return lower, tuple(wide)


def drawn_in_chunks(
    f: Callable[..., Any], shape: tuple[int, ...], chunks: Any, counter: int, dtype: Any
) -> Any:
    """Return the elements of a stream as a dask array."""
    da: Any = importlib.import_module("dask.array")
    f((0,), counter=counter)  # raises for wrong arguments
    lengths = da.core.normalize_chunks(chunks, shape, dtype=np.dtype(dtype))
    named: list[Any] = []
    for d, n in enumerate(shape):
        named += [da.arange(n, chunks=(lengths[d],)), (d,)]
    meta = np.empty((0,) * len(shape), dtype)
    draw = Draw(f, shape, counter)
    if not shape:
        return da.from_array(np.asarray(draw()))
    options: dict[str, Any] = {"dtype": meta.dtype, "meta": meta, "align_arrays": False}
    return da.blockwise(draw, tuple(range(len(shape))), *named, **options)
