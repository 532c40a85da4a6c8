"""The functions of `fastgen.elementary`, on tensors."""

from fastgen.torch import _family

__all__, __getattr__, __dir__ = _family.of("elementary")
