"""The paths of `fastgen.diffusion.paths` in mpmath, and times."""

from fastgen.cases.ulp import context
from fastgen.diffusion.paths import (
    Cosine,
    Linear,
    LinearVariancePreserving,
    Polynomial,
    VarianceExploding,
    VariancePreserving,
)


def vp_exponent(mp, t, low=0.1, high=20.0):
    return (1 - t) * low + (1 - t) ** 2 * (mp.mpf(high) - mp.mpf(low)) / 2


# Each path, and its alpha and sigma in mpmath, of mpmath's context and t.
EXACT = {
    Linear(): (lambda mp, t: t, lambda mp, t: 1 - t),
    Linear(sigma_min=0.125): (lambda mp, t: t, lambda mp, t: 1 - (1 - mp.mpf(0.125)) * t),
    Cosine(): (lambda mp, t: mp.sin(mp.pi * t / 2), lambda mp, t: mp.cos(mp.pi * t / 2)),
    Polynomial(2): (lambda mp, t: t**2, lambda mp, t: 1 - t**2),
    Polynomial(0.5): (lambda mp, t: mp.sqrt(t), lambda mp, t: 1 - mp.sqrt(t)),
    Polynomial(3.5): (lambda mp, t: t ** mp.mpf(3.5), lambda mp, t: 1 - t ** mp.mpf(3.5)),
    VariancePreserving(): (
        lambda mp, t: mp.exp(-vp_exponent(mp, t) / 2),
        lambda mp, t: mp.sqrt(1 - mp.exp(-vp_exponent(mp, t))),
    ),
    VariancePreserving(0.5, 0.5): (
        lambda mp, t: mp.exp(-(1 - t) / 4),
        lambda mp, t: mp.sqrt(1 - mp.exp(-(1 - t) / 2)),
    ),
    LinearVariancePreserving(): (lambda mp, t: t, lambda mp, t: mp.sqrt(1 - t**2)),
    VarianceExploding(): (
        lambda mp, t: mp.mpf(1),
        lambda mp, t: mp.mpf(0.002) * (mp.mpf(80.0) / mp.mpf(0.002)) ** (1 - t),
    ),
}
PATHS = list(EXACT)
INSIDE = [0.25, 0.5, 0.9, 1 / 3, 0.99, 0.01]
NEAR = [2.0**-30, 1e-5, 1 - 1e-5, 1 - 2.0**-30, 1 - 2.0**-53, 1e-100]


def exact(path, t):
    """Return alpha, sigma and their derivatives, in numbers of mpmath."""
    mp = context()
    with mp.workprec(4000):
        formulas = EXACT[path]
        values = [f(mp, mp.mpf(t)) for f in formulas]
        h = mp.mpf(min(t, 1 - t)) * mp.mpf(2) ** -300
        slopes = [(f(mp, t + h) - f(mp, t - h)) / (2 * h) for f in formulas]
    return [*values, *slopes]


def ulps_of(path):
    """Return the stated error of coefficients: the rounding of an exponent is felt."""
    return 16 if isinstance(path, VariancePreserving) else 4
