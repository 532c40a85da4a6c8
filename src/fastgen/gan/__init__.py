"""Generative adversarial networks: losses, penalties and divergences, in nats."""

from fastgen import _docs
from fastgen.gan.divergences import f_divergence, js_divergence, optimal_discriminator
from fastgen.gan.frechet import frechet_distance, frechet_distance_of_normals
from fastgen.gan.logits import js_divergence_from_logits
from fastgen.gan.losses import discriminator_loss, generator_loss, js_estimate
from fastgen.gan.mmd import maximum_mean_discrepancy
from fastgen.gan.penalties import gradient_penalty
from fastgen.gan.pulling_away import pulling_away_term
from fastgen.gan.terms import hinge_loss, logistic_loss, relativistic_loss, squared_loss

__all__ = [
    "discriminator_loss",
    "f_divergence",
    "frechet_distance",
    "frechet_distance_of_normals",
    "generator_loss",
    "gradient_penalty",
    "hinge_loss",
    "js_divergence",
    "js_divergence_from_logits",
    "js_estimate",
    "logistic_loss",
    "maximum_mean_discrepancy",
    "optimal_discriminator",
    "pulling_away_term",
    "relativistic_loss",
    "squared_loss",
]

_docs.render(globals(), __all__)


def __dir__() -> list[str]:
    return __all__
