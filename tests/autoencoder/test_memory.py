"""The estimate against what is counted, in the shapes of each codec."""

from contextlib import nullcontext

import pytest
import torch

from tests.counting import Counting
from worldreel.autoencoder import Autoencoder, AutoencoderConfig, decode_stream
from worldreel.autoencoder.memory import decoding_bytes

WAN = {
    "strides": ((1, 2), (2, 2), (2, 2)),
    "encoder_blocks": (2,) * 4,
    "decoder_blocks": (3,) * 4,
    "middle": True,
    "straight": False,
    "widths": (8, 16, 32, 32),
}
CODECS = {
    "2.1": AutoencoderConfig(latent_channels=4, upsample_halves=True, shortcuts=False, **WAN),
    "2.2": AutoencoderConfig(latent_channels=8, patch=2, decoder_widths=(12, 24, 48, 48), **WAN),
    "ours": AutoencoderConfig(
        latent_channels=4,
        patch=4,
        widths=(16, 32, 32),
        strides=((2, 2), (2, 1)),
        encoder_blocks=(1, 1, 1),
        decoder_blocks=(1, 1, 1),
    ),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("band", [None, 8])
@pytest.mark.parametrize("codec", CODECS)
def test_decoding_takes_what_is_estimated(codec, band, dtype):
    config = CODECS[codec]
    network = Autoencoder(config).requires_grad_(False)
    height, width, frames = 24, 12, 4
    latents = torch.randn(1, config.latent_channels, frames, height, width).split(1, dim=2)
    with Counting(network) as counted:
        pieces = decode_stream(network, latents, band)
        for _ in range(frames):
            with torch.autocast("cpu", dtype) if dtype == torch.bfloat16 else nullcontext():
                piece = next(pieces).float()
        assert piece.shape == (1, 3, 4, *(side * config.compression.space for side in (height, width)))
    estimate = decoding_bytes(config, height, width, band, dtype.itemsize)
    assert estimate == pytest.approx(counted.peak, rel=0.25 if codec == "ours" else 0.12)


@pytest.mark.parametrize("codec", CODECS)
def test_an_image_takes_less(codec):
    config = CODECS[codec]
    network = Autoencoder(config).requires_grad_(False)
    latents = torch.randn(1, config.latent_channels, 1, 24, 12)
    with Counting(network) as counted:
        (piece,) = decode_stream(network, [latents])
    assert piece.shape[2] == 1
    still, moving = (decoding_bytes(config, 24, 12, None, 4, still=still) for still in (True, False))
    assert counted.peak <= 1.05 * still < moving
