"""SCM: the formula of the paper, its angles, and diffusers."""

import math

import numpy as np
import pytest
from diffusers_runs import DTYPES, agree, draws, model, run_ours, theirs

from fastgen.diffusion import Schedule, convert, velocity
from fastgen.diffusion.samplers import SCM

CIRCLE = Schedule.trigflow()
SHAPE = (2, 3, 4)
ANGLES = [math.pi / 2, 1.3, 0.9, 0.2]


def test_the_schedule_is_the_circle():
    angle = math.pi / 2 * np.arange(1, 1001) / 1000
    np.testing.assert_allclose(CIRCLE.signal, np.cos(angle), rtol=0, atol=4e-16)
    np.testing.assert_allclose(CIRCLE.sigma, np.sin(angle), rtol=4e-16)
    assert CIRCLE.signal[-1] == 0 and CIRCLE.sigma[-1] == 1 and CIRCLE.form == "variance preserving"
    alpha, sigma = CIRCLE.coefficients(np.array([0.0, 0.25, 0.5]))
    np.testing.assert_allclose(np.arctan2(sigma, alpha), [0, math.pi / 8, math.pi / 4], rtol=1e-15)


def test_the_prediction_of_trigflow_is_v():
    """It is the derivative of x by the angle: cos(t) z - sin(t) x0."""
    x0, z = np.random.default_rng(0).standard_normal((2, 3, 2))
    wanted = math.cos(math.pi / 8) * z - math.sin(math.pi / 8) * x0
    np.testing.assert_allclose(velocity(x0, z, 0.25, CIRCLE), wanted, rtol=1e-14)
    x = math.cos(math.pi / 8) * x0 + math.sin(math.pi / 8) * z
    got = convert(x, wanted, 0.25, CIRCLE, source="v", target="x0")
    np.testing.assert_allclose(got, x0, rtol=1e-13)


