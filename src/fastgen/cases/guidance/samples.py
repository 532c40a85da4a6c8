"""Functions of lists of numbers, for the exact values of guidance over whole samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastgen.cases.case import Array

ROW = {"n": 4}


def dot(x: list[Any], y: list[Any]) -> Any:
    return sum(a * b for a, b in zip(x, y, strict=True))


def ratio_of(x: Any, y: Any, where_zero: Any) -> Any:
    return x / y if y else where_zero


def each_of(f: Any, *lists: list[Any]) -> list[Any]:
    return [f(*numbers) for numbers in zip(*lists, strict=True)]


def guided(u: list[Any], c: list[Any], s: Any) -> list[Any]:
    return each_of(lambda u, c: u + s * (c - u), u, c)


def largest(*lists: list[Any]) -> list[Any]:
    return each_of(lambda *numbers: max(map(abs, numbers)), *lists)


def all_alike(numbers: list[Any], like: list[Any]) -> list[Any]:
    return [max(map(abs, numbers))] * len(like)


def of_guided(u: list[Any], c: list[Any], s: Any) -> list[Any]:
    """Return the largest term of each element of the guided prediction."""
    return largest(u, each_of(lambda u, c: s * (c - u), u, c), guided(u, c, s))


def scales_are_positive(z: list[Array]) -> tuple[Array, ...]:
    """Make inputs with one number per sample positive: they are scales."""
    whole = max(x.ndim for x in z)
    return tuple(np.abs(x) + 0.25 if x.ndim < whole else x for x in z)
