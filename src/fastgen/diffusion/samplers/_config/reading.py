"""Reading a configuration: a file, a folder, a dictionary, or an object that has one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

Options = dict[str, Any]
FILE = "scheduler_config.json"
PLACES = (FILE, f"scheduler/{FILE}")


def read(config: Any, name: Any = None) -> tuple[str, Options]:
    """Return the name of the scheduler's class, and its options. Names that begin with _ are gone.

    If `name` is another class than that of an object of diffusers, the options that the object has
    by default are gone too, and those of the other class hold.
    """
    if isinstance(config, (str, PathLike)):
        found, source = from_file(Path(config)), repr(str(config))
    elif isinstance(config, Mapping):
        found, source = dict(config), "the dictionary"
    elif isinstance(getattr(config, "config", None), Mapping):
        found, source = {"_class_name": type(config).__name__, **config.config}, repr(config)
    else:
        raise TypeError(
            f"from_config: config must be a path to {FILE} or to its folder, its dictionary, or an "
            f"object with .config; got {type(config).__name__}"
        )
    own = found.get("_class_name")
    name = own if name is None else name
    if not isinstance(name, str):
        raise ValueError(
            f"from_config: {source} names no _class_name, such as 'EulerDiscreteScheduler'; "
            "give one as _class_name=..."
        )
    defaults = found.get("_use_default_values", ()) if name != own else ()
    return name, {k: v for k, v in found.items() if k not in defaults and not k.startswith("_")}


def from_file(path: Path) -> Options:
    """Return the dictionary in a file, or in the file of a folder."""
    if path.is_dir():
        inside = [path / place for place in PLACES if (path / place).is_file()]
        if not inside:
            raise FileNotFoundError(
                f"from_config: the folder {str(path)!r} has neither {' nor '.join(PLACES)}"
            )
        path = inside[0]
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"from_config: {str(path)!r} holds no JSON: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"from_config: {str(path)!r} must hold an object, got {found!r}")
    return found
