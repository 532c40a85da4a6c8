"""The functions of `fastgen.diffusion.paths`, as arrays of JAX."""

from fastgen.jax import _family

__all__, __getattr__, __dir__ = _family.of("diffusion.paths")
