"""What `fastgen.torch.Scheduler` refuses, and why."""

import pytest

torch = pytest.importorskip("torch")

from fastgen.diffusion import Schedule, samplers  # noqa: E402
from fastgen.torch import Scheduler, _scheduler_source  # noqa: E402


def scheduler_of(name="DDIMScheduler", steps=4, **options):
    made = Scheduler.from_diffusers({"_class_name": name, **options})
    made.set_timesteps(steps)
    return made


X = torch.zeros(2, 3)
ERRORS = [
    (lambda: Scheduler(3), TypeError, "sampler must be one of fastgen"),
    (lambda: Scheduler(samplers.DDIM), TypeError, "sampler must be made: give lambda steps"),
    (lambda: Scheduler.from_diffusers(3), TypeError, "config must be"),
    (lambda: Scheduler.from_diffusers({"_class_name": "RePaint"}), ValueError, "no sampler for"),
    (
        lambda: Scheduler.from_diffusers({"_class_name": "DDIMScheduler"}, nothing=1),
        ValueError,
        "'nothing'",
    ),
    (lambda: Scheduler(lambda n: n).set_timesteps(3), TypeError, "must return a sampler"),
    (
        lambda: Scheduler(samplers.DDIM(Schedule.linear(), 5)).set_timesteps(6),
        ValueError,
        "num_inference_steps must be 5",
    ),
    (
        lambda: Scheduler(samplers.DDIM(Schedule.linear(), 5)).set_timesteps(sigmas=[1.0]),
        ValueError,
        "sigmas must be None",
    ),
    (
        lambda: Scheduler.from_diffusers({"_class_name": "DDIMScheduler"}).timesteps,
        ValueError,
        "call set_timesteps first",
    ),
    (
        lambda: Scheduler.from_diffusers({"_class_name": "DDIMScheduler"}).step(X, 1, X),
        ValueError,
        "call set_timesteps first",
    ),
    (
        lambda: Scheduler.from_diffusers({"_class_name": "DDIMScheduler"}).set_timesteps(),
        ValueError,
        "num_inference_steps must be given",
    ),
    (lambda: scheduler_of().set_begin_index(9), ValueError, "begin_index must lie between 0 and 3"),
    (lambda: scheduler_of().step(X, 1, X), ValueError, "timestep must be one of the run"),
    (lambda: scheduler_of().step(X, torch.zeros(2), X), ValueError, "timestep must be one number"),
    (lambda: scheduler_of().step(X[:1], 750, X), ValueError, "model_output must have the shape"),
    (lambda: scheduler_of().step(X.numpy(), 750, X), TypeError, "model_output must be a tensor"),
    (lambda: scheduler_of().step(X, 750, 1.0), TypeError, "sample must be a tensor"),
    (lambda: scheduler_of().step(X + 0j, 750, X), TypeError, "model_output must be a tensor of"),
    (lambda: scheduler_of().step(X.to_sparse(), 750, X), TypeError, "model_output must be a dense"),
    (lambda: scheduler_of("EulerDiscreteScheduler").step(X, 999, X, eta=1), ValueError, "eta must"),
    (lambda: scheduler_of().step(X, 750, X, eta=3.0), ValueError, "eta"),
    (
        lambda: scheduler_of("DDPMScheduler").step(X, 750, X, generator=3),
        TypeError,
        "generator must be a torch.Generator",
    ),
    (
        lambda: scheduler_of("DDPMScheduler").step(X, 750, X, generator=[torch.Generator()] * 3),
        ValueError,
        "generator must be one, or a list of 2",
    ),
    (
        lambda: scheduler_of("DDPMScheduler").step(X, 750, X, variance_noise=X[:1]),
        ValueError,
        "variance_noise must be",
    ),
    (
        lambda: scheduler_of("UnCLIPScheduler").step(X, 999, X),
        ValueError,
        "prev_timestep must be 666, the timestep after 999, got None",
    ),
    (
        lambda: scheduler_of().step(X, 750, X, prev_timestep=250),
        ValueError,
        "prev_timestep must be 500, the timestep after 750, got 250",
    ),
    (lambda: scheduler_of().add_noise(X, X[:1], 3), ValueError, "noise must be a tensor"),
    (lambda: scheduler_of().add_noise(X, X, torch.zeros(3)), ValueError, "timesteps must be one"),
    (lambda: scheduler_of().scale_noise(X, 3), ValueError, "noise must be given"),
    (
        lambda: scheduler_of(thresholding=True).step(X.clone().requires_grad_(), 750, X),
        TypeError,
        "with a threshold",
    ),
]


@pytest.mark.parametrize("name", _scheduler_source.REFUSED)
def test_classes_without_an_adapter(name):
    with pytest.raises(ValueError, match=f"{name} .*; to use its method otherwise"):
        Scheduler.from_diffusers({"_class_name": name})
    plain = Scheduler(lambda steps: samplers.from_config({"_class_name": name}, steps))
    plain.set_timesteps(4)
    assert plain.num_inference_steps == 4


@pytest.mark.parametrize(("call", "kind", "message"), ERRORS)
def test_errors(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_a_step_out_of_order():
    remembers = scheduler_of("DPMSolverMultistepScheduler")
    first, _, third, _ = remembers.timesteps
    remembers.step(X, first, X)
    with pytest.raises(ValueError, match="remembers earlier steps"):
        remembers.step(X, third, X)
    forgets = scheduler_of()
    torch.testing.assert_close(
        forgets.step(X + 1, 250, X + 1)[0], scheduler_of().step(X + 1, 250, X + 1)[0]
    )
