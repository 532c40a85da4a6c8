"""Which public function each row belongs to, and what each function calls its inputs.

A function says so itself, by a decorator: `operation` where a call is one row, `composed` of
`fastgen._compose` where a call is put together. Nothing here is guessed from names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


class Entry(NamedTuple):
    """The public function of a row."""

    function: Callable[..., Any]
    options: dict[str, Any]
    """With which the function calls the row."""
    names: tuple[str, ...]
    """What the function calls the row's inputs."""


ENTRIES: dict[str, Entry] = {}
"""By the name of a row, and by the name of a function: "gan.f_divergence_pearson", and
"gan.f_divergence"."""


def name_of(function: Callable[..., Any]) -> str:
    """Return the name of a public function with its family, such as "vae.kl_standard_normal"."""
    return f"{function.__module__.split('.')[1]}.{function.__name__}"


def positional(function: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of the parameters that may be given by position."""
    code = getattr(function, "__wrapped__", function).__code__
    return tuple(code.co_varnames[: code.co_argcount])


def operation(
    rows: str | Mapping[Any, str],
    choice: str | None = None,
    also: tuple[str, ...] = (),
    names: Callable[[str], tuple[str, ...]] | None = None,
) -> Callable[[F], F]:
    """Say which row a public function calls, or which rows an option chooses from.

    Parameters
    ----------
    rows : str or mapping
        The row's name; or from each value of the option `choice` to a row's name.
    choice : str, optional
        The option. Without one, the function's other arguments choose the row.
    also : tuple of str
        The inputs of the row that the function takes as keywords, after its positional ones.
    names : function, optional
        From a row's name to what the function calls the row's inputs, where that differs from row
        to row.
    """

    def register(function: F) -> F:
        listed = positional(function) + also
        for value, row in {None: rows}.items() if isinstance(rows, str) else rows.items():
            options = {choice: value} if choice and value is not False else {}
            ENTRIES[row] = Entry(function, options, names(row) if names else listed)
        ENTRIES.setdefault(name_of(function), Entry(function, {}, listed))
        function.__fastgen_rows__ = (rows, choice)  # type: ignore[attr-defined]
        return function

    return register


def entry_of(name: str) -> Entry:
    """Return the entry of a row, of its derivative, or of a function."""
    return ENTRIES[name.removesuffix("_derivative")]
