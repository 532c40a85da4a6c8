"""The functions of `fastgen.noise`, on tensors."""

from fastgen.torch import _family

__all__, __getattr__, __dir__ = _family.of("noise")
