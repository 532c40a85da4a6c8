"""The functions of `fastgen.diffusion`, on arrays of JAX."""

from fastgen.jax import _family

__all__, __getattr__, __dir__ = _family.of("diffusion")
