"""Descriptions of calls: the rows that a call runs, with their inputs and constants.

The body of a composed function returns a description, and the decorator `composed` computes it. The
same description gives the gradients, and the shape and type of each result without computing it.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from fastgen import _messages
from fastgen._core import Op, overrides_ufuncs
from fastgen._pullbacks import for_each_output, gradients_of
from fastgen._registry import ENTRIES, Entry, name_of, positional

F = TypeVar("F", bound=Callable[..., Any])

Place = int | tuple[int, ...]
Adjoint = Callable[[Any], Any]


class Result(NamedTuple):
    """The shape and type of a result, known before it is computed."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class Composition(ABC):
    """The description of one call: it computes the results, their gradients, shapes and types."""

    @abstractmethod
    def value(self, out: Any = None) -> Any:
        """Return the results, or write them to `out`."""

    @abstractmethod
    def gradients(
        self, wanted: Sequence[int], cotangent: Any, with_value: bool
    ) -> tuple[Any, tuple[Any, ...]]:
        """Return the value, or None without `with_value`, and the wanted gradients."""

    @abstractmethod
    def results(self) -> tuple[Result, ...]:
        """Return the shape and type of each result. Nothing is computed."""


class Row(Composition):
    """One row on prepared operands. Input k of the function is operand k.

    Parameters
    ----------
    op : Op
        The row.
    operands : tuple
        The operands of the row: the function's inputs, prepared, and constants.
    axis, keepdims
        The options of the row.
    """

    __slots__ = ("axis", "keepdims", "op", "operands")

    def __init__(
        self, op: Op, operands: tuple[Any, ...], axis: Any = -1, keepdims: bool = False
    ) -> None:
        self.op, self.operands, self.axis, self.keepdims = op, operands, axis, keepdims

    def value(self, out: Any = None) -> Any:
        """Run the row."""
        return self.op(self.operands, self.axis, self.keepdims, out)

    def gradients(
        self, wanted: Sequence[int], cotangent: Any, with_value: bool
    ) -> tuple[Any, tuple[Any, ...]]:
        """Run the derivative of the row, once."""
        return gradients_of(
            self.op, wanted, self.operands, cotangent, with_value, self.axis, self.keepdims
        )

    def results(self) -> tuple[Result, ...]:
        """Return the shape and type of each result of the row."""
        shapes = self.op.shapes(self.operands, self.axis, self.keepdims)
        dtype = self.op.dtype(self.operands)
        return tuple([Result(shape, dtype) for shape in shapes])


class PlacedRow(Row):
    """One row whose operands are in another order than the inputs, or are views of them.

    Parameters
    ----------
    op, operands, axis, keepdims
        As in `Row`.
    places : sequence, optional
        For each input of the function: the position of its operand, or a tuple of positions for an
        input that is a sequence. By default input k is operand k.
    adjoints : mapping, optional
        For each input whose operand is a linear view of it, such as a diagonal: the function that
        turns the gradient of the operand into that of the input.
    """

    __slots__ = ("adjoints", "places")

    def __init__(
        self,
        op: Op,
        operands: tuple[Any, ...],
        axis: Any = -1,
        keepdims: bool = False,
        places: Sequence[Place] | None = None,
        adjoints: Mapping[int, Adjoint] | None = None,
    ) -> None:
        super().__init__(op, operands, axis, keepdims)
        self.places, self.adjoints = places, adjoints

    def gradients(
        self, wanted: Sequence[int], cotangent: Any, with_value: bool
    ) -> tuple[Any, tuple[Any, ...]]:
        """Run the derivative of the row, once."""
        places = self.places
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


class Beside(Composition):
    """The result of a row, and further results that need no computation.

    Parameters
    ----------
    name : str
        The name of the function, with its family.
    row : Row
        The row. It has the inputs of the function.
    known : tuple
        The further results. They have no gradients.
    """

    __slots__ = ("known", "name", "row")

    def __init__(self, name: str, row: Row, *known: Any) -> None:
        self.name, self.row, self.known = name, row, known

    def value(self, out: Any = None) -> Any:
        """Run the row. `out` receives the result of the row."""
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
        """Return the shape and type of each result."""
        known = map(np.asarray, self.known)
        return (*self.row.results(), *(Result(x.shape, x.dtype) for x in known))


class Mapped(Composition):
    """A formula applied to each element of a row's result, in float64, and rounded once.

    Parameters
    ----------
    name : str
        The name of the function, with its family.
    row : Row
        A row with one result. It has the inputs of the function.
    formula, slope : function
        The formula and its derivative. Both take an array of float64.
    """

    __slots__ = ("formula", "name", "row", "slope")

    def __init__(self, name: str, row: Row, formula: Adjoint, slope: Adjoint) -> None:
        self.name, self.row, self.formula, self.slope = name, row, formula, slope

    def _inner(self) -> tuple[Any, np.dtype[Any]]:
        """Return the value of the row in float64, and the type of the result."""
        refuse_foreign(self.name, self.row.operands, "apply it to each block")
        (result,) = self.results()
        return self.row.value(np.empty(result.shape)), result.dtype

    def value(self, out: Any = None) -> Any:
        """Apply the formula to the value of the row."""
        inner, dtype = self._inner()
        if out is not None:
            _messages.check_out(self.name, out, inner.shape)
        return rounded(self.formula, inner, dtype, out)

    def gradients(
        self, wanted: Sequence[int], cotangent: Any, with_value: bool
    ) -> tuple[Any, tuple[Any, ...]]:
        """Apply the chain rule: run the row for the slope, then the derivative of the row."""
        inner, dtype = self._inner()
        wide = np.float64 if dtype == np.float64 else np.float32
        with np.errstate(over="ignore", under="ignore"):
            inner_cotangent = np.asarray(self.slope(inner) * cotangent).astype(wide)
        found = self.row.gradients(wanted, inner_cotangent, False)[1]
        return rounded(self.formula, inner, dtype, None) if with_value else None, found

    def results(self) -> tuple[Result, ...]:
        """Return the shape and type of the result."""
        return self.row.results()


def rounded(formula: Adjoint, array: Any, dtype: Any, out: Any) -> Any:
    """Apply a formula to an array of float64, and round the result once."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        found = formula(array)
        if out is None:
            return np.asarray(found).astype(dtype)[()]
        np.copyto(out, found, casting="unsafe")
    return out


def refuse_foreign(name: str, inputs: Sequence[Any], instead: str) -> Any:
    """Refuse arrays of other libraries, such as dask. `instead` says what the user can do."""
    for x in inputs:
        if overrides_ufuncs(x):
            raise TypeError(
                f"{name.partition('.')[2]}: expected NumPy arrays, got {type(x).__module__}."
                f"{type(x).__name__}; {instead}"
            )


def composed(inputs: int, also: tuple[str, ...] = ()) -> Callable[[F], F]:
    """Make a public function from a body that returns a `Composition`.

    Parameters
    ----------
    inputs : int
        The first `inputs` parameters have gradients. If the body has a parameter `out`, a caller
        may give it. The body itself never gets it.
    also : tuple of str
        The names of further inputs, after the positional parameters, for error messages.
    """

    def decorate(body: F) -> F:
        code = body.__code__
        takes_out = "out" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]

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


def described(composition: Composition) -> Any:
    """Return a description from the body of a composed function, which is annotated with arrays."""
    return composition


row: Any = Row
"""Describes one row. Its type is Any, because the body of a composed function returns arrays."""
