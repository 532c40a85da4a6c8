"""Inputs that have a shape and a type, and no values: a call is described by them alone."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from fastgen._arrays import array_of
from fastgen._core import Stream

Shape = tuple[int, ...]


class Abstract:
    """The shape and type of an input.

    A description takes it in place of an array: `fastgen._describe.describe` makes one of each
    fake tensor, tracer or lazy array. A call that needs values raises.
    """

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: Sequence[int], dtype: Any) -> None:
        object.__setattr__(self, "shape", tuple([int(n) for n in shape]))
        object.__setattr__(self, "dtype", np.dtype(dtype))

    shape: Shape
    dtype: np.dtype[Any]

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError("an Abstract does not change")

    def __reduce__(self) -> tuple[Any, ...]:
        return Abstract, (self.shape, self.dtype)

    def __repr__(self) -> str:
        return f"Abstract({self.shape}, {self.dtype.name!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Abstract):
            return NotImplemented
        return self.shape == other.shape and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype))

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(np.prod(self.shape, dtype=object))

    def astype(self, dtype: Any) -> Abstract:
        """Return the same shape with another type."""
        return Abstract(self.shape, dtype)

    def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("an Abstract has a shape and a type, and no values")

    def __array_ufunc__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("an Abstract has a shape and a type, and no values")


_WITH_VALUES = frozenset({np.ndarray, float, int})  # the types that most inputs have


def has_no_values(x: Any) -> bool:
    """Whether x is a dask array or an `Abstract`.

    The body of a composed function reads the shape and type of such an input, and no element.
    """
    return type(x) not in _WITH_VALUES and (type(x) is Abstract or is_dask(x))


def is_dask(x: Any) -> bool:
    """Whether x is a dask array."""
    if type(x) in _WITH_VALUES:
        return False
    dask = sys.modules.get("dask.array")
    return dask is not None and isinstance(x, dask.Array)


def as_array(x: Any) -> Any:
    """Return x as an array; an input without values as it is."""
    return x if has_no_values(x) else array_of(x)


def numbers(x: Any, name: str = "an input") -> Any:
    """Return x in float64; an input without values stays one. `name` is that of errors."""
    return x.astype(np.float64) if has_no_values(x) else array_of(x, np.float64, name)


def abstract_of(x: Any) -> Any:
    """Return an `Abstract` of any object with a shape and a type; other objects as they are.

    NumPy arrays keep their values. Lists and tuples are taken element by element.
    """
    if isinstance(x, (np.ndarray, np.generic, Stream, Abstract)):
        return x
    if type(x) in (list, tuple):
        return type(x)([abstract_of(y) for y in x])
    shape, dtype = getattr(x, "shape", None), getattr(x, "dtype", None)
    if shape is None or dtype is None:
        return x
    return Abstract(shape, type_of(dtype))


def type_of(dtype: Any) -> np.dtype[Any]:
    """Return NumPy's type of the same name, such as float32 for torch.float32."""
    if isinstance(dtype, np.dtype):
        return dtype
    name: Any = str(dtype).rpartition(".")[2]
    if name == "bfloat16":
        import ml_dtypes

        name = ml_dtypes.bfloat16
    found: np.dtype[Any] = np.dtype(name)
    return found
