"""Normalizing flows: transforms with their log-determinants, in nats."""

from fastgen.flow.determinants import logabsdet_diagonal, logdet_lu, logdet_triangular

__all__ = [
    "logabsdet_diagonal",
    "logdet_lu",
    "logdet_triangular",
]
