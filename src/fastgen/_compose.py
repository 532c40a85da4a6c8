"""A call, described: which rows it runs, on which inputs, with which constants.

A composed function returns such a description, and the decorator `composed` computes it. From the
same description come the gradients, and the shape and type of the results without computing them.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from fastgen import _messages
from fastgen._core import Op, overrides_ufuncs, result_dtype
from fastgen._pullbacks import as_input, for_each_output, gradients_of
from fastgen._registry import ENTRIES, Entry, name_of, positional

F = TypeVar("F", bound=Callable[..., Any])

Place = int | tuple[int, ...]
Adjoint = Callable[[Any], Any]
ALL = 0x7FFFFFFF


class Result(NamedTuple):
    """What is known of a result before it is computed."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class Composition(ABC):
    """The results of one call: they can be computed, differentiated, or described."""

    @abstractmethod
    def value(self, out: Any = None) -> Any:
        """Return the results, or write them to `out`."""

    @abstractmethod
    def gradients(
        self, wanted: Sequence[int], cotangent: Any, with_value: bool
    ) -> tuple[Any, tuple[Any, ...]]:
        """Return the value, if asked for, and the gradients of the wanted inputs."""

    @abstractmethod
    def results(self) -> tuple[Result, ...]:
        """Return the shape and type of each result. Nothing is computed."""


class Row(Composition):
    """One row on prepared operands.

    Parameters
    ----------
    op : Op
        The row.
    operands : tuple
        What it takes: the function's inputs, prepared, and constants.
    axis, keepdims
        As the row takes them.
    places : sequence, optional
        The operand that each input of the function became, or the operands that a sequence became.
        By default input k is operand k.
    adjoints : mapping, optional
        For inputs of which the operand is a linear view: from the operand's gradient to the
        input's.
    """

    __slots__ = ("adjoints", "axis", "keepdims", "op", "operands", "places")

    def __init__(
        self,
        op: Op,
        operands: tuple[Any, ...],
        axis: Any = -1,
        keepdims: bool = False,
        places: Sequence[Place] | None = None,
        adjoints: Mapping[int, Adjoint] | None = None,
    ) -> None:
        self.op, self.operands, self.axis, self.keepdims = op, operands, axis, keepdims
        self.places, self.adjoints = places, adjoints

    def value(self, out: Any = None) -> Any:
        """Run the row."""
        return self.op(self.operands, self.axis, self.keepdims, out)

    def gradients(
        self, wanted: Sequence[int], cotangent: Any, with_value: bool
    ) -> tuple[Any, tuple[Any, ...]]:
        """Run the derivative of the row, once."""
        places = self.places
        if places is None and self.adjoints is None:
            return gradients_of(
                self.op, wanted, self.operands, cotangent, with_value, self.axis, self.keepdims
            )
        spots = wanted if places is None else [places[k] for k in wanted]
        flat = [s for spot in spots for s in (spot if isinstance(spot, tuple) else (spot,))]
        value, found = gradients_of(
            self.op, flat, self.operands, cotangent, with_value, self.axis, self.keepdims
        )
        if places is not None:
            rest = iter(found)
            found = tuple(
                tuple(next(rest) for _ in spot) if isinstance(spot, tuple) else next(rest)
                for spot in spots
            )
        if self.adjoints is None:
            return value, found
        adjoints = self.adjoints
        pairs = zip(wanted, found, strict=True)
        return value, tuple(adjoints[k](g) if k in adjoints else g for k, g in pairs)

    def results(self) -> tuple[Result, ...]:
        """Return what the row gives."""
        shapes = self.op.shapes(self.operands, self.axis, self.keepdims)
        dtype = self.op.dtype(self.operands)
        return tuple([Result(shape, dtype) for shape in shapes])


class Beside(Composition):
    """The results of a row, and beside them what is known without it.

    Parameters
    ----------
    name : str
        The function's, with its family.
    row : Row
        Its inputs are the function's.
    known : tuple
        The other results. They have no gradients.
    """

    __slots__ = ("known", "name", "row")

    def __init__(self, name: str, row: Row, known: tuple[Any, ...]) -> None:
        self.name, self.row, self.known = name, row, known

    def value(self, out: Any = None) -> Any:
        """Run the row. `out` is for its result."""
        if isinstance(out, tuple):
            raise TypeError(
                f"{self.name.partition('.')[2]}: out must be one array, for the first result; "
                "got a tuple"
            )
        return (self.row.value(out), *self.known)

    def gradients(
        self, wanted: Sequence[int], cotangent: Any, with_value: bool
    ) -> tuple[Any, tuple[Any, ...]]:
        """Run the derivative of the row."""
        first = for_each_output(self.name, 1 + len(self.known), cotangent)[0]
        value, found = self.row.gradients(wanted, first, with_value)
        return (value, *self.known) if with_value else None, found

    def results(self) -> tuple[Result, ...]:
        """Return what the row gives, and what is known."""
        known = map(np.asarray, self.known)
        return (*self.row.results(), *(Result(x.shape, x.dtype) for x in known))


