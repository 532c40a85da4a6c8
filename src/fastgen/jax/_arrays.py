"""The operands of a call: their types, and numbers and keys as arrays."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fastgen import _messages

_OTHERS = ("t", "labels", "key", "counter", "step", "steps")
"""Parameters that do not take part in the choice of a float type."""


def check(name: str, x: Any) -> None:
    """Raise if an array does not hold real numbers."""
    if not (jnp.issubdtype(x.dtype, np.number) or x.dtype == np.bool_) or not (
        _messages.holds_numbers(np.dtype(x.dtype))
    ):
        raise TypeError(f"{name} must hold {_messages.FLOATS}; got {x.dtype}")


def promoted(arrays: Sequence[Any], owners: Sequence[str]) -> list[Any]:
    """Return arrays of JAX in the float types in which they take part.

    An array without dimensions, or of integers, takes the float type of the others.
    """
    made = [x if isinstance(x, jax.Array) else jnp.asarray(x) for x in arrays]
    part = [k for k, owner in enumerate(owners) if owner not in _OTHERS]
    floats = [k for k in part if jnp.issubdtype(made[k].dtype, np.floating)]
    full = [k for k in floats if made[k].ndim > 0] or floats
    if not full:
        return made
    base = functools.reduce(jnp.promote_types, [made[k].dtype for k in full])
    for k in part:
        x = made[k]
        if x.dtype != base and (x.ndim == 0 or k not in floats):
            made[k] = x.astype(base)
    return made


def axes_of(aval: Any) -> frozenset[Any]:
    """Return the axes of a mesh along which an array varies, inside of `jax.shard_map`."""
    kind = getattr(aval, "manual_axis_type", None)
    found: frozenset[Any] = getattr(aval, "vma", frozenset()) if kind is None else kind.varying
    return found


def together(arrays: Sequence[Any]) -> list[Any]:
    """Return arrays that vary along the same axes of a mesh, inside of `jax.shard_map`."""
    if not hasattr(jax, "shard_map"):  # an older JAX, where arrays do not say it
        return list(arrays)
    varying = [axes_of(jax.typeof(x)) for x in arrays]
    every = frozenset[Any]().union(*varying)
    if not every:
        return list(arrays)
    cast = getattr(jax.lax, "pcast", None)
    made = []
    for x, own in zip(arrays, varying, strict=True):
        axes = tuple(sorted(every - own))
        if axes:
            x = cast(x, axes, to="varying") if cast else jax.lax.pvary(x, axes)
        made.append(x)
    return made


def bits(numbers: Sequence[float]) -> Any:
    """Return numbers of double precision as pairs of 32-bit words, which JAX always has."""
    return np.array(numbers, np.float64).view(np.uint32)


def of_bits(words: Any) -> Any:
    """Return the numbers."""
    return np.ascontiguousarray(words).view(np.float64)


def key_of(function: str, key: Any) -> Any:
    """Return a key as two 32-bit words, the high one first."""
    if isinstance(key, int) and not isinstance(key, bool):
        if not 0 <= key < 2**64:
            raise ValueError(f"{function}: key must lie in 0 <= key < 2**64, got {key}")
        return np.array(divmod(key, 2**32), np.uint32)
    if isinstance(key, jax.Array) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        key = jax.random.key_data(key)
    if isinstance(key, (jax.Array, np.ndarray)) and key.dtype == np.uint32 and key.shape == (2,):
        return key
    arrays = (jax.Array, np.ndarray, np.generic)
    if isinstance(key, arrays) and key.shape == () and np.dtype(key.dtype).kind in "iu":
        return _of_scalar(key)
    came = f"an array of {key.dtype} {key.shape}" if hasattr(key, "dtype") else repr(key)
    raise TypeError(
        f"{function}: key must be a number, a key of jax.random, or its two 32-bit words; "
        f"got {came}. Of another kind of key, give "
        "jax.random.bits(key, (2,), dtype=jax.numpy.uint32)"
    )


def _of_scalar(key: Any) -> Any:
    """Return the words of an integer without dimensions."""
    key = jnp.asarray(key)
    low = key.astype(jnp.uint32)
    high = (key >> 32).astype(jnp.uint32) if key.dtype.itemsize == 8 else jnp.zeros_like(low)
    return jnp.stack([high, low])


def number_of_key(words: Any) -> int:
    """Return the key as a number."""
    return int(words[0]) << 32 | int(words[1])
