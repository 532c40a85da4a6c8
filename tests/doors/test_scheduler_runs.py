"""Steps of `fastgen.torch.Scheduler`: runs, gradients and other devices, against diffusers."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers", reason="pip install diffusers")

from diffusers import schedulers  # noqa: E402
from scheduler_runs import CASES, DTYPES, SHAPE, TOLERANCES, close, following, model, run  # noqa: E402

from fastgen.torch import Scheduler  # noqa: E402
from fastgen.torch._scheduler_noising import Noising  # noqa: E402

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    # diffusers makes arrays of tensors.
    pytest.mark.filterwarnings("ignore:__array:DeprecationWarning"),
]


@pytest.mark.parametrize("start", [0, 3])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("name", "options"), CASES)
def test_runs_are_those_of_diffusers(name, options, dtype, start):
    theirs = getattr(schedulers, name)(**options)
    ours = Scheduler.from_diffusers(getattr(schedulers, name)(**options))
    if start and name == "PNDMScheduler" and not options:
        with pytest.raises(ValueError, match="can't begin in a Runge-Kutta step"):
            run(ours, dtype, start)
        return
    if start and not (hasattr(theirs, "add_noise") or hasattr(theirs, "scale_noise")):
        with pytest.MonkeyPatch.context() as patch:
            patch.delattr(Noising, "add_noise")
            patch.delattr(Noising, "scale_noise")
            found = run(ours, dtype, start)
    else:
        found = run(ours, dtype, start)
    expected = run(theirs, dtype, start)
    torch.testing.assert_close(found[0].double(), expected[0].double(), rtol=1e-5, atol=1e-2)
    assert found[0].dtype.is_floating_point == expected[0].dtype.is_floating_point
    tolerance = TOLERANCES[dtype]
    if name == "PNDMScheduler" and not options:
        tolerance = max(tolerance, 1e-2)  # theirs subtracts small alphas in float32
    if name == "UnCLIPScheduler":
        tolerance = max(tolerance, 1e-3)  # theirs is 5e-4 from its run in double, and ours 3e-7
    if "use_karras_sigmas" in options:
        tolerance = max(tolerance, 1e-4)  # their sigmas are seventh powers in float32
    if dtype is torch.float16 and name == "DPMSolverMultistepInverseScheduler":
        tolerance = 5e-2  # theirs is 3e-2 from its run in float32, and ours 1e-3
    close(found[1], expected[1], tolerance)
    close(found[2], expected[2], tolerance)
    assert {x.dtype for x in found[1]} == {dtype}
    torch.testing.assert_close(found[3], expected[3], rtol=0, atol=0)  # as much noise was drawn
    assert ours.order == getattr(theirs, "order", 1)
    assert len(ours) == theirs.config.num_train_timesteps
    assert ours.num_inference_steps == 8
    assert ours.step_index == len(ours.timesteps)
    if hasattr(theirs, "init_noise_sigma"):
        assert ours.init_noise_sigma == pytest.approx(float(theirs.init_noise_sigma), rel=1e-5)


@pytest.mark.parametrize("start", range(1, 9))
@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("name", ["PNDMScheduler", "LMSDiscreteScheduler"])
def test_multistep_runs_that_start_anywhere(name, prediction, start):
    options = {"prediction_type": prediction}
    options |= {"skip_prk_steps": True} if name == "PNDMScheduler" else {}
    theirs = getattr(schedulers, name)(**options)
    ours = Scheduler.from_diffusers(theirs)
    if start == 1 and name == "PNDMScheduler":
        with pytest.raises(ValueError, match="can't begin in the step that is made twice"):
            run(ours, torch.float64, start)
        return
    if start == 8 and name == "LMSDiscreteScheduler":
        return  # it has 8 steps
    found, expected = run(ours, torch.float64, start), run(theirs, torch.float64, start)
    close(found[1], expected[1], 2e-4)  # theirs has the schedule in float32


@pytest.mark.parametrize("name", ["PNDMScheduler", "LMSDiscreteScheduler", "HeunDiscreteScheduler"])
def test_a_run_after_one_that_started_in_the_middle(name):
    options = {"skip_prk_steps": True} if name == "PNDMScheduler" else {}
    scheduler = Scheduler.from_diffusers({"_class_name": name, **options})

    def end(first):
        x = torch.ones(SHAPE)
        for k, t in enumerate(scheduler.timesteps[first:]):
            x = scheduler.step(model(x, k), t, x).prev_sample
        return x

    scheduler.set_timesteps(8)
    whole, part = end(0), end(4)
    assert not torch.equal(whole, part)
    torch.testing.assert_close(end(0), whole, rtol=0, atol=0)
    scheduler.set_timesteps(8)
    torch.testing.assert_close(end(4), part, rtol=0, atol=0)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", ["DDIMScheduler", "DDIMParallelScheduler", "TCDScheduler"])
@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_eta_of_a_step(name, eta, dtype):
    theirs = getattr(schedulers, name)()
    ours = Scheduler.from_diffusers(theirs)
    found, expected = run(ours, dtype, eta=eta), run(theirs, dtype, eta=eta)
    close(found[1], expected[1], TOLERANCES[dtype])
    torch.testing.assert_close(found[3], expected[3], rtol=0, atol=0)


def test_a_list_of_generators_has_one_for_each_sample():
    theirs = schedulers.DDPMScheduler()
    ours = Scheduler.from_diffusers(theirs)
    found = []
    for scheduler in (ours, theirs):
        scheduler.set_timesteps(5)
        seeds = [torch.Generator().manual_seed(k) for k in (3, 4)]
        x = torch.ones(SHAPE)
        for k, t in enumerate(scheduler.timesteps):
            x = scheduler.step(model(x, k), t, x, generator=seeds).prev_sample
        found.append(x)
    torch.testing.assert_close(found[0], found[1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [("DDPMScheduler", 1e-4), ("UnCLIPScheduler", 1e-3)],  # as above
)
def test_learned_variances(name, tolerance):
    theirs = getattr(schedulers, name)(variance_type="learned_range")
    ours = Scheduler.from_diffusers(theirs)
    found = []
    for scheduler in (ours, theirs):
        scheduler.set_timesteps(6)
        g, x = torch.Generator().manual_seed(0), torch.ones(SHAPE)
        for k, t in enumerate(scheduler.timesteps):
            both = torch.cat([model(x, k), torch.tanh(model(x, k + 1))], dim=1)
            x = scheduler.step(both, t, x, generator=g, **following(scheduler, k)).prev_sample
        found.append(x)
    torch.testing.assert_close(found[0], found[1], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    ("name", "options"),
    [(n, o) for n, o in CASES if n != "SASolverScheduler" and "thresholding" not in o],
)
def test_gradients(name, options):
    scheduler = Scheduler.from_diffusers({"_class_name": name, **options})
    mu = {"mu": 0.8} if "use_dynamic_shifting" in options else {}

    def last(x, wants):
        scheduler.set_timesteps(4, **mu)
        g = torch.Generator().manual_seed(0)
        x = x.clone().requires_grad_(wants)
        y = x
        for k, t in enumerate(scheduler.timesteps):
            said, after = 0.1 * torch.tanh(y) + 0.01 * k, following(scheduler, k)
            y = scheduler.step(said, t, y, generator=g, **after).prev_sample
        return x, y

    x = torch.randn(2, 5, dtype=torch.float64) * 0.1
    along = torch.randn(2, 5, dtype=torch.float64)
    given, found = last(x, True)
    torch.testing.assert_close(found.detach(), last(x, False)[1], rtol=1e-9, atol=1e-9)
    slope = (torch.autograd.grad(found.sum(), given)[0] * along).sum()
    step = 1e-6
    above, below = (last(x + s * along, False)[1].sum() for s in (step, -step))
    torch.testing.assert_close(slope, (above - below) / (2 * step), rtol=1e-4, atol=1e-6)


def test_other_devices_take_the_formula():
    scheduler = Scheduler.from_diffusers({"_class_name": "DPMSolverMultistepScheduler"})
    scheduler.set_timesteps(4, device="meta")
    x = torch.ones(SHAPE, device="meta")
    assert scheduler.timesteps.device.type == "meta"
    for t in scheduler.sampler.timesteps.tolist():
        x = scheduler.step(x, t, x).prev_sample
    assert x.device.type == "meta"
    assert x.shape == SHAPE
