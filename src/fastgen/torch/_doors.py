"""A door is a public function of fastgen, with what a call on tensors has to know about it."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

from fastgen._derivatives import Differentiable
from fastgen._describe import Function
from fastgen._registry import ENTRIES, name_of, positional
from fastgen.torch._tensors import to_tensor

_NUMBERS = ("bool", "int", "float", "int | None", "float | None")


class Slot(NamedTuple):
    """The place of tensor k."""

    k: int


class Owner(NamedTuple):
    """The parameter that holds a tensor."""

    place: int | str
    """The position of the parameter, or the name of a keyword."""
    item: int | None
    """The position in the parameter, if that is a sequence."""


class Door:
    """A public function.

    Attributes
    ----------
    name : str
        The name with its family, such as "vae.kl_standard_normal".
    names : tuple of str
        The positional parameters.
    function : Function or None
        How a call is described. None for a function that is not made of rows.
    differentiable : tuple of str
        The parameters that have gradients: the first of `names`.
    noisy : bool
        Whether the function draws noise where neither noise, key nor rng is given.
    overwritten : tuple of str
        The inputs that the function overwrites.
    quick : bool
        Whether a call needs no more than arrays for its tensors, if no noise has to be drawn.
    numbers : frozenset of str
        The keywords that are Python numbers. A tensor with one element stands for its number.
    """

    def __init__(self, f: Callable[..., Any]) -> None:
        self.f, self.name = f, name_of(f)
        self.names = positional(f)
        self.defaults = dict(
            zip(self.names[::-1], (_plain(f).__defaults__ or ())[::-1], strict=False)
        )
        keywords = frozenset(_plain(f).__kwdefaults__ or ())
        self.noisy = "rng" in keywords
        self.takes_dtype = "dtype" in keywords
        self.numbers = frozenset(
            name for name in keywords if str(_plain(f).__annotations__.get(name)) in _NUMBERS
        )
        self.function = described(f)
        self.slots = tuple(map(Slot, range(len(self.names))))
        self.owners = tuple([Owner(k, None) for k in range(len(self.names))])
        has = self.function is not None and self.function.has_derivative
        self.differentiable = self.function.inputs if has and self.function else ()
        self.overwritten = tuple(name for name in ("average",) if name in keywords)
        self.quick = not (self.takes_dtype or self.overwritten)
        returns = _plain(f).__globals__.get(str(_plain(f).__annotations__.get("return")))
        self.tuple_type = returns if hasattr(returns, "_fields") else None

    def bind(
        self, args: tuple[Any, ...], options: dict[str, Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments with inputs given by name in their positions.

        The function itself reports arguments that are missing or unknown.
        """
        given = list(args)
        names = self.names[len(given) :]
        if not any(name in options for name in names):
            return given, options
        options = dict(options)
        for k, name in enumerate(names):
            if name in options:
                given.append(options.pop(name))
            elif name in self.defaults and any(n in options for n in names[k:]):
                given.append(self.defaults[name])
            else:
                break
        return given, options

    def own(self, place: int | str) -> str:
        """Return the name of a parameter: the one at a position, or a keyword."""
        if isinstance(place, str):
            return place
        return self.names[place] if place < len(self.names) else f"argument {place}"

    def has_gradient(self, place: int | str) -> bool:
        """Whether the function has a gradient for a parameter."""
        return isinstance(place, int) and place < len(self.differentiable)

    @staticmethod
    def has_noise(options: dict[str, Any]) -> bool:
        """Whether the options have the noise, or the key that determines it."""
        return options.get("noise") is not None or options.get("key") is not None

    def with_key(self, options: dict[str, Any], as_tensor: bool = False) -> dict[str, Any]:
        """Return the options with a key, which PyTorch's generator draws where none is given.

        So `torch.manual_seed` determines the noise. `rng` may be a `torch.Generator`.
        """
        rng = options.get("rng")
        if self.has_noise(options):
            return options
        if rng is not None and not isinstance(rng, torch.Generator):
            return options
        device = "cpu" if rng is None else rng.device
        key: Any = torch.randint(2**63 - 1, (), generator=rng, device=device)
        # Compilers of PyTorch before 2.6 do not know options | {...}.
        return {**options, "rng": None, "key": key if as_tensor else key.item()}

    def refuse_changes(self, options: dict[str, Any]) -> None:
        """Raise if the call would change a tensor, where a transform or compiler sees the call."""
        for name in ("out", *self.overwritten):
            if options.get(name) is not None:
                raise TypeError(
                    f"{self.f.__name__}: {name} would change in place, which a compiled or "
                    "transformed call does not allow; call the function outside of it"
                )

    def structured(self, results: list[torch.Tensor]) -> Any:
        """Return the results of an operator as the function returns them."""
        if self.tuple_type is not None:
            return self.tuple_type(*results)
        return tuple(results) if len(results) > 1 else results[0]

    def wrap(self, results: Any, arrays: list[Any]) -> Any:
        """Return results as tensors. A result that is a view of an input is copied."""
        if isinstance(results, tuple):
            made = [_tensor(r, arrays) for r in results]
            return tuple(made) if self.tuple_type is None else self.tuple_type(*made)
        return _tensor(results, arrays)


@functools.cache
def door(name: str) -> Door:
    """Return the door of a function, such as "vae.kl_standard_normal"."""
    family, _, function = name.partition(".")
    return Door(getattr(importlib.import_module(f"fastgen.{family}"), function))


def described(f: Callable[..., Any]) -> Function | None:
    """Return how a call is described, with gradients if there are any; None if it is not."""
    rows = getattr(f, "__fastgen_rows__", (None,))[0]
    composed = hasattr(f, "__fastgen_describe__")
    if not composed and (rows is None or len(ENTRIES[name_of(f)].names) > len(positional(f))):
        return None
    function = Function(f)
    return Differentiable(f) if function.has_derivative else function


def _plain(f: Any) -> Any:
    return getattr(f, "__wrapped__", f)


def _tensor(result: Any, arrays: list[Any]) -> Any:
    if type(result) in (bool, int, float):
        return result
    if type(result) is np.ndarray and result.base is not None and arrays:
        if any(np.may_share_memory(result, x) for x in arrays):
            result = result.copy()
    elif any(result is x for x in arrays):
        result = result.copy()
    return to_tensor(result)
