"""Optional packages: which extra of fastgen-numerics installs each of them."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

EXTRAS = {
    "rich": "cli",
    "matplotlib": "cli",
    "ml_dtypes": "bf16",
    "torch": "torch",
    "jax": "jax",
    "dask": "dask",
    "threadpoolctl": "examples",
    "numexpr": "bench",
    "scipy": "doors",
    "mpmath": "test",
    "pytest": "test",
    "hypothesis": "test",
    "xdist": "test",
    "pytest_benchmark": "test",
}
"""For each package, by the name that is imported, its extra."""


def is_installed(package: str) -> bool:
    """Return whether a package can be imported, without importing it: torch alone takes seconds."""
    return importlib.util.find_spec(package) is not None


def how_to_install(package: str) -> str:
    """Return the command that installs a package together with fastgen."""
    return f"pip install 'fastgen-numerics[{EXTRAS[package]}]'"


def need(package: str, what: str) -> Any:
    """Import a package. Where it is missing, the error says what needs it and how to install it."""
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        text = f"{what} needs {package}: {how_to_install(package)}"
        raise ModuleNotFoundError(text, name=package) from None
