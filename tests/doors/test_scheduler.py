"""`fastgen.torch.Scheduler`, in runs and pipelines, against the schedulers of diffusers."""

import doctest
import inspect
import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers", reason="pip install diffusers")

import pipelines  # noqa: E402
from diffusers import schedulers  # noqa: E402
from diffusers_configs import AXES  # noqa: E402

import fastgen.torch  # noqa: E402
from fastgen.diffusion import Schedule, samplers  # noqa: E402
from fastgen.torch import Scheduler, _scheduler, _scheduler_source  # noqa: E402
from fastgen.torch._scheduler_noising import Noising  # noqa: E402

# diffusers makes arrays of tensors.
pytestmark = pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")
DTYPES = [torch.float32, torch.float16]
NAMES = [name for name in AXES if name not in _scheduler_source.REFUSED]
MUST_BEGIN = ["PNDMScheduler", "LMSDiscreteScheduler"]
SHAPE = (2, 3, 8, 8)
TOLERANCES = {torch.float32: 1e-5, torch.float16: 1.5e-2}
IMAGE_TOLERANCES = {torch.float32: 5e-5, torch.float16: 0.1}
OPTIONS = {
    "DPMSolverMultistepScheduler": [{}, {"algorithm_type": "sde-dpmsolver++"}],
    "EulerDiscreteScheduler": [{}, {"use_karras_sigmas": True}],
    "FlowMatchEulerDiscreteScheduler": [
        {},
        {"stochastic_sampling": True},
        {"use_dynamic_shifting": True},
    ],
    "DDIMScheduler": [{}, {"thresholding": True}, {"prediction_type": "v_prediction"}],
    "PNDMScheduler": [{}, {"skip_prk_steps": True}],
}
CASES = [(name, options) for name in NAMES for options in OPTIONS.get(name, [{}])]


def model(x, k):
    """Return a prediction that depends on the input and on the step."""
    wave = torch.sin(torch.arange(x.numel()).reshape(x.shape) * 0.7 + k)
    return (0.4 * x.float() / torch.sqrt(1 + x.float().pow(2).mean()) + 0.5 * wave).to(x.dtype)


def run(scheduler, dtype, start=0, steps=8, **options):
    """Return timesteps, the samples and second results of a run, and what is drawn after it."""
    mu = {"mu": 0.8} if scheduler.config.get("use_dynamic_shifting") else {}
    scheduler.set_timesteps(steps, **mu)
    g, begin = torch.Generator().manual_seed(0), start * scheduler.order
    t = scheduler.timesteps[begin:]
    x = torch.randn(SHAPE, generator=g).to(dtype)
    if start:
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(begin)
        noise = torch.randn(SHAPE, generator=g).to(dtype)
        if hasattr(scheduler, "add_noise"):
            x = scheduler.add_noise(x / 2, noise, t[:1].repeat(2))
        elif hasattr(scheduler, "scale_noise"):
            x = scheduler.scale_noise(x / 2, t[:1].repeat(2), noise)
    else:
        x = (x.float() * float(getattr(scheduler, "init_noise_sigma", 1.0))).to(dtype)
    if "generator" in inspect.signature(scheduler.step).parameters:
        options["generator"] = g
    samples, seconds = [], []
    for k, time in enumerate(t):
        says = x
        if hasattr(scheduler, "scale_model_input"):
            says = scheduler.scale_model_input(x, time)
        found = scheduler.step(model(says, k), time, x, return_dict=False, **options)
        x, *second = found
        samples.append(x)
        seconds += second
    return scheduler.timesteps, samples, seconds, torch.randn(3, generator=g)


def close(ours, theirs, tolerance):
    """Raise if tensors differ relative to the largest element."""
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        limit = tolerance * max(1, b.float().abs().max().item())
        torch.testing.assert_close(a.float(), b.float(), rtol=0, atol=limit)


@pytest.mark.parametrize("start", [0, 3])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("name", "options"), CASES)
def test_runs_are_those_of_diffusers(name, options, dtype, start):
    theirs = getattr(schedulers, name)(**options)
    ours = Scheduler.from_diffusers(getattr(schedulers, name)(**options))
    if start and name in MUST_BEGIN:
        with pytest.raises(ValueError, match="starts in the middle"):
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
    if "use_karras_sigmas" in options:
        tolerance = max(tolerance, 1e-4)  # their sigmas are seventh powers in float32
    if dtype is torch.float16 and name == "DPMSolverMultistepInverseScheduler":
        tolerance = 5e-2  # theirs is 3e-2 from its run in float32, and ours 1e-3
    close(found[1], expected[1], tolerance)
    close(found[2], expected[2], tolerance)
    assert {x.dtype for x in found[1]} == {dtype}
    torch.testing.assert_close(found[3], expected[3], rtol=0, atol=0)  # as much noise was drawn
    assert ours.order == theirs.order
    assert len(ours) == len(theirs)
    assert ours.num_inference_steps == 8
    assert ours.step_index == len(ours.timesteps)
    if hasattr(theirs, "init_noise_sigma"):
        assert ours.init_noise_sigma == pytest.approx(float(theirs.init_noise_sigma), rel=1e-5)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", ["DDIMScheduler", "DDIMParallelScheduler", "TCDScheduler"])
