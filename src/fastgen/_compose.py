"""Descriptions of calls: the rows that a call runs, with their inputs and constants.

A composed function makes a description of its call, and computes it. The same description gives the
gradients, and the shape and type of each result without computing it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from fastgen import _messages
from fastgen._abstract import as_array, is_dask
from fastgen._axes import Axes, Labels, Space, axes_of_row, spaces_of_row
from fastgen._composition import Adjoint, Place
from fastgen._composition import Composition as Composition
from fastgen._composition import Result as Result
from fastgen._composition import refuse_foreign as refuse_foreign
from fastgen._core import Op, Stream, empty, shapes_and_types
from fastgen._pullbacks import for_each_output, gradients_of
from fastgen._registry import ENTRIES, Entry, name_of, positional

F = TypeVar("F", bound=Callable[..., Any])
FLOAT64 = np.dtype(np.float64)


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

    @property
    def name(self) -> str:  # type: ignore[override]
        """The name of the row, as errors tell it."""
        return self.op.name

    @property
    def differentiable(self) -> bool:  # type: ignore[override]
        """Whether the row has a derivative."""
        return self.op.derivative is not None

    @property
    def arrays(self) -> tuple[Any, ...]:
        """The operands of the row."""
        return self.operands

    def on(self, arrays: tuple[Any, ...]) -> Composition:
        """Return the row on other operands."""
        return Row(self.op, arrays, self.axis, self.keepdims)

    def axes(self) -> Axes:
        """Return the axes of the row."""
        return self._axes(False)

    def axes_of_value(self) -> Axes:
        """Return the axes for the value: all axes of a pointwise row are batch axes."""
        return self._axes(True)

    def _axes(self, fine: bool) -> Axes:
        ndims = [0 if type(x) is Stream else np.ndim(x) for x in self.operands]
        return axes_of_row(self.op, ndims, self.axis, self.keepdims, fine)

    def spaces(self) -> tuple[Space, ...]:
        """Return the axes to which each operand is broadcast."""
        return spaces_of_row(self.op, self.operands, self.axes().operands)

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

    def of_inputs(self, labels: tuple[Labels, ...]) -> tuple[Any, ...]:
        """Return the labels of the inputs. An input of which a diagonal is taken has two axes."""
        spots = range(len(labels)) if self.places is None else self.places
        found = [
            tuple([labels[k] for k in spot]) if isinstance(spot, tuple) else labels[spot]
            for spot in spots
        ]
        for k in self.adjoints or ():
            found[k] = (*found[k][:-1], None, None)
        return tuple(found)

    def place_of(self, k: int) -> Place:
        """Return the position of the operand of input k, or those of a sequence of arrays."""
        return k if self.places is None else self.places[k]

    def adjoint_of(self, k: int) -> Adjoint | None:
        """Return the adjoint of input k, or None."""
        return (self.adjoints or {}).get(k)

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

    @property
    def arrays(self) -> tuple[Any, ...]:
        """The operands of the row, and the further results."""
        return (*self.row.operands, *self.known)

    def on(self, arrays: tuple[Any, ...]) -> Composition:
        """Return the row on other operands, beside parts of the further results."""
        count = len(self.row.operands)
        row = Row(self.row.op, arrays[:count], self.row.axis, self.row.keepdims)
        return Beside(self.name, row, *arrays[count:])

    def axes(self) -> Axes:
        """Return the axes of the row. The further results have its leading axes."""
        return self._with_known(self.row.axes())

    def axes_of_value(self) -> Axes:
        """Return the axes for the value of the row. The further results have its leading axes."""
        return self._with_known(self.row.axes_of_value())

    def _with_known(self, axes: Axes) -> Axes:
        known = tuple([axes.results[0][: np.ndim(x)] for x in self.known])
        return Axes(axes.operands + known, axes.results + known)

    def spaces(self) -> tuple[Space, ...]:
        """Return the axes to which each operand is broadcast."""
        count = len(self.row.operands)
        return self.row.spaces() + super().spaces()[count:]

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
        known = map(as_array, self.known)
        return (*self.row.results(), *(Result(x.shape, x.dtype) for x in known))


_RESULTS: dict[Any, Result] = {}
"""The results of rows in `Mapped`, by the row, the shapes and types, and the options."""


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

    @property
    def arrays(self) -> tuple[Any, ...]:
        """The operands of the row."""
        return self.row.operands

    def on(self, arrays: tuple[Any, ...]) -> Composition:
        """Return the formula of the row on other operands."""
        row = Row(self.row.op, arrays, self.row.axis, self.row.keepdims)
        return Mapped(self.name, row, self.formula, self.slope)

    def axes(self) -> Axes:
        """Return the axes of the row."""
        return self.row.axes()

    def spaces(self) -> tuple[Space, ...]:
        """Return the axes to which each operand of the row is broadcast."""
        return self.row.spaces()

    def _inner(self) -> tuple[Any, np.dtype[Any]]:
        """Return the value of the row in float64, and the type of the result."""
        row = self.row
        known = shapes_and_types(row.operands) if type(row.axis) is tuple else None
        key = (row.op, known, row.axis, row.keepdims)  # the row checks the axis when it runs
        try:
            result = _RESULTS.get(key) if known else None
        except TypeError:  # an axis is no int, and the row says so
            known = result = None
        if result is None:
            refuse_foreign(self.name, row.operands, "apply it to each block")
            (result,) = self.results()
            if len(_RESULTS) >= 64:
                _RESULTS.clear()
            if known:
                _RESULTS[key] = result
        return row.value(empty(result.shape, FLOAT64)), result.dtype

    def value(self, out: Any = None) -> Any:
        """Apply the formula to the value of the row."""
        if any(map(is_dask, self.row.operands)):
            return lazy(self, out)
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


def lazy(composition: Composition, out: Any) -> Any:
    """Return the results of a composition on dask arrays, as dask arrays."""
    from fastgen import _lazy  # it needs dask

    return _lazy.of(composition, out)


DESCRIBE: Any = type("Describe", (), {"__repr__": lambda _: "DESCRIBE"})()
"""Given as `out` to a composed function: the function returns the description of the call."""


def computed(composition: Composition, out: Any) -> Any:
    """Return the results of a description, or write them to `out`. DESCRIBE asks for itself."""
    return composition if out is DESCRIBE else composition.value(out)


def row(
    op: Op, operands: tuple[Any, ...], axis: Any = -1, keepdims: bool = False, out: Any = None
) -> Any:
    """Do what `computed` does for a `Row`. A call that wants no description makes none."""
    if out is DESCRIBE:
        return Row(op, operands, axis, keepdims)
    return op(operands, axis, keepdims, out)


def composed(
    inputs: int, also: tuple[str, ...] = (), operands: tuple[str, ...] = ()
) -> Callable[[F], F]:
    """Register a public function that describes its calls: see `DESCRIBE`.

    The body of a function without a parameter `out` always returns the description, and the
    decorator computes it.

    Parameters
    ----------
    inputs : int
        The first `inputs` parameters have gradients.
    also : tuple of str
        The names of further inputs, after the positional parameters, for error messages.
    operands : tuple of str
        For a row under the function's name (see `Op.called`): for each operand, the argument that
        it comes from. By default, operand k is positional parameter k.
    """

    def decorate(body: F) -> F:
        made: Any = body
        describe: Callable[..., Any] = body
        if "out" in (body.__kwdefaults__ or {}):
            describe = functools.partial(body, out=DESCRIBE)
        else:

            @functools.wraps(body)
            def function(*args: Any, **options: Any) -> Any:
                return body(*args, **options).value()

            made = function
        names = positional(body)
        made.__fastgen_function__ = made
        made.__fastgen_describe__, made.__fastgen_inputs__ = describe, names[:inputs]
        ENTRIES[name_of(made)] = Entry(made, {}, operands or names + also)
        return made  # type: ignore[no-any-return]

    return decorate
