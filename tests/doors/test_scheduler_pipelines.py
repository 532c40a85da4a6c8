"""`fastgen.torch.Scheduler` in pipelines of diffusers: they make the same images."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers", reason="pip install diffusers")

import pipelines  # noqa: E402
from diffusers import schedulers  # noqa: E402

from fastgen.torch import Scheduler  # noqa: E402

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    # diffusers makes arrays of tensors.
    pytest.mark.filterwarnings("ignore:__array:DeprecationWarning"),
]
DTYPES = [torch.float32, torch.float16]
IMAGE_TOLERANCES = {torch.float32: 5e-5, torch.float16: 0.1}


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
        "LMSDiscreteScheduler",
        "PNDMScheduler",
    ],
)
def test_stable_diffusion(name, kind, dtype):
    options = {"skip_prk_steps": True} if name == "PNDMScheduler" else {}
    made = getattr(schedulers, name)(**options)
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
