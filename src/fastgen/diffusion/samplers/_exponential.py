"""Coefficients of exponential integrators, which solve the linear part of the flow exactly.

With lambda = log(alpha / sigma), the integral of e^lambda * (data prediction), or of
e^-lambda * (noise prediction), remains over a step h in lambda. A polynomial through the latest
predictions replaces the prediction (Lu et al., DPM-Solver, 2022).
"""

from __future__ import annotations

import math

from fastgen.diffusion.samplers._coefficients import phi

Weights = tuple[float, ...]


def expand(value: float, slope: float, curve: float, r: Weights) -> Weights:
    """Return the weights of m_0, m_1, ... from the weights of m_0, D_1 and D_2.

    D_1 and D_2 are the first two coefficients of the polynomial through the m, in units of the
    step. In these units, m_1 lies r[0] before m_0, and m_2 lies r[1] before m_1.
    """
    if not r:
        return (value,)
    if len(r) == 1:
        return value + slope / r[0], -slope / r[0]
    both = r[0] + r[1]
    near = slope * (1 + r[0] / both) + curve / both  # the weight of (m_0 - m_1) / r_0
    far = -slope * r[0] / both - curve / both  # the weight of (m_1 - m_2) / r_1
    return value + near / r[0], far / r[1] - near / r[0], -far / r[1]


def integral(z: float, r: Weights, *, midpoint: bool = False, halved: bool = False) -> Weights:
    """Return weights for the integral over s from 0 to z of e^(s - z) times the polynomial.

    The polynomial goes through the m. `midpoint` is the simpler second order of DPM-Solver.
    `halved` takes half of the term of the curvature, as diffusers and k-diffusion do. The method
    then has second order.
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
    """Return the weights of `integral` with e^(z - s) in place of e^(s - z)."""
    value = math.expm1(z)
    if not r:
        return (value,)
    if len(r) == 1 and midpoint:
        return expand(value, value / 2, 0.0, r)
    curve = z * phi(3, z) * (1 if halved else 2)
    return expand(value, z * phi(2, z), curve, r)
