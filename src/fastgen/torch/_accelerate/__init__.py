"""`accelerate`: installed libraries compute with the functions of fastgen."""

from fastgen.torch._accelerate.acceleration import accelerate, accelerated

__all__ = ["accelerate", "accelerated"]
