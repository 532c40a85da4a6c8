"""The functions of `fastgen.diffusion.times`, as tensors."""

from fastgen.torch import _family

__all__, __getattr__, __dir__ = _family.of("diffusion.times")
