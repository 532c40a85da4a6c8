"""Reading configurations: where they are, what they mean, and what is refused."""

import json
import pickle
import types

import numpy as np
import pytest
from diffusers_configs import AXES
from hub_configs import GIVEN, TEXTS

from fastgen.diffusion import Schedule
from fastgen.diffusion import samplers as found
from fastgen.diffusion.samplers import from_config
from fastgen.diffusion.samplers._config.options import ELSEWHERE, MEANINGS
from fastgen.diffusion.samplers._config.schedulers import KNOWN, SCHEDULERS

EULER = {"_class_name": "EulerDiscreteScheduler", "beta_schedule": "scaled_linear"}


def of(name, steps=8, **options):
    return from_config({"_class_name": f"{name}Scheduler"} | options, steps)


def test_places(tmp_path):
    for folder in (tmp_path / "scheduler", tmp_path / "other"):
        folder.mkdir()
        (folder / "scheduler_config.json").write_text(json.dumps(EULER))
    expected = from_config(EULER, 5).sigmas
    for place in (
        tmp_path,
        str(tmp_path),
        tmp_path / "other",
        tmp_path / "other" / "scheduler_config.json",
        types.SimpleNamespace(config=EULER),
    ):
        np.testing.assert_array_equal(from_config(place, 5).sigmas, expected)


def test_an_object_names_its_class():
    class EulerDiscreteScheduler:
        config = types.MappingProxyType(
            {"steps_offset": 3, "timestep_spacing": "leading", "_use_default_values": ["beta_end"]}
            | {"beta_end": 0.5}
        )

    sampler = from_config(EulerDiscreteScheduler(), 5)
    assert isinstance(sampler, found.Euler) and sampler.timesteps[-1] == 3
    # Pipelines change options after the object has noted which ones have their defaults.
    assert sampler.schedule.betas[-1] == pytest.approx(0.5)
    other = from_config(EulerDiscreteScheduler(), 5, _class_name="EulerAncestralDiscreteScheduler")
    assert other.schedule.betas[-1] == pytest.approx(0.02)


@pytest.mark.parametrize("name", TEXTS)
def test_hub(name):
    sampler = from_config(json.loads(TEXTS[name]), 6, **GIVEN.get(name, {}))
    assert all(np.isfinite(sampler.timesteps)) and np.isfinite(sampler.init_noise_scale)


def test_hub_values():
    read = {name: json.loads(text) for name, text in TEXTS.items()}
    euler = from_config(read["Stable Diffusion XL"], 30)
    assert euler.timesteps[:3].tolist() == [958, 925, 892]
    assert euler.init_noise_scale == pytest.approx(11.5203, abs=1e-4)
    flux = from_config(read["Flux"], 4, image_seq_len=4096, sigmas=[1, 0.75, 0.5, 0.25])
    assert flux.sigmas == pytest.approx([1, 0.904531, 0.759511, 0.512844, 0], abs=1e-6)
    wan = from_config(read["Wan"], 8, flow_shift=5.0)
    expected = [1, 0.972, 0.938, 0.893, 0.834, 0.751, 0.626, 0.419, 0]
    assert wan.sigmas == pytest.approx(expected, abs=1e-3)
    assert wan.timesteps[:2].tolist() == [999, 972]
    video = from_config(read["Stable Video Diffusion"], 25)
    assert video.timesteps[0] == pytest.approx(np.log(700) / 4)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_every_scheduler(name):
    sampler = from_config({"_class_name": name}, 10)
    assert type(sampler) is SCHEDULERS[name].sampler
    again = pickle.loads(pickle.dumps(sampler))
    np.testing.assert_array_equal(again.timesteps, sampler.timesteps)


def test_the_docstring_lists_the_schedulers():
    listed = from_config.__doc__.partition("The schedulers, of")[2].partition("Examples")[0]
    assert [w.strip("`.,\n") for w in listed.split() if w.startswith("``")] == list(SCHEDULERS)
    assert list(AXES) == list(SCHEDULERS)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_every_option_has_a_meaning(name):
    scheduler = SCHEDULERS[name]
    assert set(scheduler.options) <= MEANINGS.keys() | ELSEWHERE | scheduler.meanings.keys()
    assert not set(scheduler.options) & scheduler.without_effect


def test_options_of_other_schedulers_are_ignored():
    others = {"skip_prk_steps": True, "solver_order": 3, "_diffusers_version": "0.1", "_new": 1}
    assert not set(others) & set(SCHEDULERS["EulerDiscreteScheduler"].options)
    np.testing.assert_array_equal(
        from_config(EULER | others, 5).sigmas, from_config(EULER, 5).sigmas
    )
    with pytest.raises(ValueError, match="ignores the option 'skip_prk_steps'; changes may be"):
        from_config(EULER, 5, skip_prk_steps=True)


