"""The functions of a family of fastgen, on tensors. Each is made at its first use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastgen import _doors
from fastgen.torch import _calls
from fastgen.torch._doors import door


def of(family: str) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__all__`, `__getattr__` and `__dir__` of the module ``fastgen.torch.<family>``."""
    return _doors.family("torch", family, door, _calls.call)
