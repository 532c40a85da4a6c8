"""With the exact score of a mixture, every sampler converges to it, at its order."""

import functools

import numpy as np
import pytest
from made_samplers import NAMES

import fastgen
from fastgen.diffusion import Schedule, samplers

MEANS, DEVIATIONS, WEIGHTS = np.array([-1.5, 1.0]), np.array([0.6, 0.35]), np.array([0.4, 0.6])
# Log-SNR from 4 to -4: every method shows its order on this interval.
VP = Schedule.from_log_snr(np.linspace(4, -4, 4001))
FLOW = Schedule.flow(2000)
EDM = Schedule.edm(sigma_min=np.exp(-2), sigma_max=np.exp(2))
COUNTS = (20, 28, 40, 56, 80)  # numbers of steps
WHOLE_GROUPS = (31, 43, 61, 85, 121)  # of 2 or 3 steps, and a last step
START = np.linspace(-2, 2, 33)


def epsilon(x, alpha, sigma):
    """Return the exact prediction of the noise: -sigma times the score."""
    variance = alpha**2 * DEVIATIONS**2 + sigma**2  # (2,)
    away = x[..., None] - alpha * MEANS
    log_p = np.log(WEIGHTS / np.sqrt(variance)) - away**2 / (2 * variance)
    share = np.exp(log_p - log_p.max(-1, keepdims=True))
    share /= share.sum(-1, keepdims=True)
    return sigma * np.sum(share * away / variance, axis=-1)


def predicted(sampler, x, i):
    """Return the prediction of an exact model at step i."""
    alpha, sigma = sampler.grid.signal[i], sampler.grid.noise[i]
    if isinstance(sampler, samplers.EDMEuler):
        return network(sampler, x, sigma, x - sigma * epsilon(x, 1.0, sigma))
    if sampler.prediction == "flow":  # epsilon - x0, also where alpha is 0
        mean = np.sum(WEIGHTS * MEANS)
        e = epsilon(x, alpha, sigma)
        return e - (x - sigma * e) / alpha if alpha > 1e-9 else x - mean
    return epsilon(x, alpha, sigma)


def network(sampler, x, sigma, x0, least=0.0):
    """Return the output of a preconditioned network for this x0."""
    data, above = sampler.sigma_data, sigma - least
    skip, out = data**2 / (above**2 + data**2), above * data / np.hypot(sigma, data)
    return (x0 - skip * x) / out


def in_sigma(y, log_s):
    """Return dy / dlog s of y = x / alpha, s = sigma / alpha."""
    s = np.exp(log_s)
    return s * epsilon(y, 1.0, s)


def runge_kutta(f, x, start, end, steps):
    h = (end - start) / steps
    for k in range(steps):
        t = start + k * h
        a = f(x, t)
        b = f(x + h / 2 * a, t + h / 2)
        c = f(x + h / 2 * b, t + h / 2)
        x = x + h / 6 * (a + 2 * b + 2 * c + f(x + h * c, t + h))
    return x


def exact(grid, nodes):
    """Return the solution from START at node 0, at these nodes."""
    places = [np.log(grid.noise[j] / grid.signal[j]) for j in range(nodes)]
    y, path = START / grid.signal[0], [START]
    for j in range(1, nodes):
        steps = max(2, int(np.ceil(abs(places[j] - places[j - 1]) / 0.01)))
        y = runge_kutta(in_sigma, y, places[j - 1], places[j], steps)
        path.append(y * grid.signal[j])
    return path


def slope(make, seeded=0, counts=COUNTS):
    """Return the order: the slope of the log error at the last node before data over log steps.

    The exact solution replaces the first `seeded` steps, so that multistep methods begin at their
    full order.
    """
    errors = []
    for count in counts:
        sampler = make(count)
        last = len(sampler) - 1
        path, state = exact(sampler.grid, last + 1), sampler.state()
        x = START
        for i in range(last):
            x = path[i] if i < seeded else x
            x = sampler.step(x, predicted(sampler, x, i), i, state=state)
        errors.append(np.sqrt(np.mean((x - path[last]) ** 2)))
    return -np.polyfit(np.log(counts), np.log(errors), 1)[0]


