"""`guided_step` equals guidance and then `step`, and CFG++ takes the unconditional noise."""

import copy
import math

import ml_dtypes
import numpy as np
import pytest
from made_samplers import NAMES, SHAPE, made

from fastgen import guidance
from fastgen.diffusion import Schedule

NOISY = {
    "DDIM": {"eta": 0.5, "clip": 2.0},
    "DPMSolverMultistep": {"algorithm": "sde-dpmsolver++", "order": 3},
    "Euler": {"churn": 4.0},
    "FlowMatchEuler": {"stochastic": True},
}
SCALES = [4.0, 2, np.array([1.0, 4.0, 7.5])]


def both_ways(sampler, draws, scale, rescale=0.0, dtype=np.float64):
    """Yield each step of a run, fused, and as guidance and then a step."""
    states = sampler.state(), sampler.state()
    for i in range(len(sampler)):
        x, uncond, cond = (next(draws).astype(dtype) for _ in range(3))
        got = sampler.guided_step(
            x, uncond, cond, i, scale=scale, rescale=rescale, state=states[0], key=3
        )
        guided = guidance.cfg(uncond, cond, scale)
        if np.any(rescale):
            guided = guidance.cfg_rescale(uncond, cond, scale, rescale=rescale)
        yield got, sampler.step(x, guided, i, state=states[1], key=3)
        yield from zip(states[0].history, states[1].history, strict=True)


def draws_of(rng):
    while True:
        yield rng.standard_normal(SHAPE)


@pytest.mark.parametrize("options", [{}, NOISY], ids=["default", "noisy"])
@pytest.mark.parametrize("scale", SCALES, ids=["float", "int", "per sample"])
@pytest.mark.parametrize("name", NAMES)
def test_it_is_guidance_and_then_the_step(name, scale, options, rng):
    sampler = made(name, 6, **options.get(name, {}))
    for got, wanted in both_ways(sampler, draws_of(rng), scale):
        np.testing.assert_array_equal(got, wanted)
    for got, wanted in both_ways(sampler, draws_of(rng), scale, dtype=np.float32):
        assert got.dtype == wanted.dtype == np.float32
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("rescale", [0.7, np.array([0.0, 0.5, 1.0])], ids=["all", "per sample"])
@pytest.mark.parametrize("scale", SCALES, ids=["float", "int", "per sample"])
@pytest.mark.parametrize("name", NAMES)
def test_rescaling(name, scale, rescale, rng):
    for got, wanted in both_ways(made(name, 6), draws_of(rng), scale, rescale):
        np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-12)


def test_rescaling_constant_predictions_gives_no_nan():
    """diffusers #13425."""
    x = np.ones(SHAPE, np.float32)
    sampler = made("DDIM", 6)
    got = sampler.guided_step(x, x, 2 * x, 0, scale=3.0, rescale=0.7)
    np.testing.assert_array_equal(got, sampler.guided_step(x, x, 2 * x, 0, scale=3.0))
    flat = sampler.guided_step(x[0, 0], x[0, 0], 2 * x[0, 0], 0, scale=3.0, rescale=0.7)
    np.testing.assert_array_equal(flat, got[0, 0])


