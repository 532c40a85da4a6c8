"""`accelerate`: installed libraries compute with the functions of fastgen."""

from fastgen.torch._accelerate.acceleration import Acceleration, accelerate, accelerated

__all__ = ["Acceleration", "accelerate", "accelerated"]
