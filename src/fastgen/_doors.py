"""A door is a public function of fastgen, with what a call from another library knows about it.

`fastgen.torch` and `fastgen.jax` make their functions of doors, without code for single functions.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from fastgen._derivatives import Differentiable
from fastgen._describe import Function
from fastgen._registry import ENTRIES, SPACES, name_of, positional

_NUMBERS = ("bool", "int", "float", "int | None", "float | None")


class Slot(NamedTuple):
    """The place of array k of a call: a tensor of PyTorch, or an array of JAX."""

    k: int


class Owner(NamedTuple):
    """The parameter that holds an array."""

    place: int | str
    """The position of the parameter, or the name of a keyword."""
    item: int | None
    """The position in the parameter, if that is a sequence."""


class Door:
    """A public function.

    Attributes
    ----------
    name : str
        The name with its family, such as "vae.kl_standard_normal".
    names : tuple of str
        The positional parameters.
    function : Function or None
        How a call is described. None for a function that is not made of rows.
    differentiable : tuple of str
        The parameters that have gradients: the first of `names`.
    noisy : bool
        Whether the function draws noise where neither noise, key nor rng is given.
    overwritten : tuple of str
        The inputs that the function overwrites.
    numbers : frozenset of str
        The keywords that are Python numbers. An array with one element stands for its number.
    annotations : dict
        The types of the parameters, as text.
    tuple_type : type or None
        The type of named tuples that the function returns.
    """

    def __init__(self, f: Callable[..., Any]) -> None:
        self.f, self.name = f, name_of(f)
        self.names = positional(f)
        self.defaults = dict(
            zip(self.names[::-1], (_plain(f).__defaults__ or ())[::-1], strict=False)
        )
        keywords = frozenset(_plain(f).__kwdefaults__ or ())
        self.noisy = "rng" in keywords
        self.takes_dtype = "dtype" in keywords
        self.annotations: dict[str, Any] = _plain(f).__annotations__
        self.numbers = frozenset(
            name for name in keywords if str(self.annotations.get(name)) in _NUMBERS
        )
        self.function = described(f)
        has = self.function is not None and self.function.has_derivative
        self.differentiable = self.function.inputs if has and self.function else ()
        written = ("average", "averages")
        self.overwritten = tuple(name for name in written if name in (*keywords, *self.names))
        returns = _plain(f).__globals__.get(str(self.annotations.get("return")))
        self.tuple_type = returns if hasattr(returns, "_fields") else None

    def bind(
        self, args: tuple[Any, ...], options: dict[str, Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments with inputs given by name in their positions.

        The function itself reports arguments that are missing or unknown.
        """
        given = list(args)
        names = self.names[len(given) :]
        if not any(name in options for name in names):
            return given, options
        options = dict(options)
        for k, name in enumerate(names):
            if name in options:
                given.append(options.pop(name))
            elif name in self.defaults and any(n in options for n in names[k:]):
                given.append(self.defaults[name])
            else:
                break
        return given, options

    def own(self, place: int | str) -> str:
        """Return the name of a parameter: the one at a position, or a keyword."""
        if isinstance(place, str):
            return place
        return self.names[place] if place < len(self.names) else f"argument {place}"

    def has_gradient(self, place: int | str) -> bool:
        """Whether the function has a gradient for a parameter."""
        return isinstance(place, int) and place < len(self.differentiable)

    @staticmethod
    def has_noise(options: dict[str, Any]) -> bool:
        """Whether the options have the noise, or the key that determines it."""
        return options.get("noise") is not None or options.get("key") is not None

    def structured(self, results: list[Any]) -> Any:
        """Return the results of a call as the function returns them."""
        if self.tuple_type is not None:
            return self.tuple_type(*results)
        return tuple(results) if len(results) > 1 else results[0]


def public(family: str, name: str) -> Callable[..., Any]:
    """Return a public function of fastgen."""
    found: Callable[..., Any] = getattr(importlib.import_module(f"fastgen.{family}"), name)
    return found


def described(f: Callable[..., Any]) -> Function | None:
    """Return how a call is described, with gradients if there are any; None if it is not."""
    rows = getattr(f, "__fastgen_rows__", (None,))[0]
    composed = hasattr(f, "__fastgen_describe__")
    if not composed and (rows is None or len(ENTRIES[name_of(f)].names) > len(positional(f))):
        return None
    function = Function(f)
    return Differentiable(f) if function.has_derivative else function


def _plain(f: Any) -> Any:
    return getattr(f, "__wrapped__", f)


Call = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]


def family(
    library: str, family: str, door: Callable[[str], Door], call: Call
) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__all__`, `__getattr__` and `__dir__` of the module ``fastgen.<library>.<family>``.

    Each function is made at its first use: ``call(door, args, options)`` computes it.
    """
    original = importlib.import_module(f"fastgen.{family}")
    names = [name for name in original.__all__ if inspect.isfunction(getattr(original, name))]
    spaces = [name for parent, _, name in (s.rpartition(".") for s in SPACES) if parent == family]
    others = {name: getattr(original, name) for name in original.__all__ if name not in names}
    module = f"fastgen.{library}.{family}"

    def attribute(name: str) -> Any:
        made: Any
        if name in names:
            made = _function(module, door(f"{family}.{name}"), call)
        elif name in others:
            made = others[name]  # a class, such as Schedule
        elif name in spaces:
            made = importlib.import_module(f"{module}.{name}")
        else:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        setattr(sys.modules[module], name, made)
        return made

    return [*names, *others], attribute, lambda: sorted([*names, *others, *spaces])


def _function(module: str, entrance: Door, call: Call) -> Callable[..., Any]:
    """Make a function of a family."""

    @functools.wraps(entrance.f)
    def function(*args: Any, **options: Any) -> Any:
        return call(entrance, args, options)

    function.__module__ = module
    function.__signature__ = inspect.signature(entrance.f)  # type: ignore[attr-defined]
    function.__fastgen_door__ = entrance  # type: ignore[attr-defined]
    del function.__wrapped__
    return function