@pytest.mark.parametrize("half", [np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("name", ["DDIM", "Euler", "DPMSolverMultistep", "FlowMatchEuler"])
def test_half_precision_is_rounded_once(name, half, rng):
    sampler = made(name, 6)
    state = sampler.state()
    for i in range(2):
        arrays = [rng.standard_normal(SHAPE).astype(half) for _ in range(3)]
        x, uncond, cond = arrays
        before, wide = copy.deepcopy(state), copy.deepcopy(state)
        wide.history = tuple(m.astype(np.float32) for m in wide.history)
        got = sampler.guided_step(*arrays, i, scale=7.5, state=state)
        single = [y.astype(np.float32) for y in arrays]
        wanted = sampler.guided_step(*single, i, scale=7.5, state=wide)
        np.testing.assert_array_equal(got, wanted.astype(half))
    apart = sampler.step(x, guidance.cfg(uncond, cond, 7.5), i, state=before)
    assert np.any(apart != got)  # the guided prediction is rounded there, too


def test_out_in_place_layouts_and_thresholds(rng):
    sampler = made("DDIM", 6, clip=1.0)
    x, uncond, cond = rng.standard_normal((3, *SHAPE)).astype(np.float32)
    wanted = sampler.guided_step(x, uncond, cond, 2, scale=3.0)
    for into in ("x", "cond"):
        copies = {"x": x.copy(), "cond": cond.copy()}
        out = copies[into]
        got = sampler.guided_step(copies["x"], uncond, copies["cond"], 2, scale=3.0, out=out)
        assert got is out
        np.testing.assert_array_equal(got, wanted)
    strided = np.repeat(x, 2, axis=0)[::2]
    for scale in (3.0, np.full(3, 3.0)):
        got = sampler.guided_step(strided, uncond.tolist(), cond, 2, scale=scale)
        np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-6)
    each = sampler.guided_step(x, uncond, cond, np.array([2, 2, 3]), scale=3.0)
    np.testing.assert_array_equal(each[:2], wanted[:2])
    limited = made("DDIM", 6, threshold=0.9)
    guided = guidance.cfg(uncond, cond, 3.0)
    got = limited.guided_step(x, uncond, cond, 2, scale=3.0)
    np.testing.assert_array_equal(got, limited.step(x, guided, 2))


# CFG++.

NOISE_ALGORITHMS = [
    {"algorithm": algorithm, "order": order}
    for algorithm in ("dpmsolver", "sde-dpmsolver")
    for order in (1, 2, 3)
]
VARIANTS = [
    *((name, {}) for name in NAMES),
    *(("DPMSolverMultistep", options) for options in NOISE_ALGORITHMS),
    *(("DPMSolverSinglestep", options) for options in NOISE_ALGORITHMS[:3]),
    *((name, {"of_data": False}) for name in ("SASolver", "UniPC")),
    ("SASolver", {"of_data": False, "predictor_order": 1, "corrector_order": 0}),
    *(("LMS", {"order": k}) for k in (1, 2)),
    *(("IPNDM", {"prediction": p, "schedule": Schedule.flow()}) for p in ("flow", "x0")),
    *(("DEIS", {"order": k}) for k in (1, 3)),
    *((name, {"clip": 2.0}) for name in ("Heun", "DPM2", "DPM2Ancestral")),
    *((name, {"churn": 4.0}) for name in ("Euler", "EDMEuler", "Heun")),
    ("Heun", {"churn": 4.0, "clip": 2.0}),
    ("PNDM", {"runge_kutta": True}),
    *(("ConsistencyModel", {"clip": clip}) for clip in (None, 2.0)),
    *(("LMS", {"prediction": p, "schedule": Schedule.flow()}) for p in ("flow", "x0", "v")),
    *(("DPM2", {"prediction": p}) for p in ("flow", "x0", "v", "score")),
    ("Heun", {"threshold": 0.8}),
    ("Euler", {"churn": 4.0, "clip": 1.0}),
    ("DDIM", {"eta": 0.6, "clip": 1.0, "clip_epsilon": True}),
    ("DDPM", {"clip": 1.0}),
]


def split(sampler, i, x, prediction):
    """Return x0 and epsilon."""
    (a, b), (e, f) = sampler._x0(i), sampler._epsilon(i)
    return a * x + b * prediction, e * x + f * prediction


@pytest.mark.parametrize("prediction", ["epsilon", "x0", "v", "score"])
@pytest.mark.parametrize("eta", [0.0, 0.6])
def test_cfg_pp_of_ddim(prediction, eta, rng):
    """Chung et al. (2024), algorithm 2: x0 of the guided prediction, the unconditional noise."""
    sampler = made("DDIM", 6, prediction=prediction, eta=eta)
    for i in range(len(sampler)):
        x, uncond, cond, noise = rng.standard_normal((4, *SHAPE))
        got = sampler.guided_step(x, uncond, cond, i, scale=0.6, cfg_pp=True, noise=noise)
        alpha, sigma = sampler.grid.signal[i], sampler.grid.noise[i]
        alpha_next, sigma_next = sampler.grid.signal[i + 1], sampler.grid.noise[i + 1]
        added = eta * sigma_next * math.sqrt(1 - (alpha * sigma_next / (sigma * alpha_next)) ** 2)
        x0, _ = split(sampler, i, x, uncond + 0.6 * (cond - uncond))
        _, epsilon = split(sampler, i, x, uncond)
        along = math.sqrt(sigma_next**2 - added**2)
        wanted = alpha_next * x0 + along * epsilon + added * noise
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "name", ["Euler", "EulerAncestral", "EDMEuler", "FlowMatchEuler", "DDPM", "DPMSolverMultistep"]
)
def test_cfg_pp_of_others_in_their_first_step(name, rng):
    sampler = made(name, 6)
    x, uncond, cond, noise = rng.standard_normal((4, *SHAPE))
    options = {"noise": noise} if sampler.adds_noise(1) else {}
    got = sampler.guided_step(
        x, uncond, cond, 1, scale=0.6, cfg_pp=True, state=sampler.state(), **options
    )
    signal, sigma = sampler.grid.signal, sampler.grid.noise
    added = sampler._formula(1, 0).noise
    _, epsilon = split(sampler, 1, x, uncond)
    guided = uncond + 0.6 * (cond - uncond)
    x0 = (x - sigma[1] * split(sampler, 1, x, guided)[1]) / signal[1]
    wanted = signal[2] * x0 + math.sqrt(sigma[2] ** 2 - added**2) * epsilon + added * noise
    np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-8)


