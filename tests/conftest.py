"""What the tests of several rooms share: a whole model, small and untrained."""

import signal
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Shells start background jobs with Ctrl-C ignored, which children inherit; the tests of Ctrl-C want it as a terminal has it.
signal.signal(signal.SIGINT, signal.default_int_handler)

TOKENIZER = ROOT / "worldreel/models/bundled/tiny/tokenizer.json"


@pytest.fixture(scope="session")
def model_folder():
    """A model folder whose weights are random: what it makes is noise, but of exactly the size that is asked for."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)  # some tests act as another user
        yield make_model(Path(name) / "small")


@pytest.fixture(scope="session")
def handle(model_folder):
    from worldreel.api import load

    return load(str(model_folder), "cpu")


@pytest.fixture(scope="session")
def pair():
    """As `handle`, with a second transformer for levels below 0.6, which sees what it edits too."""
    from worldreel.api import load

    with tempfile.TemporaryDirectory() as name:
        yield load(str(make_model(Path(name) / "pair", channels=33, boundary=0.6)), "cpu")


@pytest.fixture(scope="session")
def editor():
    """As `handle`, with a transformer that sees what it edits, and an enlarger."""
    from worldreel.api import load

    with tempfile.TemporaryDirectory() as name:
        yield load(str(make_model(Path(name) / "editor", channels=33, enlarges=True)), "cpu")


def make_model(folder, seed=0, width=32, channels=16, enlarges=False, boundary=0.0):
    import torch

    from worldreel.autoencoder import AutoencoderConfig, EnlargerConfig
    from worldreel.models import Defaults, Knows, Model, ModelConfig
    from worldreel.text import TextEncoderConfig, Tokenizer
    from worldreel.transformer import TransformerConfig

    autoencoder = AutoencoderConfig(
        latent_channels=4,
        patch=4,
        widths=(8, 16, 16),
        strides=((2, 2), (2, 1)),
        encoder_blocks=(1, 1, 1),
        decoder_blocks=(1, 1, 1),
    )
    tokenizer = Tokenizer(TOKENIZER)
    config = ModelConfig(
        name="small",
        autoencoder=autoencoder,
        enlarger=EnlargerConfig(channels=4, width=8, blocks=1, kernel=3) if enlarges else None,
        boundary=boundary,
        text=TextEncoderConfig(vocabulary=len(tokenizer), static_width=64, width=32, layers=1, heads=2),
        transformer=TransformerConfig(channels=channels, outputs=16, text_width=32, width=width, blocks=2, heads=2, mlp_width=64),
        defaults=Defaults(width=32, height=32, seconds=0.5, fps=12, steps=2, guidance=4),
        knows=Knows(summary="Nothing, it is noise.", subjects=("dog", "cat"), backgrounds=("blue",), sizes=("32x32",)),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Model(config, tokenizer)
        for parameter in model.parameters():  # layers that begin as zero would make every clip grey
            if parameter.ndim > 1:
                parameter.data = 0.15 * torch.randn(parameter.shape)
    model.save(folder, TOKENIZER)
    return folder
