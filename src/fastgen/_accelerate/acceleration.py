"""What `accelerate` and `accelerated` do, for the libraries of one door."""

from __future__ import annotations

import importlib
import importlib.metadata
import threading
from types import TracebackType
from typing import NamedTuple

from fastgen._accelerate.replacements import Library, Replaced


class Accelerated(NamedTuple):
    """One function that is replaced."""

    library: str
    version: str
    function: str
    by: str


class Acceleration:
    """What a call of `accelerate` has replaced. It is a context manager.

    Parameters
    ----------
    libraries : Libraries
        The libraries that can be accelerated.
    names : tuple of str
        Those that are.
    """

    def __init__(self, libraries: Libraries, names: tuple[str, ...]) -> None:
        self._libraries, self._names = libraries, names

    def undo(self) -> None:
        """Put the originals back, unless another acceleration of the library remains."""
        names, self._names = self._names, ()
        self._libraries.leave(names)

    def __enter__(self) -> Acceleration:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.undo()

    def __repr__(self) -> str:
        return f"<accelerate({', '.join(map(repr, self._names))})>" if self._names else "<undone>"


class Libraries:
    """The libraries that a door, such as "fastgen.torch", accelerates, and those that are now.

    Parameters
    ----------
    door : str
        The package whose functions compute.
    modules : dict of str to str
        For each library, the module of ``<door>._accelerate`` that has its `LIBRARY`.
    others : dict of str to str
        What to do instead, for libraries that are asked for in vain.
    """

    def __init__(self, door: str, modules: dict[str, str], others: dict[str, str]) -> None:
        self._door, self._modules, self._others = door, modules, others
        self._lock = threading.RLock()
        self._active: dict[str, Replaced] = {}

    def accelerate(self, libraries: tuple[str, ...]) -> Acceleration:
        """Replace the functions of libraries. Raise if one is unknown, and replace none then."""
        if not libraries:
            raise ValueError(f"accelerate: name libraries, of {self._known()}")
        with self._lock:
            ready = [self._ready(name) for name in dict.fromkeys(libraries)]
            for replaced in ready:
                if replaced.users == 0:
                    replaced.put()
                    self._active[replaced.library.name] = replaced
                replaced.users += 1
        return Acceleration(self, tuple([replaced.library.name for replaced in ready]))

    def leave(self, names: tuple[str, ...]) -> None:
        """End one use of each library. The last one puts the originals back."""
        with self._lock:
            for name in names:
                replaced = self._active[name]
                replaced.users -= 1
                if replaced.users == 0:
                    self._active.pop(name).take_away()

    def accelerated(self) -> list[Accelerated]:
        """Return what is replaced now."""
        with self._lock:
            return [
                Accelerated(name, found.version, r.place.name, f"{self._door}.{r.by}")
                for name, found in self._active.items()
                for r in found.library.replacements
            ]

    def _ready(self, name: str) -> Replaced:
        """Return the library's replacements, or raise if they don't fit."""
        if name in self._active:
            return self._active[name]
        if name in self._others:
            raise ValueError(
                f"accelerate: {name!r} has no functions to replace; {self._others[name]}"
            )
        if name not in self._modules:
            raise ValueError(f"accelerate: libraries must be among {self._known()}, got {name!r}")
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            raise ImportError(f"accelerate: {name} is not installed: pip install {name}") from error
        module = importlib.import_module(f"{self._door}._accelerate.{self._modules[name]}")
        library: Library = module.LIBRARY
        version = importlib.metadata.version(library.package)
        if not any(f"{version}.".startswith(f"{known}.") for known in library.versions):
            raise ImportError(
                f"accelerate: {library.package} {version} is not known here, and its functions may "
                f"differ from those that are replaced. Known: {', '.join(library.versions)}"
            )
        return Replaced(library, version)

    def _known(self) -> str:
        return ", ".join(map(repr, self._modules))