def pair(sampler, i, x, uncond, guided):
    """Return the sample and the prediction with the guided x0 and the unconditional epsilon."""
    signal, noise = np.array(sampler.grid.signal), np.array(sampler.grid.noise)
    a, b, e, f = (
        np.array(column)
        for column in zip(
            *((*sampler._x0(k), *sampler._epsilon(k)) for k in range(len(sampler))), strict=True
        )
    )
    a, b, e, f, alpha, sigma = (
        n[i].reshape(*np.shape(i), *[1] * (x.ndim - np.ndim(i)))
        for n in (a, b, e, f, signal[:-1], noise[:-1])
    )
    x0, epsilon = a * x + b * guided, e * x + f * uncond
    moved = alpha * x0 + sigma * epsilon
    return moved, (x0 - a * moved) / b


@pytest.mark.parametrize("scale", [0.6, np.array([0.0, 0.4, 1.0])], ids=["all", "per sample"])
@pytest.mark.parametrize("rescale", [0.0, 0.7])
@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_cfg_pp_is_the_plain_step_of_the_guided_x0_and_the_unconditional_noise(
    name, options, scale, rescale, rng
):
    """For every method, whatever it remembers."""
    sampler = made(name, 6, **options)
    states = sampler.state(), sampler.state()
    x = sampler.init_noise_scale * rng.standard_normal(SHAPE)
    for i in range(len(sampler)):
        uncond, cond, noise = rng.standard_normal((3, *SHAPE))
        guided = guidance.cfg_rescale(uncond, cond, scale, rescale=rescale)
        given = {"noise": noise} if sampler.adds_noise(i) else {}
        how = {"scale": scale, "rescale": rescale, "cfg_pp": True}
        got = sampler.guided_step(x, uncond, cond, i, state=states[0], **how, **given)
        moved, prediction = pair(sampler, i, x, uncond, guided)
        wanted = sampler.step(moved, prediction, i, state=states[1], **given)
        scope = max(np.abs(y).max() for y in (x, moved, prediction, wanted))
        close = {"rtol": 1e-9, "atol": 1e-9 * scope}
        np.testing.assert_allclose(got, wanted, **close)
        for memories in zip(*(state.history for state in states), strict=True):
            np.testing.assert_allclose(*memories, **close)
        x = got


