"""Forms of operations that other libraries have themselves, for ``fastgen bench --peers``.

They stand beside the formula of the reference, and the faster of the two counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

LOG_2_PI = math.log(2 * math.pi)


class Forms(NamedTuple):
    """Functions of the module (torch or jax) and the inputs; for numexpr, of inputs a, b, c, d."""

    torch: Callable[..., Any] | None = None
    jax: Callable[..., Any] | None = None
    numexpr: str | None = None


def _torch_mean_field(torch: Any, mu_q: Any, logvar_q: Any, mu_p: Any, logvar_p: Any) -> Any:
    difference = logvar_q - logvar_p
    terms = difference.exp() - 1 - difference + (mu_q - mu_p) ** 2 * (-logvar_p).exp()
    return 0.5 * terms.sum(-1)


def _jax_mean_field(jax: Any, mu_q: Any, logvar_q: Any, mu_p: Any, logvar_p: Any) -> Any:
    exp, difference = jax.numpy.exp, logvar_q - logvar_p
    terms = exp(difference) - 1 - difference + (mu_q - mu_p) ** 2 * exp(-logvar_p)
    return 0.5 * terms.sum(-1)


FORMS = {
    "elementary.exp": Forms(
        lambda torch, x: torch.exp(x), lambda jax, x: jax.numpy.exp(x), "exp(a)"
    ),
    "elementary.expm1": Forms(
        lambda torch, x: torch.expm1(x), lambda jax, x: jax.numpy.expm1(x), "expm1(a)"
    ),
    "elementary.expm1_minus_x": Forms(
        lambda torch, x: torch.expm1(x) - x,
        lambda jax, x: jax.numpy.expm1(x) - x,
        "expm1(a) - a",
    ),
    "elementary.log": Forms(
        lambda torch, x: torch.log(x), lambda jax, x: jax.numpy.log(x), "log(a)"
    ),
    "elementary.log1p": Forms(
        lambda torch, x: torch.log1p(x), lambda jax, x: jax.numpy.log1p(x), "log1p(a)"
    ),
    "elementary.log_ndtr": Forms(
        lambda torch, x: torch.special.log_ndtr(x), lambda jax, x: jax.scipy.special.log_ndtr(x)
    ),
    "elementary.logsumexp": Forms(
        lambda torch, x: torch.logsumexp(x, -1), lambda jax, x: jax.nn.logsumexp(x, axis=-1)
    ),
    "elementary.ndtr": Forms(
        lambda torch, x: torch.special.ndtr(x), lambda jax, x: jax.scipy.special.ndtr(x)
    ),
    "elementary.norm": Forms(
        lambda torch, x: torch.linalg.vector_norm(x, dim=-1),
        lambda jax, x: jax.numpy.linalg.norm(x, axis=-1),
    ),
    "elementary.sigmoid": Forms(
        lambda torch, x: torch.sigmoid(x), lambda jax, x: jax.nn.sigmoid(x), "1 / (1 + exp(-a))"
    ),
    "elementary.softplus": Forms(
        lambda torch, x: torch.nn.functional.softplus(x),
        lambda jax, x: jax.nn.softplus(x),
        "log1p(exp(a))",
    ),
    "elementary.tanh": Forms(
        lambda torch, x: torch.tanh(x), lambda jax, x: jax.numpy.tanh(x), "tanh(a)"
    ),
    "elementary.total": Forms(
        lambda torch, x: x.sum(-1), lambda jax, x: x.sum(-1), "sum(a, axis=1)"
    ),
    "flow.slogdet": Forms(
        lambda torch, a: tuple(torch.linalg.slogdet(a)),
        lambda jax, a: tuple(jax.numpy.linalg.slogdet(a)),
    ),
    "guidance.cfg": Forms(lambda torch, uncond, cond, s: torch.lerp(uncond, cond, s[..., None])),
    "vae.bernoulli_nll": Forms(
        lambda torch, x, logits: torch.nn.functional.binary_cross_entropy_with_logits(
            logits, x, reduction="none"
        ).sum(-1)
    ),
    "vae.kl_standard_normal": Forms(
        lambda torch, mu, logvar: 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(-1),
        lambda jax, mu, logvar: 0.5 * (mu**2 + jax.numpy.exp(logvar) - 1 - logvar).sum(-1),
        "sum((a**2 + exp(b) - 1 - b) / 2, axis=1)",
    ),
    "vae.kl_diag_normal": Forms(
        _torch_mean_field,
        _jax_mean_field,
        "sum((exp(b - d) - 1 - (b - d) + (a - c)**2 * exp(-d)) / 2, axis=1)",
    ),
    "vae.gaussian_nll": Forms(
        lambda torch, x, mu, logvar: (
            0.5 * (LOG_2_PI + logvar + (x - mu) ** 2 * (-logvar).exp()).sum(-1)
        ),
        lambda jax, x, mu, logvar: (
            0.5 * (LOG_2_PI + logvar + (x - mu) ** 2 * jax.numpy.exp(-logvar)).sum(-1)
        ),
        # numexpr computes in float64 if the text has a constant with a fraction.
        "sum((log(two_pi) + c + (a - b)**2 * exp(-c)) / 2, axis=1)",
    ),
}
