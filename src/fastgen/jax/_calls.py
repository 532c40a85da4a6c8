"""A call of a function on arrays of JAX: its arrays, and the rest of it as text."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fastgen import _call_text
from fastgen._doors import Door
from fastgen.jax import _arrays, _primitives
from fastgen.jax._tasks import Task, described


def call(
    door: Door, args: tuple[Any, ...], options: dict[str, Any], all_orders: bool = False
) -> Any:
    """Call a function on arrays of JAX; see `Task.all_orders`."""
    written = write(door, args, options)
    operands = _arrays.together(written.operands)
    task = Task(written.text, all_orders=all_orders)
    described(task, tuple([(x.shape, x.dtype) for x in operands]))  # raises for wrong arguments
    return door.structured(list(_primitives.run.bind(*operands, task=task)))


class Written(NamedTuple):
    """A call as text, and what passes through a compiled program: arrays, keys, and numbers."""

    text: str
    arrays: list[Any]
    keys: list[Any]
    numbers: list[float]

    @property
    def operands(self) -> list[Any]:
        """The operands of the program. All numbers are one of them."""
        return self.arrays + self.keys + ([_arrays.bits(self.numbers)] if self.numbers else [])


def write(door: Door, args: tuple[Any, ...], options: dict[str, Any]) -> Written:
    """Write a call as text and operands."""
    given, options = door.bind(args, options)
    _refuse(door, options)
    if door.takes_dtype and options.get("dtype") is None:
        options = options | {"dtype": jnp.zeros(()).dtype}
    writer = _Writer(door)
    parts = [writer.argument(door.own(k), x) for k, x in enumerate(given)]
    parts += [f"{name}={writer.option(name, x)}" for name, x in options.items()]
    arrays = _arrays.promoted(writer.arrays, writer.owners)
    return Written(f"{door.name}({','.join(parts)})", arrays, writer.keys, writer.numbers)


def _refuse(door: Door, options: dict[str, Any]) -> None:
    """Raise for options that arrays of JAX do not have, and for noise without a key."""
    name = door.f.__name__
    for option in ("out", *door.overwritten):
        if options.get(option) is not None or option in door.names:
            raise TypeError(f"{name}: {option} would change in place, which arrays of JAX do not")
    if door.noisy and (options.get("rng") is not None or not door.has_noise(options)):
        other = " or noise=" if "noise" in (door.f.__kwdefaults__ or {}) else ""
        raise TypeError(
            f"{name}: the noise needs key={other}, because JAX has no global generator; "
            "key may be a number, or a key of jax.random"
        )


class _Writer:
    """Writes the arguments of a call, and keeps its operands."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.arrays: list[Any] = []
        self.owners: list[str] = []
        self.keys: list[Any] = []
        self.numbers: list[float] = []

    def argument(self, name: str, x: Any) -> str:
        """Write a positional argument. A float may change from call to call."""
        if isinstance(x, (float, np.floating)) or _is_float_scalar(x):
            self.numbers.append(float(x))
            return f"f{len(self.numbers) - 1}"
        if name == "t" and type(x) is int:
            return self.option(name, np.asarray(x))
        if isinstance(x, (tuple, list)) and self.door.annotations.get(name) == "ArrayLike":
            return self.option(name, jnp.asarray(x))
        if isinstance(x, (tuple, list)):
            return "(" + "".join([f"{self.argument(name, y)}," for y in x]) + ")"
        return self.option(name, x)

    def option(self, name: str, x: Any) -> str:
        """Write an option. A number is part of the text."""
        if name == "key" and x is not None:
            self.keys.append(_arrays.key_of(self.door.f.__name__, x))
            return f"k{len(self.keys) - 1}"
        if name == "dtype":
            return repr(np.dtype(x).name)
        if isinstance(x, (jax.Array, np.ndarray, np.generic)):
            _arrays.check(f"{self.door.f.__name__}: {name}", x)
            self.arrays.append(x)
            self.owners.append(name)
            return f"t{len(self.arrays) - 1}"
        if x is None or isinstance(x, (bool, int, str)):
            return repr(x)
        if isinstance(x, float) and x == x:
            return repr(x).replace("inf", "1e999")
        if x is ...:
            return "..."
        if isinstance(x, (tuple, list)):
            return "(" + "".join([f"{self.option(name, y)}," for y in x]) + ")"
        return f"o{_call_text.handle(x)}"


def _is_float_scalar(x: Any) -> bool:
    return type(x) is np.ndarray and x.ndim == 0 and x.dtype.kind == "f"