METHODS = {  # constructor, order, number of exact steps at the start
    "DDIM": (functools.partial(samplers.DDIM, spacing="linspace"), 1, 0),
    "Euler": (functools.partial(samplers.Euler, sigmas="exponential"), 1, 0),
    "EulerAncestral": (functools.partial(samplers.EulerAncestral, eta=0, sigmas="karras"), 1, 0),
    "Heun": (functools.partial(samplers.Heun, sigmas="karras"), 2, 0),
    "DPM2": (functools.partial(samplers.DPM2, sigmas="exponential"), 2, 0),
    **{
        name: (functools.partial(getattr(samplers, name), eta=0, sigmas="karras"), 2, 0)
        for name in ("DPM2Ancestral", "DPMSolver2SAncestral", "DPMSolverSDE")
    },
    "PNDM": (functools.partial(samplers.PNDM, spacing="linspace", final_sigma="zero"), 2, 6),
    "PNDM Runge-Kutta": (
        functools.partial(samplers.PNDM, spacing="linspace", runge_kutta=True),
        2,
        0,
    ),
    **{
        f"IPNDM {n}": (functools.partial(samplers.IPNDM, order=n), min(n, 2), n)
        for n in (1, 2, 3, 4)
    },
    **{
        f"LMS {n}": (functools.partial(samplers.LMS, order=n, sigmas="exponential"), n, n)
        for n in (1, 2, 3, 4)
    },
}
EXPONENTIAL = {"sigmas": "exponential", "final_sigma": "min", "lower_order_final": False}
for order in (1, 2, 3):
    for algorithm in ("dpmsolver++", "dpmsolver"):
        make = functools.partial(
            samplers.DPMSolverMultistep, order=order, algorithm=algorithm, **EXPONENTIAL
        )
        METHODS[f"{algorithm} {order}"] = make, order, order
        METHODS[f"{algorithm} {order} inverse"] = (
            functools.partial(make, inverse=True),
            order,
            order,
        )
    METHODS[f"ERSDE {order}"] = (
        functools.partial(
            samplers.ERSDE, order=order, kind="ode", sigmas="exponential", final_sigma="min"
        ),
        order,
        order,
    )
    METHODS[f"DEIS {order}"] = (
        functools.partial(samplers.DEIS, order=order, **EXPONENTIAL),
        order,
        order,
    )
    for of_data in (True, False):
        make = functools.partial(samplers.UniPC, order=order, of_data=of_data, **EXPONENTIAL)
        METHODS[f"UniPC {order} {of_data}"] = make, order + 1, order + 1
    for algorithm in ("dpmsolver++", "dpmsolver"):
        for solver in ("midpoint", "heun"):
            make = functools.partial(
                samplers.DPMSolverSinglestep,
                order=order,
                algorithm=algorithm,
                solver=solver,
                spacing="linspace",
                final_sigma="min",
            )
            METHODS[f"{algorithm} singlestep {order} {solver}"] = make, order, 0
for predictor, corrector in ((1, 0), (2, 0), (3, 0), (1, 2), (2, 3), (3, 4)):
    for of_data in (True, False):
        make = functools.partial(
            samplers.SASolver,
            predictor_order=predictor,
            corrector_order=corrector,
            tau=0.0,
            of_data=of_data,
            **EXPONENTIAL,
        )
        order = max(predictor, corrector)
        METHODS[f"SASolver {predictor} {corrector} {of_data}"] = make, order, order + 1
METHODS["EDMEuler"] = (lambda _, steps: samplers.EDMEuler(EDM, steps)), 1, 0
METHODS["dpmsolver++ heun"] = (
    functools.partial(samplers.DPMSolverMultistep, solver="heun", **EXPONENTIAL),
    2,
    2,
)


@pytest.mark.parametrize("name", METHODS)
def test_order_of_convergence(name):
    make, order, seeded = METHODS[name]
    counts = COUNTS if order < 4 else (80, 112, 160)
    counts = WHOLE_GROUPS if "singlestep" in name else counts
    found = slope(functools.partial(make, VP), seeded, counts)
    assert order - 0.25 < found < order + 0.9, found


@pytest.mark.parametrize(("name", "order"), [("FlowMatchEuler", 1), ("FlowMatchHeun", 2)])
def test_order_of_flow_matching(name, order):
    """Compare with the same method with many more steps."""
    errors, wanted = [], None
    for count in (2000, *COUNTS):
        sampler, x = getattr(samplers, name)(FLOW, count), START
        state = sampler.state()
        for i in range(len(sampler) - 1):
            x = sampler.step(x, predicted(sampler, x, i), i, state=state)
        if wanted is None:
            wanted = x
        else:
            errors.append(np.sqrt(np.mean((x - wanted) ** 2)))
    found = -np.polyfit(np.log(COUNTS), np.log(errors), 1)[0]
    assert order - 0.25 < found < order + 0.9, found


def test_half_weights_are_of_second_order():
    """With parity to diffusers, the third-order method has order 2."""
    make = functools.partial(
        samplers.DPMSolverMultistep, VP, order=3, parity="diffusers", **EXPONENTIAL
    )
    assert 1.5 < slope(make, 3) < 2.6


def distance_from_mixture(x):
    """Return the Kolmogorov-Smirnov distance: the largest difference of distribution functions."""
    x = np.sort(x.ravel())
    ndtr = fastgen.elementary.ndtr
    cdf = sum(w * ndtr((x - m) / d) for w, m, d in zip(WEIGHTS, MEANS, DEVIATIONS, strict=True))
    return np.max(np.abs(cdf - (np.arange(x.size) + 0.5) / x.size))