class Mapped(Composition):
    """A formula of each number that a row gives: its value in float64, rounded once.

    Parameters
    ----------
    name : str
        The function's, with its family.
    row : Row
        Of one result. Its inputs are the function's.
    formula, slope : function
        Of an array of float64: the formula, and its derivative.
    """

    __slots__ = ("formula", "name", "row", "slope")

    def __init__(self, name: str, row: Row, formula: Adjoint, slope: Adjoint) -> None:
        self.name, self.row, self.formula, self.slope = name, row, formula, slope

    def _inner(self) -> tuple[Any, np.dtype[Any]]:
        """Return the row's value in float64, and the type of the result."""
        refuse_foreign(self.name, self.row.operands, "apply it to each block")
        (result,) = self.results()
        return self.row.value(np.empty(result.shape)), result.dtype

    def value(self, out: Any = None) -> Any:
        """Return the formula of the row's value."""
        inner, dtype = self._inner()
        if out is not None:
            _messages.check_out(self.name, out, inner.shape)
        return rounded(self.formula, inner, dtype, out)

    def gradients(
        self, wanted: Sequence[int], cotangent: Any, with_value: bool
    ) -> tuple[Any, tuple[Any, ...]]:
        """Return the chain rule's: the row runs for the slope, then its derivative."""
        inner, dtype = self._inner()
        wide = np.float64 if dtype == np.float64 else np.float32
        with np.errstate(over="ignore", under="ignore"):
            inner_cotangent = np.asarray(self.slope(inner) * cotangent).astype(wide)
        found = self.row.gradients(wanted, inner_cotangent, False)[1]
        return rounded(self.formula, inner, dtype, None) if with_value else None, found

    def results(self) -> tuple[Result, ...]:
        """Return what the row gives."""
        return self.row.results()


def rounded(formula: Adjoint, array: Any, dtype: Any, out: Any) -> Any:
    """Return the formula of an array of float64, rounded once."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        found = formula(array)
        if out is None:
            return np.asarray(found).astype(dtype)[()]
        np.copyto(out, found, casting="unsafe")
    return out


def refuse_foreign(name: str, inputs: Sequence[Any], instead: str) -> Any:
    """Refuse arrays of other libraries, where NumPy's protocols can't serve."""
    for x in inputs:
        if overrides_ufuncs(x):
            raise TypeError(
                f"{name.partition('.')[2]}: expected NumPy arrays, got {type(x).__module__}."
                f"{type(x).__name__}; {instead}"
            )


def composed(inputs: int, also: tuple[str, ...] = ()) -> Callable[[F], F]:
    """Make a public function of one that returns a `Composition`.

    Parameters
    ----------
    inputs : int
        How many of the first parameters have gradients. The function may be called with `out`,
        where that is one of its parameters: its body never sees it.
    also : tuple of str
        What else errors speak of as inputs, after the positional parameters.
    """

    def decorate(body: F) -> F:
        takes_out = "out" in body.__code__.co_varnames

        @functools.wraps(body)
        def function(*args: Any, **options: Any) -> Any:
            return body(*args, **options).value()

        @functools.wraps(body)
        def function_with_out(*args: Any, out: Any = None, **options: Any) -> Any:
            return body(*args, **options).value(out)

        made: Any = function_with_out if takes_out else function
        names = positional(body)
        made.__fastgen_describe__, made.__fastgen_inputs__ = body, names[:inputs]
        ENTRIES[name_of(made)] = Entry(made, {}, names + also)
        return made  # type: ignore[no-any-return]

    return decorate


# What the body of a composed function returns. Any, because the decorated function returns arrays.


def row(op: Op, operands: tuple[Any, ...], axis: Any = -1, keepdims: bool = False) -> Any:
    """Return a `Row` whose inputs are its first operands."""
    return Row(op, operands, axis, keepdims)


def beside(name: str, row: Row, *known: Any) -> Any:
    """Return a `Beside`."""
    return Beside(name, row, known)


def mapped(name: str, row: Row, formula: Adjoint, slope: Adjoint) -> Any:
    """Return a `Mapped`."""
    return Mapped(name, row, formula, slope)


__all__ = [
    "Composition",
    "Mapped",
    "Result",
    "Row",
    "as_input",
    "beside",
    "composed",
    "mapped",
    "refuse_foreign",
    "result_dtype",
    "row",
]
