"""Exponential moving averages of a model's weights: many arrays in place, and their decays."""

from fastgen import _docs
from fastgen.ema.arrays import combine, update
from fastgen.ema.decays import inverse_power_decay, power_function_decay, warmup_decay
from fastgen.ema.posthoc import gamma_of_sigma_rel, posthoc_coefficients, sigma_rel_of_gamma

__all__ = [
    "combine",
    "gamma_of_sigma_rel",
    "inverse_power_decay",
    "posthoc_coefficients",
    "power_function_decay",
    "sigma_rel_of_gamma",
    "update",
    "warmup_decay",
]

_docs.render(globals(), __all__)


def __dir__() -> list[str]:
    return __all__
