"""Diffusion, score and flow matching: schedules, the forward process, losses, scores, samplers."""

import importlib as _importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from fastgen import _docs
from fastgen.diffusion.embedding import fourier_features, timestep_embedding
from fastgen.diffusion.epsilon import epsilon_loss
from fastgen.diffusion.forward import add_noise, interpolate, posterior_mean_variance, velocity
from fastgen.diffusion.guided_steps import guided_combination, guided_step
from fastgen.diffusion.likelihood import vlb_terms
from fastgen.diffusion.linear import (
    bridge_point,
    linear_combination,
    linear_interpolation,
    noised,
    path_point,
)
from fastgen.diffusion.losses import (
    denoising_loss,
    denoising_score_matching,
    sliced_score_matching,
    transition_kl,
)
from fastgen.diffusion.predictions import convert, edm_coefficients, edm_denoised, edm_input
from fastgen.diffusion.schedule import Schedule
from fastgen.diffusion.scores import (
    gaussian_mixture_score,
    gaussian_score,
    langevin_step,
    langevin_update,
)
from fastgen.diffusion.solver_steps import solver_step
from fastgen.diffusion.weights import (
    cosmap_weight,
    edm_weight,
    inverse_variance_weight,
    logit_normal_weight,
    min_snr_weight,
    p2_weight,
    soft_min_snr_weight,
)

if _TYPE_CHECKING:
    from fastgen.diffusion import paths as paths
    from fastgen.diffusion import samplers as samplers
    from fastgen.diffusion import times as times

_SPACES = ("paths", "samplers", "times")

__all__ = [
    "Schedule",
    "add_noise",
    "bridge_point",
    "convert",
    "cosmap_weight",
    "denoising_loss",
    "denoising_score_matching",
    "edm_coefficients",
    "edm_denoised",
    "edm_input",
    "edm_weight",
    "epsilon_loss",
    "fourier_features",
    "gaussian_mixture_score",
    "gaussian_score",
    "guided_combination",
    "guided_step",
    "interpolate",
    "inverse_variance_weight",
    "langevin_step",
    "langevin_update",
    "linear_combination",
    "linear_interpolation",
    "logit_normal_weight",
    "min_snr_weight",
    "noised",
    "p2_weight",
    "path_point",
    "posterior_mean_variance",
    "sliced_score_matching",
    "soft_min_snr_weight",
    "solver_step",
    "timestep_embedding",
    "transition_kl",
    "velocity",
    "vlb_terms",
]

_docs.render(globals(), __all__)


def __getattr__(name: str) -> _Any:
    """Import a namespace at its first use: a program that draws no samples needs no samplers."""
    if name in _SPACES:
        return _importlib.import_module(f"fastgen.diffusion.{name}")
    raise AttributeError(f"module 'fastgen.diffusion' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, *_SPACES]
