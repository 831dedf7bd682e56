"""Our own models: autoencoder, text encoder and transformer that were taught together, under one `model.json`."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from worldreel.autoencoder import Autoencoder, Enlarger, EnlargerConfig
from worldreel.checkpoints import load_into, narrowed, save_tensors
from worldreel.devices import autocast
from worldreel.errors import UserError
from worldreel.files import whole_folder
from worldreel.flow import clean_from_velocity
from worldreel.layout import Layout
from worldreel.models.bundle import Bundle, BundleConfig
from worldreel.models.lowered import Extra, Lowered
from worldreel.patches import from_tokens, to_tokens
from worldreel.prompting.canvas import Canvas
from worldreel.text.encoder import TextEncoder, TextEncoderConfig
from worldreel.text.knowledge import Knowledge
from worldreel.text.tokenizer import Tokenizer
from worldreel.transformer import Transformer
from worldreel.transformer.kept import Kept

FORMAT = "worldreel-model"
IDLE, COLOURED = "means nothing to it", "who it shows has colours of its own"
"""Why words are left out."""


class ModelConfig(BundleConfig):
    format: str = FORMAT
    text: TextEncoderConfig
    enlarger: EnlargerConfig | None = None
    predicts: Literal["clean", "velocity"] = "clean"
    """What the transformer's outputs are: clean tokens, or velocities, of which clean tokens follow (see `worldreel.flow`)."""

    @property
    def sees_sources(self) -> bool:
        """It takes the clip that is edited beside noisy tokens (see `beside_noise`)."""
        return self.transformer.channels > self.token_channels

    @property
    def enlarges(self) -> bool:
        return self.enlarger is not None

    @property
    def text_tokens(self) -> int:
        return 1 + self.text.maximum_tokens

    def others(self) -> Sequence[nn.Module]:
        enlarger = [Enlarger(self.enlarger)] if self.enlarger else []
        return (*super().others(), TextEncoder(self.text), *enlarger)


class Model(Bundle):
    """The networks of a bundle. Weights are fp32 in memory, bf16 or 8 bits on disk (see `save_weights`)."""

    config: ModelConfig

    def __init__(self, config: ModelConfig, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.config, self.tokenizer = config, tokenizer
        self.autoencoder = Autoencoder(config.autoencoder)
        self.text = TextEncoder(config.text)
        self.transformer = Transformer(config.transformer)
        self.enlarger = Enlarger(config.enlarger) if config.enlarger else None

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
        parts = {"autoencoder": self.autoencoder, "text": self.text, "transformer": self.transformer}
        return parts if self.enlarger is None else {**parts, "enlarger": self.enlarger}

    def ruled(self, canvas: Canvas, lowered: Lowered) -> Lowered:
        """What is edited is shown beside the noise too, to a transformer that was taught so."""
        if not (self.config.sees_sources and canvas.edited):
            return lowered
        return replace(lowered, extra=Extra(beside_noise(lowered.known, lowered.ceilings < 1)))

    def enlarged(self, canvas: Canvas, lowered: Lowered) -> Lowered:
        if self.enlarger is None or not canvas.enlarged:
            return lowered
        parts = []
        for piece, known in zip(lowered.pieces, lowered.known.split([one.grid.tokens for one in lowered.pieces]), strict=True):
            with autocast(self.device, self.dtype):
                latents = self.enlarger(from_tokens(known, piece.grid, self.config.patch)[None])
            parts.append(to_tokens(latents[0].float(), self.config.patch))
        return self.ruled(canvas, replace(lowered, known=torch.cat(parts)))

    def known(self, prompt: str) -> dict[str, str]:
        return self._knowledge.nearest_known(prompt, self.config.knows.words)

    def renamed(self, prompt: str) -> dict[str, str]:
        knows, words = self.config.knows, self.tokenizer.words(prompt)
        if not knows.heard:
            return {}
        heard, names = knows.heard.split(), (*knows.subjects, *knows.backgrounds)
        kinds = {word: name for name, some in knows.kinds.items() for word in some.split() if word in words and word not in heard}
        others = self._knowledge.renamed(prompt, names, [*heard, *kinds])
        return {word: (kinds | others)[word] for word in words if word in kinds or word in others}

    def left_out(self, prompt: str) -> dict[str, str]:
        return self._understood(prompt)[1]

    def _understood(self, prompt: str) -> tuple[str, dict[str, str]]:
        """A prompt as it is read, and what is left out of it, with the reason."""
        knows, colours, idle = self.config.knows, list[str](), list[str]()
        plain = self.tokenizer.replaced(prompt, self.renamed(prompt))
        if knows.idle:
            plain, idle = self._knowledge.heeded(plain, knows.idle.split())
        if knows.own_colours:
            plain, colours = self._knowledge.uncoloured(plain, knows.subjects, knows.backgrounds)
        return plain, dict.fromkeys(idle, IDLE) | dict.fromkeys(colours, COLOURED)

    @property
    def _knowledge(self) -> Knowledge:
        return Knowledge(self.tokenizer, self.text.table)

    def read(self, prompts: Sequence[str]) -> list[Tensor]:
        understood = [self._understood(prompt)[0] for prompt in prompts]
        with autocast(self.device, self.dtype):
            out: list[Tensor] = self.text([self.tokenizer.encode(prompt) for prompt in understood])
        return out

    def denoise(
        self,
        tokens: Tensor,
        levels: Tensor,
        layout: Layout,
        texts: Sequence[Tensor],
        extra: Extra | None = None,
        kept: Kept | None = None,
    ) -> Tensor:
        sources = None if extra is None else extra.channels
        with autocast(self.device, self.dtype):
            return self.predicted(tokens, levels, layout, texts, kept, sources)

    def predicted(
        self,
        tokens: Tensor,
        levels: Tensor,
        layout: Layout,
        texts: Sequence[Tensor],
        kept: Kept | None = None,
        sources: Tensor | None = None,
    ) -> Tensor:
        """As `denoise`, in whatever precision it is called, and with gradients. `sources` [N, C + 1]: see `beside_noise`; None:
        nothing is edited."""
        inputs = tokens
        if self.config.sees_sources:
            none = tokens.new_zeros(len(tokens), self.config.transformer.channels - tokens.shape[1])
            inputs = torch.cat([tokens, none if sources is None else sources], dim=1)
        out: Tensor = self.transformer(inputs, levels, layout, texts, kept=kept)
        return clean_from_velocity(tokens, out.float(), levels) if self.config.predicts == "velocity" else out


def beside_noise(source: Tensor, shown: Tensor) -> Tensor:
    """What a transformer that sees what is edited takes beside noisy tokens: clean tokens of that [N, C], zeros where it is not
    shown [N], and whether it is: [N, C + 1] (InstructPix2Pix, Brooks et al. 2023, section 3.2)."""
    flag = shown[:, None].to(source)
    return torch.cat([source * flag, flag], dim=1)


def save_weights(path: Path, part: nn.Module) -> None:
    """One network of a bundle, in bf16; an autoencoder's kernels, which are most of a small package, in 8 bits."""
    stored = dict[str, Tensor]()
    for name, value in part.state_dict().items():
        kernel = isinstance(part, Autoencoder) and value.ndim > 2
        stored |= narrowed(name, value) if kernel else {name: _stored(value)}
    save_tensors(path, stored, {"format": FORMAT})


def _stored(value: Tensor) -> Tensor:
    """bf16, but for the few small vectors whose rounding would show."""
    return value.to(torch.bfloat16) if value.is_floating_point() and value.ndim > 1 else value