@pytest.mark.parametrize("scale", [0.6, np.array([0.0, 0.4, 1.0])], ids=["all", "per sample"])
@pytest.mark.parametrize("limits", [{}, {"threshold": 0.8}], ids=["free", "threshold"])
@pytest.mark.parametrize("steps", [[0, 2, 5], np.arange(6).reshape(3, 2), 3], ids=str)
def test_cfg_pp_with_thresholds_and_steps_of_their_own(steps, limits, scale, rng):
    for name in ("DDIM", "EulerAncestral", "FlowMatchEuler"):
        sampler = made(name, 6, **limits)
        x, uncond, cond, noise = rng.standard_normal((4, *SHAPE))
        given, out = {"noise": noise}, x.copy()
        how = {"scale": scale, "rescale": 0.3, "cfg_pp": True, **given}
        assert sampler.guided_step(out, uncond, cond, steps, out=out, **how) is out
        guided = guidance.cfg_rescale(uncond, cond, scale, rescale=0.3)
        wanted = sampler.step(*pair(sampler, np.array(steps), x, uncond, guided), steps, **given)
        np.testing.assert_allclose(out, wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("half", [np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("name", ["LMS", "PNDM", "Heun", "FlowMatchHeun"])
def test_cfg_pp_in_half_precision(name, half, rng):
    sampler, state, wide = made(name, 6), *(made(name, 6).state() for _ in range(2))
    for i in range(3):
        arrays = [rng.standard_normal(SHAPE).astype(half) for _ in range(3)]
        got = sampler.guided_step(*arrays, i, scale=0.6, cfg_pp=True, state=state)
        single = [y.astype(np.float32) for y in arrays]
        wanted = sampler.guided_step(*single, i, scale=0.6, cfg_pp=True, state=wide)
        assert got.dtype == half
        near = 8 * float(ml_dtypes.finfo(half).eps) * np.abs(wanted).max() * 4
        np.testing.assert_allclose(got.astype(np.float32), wanted, rtol=0, atol=near)


@pytest.mark.parametrize("name", NAMES)
def test_cfg_pp_of_one_prediction_is_plain(name, rng):
    """CFG++ of two equal predictions is the plain step."""
    sampler = made(name, 6)
    states = sampler.state(), sampler.state()
    x, prediction = rng.standard_normal((2, *SHAPE))
    options = {"scale": 0.6, "key": 1}
    for i in range(len(sampler)):
        arrays = x, prediction, prediction
        got = sampler.guided_step(*arrays, i, cfg_pp=True, state=states[0], **options)
        wanted = sampler.guided_step(*arrays, i, state=states[1], **options)
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-9)


def test_cfg_pp_that_is_not_defined_leaves_out_untouched(rng):
    x, out = rng.standard_normal(SHAPE), np.full(SHAPE, 7.0)
    options = {"scale": 0.6, "cfg_pp": True, "out": out}
    for name in ("Euler", "EDMEuler"):
        sampler = made(name, 6, churn=4.0, parity="diffusers")
        with pytest.raises(ValueError, match=f"{name}: cfg_pp with churn needs parity=None"):
            sampler.guided_step(x, x, x, 0, **options)
    with pytest.raises(ValueError, match=r"DDPM: guided_step takes no learned variances"):
        made("DDPM", 6, variance="learned").guided_step(x, x, x, 0, **options)
    with pytest.raises(ValueError, match=r"uncond must have the shape \(3, 2, 5\) of x"):
        made("DDIM", 6).guided_step(x, x[0], x, 0, **options)
    with pytest.raises(ValueError, match=r"DDIM: i must lie between 0 and 5, got 6"):
        made("DDIM", 6).guided_step(x, x, x, 6, **options)
    assert np.all(out == 7)
