"""Replacements of functions of other libraries, for `accelerate` of fastgen.torch and fastgen.jax.

A file per library in `torch/_accelerate` and `jax/_accelerate` says what is replaced.
"""

from fastgen._accelerate.acceleration import Accelerated, Acceleration, Libraries

__all__ = ["Accelerated", "Acceleration", "Libraries"]
