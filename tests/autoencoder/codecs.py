"""Small networks of the shapes that the codecs in use have."""

from worldreel.autoencoder import AutoencoderConfig

CODECS = {
    "tiny": AutoencoderConfig(
        latent_channels=4, patch=4, widths=(8, 16, 16), strides=((2, 2), (2, 1)),
        encoder_blocks=(1, 1, 1), decoder_blocks=(2, 1, 2),
    ),
    "wan-2.1": AutoencoderConfig(
        latent_channels=4, patch=1, widths=(8, 16, 32, 32), strides=((1, 2), (2, 2), (2, 2)),
        encoder_blocks=(1, 1, 1, 1), decoder_blocks=(1, 2, 1, 1),
        middle=True, upsample_halves=True, shortcuts=False, straight=False,
    ),
    "wan-2.2": AutoencoderConfig(
        latent_channels=6, patch=2, widths=(8, 16, 32, 32), strides=((1, 2), (2, 2), (2, 2)),
        encoder_blocks=(1, 1, 1, 1), decoder_blocks=(1, 1, 2, 1),
        middle=True, straight=False,
    ),
    "straight with a middle": AutoencoderConfig(
        latent_channels=3, patch=2, widths=(8, 8), strides=((2, 2),), encoder_blocks=(2, 1), decoder_blocks=(1, 2), middle=True
    ),
}  # fmt: skip