@pytest.mark.parametrize("data", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("clip", [None, 0.7])
def test_steps_are_those_of_the_paper(data, clip):
    sampler = SCM(CIRCLE, timesteps=ANGLES, sigma_data=data, clip=clip)
    assert sampler.init_noise_scale == data
    rng = np.random.default_rng(1)
    x = data * rng.standard_normal(SHAPE)
    for i, (t, after) in enumerate(zip(ANGLES, [*ANGLES[1:], 0.0], strict=True)):
        np.testing.assert_allclose(sampler.scale_input(x, i), x / data, rtol=1e-15)
        output, z = rng.standard_normal((2, *SHAPE))
        x0 = math.cos(t) * x - math.sin(t) * data * output
        x0 = x0 if clip is None else np.clip(x0, -clip, clip)
        wanted = math.cos(after) * x0 + math.sin(after) * data * z
        x = sampler.step(x, output, i, noise=z)
        np.testing.assert_allclose(x, wanted, rtol=1e-12, atol=1e-12)
    assert sampler.adds_noise(0) and not sampler.adds_noise(3)


@pytest.mark.parametrize("data", [0.5, 1.0])
@pytest.mark.parametrize("cfg_pp", [False, True])
def test_predictions_and_guidance(data, cfg_pp):
    """Samples do not depend on what the model predicts, with guidance too."""
    rng, results = np.random.default_rng(2), []
    x, noise = rng.standard_normal((2, *SHAPE))
    x0s = rng.standard_normal((2, *SHAPE))  # of x / data
    t = 0.9
    for kind in ("v", "epsilon", "x0", "score", "flow"):
        sampler = SCM(CIRCLE, prediction=kind, timesteps=[t, 0.4], sigma_data=data)
        epsilons = (x / data - math.cos(t) * x0s) / math.sin(t)
        uncond, cond = {
            "x0": x0s,
            "epsilon": epsilons,
            "v": math.cos(t) * epsilons - math.sin(t) * x0s,
            "score": -epsilons / math.sin(t),
            "flow": epsilons - x0s,
        }[kind]
        given = {"scale": 0.6, "cfg_pp": cfg_pp, "noise": noise}
        results.append(sampler.guided_step(x, uncond, cond, 0, **given))
    for other in results[1:]:
        np.testing.assert_allclose(other, results[0], rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("clip", [None, 0.7])
@pytest.mark.parametrize("kind", ["v", "x0", "flow"])
@pytest.mark.parametrize("data", [0.5, 2.0])
def test_parity_leaves_scaling_to_the_caller(data, kind, clip):
    options = {"timesteps": ANGLES, "sigma_data": data, "prediction": kind, "clip": clip}
    plain, parity = SCM(CIRCLE, **options), SCM(CIRCLE, **options, parity="diffusers")
    assert parity.init_noise_scale == 1
    x, uncond, cond, noise = np.random.default_rng(3).standard_normal((4, *SHAPE))
    for i in range(len(ANGLES)):
        assert parity.scale_input(x, i) is x
        wanted = plain.step(x, cond, i, noise=noise)
        got = parity.step(x, data * cond, i, noise=noise)
        np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-12)
        guided = {"scale": 0.6, "cfg_pp": True, "noise": noise}
        wanted = plain.guided_step(x, uncond, cond, i, **guided)
        got = parity.guided_step(x, data * uncond, data * cond, i, **guided)
        np.testing.assert_allclose(got, wanted, rtol=1e-11, atol=1e-11)
    with pytest.raises(ValueError, match=r"SCM: parity must be"):
        SCM(CIRCLE, parity="paper")


def test_even_angles():
    sampler = SCM(CIRCLE, 4)
    np.testing.assert_allclose(sampler.timesteps, math.pi / 2 * np.array([1, 0.75, 0.5, 0.25]))
    assert SCM(CIRCLE, timesteps=[1.5708]).timesteps[0] == math.pi / 2  # as diffusers has it
    with pytest.raises(AttributeError, match=r"SCM: there are no steps.* angles"):
        _ = SCM(CIRCLE, timesteps=[1.0]).steps


def test_refused():
    with pytest.raises(ValueError, match=r"SCM: schedule must be variance preserving"):
        SCM(Schedule.karras(40))
    with pytest.raises(ValueError, match=r"SCM: step 0 has no signal.*epsilon does not determine"):
        SCM(CIRCLE, prediction="epsilon")
    with pytest.raises(ValueError, match=r"SCM: prediction must be"):
        SCM(CIRCLE, prediction="trigflow")
    with pytest.raises(ValueError, match=r"SCM: sigma_data must be > 0, got 0"):
        SCM(CIRCLE, sigma_data=0)
    with pytest.raises(ValueError, match=r"SCM: timesteps must lie between the angles .*got 1.7;"):
        SCM(CIRCLE, timesteps=[1.7, 1.0])
    with pytest.raises(ValueError, match=r"SCM: timesteps must be finite and strictly fall"):
        SCM(CIRCLE, timesteps=[1.0, 1.3])
    with pytest.raises(ValueError, match=r"SCM: timesteps must lie .*; use fewer steps"):
        SCM(Schedule.linear(), 1000)


@pytest.mark.filterwarnings("ignore")  # from diffusers
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("data", [0.5, 1.0])
@pytest.mark.parametrize("angles", [[1.56], [1.56, 1.3], [1.5, 1.1, 0.6, 0.2]])
def test_diffusers(monkeypatch, dtype, data, angles):
    """Its samples, where its pipeline gives x / s to the model, and s F to the scheduler."""
    torch = pytest.importorskip("torch")

    noises = draws(len(angles), dtype)
    scheduler = theirs(monkeypatch, "SCMScheduler", dtype, noises, sigma_data=data)
    options = {"max_timesteps": None, "intermediate_timesteps": None}
    scheduler.set_timesteps(len(angles), timesteps=[*angles, 0.0], **options)
    scheduler.timesteps = torch.tensor([*angles, 0.0], dtype=torch.float64)
    scheduler.set_begin_index(0)
    start = data * draws(1, dtype, seed=3)[0]
    x, path = start, []
    for i, t in enumerate(angles):
        output = torch.from_numpy((data * model(x / data, i)).astype(dtype))
        x = scheduler.step(output, t, torch.from_numpy(x)).prev_sample.numpy().astype(dtype)
        path.append(x)
    agree(run_ours(SCM(CIRCLE, timesteps=angles, sigma_data=data), start, noises), path, dtype)
