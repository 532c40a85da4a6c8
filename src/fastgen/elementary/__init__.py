"""Elementary functions of generative models, elementwise: fast, and right in their tails."""

from fastgen import _docs
from fastgen.elementary.exponential import exp, expm1, expm1_minus_x, log, log1p, x_minus_log1p
from fastgen.elementary.linear import lerp
from fastgen.elementary.logistic import sigmoid, softplus, tanh
from fastgen.elementary.normal import log_ndtr, ndtr
from fastgen.elementary.sums import logsumexp, norm, squared_norm, total

__all__ = [
    "exp",
    "expm1",
    "expm1_minus_x",
    "lerp",
    "log",
    "log1p",
    "log_ndtr",
    "logsumexp",
    "ndtr",
    "norm",
    "sigmoid",
    "softplus",
    "squared_norm",
    "tanh",
    "total",
    "x_minus_log1p",
]

_docs.render(globals(), __all__)


def __dir__() -> list[str]:
    return __all__