def test_changes():
    sampler = from_config(EULER, 6, use_karras_sigmas=True, beta_end=0.02, churn=2.0)
    assert sampler.churn.total == 2 and sampler.schedule.betas[-1] == pytest.approx(0.02)
    other = from_config(EULER, 6, _class_name="DDIMScheduler", eta=0.5)
    assert isinstance(other, found.DDIM) and other.eta == 0.5 and other.limit == 1
    assert from_config(EULER, 6, trained_betas=[0.1] * 1000).schedule.betas[3] == 0.1


def test_given_timesteps():
    for name in ("DDPM", "LCM", "TCD", "EulerDiscrete", "HeunDiscrete", "DPMSolverMultistep"):
        sampler = from_config({"_class_name": f"{name}Scheduler"}, 3, timesteps=[999, 499, 99])
        assert list(dict.fromkeys(sampler.timesteps)) == [999, 499, 99]


def test_angles():
    sprint = of("SCM", 2, sigma_data=0.5, prediction_type="trigflow")
    assert sprint.timesteps.tolist() == [np.pi / 2, 1.3]
    assert sprint.prediction == "v" and sprint.sigma_data == 0.5 and sprint.init_noise_scale == 1
    config = {"_class_name": "SCMScheduler"}
    assert from_config(config, 1).timesteps == [np.pi / 2]
    even = from_config(config, 4).timesteps
    np.testing.assert_allclose(even, np.pi / 2 * np.array([1, 0.75, 0.5, 0.25]), rtol=1e-5)
    given = from_config(config, 3, timesteps=[1.5, 1.1, 0.6, 0.0], sigma_data=1.0)
    assert given.timesteps.tolist() == [1.5, 1.1, 0.6] and given.sigma_data == 1
    for wrong in ([1.5, 1.1, 0.6], [1.5, 1.1, 0.6, 0.1], [1.5, 1.1, 0.6, 0.3, 0]):
        with pytest.raises(ValueError, match=r"timesteps must hold steps \+ 1 = 4 angles .*end at"):
            from_config(config, 3, timesteps=wrong)
    with pytest.raises(ValueError, match=r"steps must lie between 1 and 50, the number of trai"):
        from_config(config, 51, num_train_timesteps=50)


def test_nothing_is_shared():
    options = dict(EULER)
    from_config(options, 4, use_beta_sigmas=False)
    assert options == EULER


WRONG = [
    (3, 5, {}, TypeError, "config must be a path to scheduler_config.json"),
    ({}, 5, {}, ValueError, "the dictionary names no _class_name"),
    ("nowhere.json", 5, {}, FileNotFoundError, "nowhere.json"),
    (EULER, 0, {}, ValueError, "steps must lie between 1 and 1000"),
    (EULER, 2.0, {}, TypeError, "steps must be an int, got 2.0"),
    (
        EULER | {"_class_name": "AmusedScheduler"},
        5,
        {},
        ValueError,
        "no sampler for AmusedSchedule",
    ),
    (EULER | {"beta_strat": 1}, 5, {}, ValueError, "the option 'beta_strat' of the config"),
    (EULER, 5, {"beta_strat": 1}, ValueError, "EulerDiscreteScheduler has no option 'beta_strat'"),
    (EULER | {"beta_schedule": "cubic"}, 5, {}, ValueError, "give its betas as trained_betas"),
    (EULER, 5, {"trained_betas": [0.1]}, ValueError, "trained_betas has 1 numbers"),
    (EULER, 5, {"timestep_spacing": "even"}, ValueError, "timestep_spacing must be one of 'linsp"),
    (EULER, 5, {"prediction_type": "v"}, ValueError, "prediction_type must be one of 'epsilon'"),
    (EULER, 5, {"timesteps": [9, 5]}, ValueError, "timesteps must hold steps=5 numbers, got 2"),
    (
        EULER,
        2,
        {"timesteps": [9, 5], "use_karras_sigmas": True},
        ValueError,
        "timesteps and karras sigmas both say",
    ),
    (
        EULER,
        5,
        {"use_karras_sigmas": True, "use_beta_sigmas": True},
        ValueError,
        "use_karras_sigmas and use_beta_sigmas are both on",
    ),
    (EULER, 5, {"mu": 1.0}, ValueError, "has no option 'mu'"),
]


