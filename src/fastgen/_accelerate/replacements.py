"""What is replaced in a library, and how it is put there and taken away again."""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

Function = Callable[..., Any]
Change = tuple["Place", Function, Function]
"""A place, the function that is there, and the one that replaces it."""


class Place(ABC):
    """A place in a library that holds a function."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The name of the place, with its module."""

    @abstractmethod
    def get(self) -> Function:
        """Return the function that is there."""

    @abstractmethod
    def set(self, new: Function) -> None:
        """Replace the function."""

    @classmethod
    def put(cls, changes: list[Change]) -> None:
        """Replace the functions of places of this kind, if they are those that are expected."""
        for place, old, new in changes:
            if place.get() is old:
                place.set(new)


class InModules(Place):
    """A function of a module, and every other module that has imported it."""

    def __init__(self, module: str, function: str) -> None:
        self.module, self.function = module, function

    @property
    def name(self) -> str:
        """The name of the function."""
        return f"{self.module}.{self.function}"

    def get(self) -> Function:
        """Return the function that the module has."""
        found: Function = getattr(importlib.import_module(self.module), self.function)
        return found

    def set(self, new: Function) -> None:
        """Replace the function in every module that has it."""
        self.put([(self, self.get(), new)])

    @classmethod
    def put(cls, changes: list[Change]) -> None:
        """Replace the functions in every module that has one, in one pass: modules are many."""
        functions = {id(old): new for _, old, new in changes}
        for module in list(sys.modules.values()):
            names = getattr(module, "__dict__", {})
            for name, x in [(n, x) for n, x in list(names.items()) if id(x) in functions]:
                setattr(module, name, functions[id(x)])


class InClass(Place):
    """A method of a class."""

    def __init__(self, module: str, owner: str, method: str) -> None:
        self.module, self.owner, self.method = module, owner, method

    @property
    def name(self) -> str:
        """The name of the method."""
        return f"{self.module}.{self.owner}.{self.method}"

    def get(self) -> Function:
        """Return the method that the class itself has."""
        found: Function = vars(self._class())[self.method]
        return found

    def set(self, new: Function) -> None:
        """Replace the method."""
        setattr(self._class(), self.method, new)

    def _class(self) -> type:
        found: type = getattr(importlib.import_module(self.module), self.owner)
        return found


class Replacement(NamedTuple):
    """A function of a library, and what computes in its place."""

    place: Place
    by: str
    """The function of fastgen, such as "flow.rational_quadratic_spline"."""
    make: Callable[[Function], Function]
    """Makes the replacement from the original."""


def answered(answer: Function) -> Callable[[Function], Function]:
    """Return the maker of a replacement.

    `answer` takes the original and then its arguments. Where it returns None, the original answers.
    """

    def make(original: Function) -> Function:
        names = tuple(inspect.signature(original).parameters)

        def function(*args: Any, **named: Any) -> Any:
            given = dict(zip(names, args, strict=False)) | named
            found = None
            if tuple([n for n in names if n in given]) == names[: len(args) + len(named)]:
                found = answer(original, *[given[n] for n in names[: len(given)]])
            return original(*args, **named) if found is None else found

        return function

    return make


class Library(NamedTuple):
    """A library: the versions that are known, and the replacements in it."""

    name: str
    package: str
    """The name of the distribution, which has a version."""
    versions: tuple[str, ...]
    """The versions whose functions are known; "2.13" also stands for 2.13.1."""
    replacements: tuple[Replacement, ...]


class Replaced:
    """The replacements of one library, while they are there."""

    def __init__(self, library: Library, version: str) -> None:
        self.library, self.version, self.users = library, version, 0
        self._changes: list[Change] = []

    def put(self) -> None:
        """Put the replacements into the library."""
        for place, _, make in self.library.replacements:
            original = place.get()
            new: Function = functools.wraps(original)(make(original))
            self._changes.append((place, original, new))
        _put(self._changes)

    def take_away(self) -> None:
        """Put the originals back."""
        _put([(place, new, original) for place, original, new in self._changes])
        self._changes.clear()


def _put(changes: list[Change]) -> None:
    """Make the changes, those of one kind of place at once."""
    for kind in dict.fromkeys(type(place) for place, _, _ in changes):
        kind.put([change for change in changes if type(change[0]) is kind])
