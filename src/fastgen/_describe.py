"""The description of a call of a public function: what it computes, of which shapes and types.

`describe` is the door for other libraries. It takes fake tensors, tracers and lazy arrays, because
it reads the shapes and types of the inputs alone.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from fastgen._abstract import abstract_of
from fastgen._axes import Labels
from fastgen._compose import Composition, Result, Row
from fastgen._messages import why_no_derivative
from fastgen._ops import OPS, chosen
from fastgen._registry import entry_of, positional


class Description(NamedTuple):
    """The description of a call, without the values of its inputs."""

    inputs: dict[str, Any]
    """For each input, by its name: the number of the batch axis of each of its axes, or None for a
    core axis. A sequence of arrays has a tuple of them."""
    results: tuple[Result, ...]
    """The shape and type of each result."""
    axes: tuple[Labels, ...]
    """The same for each result as `inputs` has."""
    gradients: tuple[str, ...]
    """The names of the inputs that have gradients."""


def describe(f: Callable[..., Any], /, *inputs: Any, **options: Any) -> Description:
    """Describe a call of a public function. Nothing is computed, and no value is read.

    An input may be anything that has a shape and a type. Options have values.
    """
    function = Function(f)
    inputs = tuple([abstract_of(x) for x in inputs])
    options = {name: abstract_of(x) for name, x in options.items()}
    composition, _ = function.call(inputs, options)
    axes = composition.axes()
    labels = dict(zip(function.inputs, composition.of_inputs(axes.operands), strict=False))
    further: dict[str, Labels] = {}
    for name, found in zip(entry_of(composition.name).names, axes.operands, strict=False):
        if name not in labels and "[" not in name:  # a sequence is there already
            further[name] = max(further.get(name, ()), found, key=len)
    labels |= further
    gradients = function.inputs if composition.differentiable else ()
    return Description(labels, composition.results(), axes.results, gradients)


class Function:
    """A public function, or a `functools.partial` of one, and how to describe a call of it.

    Attributes
    ----------
    describe : function
        Takes the arguments of the function, except `out`, and returns a `Composition`.
    inputs : tuple of str
        The parameters that have gradients.
    required : int
        The number of inputs without a default.
    """

    def __init__(self, f: Callable[..., Any]) -> None:
        self.fixed: dict[str, Any] = {}
        while isinstance(f, functools.partial) and not f.args:
            self.fixed = f.keywords | self.fixed
            f = f.func
        self.function = f
        if getattr(f, "__fastgen_function__", f) is not f:
            original = f.__fastgen_function__  # type: ignore[attr-defined]
            raise TypeError(
                f"f must be a fastgen function itself; got {f!r}, which functools.wraps made to "
                f"look like {original.__name__}. Its own part would have no gradient. "
                f"Differentiate {original.__module__}.{original.__name__}, and apply the chain "
                "rule to the rest"
            )
        if hasattr(f, "__fastgen_describe__"):
            self.describe: Callable[..., Composition] = f.__fastgen_describe__
            names: tuple[str, ...] = f.__fastgen_inputs__  # type: ignore[attr-defined]
        elif hasattr(f, "__fastgen_rows__"):
            self.describe, names = self._row, positional(f)
        else:
            raise TypeError(
                why_no_derivative(f)
                or "f must be a fastgen function with a derivative, such as fastgen.vae."
                f"kl_standard_normal; got {f!r}"
            )
        rows: Any = getattr(f, "__fastgen_rows__", ({}, None))[0]
        self.rows = [rows] if isinstance(rows, str) else list(rows.values())
        self.has_derivative = not self.rows or any(OPS[row].derivative for row in self.rows)
        composed = hasattr(f, "__fastgen_describe__")
        self.op = None if composed or not isinstance(rows, str) else OPS[rows]
        self.composed = composed
        self.inputs = names
        defaults = getattr(f, "__wrapped__", f).__defaults__ or ()
        self.defaults = dict(zip(positional(f)[::-1], defaults[::-1], strict=False))
        self.keywords = frozenset(f.__kwdefaults__ or ())
        self.positions = list(range(len(names)))
        self.required = len([name for name in names if name not in self.defaults])

    def _row(self, *args: Any, **named: Any) -> Row:
        """Describe a call of a function that is one row, or one that an option chooses."""
        axis = named.pop("axis", -1) if "axis" in self.keywords else -1
        keepdims = named.pop("keepdims", False) if "keepdims" in self.keywords else False
        if self.op is not None and not named and len(args) == len(self.inputs):
            return Row(self.op, args, axis, keepdims)
        rows, choice = self.function.__fastgen_rows__  # type: ignore[attr-defined]
        name = rows
        if not isinstance(rows, str):
            default = (self.function.__kwdefaults__ or {}).get(choice)
            value = named.pop(choice) if default is None else named.pop(choice, default)
            if isinstance(default, bool):
                name = rows[bool(value)]
            else:
                name = chosen(self.function.__name__, choice, rows, value)
        rest = [named.pop(n) if n in named else self.defaults[n] for n in self.inputs[len(args) :]]
        if named or len(args) > len(self.inputs):
            raise TypeError(f"{self.function.__name__}: unexpected arguments")
        return Row(OPS[name], (*args, *rest), axis, keepdims)

    def call(
        self, inputs: tuple[Any, ...], options: dict[str, Any]
    ) -> tuple[Composition, list[int]]:
        """Return the description of a call, and the positions of its inputs.

        An input with a default counts only if it is given by position.
        """
        if self.fixed:
            options = self.fixed | options
        if options and "out" in options:
            raise TypeError(f"{self.function.__name__}: a derivative takes no out")
        try:
            if self.op is not None and not options and len(inputs) == len(self.inputs):
                return Row(self.op, inputs), self.positions
            found = self.describe(*inputs, **options)
        except (IndexError, KeyError, TypeError, ValueError):
            self._check_call(inputs, options)
            raise
        count = min(max(len(inputs), self.required), len(self.inputs))
        return found, self.positions[:count]

    def _check_call(self, inputs: tuple[Any, ...], options: dict[str, Any]) -> None:
        """Raise if the arguments do not fit the signature of the function."""
        try:
            inspect.signature(self.function).bind(*inputs, **options)
        except TypeError as error:
            name = self.function.__name__
            raise TypeError(f"{name}: {error}, got {len(inputs)} inputs") from None
