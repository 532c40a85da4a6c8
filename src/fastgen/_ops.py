"""The operations of the chosen instruction set, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from fastgen import _core, _isa, _messages
from fastgen._registry import entry_of

T = TypeVar("T")

ISA, ISA_REASON = _isa.choose()
OPS = _core.bind(ISA)


def public(name: str) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Return the public function of a row, and the options with which it calls the row."""
    entry = entry_of(name)
    return entry.function, entry.options


def operands(name: str) -> list[str]:
    """Return the names of the row's inputs in its public function."""
    return list(entry_of(name).names)


def operation(row: str) -> _core.Op:
    """Return a row, or the derivative of one: ``"family.row_derivative"``."""
    value = OPS[row.removesuffix("_derivative")]
    found = value.derivative if row.endswith("_derivative") else value
    if found is None:
        raise ValueError(f"{row}: this build has no such operation")
    return found


def restored(row: str, options: tuple[float, ...], name: str) -> _core.Op:
    """Return an operation from a pickle: a row or its derivative, its options, and its name."""
    return operation(row).with_options(*options).called(name)


def chosen(function: str, option: str, choices: Mapping[str, T], choice: Any) -> T:
    """Return the entry of `choices` that an option such as `kind` selects, or raise."""
    if isinstance(choice, str) and choice in choices:
        return choices[choice]
    raise ValueError(_messages.choice(function, option, choices, choice))
