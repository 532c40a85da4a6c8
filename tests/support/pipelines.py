"""Pipelines of diffusers with tiny random models, which need no files."""

import pytest


def unet(dtype, channels=3, size=8, text=None, out=None):
    """Return a tiny U-Net; with `text`, one that attends to embeddings of this size."""
    import diffusers
    import torch

    torch.manual_seed(0)
    common = {
        "sample_size": size,
        "in_channels": channels,
        "out_channels": out or channels,
        "block_out_channels": (8, 16),
        "layers_per_block": 1,
        "norm_num_groups": 4,
    }
    if text is None:
        made = diffusers.UNet2DModel(
            down_block_types=("DownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "UpBlock2D"),
            **common,
        )
    else:
        made = diffusers.UNet2DConditionModel(
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=text,
            attention_head_dim=2,
            **common,
        )
    return made.to(dtype).eval()


def vae(dtype, channels=4):
    """Return a tiny autoencoder, which halves the sides of images."""
    import diffusers
    import torch

    torch.manual_seed(1)
    made = diffusers.AutoencoderKL(
        block_out_channels=(4, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=channels,
        norm_num_groups=4,
        sample_size=16,
        shift_factor=0.1,
        scaling_factor=0.5,
    )
    return made.to(dtype).eval()


def stable_diffusion(scheduler, dtype, kind="StableDiffusionPipeline"):
    """Return a pipeline that takes embeddings of a text."""
    pytest.importorskip("transformers", reason="pip install transformers")
    import diffusers

    more = {"image_encoder": None} if "Inpaint" not in kind else {}
    return getattr(diffusers, kind)(
        vae=vae(dtype),
        text_encoder=None,
        tokenizer=None,
        unet=unet(dtype, 4, text=8),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
        **more,
    )


def flux(scheduler, dtype, kind="FluxPipeline"):
    """Return a pipeline of flow matching."""
    pytest.importorskip("transformers", reason="pip install transformers")
    import diffusers
    import torch

    torch.manual_seed(2)
    transformer = diffusers.FluxTransformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=8,
        pooled_projection_dim=8,
        axes_dims_rope=(4, 4, 8),
    )
    return getattr(diffusers, kind)(
        scheduler=scheduler,
        vae=vae(dtype),
        text_encoder=None,
        tokenizer=None,
        text_encoder_2=None,
        tokenizer_2=None,
        transformer=transformer.to(dtype).eval(),
    )


def embeddings(dtype, count=1):
    """Return the embeddings of a text and of no text."""
    import torch

    g = torch.Generator().manual_seed(3)
    return torch.randn(2, count, 4, 8, generator=g).to(dtype)
