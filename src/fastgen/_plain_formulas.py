"""The references with another library's functions in place of NumPy's, and calls of them."""

from __future__ import annotations

import functools
import importlib
import types
from collections.abc import Mapping
from typing import Any

from fastgen._registry import SPACES

_MODULES = (
    "elementary",
    "vae",
    "gan",
    "flow_splines",
    "flow",
    "guidance",
    "_diffusion_training",
    "_solver_steps",
    "_guided_steps",
    "diffusion",
    "diffusion_paths",
)
_SPACES = {space.replace(".", "_"): space for space in SPACES}
"""The namespaces of the modules whose functions have one inside of a family."""


def functions(numpy: Any, others: Mapping[str, Any]) -> dict[str, Any]:
    """Return the functions of the references by their names, such as "vae.kl_standard_normal".

    `numpy` is a module in the place of NumPy. `others` replaces what the references define, and
    the library has already, or fastgen.
    """
    made: dict[Any, Any] = {}
    found = {}
    for name in _MODULES:
        module = importlib.import_module(f"fastgen.reference.{name}")
        globals_ = dict(vars(module)) | {"np": numpy, **others}
        for key, x in vars(module).items():
            if isinstance(x, types.FunctionType) and x.__module__ == module.__name__:
                made[x] = _rebound(x, globals_)
            if isinstance(x, types.FunctionType) and x in made and key not in others:
                globals_[key] = made[x]
                found[f"{_SPACES.get(name, name)}.{key}"] = made[x]
    del found["guidance.apg"]  # its reference returns the average too
    return found


def _rebound(function: types.FunctionType, globals_: dict[str, Any]) -> types.FunctionType:
    """Return a function with other globals."""
    made = types.FunctionType(function.__code__, globals_, function.__name__, function.__defaults__)
    made.__kwdefaults__ = function.__kwdefaults__
    return made


class Native:
    """A function of a door in its library's own operations. It pickles, and copies."""

    def __init__(self, f: Any) -> None:
        """Take name, signature and docstring of the function."""
        self._f, self._entrance = f, f.__fastgen_door__
        functools.update_wrapper(self, f)
        del self.__dict__["__fastgen_door__"]

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Call the function."""
        raise NotImplementedError

    def __repr__(self) -> str:
        """Return the call that makes it."""
        return f"native({self._f.__module__}.{self._f.__qualname__})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to make it again."""
        return type(self), (self._f,)
