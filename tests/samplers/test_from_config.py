"""Samplers from configurations run as the schedulers of diffusers that they describe."""

import inspect
import json

import numpy as np
import pytest
from config_runs import combinations, find_class, largest_difference
from diffusers_configs import AXES
from hub_configs import GIVEN, TEXTS

from fastgen.diffusion.samplers import from_config
from fastgen.diffusion.samplers._config.schedulers import SCHEDULERS

for package in ("diffusers", "torch", "scipy"):
    pytest.importorskip(package, reason=f"{package} missing: pip install {package}")

pytestmark = pytest.mark.filterwarnings("ignore")  # from diffusers
REFUSED = {
    "DDIMInverseScheduler": "final_sigma='min' where the prediction is x0",
    "DDIMParallelScheduler": "zero terminal SNR",
    "DDIMScheduler": "zero terminal SNR",
    "CogVideoXDDIMScheduler": "zero terminal SNR",
    "DDPMParallelScheduler": "zero terminal SNR",
    "DDPMScheduler": "zero terminal SNR",
    "DPMSolverMultistepScheduler": "local variable 'x_t'",  # sde-dpmsolver of order 3
    "LCMScheduler": "zero terminal SNR",
    "TCDScheduler": "zero terminal SNR",
    "PNDMScheduler": "timestep_spacing='linspace'",
    "UniPCMultistepScheduler": "matrix is singular",
}
"""What is refused, where diffusers divides by 0 or leaves its own timesteps; or fails there."""


@pytest.mark.parametrize("name", AXES)
@pytest.mark.parametrize(("dtype", "every"), [(np.float64, 1), (np.float32, 4)])
def test_runs_as_diffusers(monkeypatch, name, dtype, every):
    compared = 0
    for combination in combinations(name)[::every]:
        try:
            worst = largest_difference(monkeypatch, name, combination, dtype)
        except (ValueError, RuntimeError, NameError) as error:
            if REFUSED.get(name, "nothing") not in str(error):
                raise AssertionError(combination) from error
            continue
        assert worst <= (2e-9 if dtype == np.float64 else 2e-2), (worst, combination)
        compared += 1
    assert compared >= 5 / every


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("model", TEXTS)
@pytest.mark.parametrize("steps", [4, 25])
def test_models_of_a_hub(monkeypatch, model, dtype, steps):
    options = json.loads(TEXTS[model])
    name = options.pop("_class_name")
    options = {k: v for k, v in options.items() if k in SCHEDULERS[name].options}
    combination = options | GIVEN.get(model, {}) | {"steps": steps}
    worst = largest_difference(monkeypatch, name, combination, dtype)
    assert worst <= (1e-9 if dtype == np.float64 else 2e-3)


def test_the_axes_are_those_of_all_schedulers():
    assert set(AXES) == set(SCHEDULERS)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_options_and_defaults_are_those_of_diffusers(monkeypatch, name):
    found = find_class(monkeypatch, name)
    parameters = inspect.signature(found.__init__).parameters
    theirs = {k: p.default for k, p in parameters.items() if k not in ("self", "kwargs")}
    scheduler = SCHEDULERS[name]
    assert set(theirs) == set(scheduler.options) | scheduler.without_effect
    for option, default in scheduler.options.items():
        assert theirs[option] == default, option


def test_objects_and_their_defaults():
    from diffusers import EulerDiscreteScheduler

    scheduler = EulerDiscreteScheduler(beta_schedule="scaled_linear", use_karras_sigmas=True)
    sampler = from_config(scheduler, 7)
    scheduler.set_timesteps(7)
    np.testing.assert_allclose(sampler.sigmas, scheduler.sigmas, rtol=1e-4)
    other = from_config(scheduler, 7, _class_name="DDIMScheduler")
    assert other.spacing == "leading"  # the default of DDIM, not of Euler
