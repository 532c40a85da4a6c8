"""Normalizing flows: transforms with their log-determinants, in nats."""

from fastgen import _docs
from fastgen.flow.bijectors import exp, leaky_relu, power, soft_clip
from fastgen.flow.couplings import (
    additive_coupling,
    additive_coupling_inverse,
    affine_coupling,
    affine_coupling_inverse,
)
from fastgen.flow.cubic_splines import cubic_spline
from fastgen.flow.densities import bits_per_dim, log_prob
from fastgen.flow.determinants import (
    logabsdet_diagonal,
    logdet_lu,
    logdet_triangular,
    slogdet_diagonal,
    slogdet_triangular,
)
from fastgen.flow.jacobians import slogdet
from fastgen.flow.layouts import split_parameters
from fastgen.flow.normalization import actnorm, batch_norm
from fastgen.flow.polynomial_splines import linear_spline, quadratic_spline
from fastgen.flow.residual import planar, radial
from fastgen.flow.splines import rational_quadratic_spline
from fastgen.flow.squashing import logit, sigmoid, softplus, tanh

__all__ = [
    "actnorm",
    "additive_coupling",
    "additive_coupling_inverse",
    "affine_coupling",
    "affine_coupling_inverse",
    "batch_norm",
    "bits_per_dim",
    "cubic_spline",
    "exp",
    "leaky_relu",
    "linear_spline",
    "log_prob",
    "logabsdet_diagonal",
    "logdet_lu",
    "logdet_triangular",
    "logit",
    "planar",
    "power",
    "quadratic_spline",
    "radial",
    "rational_quadratic_spline",
    "sigmoid",
    "slogdet",
    "slogdet_diagonal",
    "slogdet_triangular",
    "soft_clip",
    "softplus",
    "split_parameters",
    "tanh",
]

_docs.render(globals(), __all__)


def __dir__() -> list[str]:
    return __all__