@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_eta_of_a_step(name, eta, dtype):
    theirs = getattr(schedulers, name)()
    ours = Scheduler.from_diffusers(theirs)
    found, expected = run(ours, dtype, eta=eta), run(theirs, dtype, eta=eta)
    close(found[1], expected[1], TOLERANCES[dtype])
    torch.testing.assert_close(found[3], expected[3], rtol=0, atol=0)


def images(pipe, **options):
    pipe.set_progress_bar_config(disable=True)
    torch.manual_seed(0)  # some pipelines give steps no generator
    g = torch.Generator().manual_seed(0)
    return torch.as_tensor(pipe(generator=g, output_type="pt", **options).images).float()


def agree(pipe, dtype, **options):
    """Compare the images of a pipeline, before and after its scheduler is replaced."""
    expected = images(pipe, **options)
    pipe.scheduler = Scheduler.from_diffusers(pipe.scheduler)
    found = images(pipe, **options)
    assert expected.std() > 0.05
    torch.testing.assert_close(found, expected, rtol=0, atol=IMAGE_TOLERANCES[dtype])
    torch.testing.assert_close(images(pipe, **options), found, rtol=0, atol=0)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_ddpm_pipeline(dtype):
    from diffusers import DDPMPipeline

    pipe = DDPMPipeline(pipelines.unet(dtype), schedulers.DDPMScheduler())
    agree(pipe, dtype, num_inference_steps=8, batch_size=2)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(
    "options", [{}, {"eta": 1.0}, {"eta": 1.0, "use_clipped_model_output": True}]
)
def test_ddim_pipeline(dtype, options):
    from diffusers import DDIMPipeline

    pipe = DDIMPipeline(pipelines.unet(dtype), schedulers.DDIMScheduler())
    agree(pipe, dtype, num_inference_steps=8, **options)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kind", ["", "Img2Img", "Inpaint"])
@pytest.mark.parametrize(
    "name",
    [
        "DDIMScheduler",
        "DPMSolverMultistepScheduler",
        "EulerAncestralDiscreteScheduler",
        "EulerDiscreteScheduler",
        "HeunDiscreteScheduler",
        "LCMScheduler",
    ],
)
def test_stable_diffusion(name, kind, dtype):
    made = getattr(schedulers, name)()
    pipe = pipelines.stable_diffusion(made, dtype, f"StableDiffusion{kind}Pipeline")
    text, nothing = pipelines.embeddings(dtype)
    options = {"prompt_embeds": text, "negative_prompt_embeds": nothing}
    if kind:
        g = torch.Generator().manual_seed(5)
        options |= {"image": torch.rand(1, 3, 16, 16, generator=g).to(dtype), "strength": 0.6}
    if kind != "Img2Img":
        options |= {"height": 16, "width": 16}
    if kind == "Inpaint":
        options["mask_image"] = (torch.arange(16) < 8).float().expand(1, 1, 16, 16)
    agree(pipe, dtype, num_inference_steps=6, **options)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kind", ["", "Img2Img"])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("FlowMatchEulerDiscreteScheduler", {"shift": 3.0}),
        ("FlowMatchEulerDiscreteScheduler", {"use_dynamic_shifting": True}),
        ("FlowMatchLCMScheduler", {}),
    ],
)
def test_flow_matching_pipeline(name, options, kind, dtype):
    made = getattr(schedulers, name)(**options)
    pipe = pipelines.flux(made, dtype, f"Flux{kind}Pipeline")
    text = pipelines.embeddings(dtype)[0]
    given = {"prompt_embeds": text, "pooled_prompt_embeds": text[:, 0], "height": 16, "width": 16}
    if kind:
        g = torch.Generator().manual_seed(5)
        given |= {"image": torch.rand(1, 3, 16, 16, generator=g).to(dtype), "strength": 0.6}
    agree(pipe, dtype, num_inference_steps=5, **given)


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


def test_learned_variances():
    theirs = schedulers.DDPMScheduler(variance_type="learned_range")
    ours = Scheduler.from_diffusers(theirs)
    found = []
    for scheduler in (ours, theirs):
        scheduler.set_timesteps(6)
        g, x = torch.Generator().manual_seed(0), torch.ones(SHAPE)
        for k, t in enumerate(scheduler.timesteps):
            both = torch.cat([model(x, k), torch.tanh(model(x, k + 1))], dim=1)
            x = scheduler.step(both, t, x, generator=g).prev_sample
        found.append(x)
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-4)


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
            y = scheduler.step(0.1 * torch.tanh(y) + 0.01 * k, t, y, generator=g).prev_sample
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
    copy = pickle.loads(pickle.dumps(ours))
    assert copy.config == ours.config
    assert torch.equal(copy.timesteps, ours.timesteps)


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


def test_the_docstring():
    assert "Scheduler" in fastgen.torch.__all__
    failed, tried = doctest.testmod(_scheduler)
    assert failed == 0 < tried
