"""NumPy's functions in JAX's operations, as `fastgen.reference` uses them.

JAX has most of them in `jax.numpy`. Those that it lacks, or has otherwise, are here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def __getattr__(name: str) -> Any:
    return getattr(jnp, name)


@contextlib.contextmanager
def errstate(**_: Any) -> Iterator[None]:
    """Do nothing: JAX has no floating-point errors."""
    yield


def size(x: Any) -> int:
    """Return the number of elements."""
    return int(np.prod(jnp.shape(x), dtype=object))


def erfc(x: Any) -> Any:
    """Return the complement of the error function, which NumPy lacks."""
    return jax.scipy.special.erfc(x)


def repeated(step: Any, state: Any, times: int) -> Any:
    """Repeat a step, as the references do. A program has the step once."""

    def body(_: Any, state: Any) -> Any:
        return step(*state)[0]

    return jax.lax.fori_loop(0, times, body, tuple(state))


def all(x: Any) -> bool:
    """Return whether all elements are true. Where there are no values to read, the answer is no."""
    return not isinstance(x, jax.core.Tracer) and bool(jnp.all(x))
