"""The door of a function, with what a call on tensors has to know about it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from fastgen import _doors
from fastgen._doors import Owner as Owner
from fastgen._doors import Slot as Slot
from fastgen._doors import described as described
from fastgen.torch._tensors import to_tensor


class Door(_doors.Door):
    """A public function, for calls on tensors.

    Attributes
    ----------
    quick : bool
        Whether a call needs no more than arrays for its tensors, if no noise has to be drawn.
    slots, owners : tuple
        Those of a call whose positional arguments are all tensors.
    """

    def __init__(self, f: Callable[..., Any]) -> None:
        super().__init__(f)
        self.slots = tuple(map(Slot, range(len(self.names))))
        self.owners = tuple([Owner(k, None) for k in range(len(self.names))])
        self.quick = not (self.takes_dtype or self.overwritten)

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

    def wrap(self, results: Any, arrays: list[Any]) -> Any:
        """Return results as tensors. A result that is a view of an input is copied."""
        if isinstance(results, tuple):
            made = [_tensor(r, arrays) for r in results]
            return tuple(made) if self.tuple_type is None else self.tuple_type(*made)
        return _tensor(results, arrays)


@functools.cache
def door(name: str) -> Door:
    """Return the door of a function, such as "vae.kl_standard_normal"."""
    family, _, function = name.rpartition(".")
    return Door(_doors.public(family, function))


def _tensor(result: Any, arrays: list[Any]) -> Any:
    if type(result) in (bool, int, float):
        return result
    if type(result) is np.ndarray and result.base is not None and arrays:
        if any(np.may_share_memory(result, x) for x in arrays):
            result = result.copy()
    elif any(result is x for x in arrays):
        result = result.copy()
    return to_tensor(result)
