"""Normalizing flows: transforms with their log-determinants, in nats."""

from fastgen.flow.couplings import (
    additive_coupling,
    additive_coupling_inverse,
    affine_coupling,
    affine_coupling_inverse,
)
from fastgen.flow.determinants import logabsdet_diagonal, logdet_lu, logdet_triangular
from fastgen.flow.layouts import split_parameters
from fastgen.flow.normalization import actnorm, batch_norm

__all__ = [
    "actnorm",
    "additive_coupling",
    "additive_coupling_inverse",
    "affine_coupling",
    "affine_coupling_inverse",
    "batch_norm",
    "logabsdet_diagonal",
    "logdet_lu",
    "logdet_triangular",
    "split_parameters",
]
