"""The ufuncs by name: `fastgen._ufuncs.elementary.exp`. A pickle of a ufunc holds this path."""

from __future__ import annotations

from typing import Any


class Family:
    """The ufuncs of a family, and of its derivatives, as attributes."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, row: str) -> Any:
        from fastgen._ops import OPS

        op = OPS.get(f"{self._name}.{row.removesuffix('_derivative')}")
        if op is not None and row.endswith("_derivative"):
            op = op.derivative
        if op is None:
            raise AttributeError(f"{self._name} has no row {row}")
        return op.ufunc


def __getattr__(name: str) -> Family:
    if name.startswith("_"):
        raise AttributeError(f"module 'fastgen._ufuncs' has no attribute {name!r}")
    return Family(name)
