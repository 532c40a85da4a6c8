"""The functions of `fastgen.flow`, on tensors."""

from fastgen.torch import _family

__all__, __getattr__, __dir__ = _family.of("flow")