@pytest.mark.parametrize(("config", "steps", "changes", "error", "message"), WRONG)
def test_refused(config, steps, changes, error, message):
    with pytest.raises(error, match=message.replace("(", r"\(")):
        from_config(config, steps, **changes)


WITHOUT_FORM = [
    ("FlowMatchEulerDiscrete", {"invert_sigmas": True}, "with the other sign at 1 - t"),
    ("FlowMatchEulerDiscrete", {"use_dynamic_shifting": True}, "needs either mu or image_seq_len"),
    ("FlowMatchEulerDiscrete", {"shift_terminal": 2.0}, "shift_terminal must lie between 0 and 1"),
    ("FlowMatchLCM", {"scale_factors": [2]}, "samples keep their shape"),
    ("UniPCMultistep", {"solver_p": 1}, "solver_p=1 has no form"),
    ("UniPCMultistep", {"disable_corrector": [0]}, "corrects all steps or none"),
    ("UniPCMultistep", {"prediction_type": "flow_prediction"}, "or use_flow_sigmas=True"),
    (
        "UniPCMultistep",
        {"use_flow_sigmas": True, "prediction_type": "v_prediction"},
        "prediction_type='flow_prediction'",
    ),
    ("DPMSolverMultistep", {"variance_type": "learned_range"}, "first half of the model's chan"),
    (
        "DPMSolverMultistep",
        {"use_flow_sigmas": True, "use_beta_sigmas": True},
        "beta sigmas has no form",
    ),
    (
        "DPMSolverMultistep",
        {"algorithm_type": "dpmsolver", "final_sigmas_type": "sigma_min", "thresholding": True},
        "threshold needs an algorithm that predicts x0",
    ),
    ("DPMSolverSinglestep", {"algorithm_type": "sde-dpmsolver++"}, "algorithm_type must be one"),
    ("DPMSolverMultistepInverse", {"use_flow_sigmas": True}, "use a FlowMatch scheduler"),
    ("DDIMInverse", {"timestep_spacing": "trailing"}, "timestep_spacing must be one of 'leading'"),
    ("DEISMultistep", {"thresholding": True}, "use UniPCMultistepScheduler"),
    ("PNDM", {"timestep_spacing": "linspace"}, "wherever the next begins; use 'leading'"),
    ("DDPM", {"variance_type": "fixed_large_log"}, "variance_type must be one of 'fixed_small'"),
    ("CMStochasticIterative", {"s_noise": 1.1}, "s_noise=1.1 has no form"),
    ("SCM", {"prediction_type": "epsilon"}, "prediction_type must be one of 'trigflow'"),
    ("UnCLIP", {"beta_schedule": "linear"}, "it has no other; use DDPMScheduler"),
    ("UnCLIP", {"prediction_type": "v_prediction"}, "must be one of 'epsilon', 'sample'"),
    ("UnCLIP", {"steps": 1}, "steps must be at least 2 here"),
    ("SCM", {"sigma_data": 0}, "sigma_data must be > 0, got 0"),
    ("IPNDM", {"trained_betas": [0.1]}, "a schedule of its own; use null"),
    ("DPMSolverSDE", {"noise_sampler_seed": 3}, "give the seed as key="),
    ("DDIM", {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}, "zero terminal SNR"),
]


@pytest.mark.parametrize(("name", "options", "message"), WITHOUT_FORM)
def test_without_a_form(name, options, message):
    with pytest.raises(ValueError, match=message):
        of(name, **options)


def test_files_that_are_none(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"neither scheduler_config\.json nor scheduler/"):
        from_config(tmp_path, 5)
    for text, message in (("{", "holds no JSON"), ("[1]", "must hold an object")):
        (tmp_path / "scheduler_config.json").write_text(text)
        with pytest.raises(ValueError, match=message):
            from_config(tmp_path, 5)


def test_known_options_are_documented_by_a_meaning():
    ignored = {option for s in SCHEDULERS.values() for option in s.without_effect}
    assert set().union(*(s.options for s in SCHEDULERS.values())) | ignored == KNOWN


def test_schedules():
    cosine = of("EulerAncestralDiscrete", beta_schedule="squaredcos_cap_v2").schedule
    np.testing.assert_array_equal(cosine.betas, Schedule.cosine().betas)
    zero = of("EulerAncestralDiscrete", rescale_betas_zero_snr=True)
    assert zero.schedule.snr[-1] == 0 and zero.sigmas[0] == pytest.approx(4096, abs=1e-3)
    shifted = of("CogVideoXDDIM").schedule
    np.testing.assert_allclose(shifted.snr * 3, Schedule.scaled_linear().snr, rtol=1e-9)
