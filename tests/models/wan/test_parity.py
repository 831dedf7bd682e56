"""Our networks with Wan's weights against diffusers', on small random weights of each published shape, fp32, CPU."""

import diffusers
import pytest
import torch

from tests.models.wan.repositories import CODEC_22
from tests.weights import randomise
from worldreel.autoencoder import Autoencoder, decode_stream, encode_stream
from worldreel.errors import UserError
from worldreel.models.wan import autoencoder_config, autoencoder_weights, transformer_config, transformer_weights
from worldreel.patches import Grid, Segment, from_tokens, pack, to_tokens
from worldreel.transformer import Transformer

TOLERANCE = 1e-5
TRANSFORMERS = {
    "2.1, 2.2 text to video": {"in_channels": 16, "out_channels": 16},
    "2.2 5B": {"in_channels": 48, "out_channels": 48},
    "2.2 image to video": {"in_channels": 36, "out_channels": 16},
    "2.1 image to video": {"in_channels": 36, "out_channels": 16, "image_dim": 12, "added_kv_proj_dim": 48},
}
CODECS = {"2.1": {"base_dim": 8, "z_dim": 16}, "2.2": CODEC_22}


def error(ours, theirs):
    """Norm of the difference over norm."""
    return float((ours - theirs).norm() / theirs.norm())


@pytest.fixture(scope="module", params=TRANSFORMERS)
def transformers(request):
    theirs = diffusers.WanTransformer3DModel(
        num_attention_heads=2, attention_head_dim=24, ffn_dim=64, num_layers=2, text_dim=20, **TRANSFORMERS[request.param]
    )
    tables = {name: buffer.clone() for name, buffer in theirs.named_buffers()}  # of rotary positions, which are no weights
    randomise(theirs)
    for name, buffer in theirs.named_buffers():
        buffer.copy_(tables[name])
    ours = Transformer(transformer_config(dict(theirs.config))).eval()
    ours.load_state_dict(transformer_weights(theirs.state_dict()))
    return ours, theirs


