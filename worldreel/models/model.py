"""A model: autoencoder, text encoder and transformer under one `model.json`, and how a request becomes tokens."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from worldreel.autoencoder import Autoencoder, AutoencoderConfig, decode_stream, encode_stream
from worldreel.checkpoints import load_into, save_tensors
from worldreel.config import Config
from worldreel.devices import autocast, compute_dtype
from worldreel.errors import UserError
from worldreel.files import whole_folder
from worldreel.patches import Grid, Layout, from_tokens
from worldreel.shapes import VideoShape
from worldreel.text.encoder import TextEncoder, TextEncoderConfig
from worldreel.text.tokenizer import Tokenizer
from worldreel.transformer import Transformer, TransformerConfig

FORMAT = "worldreel-model"


class Knows(Config):
    """What a model was taught, for its users to read."""

    summary: str
    subjects: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    directions: tuple[str, ...] = ()
    positions: tuple[str, ...] = ()
    backgrounds: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    seconds: tuple[float, float] = (0.0, 2.0)
    fps: tuple[float, float] = (12.0, 12.0)
    canvases: tuple[str, ...] = ("text",)
    """Kinds of canvas it was taught; it will try others."""
    limits: str = ""

    @property
    def words(self) -> list[str]:
        """Every word it was taught to act on."""
        phrases = (*self.subjects, *self.verbs, *self.directions, *self.positions, *self.backgrounds)
        return sorted({word for phrase in phrases for word in phrase.split()})


class Defaults(Config):
    """What a request that says nothing gets."""

    width: int = 128
    height: int = 128
    seconds: float = 2.0
    fps: float = 12.0
    steps: int = 30
    guidance: float = 4.0


class Limits(Config):
    """What a request may ask for at most."""

    side: int = 2048
    seconds: float = 60.0
    tokens: int = 65_536
    """Of one clip, in one half of guidance."""


class ModelConfig(Config):
    format: str = FORMAT
    name: str
    autoencoder: AutoencoderConfig
    text: TextEncoderConfig
    transformer: TransformerConfig
    patch: int = 2
    """Latent cells along a token's side."""
    levels: Literal["token", "sample"] = "token"
    """Whether the weights know a noise level for each token, or one for the whole sample."""
    defaults: Defaults = Defaults()
    limits: Limits = Limits()
    knows: Knows

    def padded(self, video: VideoShape) -> VideoShape:
        """The shape that the network makes, of which a request is trimmed."""
        return self.autoencoder.compression.padded(video, self.patch)

    def grid(self, video: VideoShape, fps: Fraction) -> Grid:
        """The tokens of a padded video."""
        compression = self.autoencoder.compression
        return Grid.of(compression.latent(video), self.patch, compression.time / float(fps))


class Model(nn.Module):
    """The networks of a bundle. Weights are fp32 in memory, bf16 on disk."""

    def __init__(self, config: ModelConfig, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.config, self.tokenizer = config, tokenizer
        self.autoencoder = Autoencoder(config.autoencoder)
        self.text = TextEncoder(config.text)
        self.transformer = Transformer(config.transformer)

    @property
    def device(self) -> torch.device:
        return self.transformer.head.weight.device

    @classmethod
    def load(cls, folder: Path) -> "Model":
        """Reads a model folder. Raises UserError naming what is missing or wrong."""
        config = ModelConfig.load(folder / "model.json")
        tokenizer = Tokenizer(folder / "tokenizer.json", config.text.maximum_tokens)
        if len(tokenizer) > config.text.vocabulary:
            pieces = f"{len(tokenizer)} pieces, above the {config.text.vocabulary} of the text encoder"
            raise UserError(f"{folder / 'tokenizer.json'} has {pieces}: it belongs to another model")
        try:
            model = cls(config, tokenizer)
        except (ValueError, RuntimeError, ArithmeticError) as error:
            raise UserError(f"{folder / 'model.json'} describes no network that can be built ({error})") from error
        for name, part in model.parts.items():
            load_into(part, folder / f"{name}.safetensors")
        return model.eval().requires_grad_(False)

    def save(self, folder: Path, tokenizer: Path) -> None:
        """Writes a model folder, replacing one that is there; `tokenizer` is the file to put beside the weights."""
        with whole_folder(folder, replace=True) as temporary:
            self.config.save(temporary / "model.json")
            (temporary / "tokenizer.json").write_bytes(tokenizer.read_bytes())
            for name, part in self.parts.items():
                save_weights(temporary / f"{name}.safetensors", part)

    @property
    def parts(self) -> dict[str, nn.Module]:
        return {"autoencoder": self.autoencoder, "text": self.text, "transformer": self.transformer}

    def read(self, prompts: Sequence[str]) -> list[Tensor]:
        """Text tokens [L, D] of each prompt."""
        with autocast(self.device, compute_dtype(self.device)):
            out: list[Tensor] = self.text([self.tokenizer.encode(prompt) for prompt in prompts])
        return out

    def denoise(self, tokens: Tensor, levels: Tensor, layout: Layout, texts: Sequence[Tensor]) -> Tensor:
        """Predicted clean tokens [N, C] fp32."""
        with autocast(self.device, compute_dtype(self.device)):
            out: Tensor = self.transformer(tokens, levels, layout, texts)
        return out

    def decode(self, tokens: Tensor, grid: Grid, progress: Callable[[int], None] | None = None) -> Iterator[Tensor]:
        """Pixels of a run's tokens, as `decode_latents` gives them."""
        return self.decode_latents(from_tokens(tokens, grid, self.config.patch)[None], progress)

    def decode_latents(self, latents: Tensor, progress: Callable[[int], None] | None = None) -> Iterator[Tensor]:
        """Pixels of latents [1, C, T, H, W], streamed in pieces [1, 3, T, H, W]: memory does not grow with the clip's length."""
        pieces = decode_stream(self.autoencoder, latents.split(1, dim=2), _band(*latents.shape[-2:]))
        for number, piece in enumerate(self._stepped(pieces)):
            if progress is not None:
                progress(number + 1)
            yield piece.float()

    def encode_latents(self, chunks: Iterable[Tensor], height: int, width: int) -> Iterator[Tensor]:
        """Normalised latents of chunks [1, 3, any T, H, W] in [-1, 1] that are 4k + 1 frames in all, streamed likewise."""
        space = self.config.autoencoder.compression.space
        band = _band(height // space, width // space)
        for piece in self._stepped(encode_stream(self.autoencoder, chunks, band and band * space)):
            yield piece.float()

    def _stepped(self, pieces: Iterator[Tensor]) -> Iterator[Tensor]:
        """Mixed precision around each step of a stream, not around the whole: whoever reads it may do other things between."""
        while True:
            with autocast(self.device, compute_dtype(self.device)):
                piece = next(pieces, None)
            if piece is None:
                return
            yield piece


def _band(height: int, width: int) -> int | None:
    """Latent rows at a time. Large frames go in bands, so that memory does not grow with their area either."""
    return None if height * width <= 64 * 64 else max(8, 64 * 64 // width)


def save_weights(path: Path, part: nn.Module) -> None:
    """One network of a bundle, in bf16."""
    save_tensors(path, {key: _stored(value) for key, value in part.state_dict().items()}, {"format": FORMAT})


def _stored(value: Tensor) -> Tensor:
    """bf16, but for the few small vectors whose rounding would show."""
    return value.to(torch.bfloat16) if value.is_floating_point() and value.ndim > 1 else value
