"""The operations of the chosen instruction set, by name, and the way between them and functions."""

from __future__ import annotations

import importlib
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


def public(name: str) -> tuple[Callable[..., Any], dict[str, str]]:
    """Return the public function of an operation, and the options that choose the operation."""
    family, _, row = name.partition(".")
    module = importlib.import_module(f"fastgen.{family}")
    if row in module.__all__:
        return getattr(module, row), {}
    for function in sorted(module.__all__, key=len, reverse=True):
        if row.startswith(function + "_"):
            return getattr(module, function), {"kind": row.removeprefix(function + "_")}
    raise AttributeError(f"fastgen.{family} has no function {row}, nor one that it is a kind of")


def chosen(function: str, option: str, choices: Mapping[str, T], choice: Any) -> T:
    """Return what a keyword such as `kind` stands for, or raise with the choices."""
    if isinstance(choice, str) and choice in choices:
        return choices[choice]
    raise ValueError(_messages.choice(function, option, choices, choice))
