"""Variational autoencoders: divergences and likelihoods, in plain NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

Axis = int | tuple[int, ...] | None


def kl_standard_normal(mu: Any, logvar: Any, /, *, axis: Axis = -1, keepdims: bool = False) -> Any:
    """Kullback-Leibler divergence from a diagonal normal distribution to the standard normal."""
    return 0.5 * np.sum(mu**2 + np.exp(logvar) - 1 - logvar, axis=axis, keepdims=keepdims)


def kl_diag_normal(
    mu_q: Any,
    logvar_q: Any,
    mu_p: Any,
    logvar_p: Any,
    /,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
) -> Any:
    """Kullback-Leibler divergence between two diagonal normal distributions, q from p."""
    d = logvar_q - logvar_p
    terms = np.exp(d) - 1 - d + (mu_q - mu_p) ** 2 * np.exp(-logvar_p)
    return 0.5 * np.sum(terms, axis=axis, keepdims=keepdims)


def gaussian_nll(
    x: Any, mu: Any, logvar: Any, /, *, axis: Axis = -1, keepdims: bool = False
) -> Any:
    """Negative log-likelihood of a diagonal normal distribution, with its constant."""
    # A Python float, so that float32 stays float32.
    log_2_pi = float(np.log(2 * np.pi))
    terms = log_2_pi + logvar + (x - mu) ** 2 * np.exp(-logvar)
    return 0.5 * np.sum(terms, axis=axis, keepdims=keepdims)
