"""Noise by key and counter: the same values for any slice, thread count, batch and machine."""

from fastgen import _docs
from fastgen._core import Stream
from fastgen.noise.draws import normal, random_bits, uniform
from fastgen.noise.extremes import gumbel
from fastgen.noise.paths import brownian

__all__ = ["Stream", "brownian", "gumbel", "normal", "random_bits", "uniform"]

_docs.render(globals(), __all__)


def __dir__() -> list[str]:
    return __all__
