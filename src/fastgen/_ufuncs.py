"""The ufuncs by name: `fastgen._ufuncs.elementary.exp`. A pickle of a ufunc holds this path."""

from __future__ import annotations

from typing import Any


class Family:
    """The ufuncs of a family, and of its derivatives, as attributes."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        from fastgen import _ops

        if name.startswith("_"):
            raise AttributeError(name)  # also while a pickle makes this object
        called = f"{self._name}.{name.partition('[')[0]}"
        row, *options = name.partition("[")[2].removesuffix("]").replace(":", ".").split(",")
        try:
            numbers = tuple(map(float, options))
            op = _ops.restored(row, numbers, called) if row else _ops.operation(called)
        except (KeyError, ValueError):
            raise AttributeError(f"{self._name} has no row {name}") from None
        return op.ufunc


def __getattr__(name: str) -> Family:
    if name.startswith("_"):
        raise AttributeError(f"module 'fastgen._ufuncs' has no attribute {name!r}")
    return Family(name)
