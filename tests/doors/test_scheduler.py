"""`fastgen.torch.Scheduler`: any sampler, what a step returns, and the configuration."""

import doctest
import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers", reason="pip install diffusers")

from diffusers import schedulers  # noqa: E402
from scheduler_runs import NAMES, SHAPE, following, model  # noqa: E402

import fastgen.torch  # noqa: E402
from fastgen.diffusion import Schedule, samplers  # noqa: E402
from fastgen.torch import Scheduler, _scheduler  # noqa: E402

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    # diffusers makes arrays of tensors.
    pytest.mark.filterwarnings("ignore:__array:DeprecationWarning"),
]


@pytest.mark.parametrize("name", ["DDPMScheduler", "LCMScheduler"])
def test_noise_and_velocity_at_any_step_of_training(name):
    theirs = getattr(schedulers, name)()
    ours = Scheduler.from_diffusers(theirs)  # there are no timesteps yet
    x, noise = torch.randn(3, 4, 2), torch.randn(3, 4, 2)
    t = torch.tensor([3, 500, 999])
    torch.testing.assert_close(ours.add_noise(x, noise, t), theirs.add_noise(x, noise, t))
    torch.testing.assert_close(ours.alphas_cumprod, theirs.alphas_cumprod)
    if hasattr(theirs, "get_velocity"):
        torch.testing.assert_close(ours.get_velocity(x, noise, t), theirs.get_velocity(x, noise, t))


@pytest.mark.parametrize(
    "make",
    [
        lambda n: samplers.DDIM(Schedule.linear(), n, clip=1.0),
        lambda n: samplers.Heun(Schedule.linear(), n),
        lambda n: samplers.DPMSolverMultistep(Schedule.linear(), n, algorithm="sde-dpmsolver++"),
        lambda n: samplers.FlowMatchEuler(Schedule.flow(), n),
        lambda n: samplers.DPMSolverSDE(Schedule.linear(), n),
        lambda n: samplers.SCM(Schedule.trigflow(), n),
        lambda n: samplers.ERSDE(Schedule.linear(), n),
    ],
)
def test_any_sampler(make):
    scheduler = Scheduler(make)
    scheduler.set_timesteps(5)
    sampler = make(5)
    assert scheduler.order == (2 if len(sampler) > 5 else 1)
    g, x = torch.Generator().manual_seed(0), torch.ones(SHAPE)
    drawn = torch.Generator().manual_seed(0)
    y, state = x.numpy(), sampler.state()
    for i, t in enumerate(scheduler.timesteps):
        assert float(t) == pytest.approx(sampler.timesteps[i], rel=1e-6)
        says = model(scheduler.scale_model_input(x, t), i)
        noise = torch.randn(SHAPE, generator=drawn).numpy() if sampler.adds_noise(i) else None
        out = scheduler.step(says, t, x, generator=g)
        y = sampler.step(y, says.numpy(), i, state=state, noise=noise)
        np.testing.assert_array_equal(out.prev_sample.numpy(), y)
        x = out.prev_sample
    np.testing.assert_array_equal(scheduler.sigmas.numpy(), sampler.sigmas.astype(np.float32))
    given = Scheduler(sampler)
    given.set_timesteps()
    assert given.num_inference_steps == 5
    given.set_timesteps(5)
    assert len(given) == len(sampler.schedule)


def test_the_output():
    scheduler = Scheduler.from_diffusers(schedulers.DDIMScheduler())
    scheduler.set_timesteps(4)
    x, t = torch.ones(SHAPE), scheduler.timesteps[0]
    out = scheduler.step(0.5 * x, t, x)
    first, second = out
    assert out[0] is first is out.prev_sample is out["prev_sample"]
    torch.testing.assert_close(out[1], second)
    torch.testing.assert_close(out.pred_original_sample, second)
    with pytest.raises(AttributeError, match="denoised"):
        out.denoised  # noqa: B018
    x.add_(1)
    with pytest.raises(RuntimeError, match="changed in place since the step"):
        out.pred_original_sample  # noqa: B018
    one = Scheduler.from_diffusers(schedulers.UniPCMultistepScheduler())
    one.set_timesteps(4)
    assert len(one.step(x, one.timesteps[0], x, return_dict=False)) == 1


def test_the_configuration():
    theirs = schedulers.EulerDiscreteScheduler(beta_schedule="scaled_linear")
    ours = Scheduler.from_diffusers(theirs, use_karras_sigmas=True)
    assert ours.config.beta_schedule == ours.config["beta_schedule"] == "scaled_linear"
    assert ours.config.get("nothing", 3) == 3
    assert ours.config.use_karras_sigmas
    with pytest.raises(AttributeError, match="no option 'nothing'"):
        ours.config.nothing  # noqa: B018
    again = schedulers.EulerDiscreteScheduler.from_config(ours.config)
    assert again.config.use_karras_sigmas
    ours.set_timesteps(7)
    again.set_timesteps(7)
    torch.testing.assert_close(ours.sigmas, again.sigmas, rtol=1e-4, atol=1e-4)
    assert "Euler of 7 steps" in repr(ours)


def test_a_sampler_is_made_once_for_each_run():
    scheduler = Scheduler.from_diffusers({"_class_name": "UniPCMultistepScheduler"})

    def made(steps, **options):
        scheduler.set_timesteps(steps, **options)
        return scheduler.sampler

    first = made(6)
    assert made(7) is not first
    assert made(6) is first
    scheduler.config["trained_betas"] = [0.01] * 1000
    assert made(6).schedule.alpha_bar[0] == pytest.approx(0.99)
    scheduler.config["trained_betas"][0] = 0.001  # in place
    assert made(6).schedule.alpha_bar[0] == pytest.approx(0.999)
    scheduler.config["trained_betas"] = np.full(1000, 0.02)
    assert made(6).schedule.alpha_bar[0] == pytest.approx(0.98)
    scheduler.config["trained_betas"] *= 0.5
    assert made(6).schedule.alpha_bar[0] == pytest.approx(0.99)


@pytest.mark.parametrize("name", NAMES)
def test_pickles(name):
    ours = Scheduler.from_diffusers({"_class_name": name})
    ours.set_timesteps(5)
    copy = pickle.loads(pickle.dumps(ours))
    assert copy.config == ours.config
    assert torch.equal(copy.timesteps, ours.timesteps)
    x, g = torch.ones(SHAPE), torch.Generator()
    found = []
    for scheduler in (ours, copy):
        given = {"generator": g.manual_seed(0), **following(scheduler, 0)}
        found.append(scheduler.step(x / 2, scheduler.timesteps[0], x, **given).prev_sample)
    assert torch.equal(*found)


def test_the_docstring():
    assert "Scheduler" in fastgen.torch.__all__
    failed, tried = doctest.testmod(_scheduler)
    assert failed == 0 < tried
