"""Training times and noise levels: draws by key and counter, stratified, or by the losses so far.

All is plain NumPy in float64, and rounded once: a batch has one time per sample.
"""

from fastgen import _docs
from fastgen.diffusion.times.flow_times import cosmap, logit_normal, mode, power, uniform
from fastgen.diffusion.times.importance import LossSecondMoment
from fastgen.diffusion.times.noise_levels import (
    cosine_interpolated,
    log_logistic,
    log_normal,
    log_uniform,
    split_log_normal,
    v_diffusion,
)
from fastgen.diffusion.times.steps import steps, weighted_steps

__all__ = [
    "LossSecondMoment",
    "cosine_interpolated",
    "cosmap",
    "log_logistic",
    "log_normal",
    "log_uniform",
    "logit_normal",
    "mode",
    "power",
    "split_log_normal",
    "steps",
    "uniform",
    "v_diffusion",
    "weighted_steps",
]

_docs.render(globals(), __all__)


def __dir__() -> list[str]:
    return __all__