@pytest.mark.parametrize(("frames", "height", "width"), [(1, 4, 6), (3, 6, 4), (2, 2, 2)])
def test_the_transformer_predicts_the_same(transformers, frames, height, width):
    ours, theirs = transformers
    generator = torch.Generator().manual_seed(frames)
    latents = torch.randn(2, theirs.config.in_channels, frames, height, width, generator=generator)
    texts = torch.randn(2, 512, 20, generator=generator)  # of images, diffusers' attention knows this length only
    image = torch.randn(5, 12, generator=generator) if ours.config.image_width else None
    levels = torch.tensor([0.3, 0.9])
    grid = Grid(frames, height // 2, width // 2, seconds=1 / 24)  # positions are latent indices
    layout = pack([Segment((grid,), ((grid.tokens, number),)) for number in range(2)])
    tokens = torch.cat([to_tokens(one, 2) for one in latents])
    with torch.inference_mode():
        made = ours(tokens, levels.repeat_interleave(grid.tokens), layout, list(texts), image).split(grid.tokens)
        wanted = theirs(latents, levels * 1000, texts, None if image is None else image.expand(2, -1, -1)).sample
    for one, other in zip(made, wanted, strict=True):
        assert error(from_tokens(one, grid, 2), other) <= TOLERANCE


def test_a_level_for_each_token(transformers):
    """As 2.2 5B has them: the first frame is given, at level 0."""
    ours, theirs = transformers
    generator = torch.Generator().manual_seed(5)
    latents = torch.randn(1, theirs.config.in_channels, 3, 4, 6, generator=generator)
    text = torch.randn(1, 512, 20, generator=generator)
    image = torch.randn(1, 5, 12, generator=generator) if ours.config.image_width else None
    grid = Grid(3, 2, 3, seconds=1 / 24)
    levels = torch.tensor([0.0, 0.7, 0.7]).repeat_interleave(6)
    with torch.inference_mode():
        layout = pack([Segment((grid,), ((18, 0),))])
        made = ours(to_tokens(latents[0], 2), levels, layout, [text[0]], None if image is None else image[0])
        wanted = theirs(latents, levels[None] * 1000, text, image).sample
    assert error(from_tokens(made, grid, 2), wanted[0]) <= TOLERANCE


@pytest.fixture(scope="module", params=CODECS)
def codecs(request):
    theirs = diffusers.AutoencoderKLWan(**CODECS[request.param])
    randomise(theirs)
    ours = Autoencoder(autoencoder_config(dict(theirs.config))).eval()
    ours.load_state_dict(autoencoder_weights(theirs.state_dict(), dict(theirs.config)))
    return ours, theirs


@pytest.mark.parametrize(("frames", "rows", "columns"), [(1, 2, 3), (5, 3, 2), (13, 2, 1)])
def test_the_autoencoder_gives_the_same(codecs, frames, rows, columns):
    ours, theirs = codecs
    side = ours.config.compression.space
    video = torch.rand(1, 3, frames, rows * side, columns * side, generator=torch.Generator().manual_seed(frames)) * 2 - 1
    with torch.inference_mode():
        posterior, wanted = ours.posterior(video), theirs.encode(video).latent_dist
        assert error(posterior.mean, wanted.mean) <= TOLERANCE
        assert error(posterior.log_variance, wanted.logvar) <= TOLERANCE
        latents = ours.normalised(posterior.mean)
        mean, std = (torch.tensor(theirs.config[name])[:, None, None, None] for name in ("latents_mean", "latents_std"))
        assert error(latents, (wanted.mean - mean) / std) <= TOLERANCE
        decoded = theirs.decode(wanted.mean).sample
        assert error(ours.decode(latents).clamp(-1, 1), decoded) <= TOLERANCE
        # Streamed in bands likewise.
        streamed = torch.cat(list(encode_stream(ours, video.split(3, dim=2), band=side)), dim=2)
        assert error(streamed, latents) <= TOLERANCE
        pieces = torch.cat(list(decode_stream(ours, latents.split(1, dim=2), band=1)), dim=2)
        assert error(pieces.clamp(-1, 1), decoded) <= TOLERANCE


def test_every_tensor_matters(transformers, codecs):
    """Changed alone, each changes the output: none is left out, none is dead."""
    ours, _ = transformers
    grid = Grid(2, 2, 2, seconds=1 / 24)
    layout = pack([Segment((grid,), ((8, 0),))])
    generator = torch.Generator().manual_seed(1)
    tokens, text = torch.randn(8, ours.config.channels, generator=generator), torch.randn(4, 20, generator=generator)
    image = torch.randn(5, 12, generator=generator) if ours.config.image_width else None
    _check_each(ours, lambda: ours(tokens, torch.full((8,), 0.5), layout, [text], image))
    codec, _ = codecs
    side = codec.config.compression.space
    video = torch.rand(1, 3, 9, side, side, generator=generator)
    _check_each(
        codec, lambda: torch.cat([codec.decode(codec.encode(video)).flatten(), codec.posterior(video).log_variance.flatten()])
    )


def _check_each(network, run):
    with torch.inference_mode():
        before = run()
        for name, parameter in network.named_parameters():
            kept = parameter.data
            parameter.data = kept + 0.1 * torch.randn(kept.shape, generator=torch.Generator().manual_seed(0))
            changed = run()
            parameter.data = kept
            assert not torch.equal(changed, before), name


def test_foreign_names_and_shapes_are_refused():
    with pytest.raises(UserError, match=r"holds 'blocks\.0\.lora', which no Wan"):
        transformer_weights({"blocks.0.lora": torch.zeros(1)})
    with pytest.raises(UserError, match="qk_norm is rms_norm, not rms_norm_across_heads"):
        transformer_config({"qk_norm": "rms_norm"})
    with pytest.raises(UserError, match="attn_scales"):
        autoencoder_config({"attn_scales": [1.0]})
