"""The registry: the public function of each row, and the names of its inputs.

Each public function registers itself by a decorator: `operation` if a call is one row, or
`fastgen._compose.composed` if a call is composed of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


SPACES = ("diffusion.paths", "diffusion.times")
"""The namespaces inside of families whose functions are called like those of families."""


class Entry(NamedTuple):
    """The public function of a row."""

    function: Callable[..., Any]
    options: dict[str, Any]
    """The options of the function that select this row."""
    names: tuple[str, ...]
    """The names of the row's inputs in the function."""


ENTRIES: dict[str, Entry] = {}
"""The keys are names of rows, such as "gan.f_divergence_pearson", and of functions, such as
"gan.f_divergence"."""


def name_of(function: Callable[..., Any]) -> str:
    """Return the name of a public function with its family, such as "vae.kl_standard_normal"."""
    place = ".".join(function.__module__.split(".")[1:3])
    return f"{place if place in SPACES else place.partition('.')[0]}.{function.__name__}"


def positional(function: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of the positional parameters."""
    code = getattr(function, "__wrapped__", function).__code__
    return tuple(code.co_varnames[: code.co_argcount])


def operation(
    rows: str | Mapping[Any, str],
    choice: str | None = None,
    also: tuple[str, ...] = (),
    names: Callable[[str], tuple[str, ...]] | None = None,
) -> Callable[[F], F]:
    """Register a public function as that of a row, or of the rows that an option selects.

    Parameters
    ----------
    rows : str or mapping
        The name of the row; or the name of a row for each value of the option `choice`.
    choice : str, optional
        The name of the option. Without it, other arguments of the function select the row.
    also : tuple of str
        The inputs of the row that the function takes as keywords, after its positional ones.
    names : function, optional
        Takes the name of a row and returns the names of its inputs, for a function whose rows have
        different inputs.
    """

    def register(function: F) -> F:
        listed = positional(function) + also
        for value, row in {None: rows}.items() if isinstance(rows, str) else rows.items():
            options = {choice: value} if choice and value is not False else {}
            ENTRIES[row] = Entry(function, options, names(row) if names else listed)
        ENTRIES.setdefault(name_of(function), Entry(function, {}, listed))
        function.__fastgen_rows__ = (rows, choice)  # type: ignore[attr-defined]
        function.__fastgen_function__ = function  # type: ignore[attr-defined]
        return function

    return register


def entry_of(name: str) -> Entry:
    """Return the entry of a row, of its derivative, or of a function."""
    return ENTRIES[name.removesuffix("_derivative")]
