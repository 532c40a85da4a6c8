"""Coefficients of exponential integrators: the linear part of the flow is solved exactly.

With lambda = log(alpha / sigma), the remaining integral over a step h in lambda is that of e^lambda
times the data prediction, or of e^-lambda times the noise prediction, which a polynomial through
the latest predictions replaces (Lu et al., DPM-Solver, 2022).
"""

from __future__ import annotations

import math

from fastgen.diffusion.samplers._coefficients import phi

Weights = tuple[float, ...]


def expand(value: float, slope: float, curve: float, r: Weights) -> Weights:
    """Weights of m_0, m_1, ... from those of m_0, D_1 and D_2.

    D_1 and D_2 are the first two coefficients of the polynomial through the m, in units of the
    step; m_1 lies r[0] before m_0 in these units, m_2 lies r[1] before m_1.
    """
    if not r:
        return (value,)
    if len(r) == 1:
        return value + slope / r[0], -slope / r[0]
    both = r[0] + r[1]
    near = slope * (1 + r[0] / both) + curve / both  # of (m_0 - m_1) / r_0
    far = -slope * r[0] / both - curve / both  # of (m_1 - m_2) / r_1
    return value + near / r[0], far / r[1] - near / r[0], -far / r[1]


def integral(z: float, r: Weights, *, midpoint: bool = False, halved: bool = False) -> Weights:
    """Weights of the integral of e^(s - z) over s from 0 to z, times the polynomial through the m.

    `midpoint` is the simpler second order of DPM-Solver. `halved` takes half of the
    curvature's term, as diffusers and k-diffusion do. The method is then of second order.
    """
    value = -math.expm1(-z)
    if not r:
        return (value,)
    if len(r) == 1 and midpoint:
        return expand(value, value / 2, 0.0, r)
    curve = z * phi(3, -z) * (1 if halved else 2)
    return expand(value, z * phi(2, -z), curve, r)


def growing_integral(
    z: float, r: Weights, *, midpoint: bool = False, halved: bool = False
) -> Weights:
    """`integral` with e^(z - s) in place of e^(s - z)."""
    value = math.expm1(z)
    if not r:
        return (value,)
    if len(r) == 1 and midpoint:
        return expand(value, value / 2, 0.0, r)
    curve = z * phi(3, z) * (1 if halved else 2)
    return expand(value, z * phi(2, z), curve, r)
