"""The refined exponential solver (RES): its two methods under the names that they have here.

Zhang, Song and Chen, "Improved Order Analysis and Design of Exponential Integrator for Diffusion
Models Sampling", 2023: tables 2 and 3, with phi_k of -h.
"""

import itertools
import math

import numpy as np
import pytest

from fastgen.diffusion import Schedule, samplers

SCHEDULES = [Schedule.karras(1000), Schedule.vp(1000)]
SHAPE = (2, 3)
X0S = np.random.default_rng(4).standard_normal((14, *SHAPE))
START = np.cos(np.arange(6.0)).reshape(SHAPE)


def phi_1(z):
    """Return (e^z - 1) / z."""
    return math.expm1(z) / z


def phi_2(z):
    """Return (phi_1(z) - 1) / z."""
    return (phi_1(z) - 1) / z


def run(sampler):
    """Return the samples of a run whose model gives X0S, the nodes, and lambda at each."""
    x, state, path = START, sampler.state(), []
    for i in range(len(sampler)):
        x = sampler.step(x, X0S[i], i, state=state)
        path.append(x)
    nodes = list(zip(sampler.grid.signal, sampler.grid.noise, strict=True))
    return path, nodes, [math.log(a / s) if s else math.inf for a, s in nodes]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_multistep(schedule):
    """x' = e^-h x + h (b_1 m_0 + b_2 m_1): c_2 = -(h before) / h, b_2 = phi_2 / c_2."""
    options = {"solver": "heun", "sigmas": "karras", "lower_order_final": False}
    sampler = samplers.DPMSolverMultistep(schedule, 12, prediction="x0", **options)
    path, nodes, logs = run(sampler)
    x = START
    for i, ((_, sigma), (alpha, after)) in enumerate(itertools.pairwise(nodes[:-1])):
        h = logs[i + 1] - logs[i]
        c = -(logs[i] - logs[i - 1]) / h if i else 1.0
        b = phi_2(-h) / c if i else 0.0
        ahead = (phi_1(-h) - b) * X0S[i] + (b * X0S[i - 1] if i else 0.0)
        x = after / sigma * x + alpha * h * ahead
        np.testing.assert_allclose(path[i], x, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_singlestep(schedule):
    """x' = e^-h x + h ((phi_1 - phi_2 / c) m_0 + phi_2 / c m_c), of two evaluations."""
    sigmas = np.geomspace(10.0, 0.1, 13)
    options = {"solver": "heun", "sigmas": sigmas.tolist()}
    sampler = samplers.DPMSolverSinglestep(schedule, prediction="x0", **options)
    path, nodes, logs = run(sampler)
    x = START
    for i in range(0, 12, 2):
        (_, sigma), (alpha, after) = nodes[i], nodes[i + 2]
        h, c = logs[i + 2] - logs[i], (logs[i + 1] - logs[i]) / (logs[i + 2] - logs[i])
        b = phi_2(-h) / c
        x = after / sigma * x + alpha * h * ((phi_1(-h) - b) * X0S[i] + b * X0S[i + 1])
        np.testing.assert_allclose(path[i + 1], x, rtol=1e-10, atol=1e-12)
