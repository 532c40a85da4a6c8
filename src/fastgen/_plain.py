"""Functions in plain NumPy on dask arrays: each block is a call of its own."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from fastgen import _messages
from fastgen._abstract import is_dask
from fastgen._axes import Axes, Labels
from fastgen._compose import Composition, Result, lazy
from fastgen._registry import name_of, positional

F = TypeVar("F", bound=Callable[..., Any])
FLOAT64 = np.dtype(np.float64)


class Plain(Composition):
    """A call of a function that is not made of rows. It has no gradients.

    Parameters
    ----------
    name : str
        The name of the function, with its family.
    names : tuple of str
        The names of the arrays in it.
    f : function
        Takes the arrays, and returns the results. It pickles.
    arrays : tuple
        The arrays, numbers and Streams.
    axes : Axes
        Their labels, and those of the results.
    results : tuple of Result
        The shape and type of each result.
    """

    differentiable = False

    def __init__(
        self,
        name: str,
        names: tuple[str, ...],
        f: Callable[..., Any],
        arrays: tuple[Any, ...],
        axes: Axes,
        results: tuple[Result, ...],
    ) -> None:
        self.name, self.names, self.f = name, names, f
        self.operands, self.labels, self.made = arrays, axes, results
        _messages.PLAIN[name] = names

    @property
    def arrays(self) -> tuple[Any, ...]:
        """The arrays, numbers and Streams."""
        return self.operands

    def on(self, arrays: tuple[Any, ...]) -> Composition:
        """Return the call of other arrays."""
        return Plain(self.name, self.names, self.f, arrays, self.labels, self.made)

    def axes(self) -> Axes:
        """Return the labels."""
        return self.labels

    def value(self, out: Any = None) -> Any:
        """Return the results."""
        if any(map(is_dask, self.operands)):
            return lazy(self, out)
        return self.f(*self.operands)

    def gradients(
        self, wanted: Sequence[int], cotangent: Any, with_value: bool
    ) -> tuple[Any, tuple[Any, ...]]:
        """Raise: there are none."""
        raise TypeError(f"{self.name.partition('.')[2]}: it has no derivative")

    def results(self) -> tuple[Result, ...]:
        """Return the shape and type of each result."""
        return self.made


def of_elements(
    f: Callable[..., Any],
    name: str,
    argument: str,
    x: Any,
    count: int = 1,
    last: tuple[int, ...] = (),
    dtype: Any = FLOAT64,
) -> Any:
    """Return the results of an elementwise function of a dask array, as dask arrays.

    Each of the `count` results has the shape of x and then the axes `last`.
    """
    labels: Labels = tuple(range(x.ndim))
    results = (labels + (None,) * len(last),) * count
    made = (Result((*x.shape, *last), np.dtype(dtype)),) * count
    call = _Broadcast(f, last)
    return lazy(Plain(name, (argument,), call, (x,), Axes((labels,), results), made), None)


class _Broadcast:
    """The results of an elementwise function, all of the shape of its input and `last`."""

    def __init__(self, f: Callable[..., Any], last: tuple[int, ...]) -> None:
        self.f, self.last = f, last

    def __call__(self, x: Any) -> Any:
        found, shape = self.f(x), (*x.shape, *self.last)
        if isinstance(found, tuple):
            return tuple([np.broadcast_to(y, shape) for y in found])
        return np.broadcast_to(found, shape)


def of_samples(
    f: Callable[..., Any], name: str, names: tuple[str, ...], arrays: tuple[Any, ...], made: Result
) -> Any:
    """Return the result of a function of samples, as a dask array.

    The first axis of the arrays is that of the samples. An array of one axis is a single sample.
    """
    ndim = max([np.ndim(x) for x in arrays])
    batch: tuple[int | None, ...] = (0,) if ndim > 1 else (None,)
    labels = [(batch + (None,) * ndim)[: np.ndim(x)] for x in arrays]
    result = (batch + (None,) * ndim)[: len(made.shape)]
    return lazy(Plain(name, names, f, arrays, Axes(tuple(labels), (result,)), (made,)), None)


class _Rest:
    """A function with all arguments but the first."""

    def __init__(self, f: Callable[..., Any], args: tuple[Any, ...], options: Any) -> None:
        self.f, self.args, self.options = f, args, options

    def __call__(self, x: Any) -> Any:
        return self.f(x, *self.args, **self.options)


def elementwise(function: F) -> F:
    """Let a function of each element of its first argument take dask arrays. It gives float64."""
    name, first = name_of(function), positional(function)[0]

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        x = args[0] if args else options.get(first)
        if not is_dask(x):
            return function(*args, **options)
        rest = {k: v for k, v in options.items() if k != first}
        return of_elements(_Rest(call, args[1:], rest), name, first, x)

    return call  # type: ignore[return-value]
