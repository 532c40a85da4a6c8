"""The functions of `fastgen.elementary`, on arrays of JAX."""

from fastgen.jax import _family

__all__, __getattr__, __dir__ = _family.of("elementary")
