"""`accelerate` and `accelerated`."""

from __future__ import annotations

import importlib
import importlib.metadata
import threading
from types import TracebackType
from typing import NamedTuple

from fastgen.torch._accelerate.replacements import Library, Replaced

_MODULES = {
    "nflows": "_nflows",
    "normflows": "_normflows",
    "zuko": "_zuko",
    "torch.distributions": "_distributions",
}
_OTHERS = {
    "diffusers": "a scheduler holds the state of a run, so each pipeline gets one of its own: "
    "pipe.scheduler = fastgen.torch.Scheduler.from_diffusers(pipe.scheduler)",
    "sbi": 'its flows are those of nflows and zuko: accelerate("nflows", "zuko")',
}
_lock = threading.RLock()
_active: dict[str, Replaced] = {}


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
    names : tuple of str
        The libraries.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names

    def undo(self) -> None:
        """Put the originals back, unless another acceleration of the library remains."""
        with _lock:
            names, self._names = self._names, ()
            for name in names:
                replaced = _active[name]
                replaced.users -= 1
                if replaced.users == 0:
                    _active.pop(name).take_away()

    def __enter__(self) -> Acceleration:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.undo()

    def __repr__(self) -> str:
        return f"<accelerate({', '.join(map(repr, self._names))})>" if self._names else "<undone>"


def accelerate(*libraries: str) -> Acceleration:
    """Let installed libraries compute with the functions of fastgen.

    The libraries' own classes and functions stay as they are, but what they compute goes to fastgen
    where it has the function. The results and gradients are the same but for rounding.

    Parameters
    ----------
    *libraries : {"nflows", "normflows", "zuko", "torch.distributions"}
        The libraries.

    Returns
    -------
    Acceleration
        Its `undo()` puts the originals back. It is also a context manager, which does so at its
        end. Where accelerations of one library overlap, the originals come back with the last.

    Raises
    ------
    ValueError
        If there is no library of that name here, or no name is given.
    ImportError
        If a library is not installed, or its version is not one whose functions are known.

    See Also
    --------
    accelerated : the functions that are replaced.

    Notes
    -----
    The originals still compute what fastgen does not: tensors on other devices, in half precision
    or of mixed types, invalid arguments (so errors are those of the library), compiled code,
    `torch.func`, and second derivatives (where the backward pass has ``create_graph=True``).
    Models that exist are accelerated too.

    Examples
    --------
    >>> from fastgen.torch import accelerate, accelerated  # doctest: +SKIP
    >>> with accelerate("nflows"):  # doctest: +SKIP
    ...     loss = -flow.log_prob(x).mean()
    """
    if not libraries:
        raise ValueError(f"accelerate: name libraries, of {_known()}")
    with _lock:
        ready = [_ready(name) for name in dict.fromkeys(libraries)]
        for replaced in ready:
            if replaced.users == 0:
                replaced.put()
                _active[replaced.library.name] = replaced
            replaced.users += 1
    return Acceleration(tuple([replaced.library.name for replaced in ready]))


def accelerated() -> list[Accelerated]:
    """Return what is replaced now.

    Returns
    -------
    list of Accelerated
        A tuple for each function: `library`, its `version`, the `function`, and the function of
        `fastgen.torch` that computes in its place, `by`.

    Examples
    --------
    >>> import fastgen.torch
    >>> fastgen.torch.accelerated()
    []
    """
    with _lock:
        return [
            Accelerated(name, found.version, r.place.name, f"fastgen.torch.{r.by}")
            for name, found in _active.items()
            for r in found.library.replacements
        ]


def _ready(name: str) -> Replaced:
    """Return the library's replacements, or raise if they don't fit."""
    if name in _active:
        return _active[name]
    if name in _OTHERS:
        raise ValueError(f"accelerate: {name!r} has no functions to replace; {_OTHERS[name]}")
    if name not in _MODULES:
        raise ValueError(f"accelerate: libraries must be among {_known()}, got {name!r}")
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ImportError(f"accelerate: {name} is not installed: pip install {name}") from error
    module = importlib.import_module(f"fastgen.torch._accelerate.{_MODULES[name]}")
    library: Library = module.LIBRARY
    version = importlib.metadata.version(library.package)
    if not any(f"{version}.".startswith(f"{known}.") for known in library.versions):
        raise ImportError(
            f"accelerate: {library.package} {version} is not known here, and its functions may "
            f"differ from those that are replaced. Known: {', '.join(library.versions)}"
        )
    return Replaced(library, version)


def _known() -> str:
    return ", ".join(map(repr, _MODULES))
