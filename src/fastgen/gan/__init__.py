"""Generative adversarial networks: losses, penalties and divergences, in nats."""

from fastgen.gan.divergences import js_divergence

__all__ = [
    "js_divergence",
]
