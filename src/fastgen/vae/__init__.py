"""Variational autoencoders: divergences, likelihoods and bounds, per sample, in nats."""

from fastgen import _docs
from fastgen.vae.bounds import bernoulli_elbo, gaussian_elbo
from fastgen.vae.categorical import kl_categorical
from fastgen.vae.correlation import TotalCorrelation, total_correlation
from fastgen.vae.covariance import kl_tril_normal
from fastgen.vae.divergences import (
    kl_bernoulli,
    kl_diag_normal,
    kl_diag_normal_sigma,
    kl_laplace,
    kl_standard_normal,
)
from fastgen.vae.entropies import categorical_entropy, cross_entropy
from fastgen.vae.finite_scalar import (
    finite_scalar,
    finite_scalar_codes,
    finite_scalar_indices,
)
from fastgen.vae.likelihoods import (
    bernoulli_nll,
    discretized_gaussian_nll,
    gaussian_nll,
    standard_normal_log_prob,
)
from fastgen.vae.lookup_free import lookup_free, lookup_free_indices
from fastgen.vae.mixtures import (
    iwae_bound,
    mixture_log_prob,
    scaled_mixture_log_prob,
    squared_mahalanobis,
)
from fastgen.vae.quantization import (
    code_perplexity,
    code_sums,
    codebook_from_sums,
    nearest_code,
)
from fastgen.vae.quantization_loss import quantization_loss
from fastgen.vae.samples import (
    reparameterize,
    sample_diag_normal,
    sample_diag_normal_with_log_prob,
)
from fastgen.vae.straight_through import straight_through

__all__ = [
    "TotalCorrelation",
    "bernoulli_elbo",
    "bernoulli_nll",
    "categorical_entropy",
    "code_perplexity",
    "code_sums",
    "codebook_from_sums",
    "cross_entropy",
    "discretized_gaussian_nll",
    "finite_scalar",
    "finite_scalar_codes",
    "finite_scalar_indices",
    "gaussian_elbo",
    "gaussian_nll",
    "iwae_bound",
    "kl_bernoulli",
    "kl_categorical",
    "kl_diag_normal",
    "kl_diag_normal_sigma",
    "kl_laplace",
    "kl_standard_normal",
    "kl_tril_normal",
    "lookup_free",
    "lookup_free_indices",
    "mixture_log_prob",
    "nearest_code",
    "quantization_loss",
    "reparameterize",
    "sample_diag_normal",
    "sample_diag_normal_with_log_prob",
    "scaled_mixture_log_prob",
    "squared_mahalanobis",
    "standard_normal_log_prob",
    "straight_through",
    "total_correlation",
]

_docs.render(globals(), __all__)


def __dir__() -> list[str]:
    return __all__
