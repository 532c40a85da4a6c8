"""ERSDE: its integrals, its limits, the formula of the paper, and the distribution of its steps."""

import math

import numpy as np
import pytest

from fastgen.diffusion import Schedule, samplers

KARRAS, VP, FLOW = Schedule.karras(1000), Schedule.vp(1000), Schedule.flow()
KINDS = ("er", "sde", "ode")
X0S = np.random.default_rng(4).standard_normal((12, 2, 3))
NOISES = np.random.default_rng(5).standard_normal((12, 2, 3))
START = np.cos(np.arange(6.0)).reshape(2, 3)


def phi(kind, rho):
    """Return the function of the paper."""
    growth = {"er": np.exp(rho**0.3) + 10, "sde": rho, "ode": 1.0}[kind]
    return rho * growth


def run(sampler):
    """Return the samples of a run whose model gives X0S."""
    x, state, path = START, sampler.state(), []
    for i in range(len(sampler)):
        given = NOISES[i] if sampler.adds_noise(i) else None
        x = sampler.step(x, X0S[i], i, state=state, noise=given)
        path.append(x)
    return path


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("places", "after"),
    [([80.0], 0.002), ([5.0, 7.0, 11.0], 1.3), ([999.0, 3000.0], 0.01), ([0.02, 0.025], 0.0199)],
)
def test_weights_are_exact(kind, places, after):
    """The integral of phi(after) phi' / phi^2 times the Lagrange polynomials, in log rho."""
    mp = pytest.importorskip("mpmath")
    sampler = samplers.ERSDE(VP, 10, kind=kind)
    own = {
        "er": lambda r: r * (mp.exp(r ** mp.mpf("0.3")) + 10),
        "sde": lambda r: r * r,
        "ode": lambda r: r,
    }[kind]

    def integrand(u, j):
        r = mp.exp(u)
        others = (p for k, p in enumerate(places) if k != j)
        lagrange = mp.fprod((r - p) / (mp.mpf(places[j]) - p) for p in others)
        return own(mp.mpf(after)) * mp.diff(own, r) / own(r) ** 2 * lagrange * r

    ends = mp.linspace(mp.log(after), mp.log(places[0]), 9)
    got = sampler._weights(places, after)
    for j, weight in enumerate(got):
        assert abs(float(mp.quad(lambda u, j=j: integrand(u, j), ends)) - weight) < 1e-13


@pytest.mark.parametrize("schedule", [KARRAS, VP, FLOW, Schedule.cosine(max_beta=1)])
@pytest.mark.parametrize(("kind", "eta"), [("ode", 0.0), ("sde", 1.0)])
def test_first_order_is_ddim(schedule, kind, eta):
    """Also in the step from no signal."""
    ours = run(samplers.ERSDE(schedule, 12, prediction="x0", order=1, kind=kind))
    theirs = run(samplers.DDIM(schedule, 12, prediction="x0", eta=eta))
    np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("schedule", [KARRAS, VP])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", [1, 2])
def test_steps_are_those_of_the_paper(schedule, kind, order):
    """Eq. 14 and 15, whose integral is summed over many points, on x / alpha and rho."""
    sampler = samplers.ERSDE(schedule, 12, prediction="x0", order=order, kind=kind)
    signal, noise = map(np.array, (sampler.grid.signal, sampler.grid.noise))
    rho, y = noise / signal, START / signal[0]
    for i, (got, before, after) in enumerate(zip(run(sampler), rho[:-1], rho[1:], strict=True)):
        ratio = phi(kind, after) / phi(kind, before)
        ahead = ratio * y + (1 - ratio) * X0S[i]
        if order == 2 and i and after:
            u = np.linspace(math.log(after), math.log(before), 20001)
            inner = np.trapezoid(np.exp(u) / phi(kind, np.exp(u)), u)
            slope = (X0S[i] - X0S[i - 1]) / (before - rho[i - 1])
            ahead += (after - before + phi(kind, after) * inner) * slope
        new = math.sqrt(max(after**2 - before**2 * ratio**2, 0.0))
        y = ahead + new * NOISES[i] * (kind != "ode")
        np.testing.assert_allclose(got, signal[i + 1] * y, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_from_no_signal_is_the_limit(kind):
    """The step from pure noise is that from very little signal."""
    first = samplers.ERSDE(FLOW, sigmas=[1.0, 0.5], prediction="x0", kind=kind)
    limit = samplers.ERSDE(FLOW, sigmas=[1 - 1e-9, 0.5], prediction="x0", kind=kind)
    given = {"noise": NOISES[0]} if kind != "ode" else {}
    steps = [s.step(START, X0S[0], 0, state=s.state(), **given) for s in (first, limit)]
    np.testing.assert_allclose(*steps, atol=1e-6)


def test_refused():
    with pytest.raises(ValueError, match=r"ERSDE: kind must be one of 'er', 'sde', 'ode'; got"):
        samplers.ERSDE(VP, 10, kind="er-5")
    with pytest.raises(ValueError, match=r"ERSDE: order must be 1, 2 or 3, got 4"):
        samplers.ERSDE(VP, 10, order=4)
    with pytest.raises(ValueError, match=r"ERSDE: step 0 has no signal"):
        samplers.ERSDE(FLOW, 10)
