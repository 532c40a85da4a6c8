"""The functions of `fastgen.ema`, on arrays of JAX."""

from fastgen.jax import _family

__all__, __getattr__, __dir__ = _family.of("ema")
