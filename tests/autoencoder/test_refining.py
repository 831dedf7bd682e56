"""Refined latents give the video back better, whatever the chunks, and each stretch looks at nothing that comes later."""

import pytest
import torch

from tests.autoencoder.codecs import CODECS
from tests.weights import randomise
from worldreel.autoencoder import Autoencoder, encode_stream, refined_stream


@pytest.fixture(scope="module", params=CODECS)
def network(request):
    return randomise(Autoencoder(CODECS[request.param])).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def video(network):
    """Six latent frames of it, more than a stretch."""
    side, time = network.config.compression.space, network.config.compression.time
    return torch.rand(1, 3, 1 + 5 * time, 2 * side, 2 * side, generator=torch.Generator().manual_seed(1)) * 2 - 1


def refined(network, chunks, steps):
    return torch.cat(list(refined_stream(network, chunks, steps)), dim=2)


@torch.inference_mode()
def error(network, latents, video):
    return float((network.decode(latents) - video).square().mean())


def test_more_steps_come_nearer(network, video):
    errors = [error(network, refined(network, [video], steps), video) for steps in (0, 4, 40)]
    assert errors[2] < errors[1] < errors[0]


def test_no_step_is_the_encoder(network, video):
    encoded = torch.cat(list(encode_stream(network, [video])), dim=2)
    torch.testing.assert_close(refined(network, [video], 0), encoded, atol=1e-6, rtol=0)


def test_chunks_do_not_matter(network, video):
    whole = refined(network, [video], 3)
    torch.testing.assert_close(refined(network, video.split(3, dim=2), 3), whole, atol=1e-5, rtol=0)
    assert not whole.requires_grad


def test_a_stretch_does_not_look_ahead(network, video):
    other = video.clone()
    other[:, :, 1 + 3 * network.config.compression.time :] = 0
    one, two = (refined(network, [clip], 3) for clip in (video, other))
    assert torch.equal(one[:, :, :4], two[:, :, :4])
    assert not torch.equal(one[:, :, 4:], two[:, :, 4:])


def test_within_inference_mode_too(network, video):
    with torch.inference_mode():
        made = refined(network, [video], 2)
    torch.testing.assert_close(made, refined(network, [video], 2), atol=1e-6, rtol=0)
