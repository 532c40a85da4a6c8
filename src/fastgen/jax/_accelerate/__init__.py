"""`accelerate`: installed libraries compute with the functions of fastgen."""

from fastgen.jax._accelerate.acceleration import accelerate, accelerated

__all__ = ["accelerate", "accelerated"]
