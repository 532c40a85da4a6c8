"""The functions of `fastgen.diffusion`, on tensors."""

from fastgen.torch import _family

__all__, __getattr__, __dir__ = _family.of("diffusion")
