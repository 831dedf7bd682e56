"""The published sizes, on the meta device: every name and shape of diffusers' networks finds its place in ours."""

import json

import diffusers
import pytest
import torch

from worldreel.autoencoder import Autoencoder
from worldreel.generation import Settings, plan
from worldreel.models import load_config
from worldreel.models.wan import autoencoder_config, autoencoder_weights, transformer_config, transformer_weights
from worldreel.shapes import VideoShape
from worldreel.transformer import Transformer


def sizes(heads, ffn, layers, ins=16, outs=16, **more):
    return {
        "num_attention_heads": heads,
        "ffn_dim": ffn,
        "num_layers": layers,
        "in_channels": ins,
        "out_channels": outs,
        "attention_head_dim": 128,
        "text_dim": 4096,
        **more,
    }


LARGE = (40, 13824, 40)
TRANSFORMERS = {
    "2.1 T2V 1.3B": sizes(12, 8960, 30),
    "2.1 T2V 14B, 2.2 T2V A14B": sizes(*LARGE),
    "2.1 I2V 14B": sizes(*LARGE, ins=36, image_dim=1280, added_kv_proj_dim=5120),
    "2.2 I2V A14B": sizes(*LARGE, ins=36),
    "2.2 TI2V 5B": sizes(24, 14336, 30, ins=48, outs=48),
}
CODECS = {
    "2.1": {"base_dim": 96, "z_dim": 16},
    "2.2 5B": {
        "base_dim": 160,
        "decoder_base_dim": 256,
        "z_dim": 48,
        "is_residual": True,
        "in_channels": 12,
        "out_channels": 12,
        "patch_size": 2,
        "scale_factor_spatial": 16,
        "latents_mean": [0.0] * 48,
        "latents_std": [1.0] * 48,
    },
}


def shapes(state):
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_transformers(name):
    with torch.device("meta"):
        theirs = diffusers.WanTransformer3DModel(**TRANSFORMERS[name])
        ours = Transformer(transformer_config(dict(theirs.config)))
    assert shapes(transformer_weights(theirs.state_dict())) == shapes(ours.state_dict())


@pytest.mark.parametrize("name", CODECS)
def test_autoencoders(name):
    with torch.device("meta"):
        theirs = diffusers.AutoencoderKLWan(**CODECS[name])
        ours = Autoencoder(autoencoder_config(dict(theirs.config)))
    assert shapes(autoencoder_weights(theirs.state_dict(), dict(theirs.config))) == shapes(ours.state_dict())


@pytest.mark.parametrize(
    ("transformer", "codec", "index", "tokens"),
    [
        ("2.1 T2V 1.3B", "2.1", {}, 21 * 30 * 52),
        ("2.1 T2V 14B, 2.2 T2V A14B", "2.1", {"boundary_ratio": 0.875, "transformer_2": ["diffusers", "W"]}, 21 * 30 * 52),
        ("2.2 TI2V 5B", "2.2 5B", {"expand_timesteps": True}, 31 * 22 * 40),
    ],
)
def test_default_requests_are_within_bounds(tmp_path, transformer, codec, index, tokens):
    """A plan needs no weights: as many tokens as the published programs make of their default sizes and lengths."""
    with torch.device("meta"):
        parts = {
            "transformer": diffusers.WanTransformer3DModel(**TRANSFORMERS[transformer]),
            "vae": diffusers.AutoencoderKLWan(**CODECS[codec]),
        }
    for part, network in parts.items():
        network.save_config(tmp_path / part)
    for part in ("text_encoder", "tokenizer"):
        (tmp_path / part).mkdir()
    diffusers.UniPCMultistepScheduler(use_flow_sigmas=True, flow_shift=3.0).save_config(tmp_path / "scheduler")
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "WanPipeline", **index}))
    config = load_config(str(tmp_path))
    settled = plan(config, "generate", "a cat walks on grass", settings=Settings(seed=1))
    result = settled.composition
    shape = VideoShape(result.frames, result.height, result.width)
    assert config.grid(config.padded(shape), result.fps).tokens == tokens
    assert config.padded(shape) == shape
    assert (config.boundary, settled.solver) == (index.get("boundary_ratio", 0.0), "unipc")
    plan(config, "generate", "a cat", size="1280x704", settings=Settings(seed=1))
