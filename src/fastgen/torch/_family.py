"""The functions of a family of fastgen, on tensors. Each is made at its first use."""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from collections.abc import Callable
from typing import Any

from fastgen.torch import _calls
from fastgen.torch._doors import door


def of(family: str) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__all__`, `__getattr__` and `__dir__` of the module ``fastgen.torch.<family>``."""
    original = importlib.import_module(f"fastgen.{family}")
    names = [name for name in original.__all__ if inspect.isfunction(getattr(original, name))]
    others = {name: getattr(original, name) for name in original.__all__ if name not in names}
    module = f"fastgen.torch.{family}"

    def attribute(name: str) -> Any:
        if name in names:
            made = _function(family, name)
        elif name in others:
            made = others[name]  # a class, such as Schedule
        else:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        setattr(sys.modules[module], name, made)
        return made

    return [*names, *others], attribute, lambda: sorted([*names, *others])


def _function(family: str, name: str) -> Callable[..., Any]:
    """Make the function."""
    entrance = door(f"{family}.{name}")

    @functools.wraps(entrance.f)
    def function(*args: Any, **options: Any) -> Any:
        return _calls.call(entrance, args, options)

    function.__module__ = f"fastgen.torch.{family}"
    function.__signature__ = inspect.signature(entrance.f)  # type: ignore[attr-defined]
    function.__fastgen_door__ = entrance  # type: ignore[attr-defined]
    del function.__wrapped__
    return function
