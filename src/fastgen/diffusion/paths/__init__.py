"""Probability paths of flow matching: points, velocities, conversions, and couplings.

Time goes from the noise at 0 to the data at 1.
"""

from fastgen import _docs
from fastgen.diffusion.paths.changes import PathChange, change_velocity, matching_time
from fastgen.diffusion.paths.conversions import convert
from fastgen.diffusion.paths.coupling import optimal_coupling
from fastgen.diffusion.paths.kinds import (
    Cosine,
    Linear,
    LinearVariancePreserving,
    Polynomial,
    VarianceExploding,
    VariancePreserving,
)
from fastgen.diffusion.paths.path import Path
from fastgen.diffusion.paths.sampling import bridge, sample

__all__ = [
    "Cosine",
    "Linear",
    "LinearVariancePreserving",
    "Path",
    "PathChange",
    "Polynomial",
    "VarianceExploding",
    "VariancePreserving",
    "bridge",
    "change_velocity",
    "convert",
    "matching_time",
    "optimal_coupling",
    "sample",
]

_docs.render(globals(), __all__)


def __dir__() -> list[str]:
    return __all__
