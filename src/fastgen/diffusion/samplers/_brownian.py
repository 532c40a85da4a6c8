"""Noise by time: the noise of a step is an increment of a Brownian motion, not new at each step.

The time of the motion is the signal-to-noise ratio S = (alpha / sigma)^2. Take data at one point
x0, and samples x = alpha x0 + sigma n. In the step of the posterior (Ho et al., 2020), from i to j,
n_j = sqrt(S_i / S_j) n_i + sqrt(1 - S_i / S_j) z. So sqrt(S) n is a Brownian motion of time S, and
z = (W(S_j) - W(S_i)) / sqrt(S_j - S_i) is the z of that step, for any nodes. With a model, this z
is that of the reverse SDE to first order, for every amount of noise: over a short step, the
integral of f dW is f (W(S_j) - W(S_i)).

The steps of a run have intervals of S that do not overlap. So their z are independent standard
normals, and each step has the distribution that it has with other noise.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from fastgen.noise.cells import Increment, increment

if TYPE_CHECKING:
    from fastgen.diffusion.samplers._method import Method

BROWNIAN = "brownian"
MOST = 2.0**511  # alpha / sigma, whose square is finite
DIGITS = 17  # binary digits of S: each costs a draw, and 2^-17 of S is far less than a step


def check(method: Method, noise: Any, rng: Any, key: Any) -> None:
    """Raise if a step cannot follow a path."""
    name = type(method).__name__
    if not isinstance(noise, str) or noise != BROWNIAN:
        raise ValueError(f"{name}: noise must be 'brownian' or an array, got {noise!r}")
    if method.afresh:
        raise ValueError(
            f"{name}: noise='brownian' needs noise that adds up over the steps, but here each step "
            "draws all noise anew, so there is no path; use noise=None"
        )
    if key is None or rng is not None:
        raise ValueError(
            f"{name}: noise='brownian' needs the key of the path, and no rng; give the same key= "
            "to every step"
        )


def check_run(method: Method, noise: Any, key: Any) -> None:
    """Raise if a step of a run cannot follow a path."""
    check(method, noise, None, key)
    for i in range(len(method)):
        if method.adds_noise(i):
            _times(method, i)


def of_step(method: Method, i: int) -> Increment:
    """Return the increment of a step, divided by its deviation."""
    return increment(*_times(method, i))._replace(scale=1.0)


def _times(method: Method, i: int) -> tuple[float, float]:
    """Return S before and after a step, or raise if the path has no such increment."""
    before, after = (_clock(method, node) for node in method._span(i))
    if after == math.inf:
        raise ValueError(
            f"{type(method).__name__}: noise='brownian' has no increment for step {i}, which adds "
            "noise at the end, where sigma is 0; use parity=None, or noise=None"
        )
    if not before < after:
        raise ValueError(
            f"{type(method).__name__}: noise='brownian' needs steps in which sigma falls, but "
            f"step {i} adds noise at the same sigma; use fewer steps, or noise=None"
        )
    return before, after


def _clock(method: Method, node: int) -> float:
    """Return S at a node, rounded."""
    alpha, sigma = method.grid.signal[node], method.grid.noise[node]
    ratio = alpha / sigma if sigma else math.inf
    if ratio >= MOST:
        return math.inf
    fraction, exponent = math.frexp(ratio * ratio)
    return math.ldexp(round(math.ldexp(fraction, DIGITS)), exponent - DIGITS)


__all__ = ["BROWNIAN", "check", "check_run", "of_step"]
