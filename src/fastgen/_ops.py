"""The operations of the chosen instruction set, by name, and the way between them and functions."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from fastgen import _core, _isa, _messages

T = TypeVar("T")

ISA, ISA_REASON = _isa.choose()
OPS = _core.bind(ISA)


def kinds_of(function: str) -> dict[str, _core.Op]:
    """Return the operations behind `kind=` of a public function: the rows that continue its name.

    `gan.f_divergence` has the kind "pearson" because there is a row `gan.f_divergence_pearson`.
    """
    prefix = function + "_"
    return {n.removeprefix(prefix): op for n, op in OPS.items() if n.startswith(prefix)}


def _option(function: Callable[..., Any], choice: str) -> dict[str, Any]:
    """The keyword of a function that chooses a row, in the function's own word for it."""
    parameters = inspect.signature(function).parameters
    if choice == "inverse" and choice in parameters:
        return {"inverse": True}
    return {"scale_map" if "scale_map" in parameters else "kind": choice}


def public(name: str) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Return the public function of an operation, and the options that choose the operation."""
    family, _, row = name.partition(".")
    module = importlib.import_module(f"fastgen.{family}")
    if row in module.__all__:
        return getattr(module, row), {}
    for name in sorted(module.__all__, key=len, reverse=True):
        if row.startswith(name + "_"):
            function = getattr(module, name)
            return function, _option(function, row.removeprefix(name + "_"))
    raise AttributeError(f"fastgen.{family} has no function {row}, nor one that it is a kind of")


def operands(name: str) -> list[str]:
    """Return the names of the inputs of a public function, as its operation takes them.

    They are positional; where the operation has more inputs, the first keywords are the rest.
    """
    function = public(name)[0]
    if hasattr(function, "__fastgen_names__"):  # where they are not parameters one by one
        own: list[str] = function.__fastgen_names__(name)
        return own
    parameters = inspect.signature(function).parameters.values()
    positional = [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY]
    keywords = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    more = OPS[name].nin - len(positional) if name in OPS else 0
    return positional + keywords[: max(more, 0)]


def chosen(function: str, option: str, choices: Mapping[str, T], choice: Any) -> T:
    """Return what a keyword such as `kind` stands for, or raise with the choices."""
    if isinstance(choice, str) and choice in choices:
        return choices[choice]
    raise ValueError(_messages.choice(function, option, choices, choice))
