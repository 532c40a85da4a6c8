"""Generative adversarial networks: losses, penalties and divergences, in nats."""

from fastgen.gan.divergences import f_divergence, js_divergence, optimal_discriminator

__all__ = [
    "f_divergence",
    "js_divergence",
    "optimal_discriminator",
]
