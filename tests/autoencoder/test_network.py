import pytest
import torch

from tests.autoencoder.codecs import CODECS
from tests.weights import randomise
from worldreel.autoencoder import Autoencoder
from worldreel.autoencoder.layers import AveragedDown, PixelNorm, RepeatedUp
from worldreel.autoencoder.network import Posterior, fold, unfold
from worldreel.autoencoder.straight import StraightPath
from worldreel.shapes import Compression, VideoShape


def rand(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize(("name", "compression"), [("tiny", (4, 8)), ("wan-2.1", (4, 8)), ("wan-2.2", (4, 16))])
def test_compression_follows_from_the_strides(name, compression):
    assert CODECS[name].compression == compression


@pytest.mark.parametrize("name", CODECS)
def test_shapes_are_those_the_compression_says(name):
    network = Autoencoder(CODECS[name]).eval()
    compression = network.config.compression
    video = VideoShape(1 + 2 * compression.time, 3 * compression.space, 2 * compression.space)
    with torch.inference_mode():
        latents = network.encode(rand(2, 3, *video))
        assert latents.shape == (2, network.config.latent_channels, *compression.latent(video))
        assert network.decode(latents).shape == (2, 3, *video)


def test_fold_and_unfold_are_inverse_and_keep_squares_together():
    x = rand(2, 3, 4, 8, 12)
    assert torch.equal(unfold(fold(x, 4), 4), x)
    square = fold(x, 4)[1, :, 2, 1, 2].sort().values
    assert torch.equal(square, x[1, :, 2, 4:8, 8:12].flatten().sort().values)


def test_training_begins_with_the_straight_path_alone():
    network = Autoencoder(CODECS["tiny"]).eval()
    video = rand(1, 3, 5, 16, 16)
    encoding, decoding = network.encoder.straight, network.decoder.straight
    with torch.inference_mode():
        posterior = network.posterior(video)
        raw = encoding.down(video, starts=True)
        assert torch.allclose(posterior.mean, raw + network.encoder.moments.bias[:4, None, None, None], atol=1e-6)
        assert torch.equal(posterior.log_variance, torch.full_like(raw, -4))
        latents = network.normalised(raw)
        assert torch.allclose(network.decode(latents), decoding.up(raw, starts=True), atol=1e-6)


def test_latents_are_normalised_by_the_statistics():
    network = randomise(Autoencoder(CODECS["tiny"]))
    video = rand(1, 3, 5, 16, 16)
    with torch.inference_mode():
        mean, latents = network.posterior(video).mean, network.encode(video)
    channel = network.latent_std[2] / network.latent_weight[2] * latents[0, 2] + network.latent_mean[2]
    assert torch.allclose(channel, mean[0, 2], atol=1e-6)
    assert torch.allclose(network.raw(network.normalised(mean)), mean, atol=1e-6)


def test_posteriors_sample_and_diverge_as_gaussians_do():
    mean, log_variance = torch.full((200_000,), 2.0), torch.full((200_000,), 0.25).log()
    drawn = Posterior(mean, log_variance).sample(torch.Generator().manual_seed(0))
    assert float(drawn.mean()) == pytest.approx(2, abs=0.01)
    assert float(drawn.std()) == pytest.approx(0.5, abs=0.01)
    assert float(Posterior(torch.zeros(3), torch.zeros(3)).divergence()) == 0
    reference = torch.distributions.kl_divergence(torch.distributions.Normal(2, 0.5), torch.distributions.Normal(0, 1))
    assert float(Posterior(mean, log_variance).divergence()) == pytest.approx(float(reference), rel=1e-5)


def test_fitted_straight_path_is_the_best_linear_codec():
    """Blocks that vary in as many directions as there are channels come back exactly, with white latents."""
    path = StraightPath(Compression(2, 2), 3)
    generator = torch.Generator().manual_seed(0)
    directions = torch.randn(3, 24, generator=generator)
    blocks = 0.5 + torch.randn(4000, 3, generator=generator) * torch.tensor([3.0, 1.0, 0.3]) @ directions
    path.fit(blocks)
    with torch.inference_mode():
        latents = path.analysis(blocks)
        assert torch.allclose(path.synthesis(latents), blocks, atol=1e-3)
    assert torch.allclose(latents.T @ latents / len(latents), torch.eye(3), atol=1e-2)


def test_straight_path_fills_the_first_block_with_the_first_frame():
    path = StraightPath(Compression(4, 2), 3)
    video = rand(1, 3, 5, 4, 4)
    first = path.blocks(video, starts=True)[0, 0].unflatten(-1, (3, 4, 2, 2))
    assert torch.equal(first, first[..., :1, :, :].expand_as(first))
    with torch.inference_mode():
        latents = path.down(video, starts=True)
        assert latents.shape == (1, 3, 2, 2, 2)
        assert torch.equal(path.down(video[:, :, 1:], starts=False), latents[:, :, 1:])
        grown = path.up(latents, starts=True)
        assert grown.shape == video.shape
        assert torch.equal(path.up(latents[:, :, 1:], starts=False), grown[:, :, 1:])


def test_shortcuts_keep_constants_and_count_frames():
    ones = torch.ones(1, 8, 4, 4, 4)
    assert torch.equal(AveragedDown(8, 16, 2, 2)(ones), torch.ones(1, 16, 2, 2, 2))
    assert torch.equal(RepeatedUp(16, 8, 2, 2)(ones.repeat(1, 2, 1, 1, 1), starts=False), torch.ones(1, 8, 8, 8, 8))
    assert RepeatedUp(16, 8, 2, 2)(ones.repeat(1, 2, 1, 1, 1), starts=True).shape == (1, 8, 7, 8, 8)


def test_shortcuts_refuse_channels_that_do_not_group():
    with pytest.raises(ValueError, match="do not group into 24"):
        AveragedDown(8, 24, 2, 2)
    with pytest.raises(ValueError, match="do not repeat to 3"):
        RepeatedUp(16, 3, 2, 2)


def test_the_norm_is_of_one_pixel():
    norm = randomise(PixelNorm(6))
    x = rand(1, 6, 2, 3, 4)
    pixel = x[0, :, 1, 2, 3]
    assert torch.allclose(norm(x)[0, :, 1, 2, 3], pixel / pixel.square().mean().sqrt() * norm.gamma, atol=1e-6)
