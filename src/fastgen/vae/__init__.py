"""Variational autoencoders: divergences and likelihoods, per sample, in nats."""

from fastgen.vae.divergences import (
    kl_bernoulli,
    kl_diag_normal,
    kl_diag_normal_sigma,
    kl_laplace,
    kl_standard_normal,
)
from fastgen.vae.likelihoods import bernoulli_nll, gaussian_nll, standard_normal_log_prob

__all__ = [
    "bernoulli_nll",
    "gaussian_nll",
    "kl_bernoulli",
    "kl_diag_normal",
    "kl_diag_normal_sigma",
    "kl_laplace",
    "kl_standard_normal",
    "standard_normal_log_prob",
]
