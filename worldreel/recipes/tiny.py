"""How the bundled model was taught, on two cores of a CPU: the autoencoder first, then text encoder and transformer."""

from worldreel.autoencoder import AutoencoderConfig
from worldreel.data.mixture import MixtureConfig
from worldreel.training.autoencoding import AutoencodingConfig
from worldreel.training.loop import Schedule
from worldreel.training.runs import AutoencoderRun


def tiny_autoencoder() -> AutoencoderRun:
    """4x8x8 compression to 16 channels, 5M parameters; 45 minutes on two cores.

    Wants film strips: `--set task.data.film=FOLDER --set task.data.pictures=FOLDER`; without them it learns sprites only.
    """
    network = AutoencoderConfig(
        patch=4,
        widths=(64, 128, 128),
        strides=((2, 2), (2, 1)),
        encoder_blocks=(1, 1, 1),
        decoder_blocks=(2, 1, 2),
    )
    return AutoencoderRun(
        task=AutoencodingConfig(network=network, data=MixtureConfig()),
        schedule=Schedule(steps=9000, warmup=100, ema=0.998, preview_every=500, checkpoint_every=500),
    )
