"""Guidance of diffusion models: combines several predictions into one."""

from fastgen import _docs
from fastgen.guidance.classifier import classifier_epsilon, classifier_mean
from fastgen.guidance.free import cfg, cfg_rescale, combine, deviation_ratio
from fastgen.guidance.projected import (
    apg,
    cfg_zero_star,
    magnitude_aware,
    perp_neg,
    tangential,
)
from fastgen.guidance.schedule import interval
from fastgen.guidance.threshold import dynamic_threshold, scale_to_limit

__all__ = [
    "apg",
    "cfg",
    "cfg_rescale",
    "cfg_zero_star",
    "classifier_epsilon",
    "classifier_mean",
    "combine",
    "deviation_ratio",
    "dynamic_threshold",
    "interval",
    "magnitude_aware",
    "perp_neg",
    "scale_to_limit",
    "tangential",
]

_docs.render(globals(), __all__)


def __dir__() -> list[str]:
    return __all__
