"""What is done otherwise where no gradient is wanted gives the same."""

import pytest
import torch
import torch.nn.functional as F

from tests.autoencoder.test_memory import CODECS
from tests.weights import randomise
from worldreel.autoencoder import Autoencoder, decode_stream
from worldreel.autoencoder.layers import CausalConv3d, Memory, PixelNorm, Upsample, by_frame

TOLERANCE = 1e-5


def error(made, wanted):
    """Norm of the difference over norm."""
    return float((made - wanted).detach().norm() / wanted.detach().norm())


def drawn(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 5), (7, 4)])
def test_a_doubled_frame_need_not_be_made(height, width):
    layer = randomise(Upsample(6, 3, 1, 2))
    x = drawn(2, 6, 3, height, width)
    wanted = by_frame(lambda frames: layer.space(F.interpolate(frames, scale_factor=2.0, mode="nearest")), x)
    with torch.no_grad():
        made = layer(x)
    assert made.shape == wanted.shape
    assert error(made, wanted) <= TOLERANCE


@pytest.mark.parametrize("chunks", [(5,), (1, 4), (1, 1, 3), (2, 3)])
def test_an_activated_convolution(chunks):
    norm, conv = randomise(PixelNorm(6)), randomise(CausalConv3d(6, 4, 3))
    x = drawn(1, 6, 5, 4, 3)
    wanted = conv(F.silu(norm(x)))
    memory = Memory()
    with torch.no_grad():
        made = torch.cat([conv.after(norm, part, memory) for part in x.split(chunks, dim=2)], dim=2)
        whole = conv.after(norm, x)
    assert error(made, wanted) <= TOLERANCE
    assert error(whole, wanted) <= TOLERANCE


@pytest.mark.parametrize("codec", CODECS)
def test_with_gradients_and_without(codec):
    network = randomise(Autoencoder(CODECS[codec]))
    latents = drawn(1, network.config.latent_channels, 3, 4, 3)
    wanted = network.decode(latents)
    with torch.no_grad():
        assert error(network.decode(latents), wanted) <= TOLERANCE
    assert error(torch.cat(list(decode_stream(network, [latents], band=2)), dim=2), wanted) <= TOLERANCE


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the compiler's own
def test_compiled_equals_plain():
    network = randomise(Autoencoder(CODECS["2.2"]))
    latents = drawn(1, network.config.latent_channels, 3, 4, 3)
    plain = torch.cat(list(decode_stream(network, [latents])), dim=2)
    network.quicken()
    assert error(torch.cat(list(decode_stream(network, [latents])), dim=2), plain) <= TOLERANCE


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the compiler's own
def test_compiled_gradients_equal_plain_ones():
    network = randomise(Autoencoder(CODECS["2.2"])).requires_grad_(True)
    found = []
    for quick in (False, True):
        if quick:
            network.quicken()
        for frames in (5, 1):
            network.decode(network.encode(drawn(1, 3, frames, 32, 32))).square().mean().backward()
        found.append([parameter.grad.clone() for parameter in network.parameters() if parameter.grad is not None])
        network.zero_grad()
    assert found[0] and max(error(*pair) / float(pair[0].abs().max() + 1e-6) for pair in zip(*found, strict=True)) < 1e-3