SAMPLERS = {
    "DDIM": {},
    "DDIM eta": {"eta": 1.0},
    "DDPM": {},
    "Euler": {},
    "Euler churn": {"churn": 5.0},
    "EulerAncestral": {},
    "Heun": {},
    "Heun churn": {"churn": 20.0},
    "DPM2": {},
    "DPM2Ancestral": {},
    "DPM2Ancestral eta": {"eta": 0.5},
    "DPMSolver2SAncestral": {},
    "DPMSolver2SAncestral eta": {"eta": 0.5},
    "DPMSolverSDE": {},
    "DPMSolverSDE eta": {"eta": 0.5},
    "ERSDE": {},
    **{
        f"ERSDE {kind} {order}": {"kind": kind, "order": order}
        for kind in ("er", "sde", "ode")
        for order in (1, 2)
    },
    "LMS": {},
    "IPNDM": {},
    "PNDM": {"final_sigma": "zero"},
    "PNDM Runge-Kutta": {"final_sigma": "zero", "runge_kutta": True},
    "DEIS": {"order": 3},
    "UniPC": {"order": 3},
    "SASolver": {},
    "SASolver tau": {"tau": 1.0, "predictor_order": 3, "corrector_order": 4},
    "SASolver noise": {"tau": 0.5, "of_data": False},
    "EDMEuler": {},
    "EDMEuler churn": {"churn": 5.0},
    "TCD": {"original_steps": 1000, "eta": 0.05},  # more goes far along the path in one step
    "TCD no noise": {"original_steps": 1000, "eta": 0.0},
    "FlowMatchEuler": {"prediction": "flow"},
    "FlowMatchHeun": {"prediction": "flow"},
    **{
        f"DPMSolverSinglestep {a} {order}": {"algorithm": a, "order": order}
        for a in ("dpmsolver++", "dpmsolver")
        for order in (2, 3)
    },
    **{
        f"DPMSolverMultistep {a}": {"algorithm": a, "order": 3}
        for a in ("dpmsolver++", "dpmsolver", "sde-dpmsolver++", "sde-dpmsolver")
    },
    "DPMSolverMultistep eta": {"algorithm": "sde-dpmsolver++", "eta": 0.4},
    "DPMSolverMultistep noise eta": {"algorithm": "sde-dpmsolver", "eta": 0.4},
}


OWN_SCHEDULES = {
    "EDMEuler": Schedule.edm(),
    "FlowMatchEuler": Schedule.flow(),
    "FlowMatchHeun": Schedule.flow(),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_samples_are_of_the_mixture(name):
    kind = name.partition(" ")[0]
    schedule = OWN_SCHEDULES.get(kind) or Schedule.vp(1000)
    sampler = getattr(samplers, kind)(schedule, 100, **SAMPLERS[name])
    places = {float(t): i for i, t in enumerate(sampler.timesteps)}

    def model(x, t):
        i = places[t]
        scale = sampler._scales[i]
        return predicted(sampler, x / scale, i)

    x = samplers.sample(model, sampler, (20_000,), key=11, dtype=np.float64, progress=False)
    assert distance_from_mixture(x) < 0.02  # exact samples exceed 1.95 / sqrt(n) once in 1000


def end_of_path(y, sigma, steps=60):
    """Return the x0 of a perfectly distilled model: the end of the path through y."""
    if sigma < 0.01:
        return y - sigma * epsilon(y, 1.0, sigma)
    y = runge_kutta(in_sigma, y, np.log(sigma), np.log(0.01), steps)
    return y - 0.01 * epsilon(y, 1.0, 0.01)


@pytest.mark.parametrize(
    ("name", "steps"),
    [(name, steps) for name in ("LCM", "SCM", "ConsistencyModel") for steps in (1, 5)],
)
def test_samples_of_distilled_models(name, steps):
    if name == "LCM":
        sampler = samplers.LCM(Schedule.vp(1000), steps, prediction="x0")
    elif name == "SCM":
        sampler = samplers.SCM(Schedule.trigflow(), steps, prediction="x0", sigma_data=1.0)
    else:
        sampler = samplers.ConsistencyModel(Schedule.karras(40), steps, clip=None)
    places = {float(t): i for i, t in enumerate(sampler.timesteps)}

    def model(x, t):
        i = places[t]
        alpha, sigma = sampler.grid.signal[i], sampler.grid.noise[i]
        x = x / sampler._scales[i]
        if alpha == 0:
            alpha, sigma = 1e-3, 1.0
        x0 = end_of_path(x / alpha, sigma / alpha)
        return (
            x0 if name in ("LCM", "SCM") else network(sampler, x, sigma, x0, sampler.grid.noise[-1])
        )

    x = samplers.sample(model, sampler, (5_000,), key=12, dtype=np.float64, progress=False)
    assert distance_from_mixture(x) < 0.03


def test_every_sampler_has_met_its_distribution():
    met = {name.partition(" ")[0] for name in SAMPLERS} | {"LCM", "SCM", "ConsistencyModel"}
    assert met == set(NAMES)
