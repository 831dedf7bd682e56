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
from worldreel.models.bundle import Bundle, BundleConfig, Expert
from worldreel.models.lowered import Extra, Lowered
from worldreel.patches import Overlap, from_tokens, overlapping, to_tokens
from worldreel.prompting.canvas import Canvas
from worldreel.shapes import VideoShape
from worldreel.text.encoder import TextEncoder, TextEncoderConfig
from worldreel.text.knowledge import Knowledge
from worldreel.text.tokenizer import Tokenizer
from worldreel.transformer import Transformer
from worldreel.transformer.kept import Kept

FORMAT = "worldreel-model"
IDLE, COLOURED = "means nothing to it", "who it shows has colours of its own"
"""Why words are left out."""
LONGEST = 6144
"""Overlapping tokens of one clip, at most: attention takes time by their square, so that longer ones stay with plain tokens."""


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

    def with_expert(self, boundary: float, guidance: float | None) -> "ModelConfig":
        """The same with an expert for levels below a boundary, and guidance there; with 0 and None, without one."""
        defaults = self.defaults.model_copy(update={"late_guidance": guidance})
        return self.model_copy(update={"boundary": boundary, "defaults": defaults})

    def late_tokens(self, run: VideoShape) -> int:
        several = overlapping(run, self.patch)
        return several if several <= LONGEST else run.pixels

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
        self.late = Transformer(config.transformer) if config.boundary else None
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
        more = {"late": self.late, "enlarger": self.enlarger}
        return {**parts, **{name: part for name, part in more.items() if part is not None}}

    @property
    def transformers(self) -> list[Transformer]:
        return [self.transformer] if self.late is None else [self.transformer, self.late]

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
        predicted = self.predicted_late if self.expert(levels, layout, extra) == "late" else self.predicted
        with autocast(self.device, self.dtype):
            return predicted(tokens, levels, layout, texts, kept, sources)

    def expert(self, levels: Tensor, layout: Layout, extra: Extra | None = None) -> Expert:
        """The late one where all tokens have one level, so that nothing is given, and no clip is too long. Beside what is given
        bodies are carried along anyway; bridges went worse with it (`records/LOG.md`)."""
        if extra is not None or not float(levels.min()) == float(levels.max()) < self.config.boundary:
            return "early"
        short = all(sum(overlapping(run, self.config.patch) for run in runs) <= LONGEST for runs in layout.runs)
        return "late" if short else "early"

    def predicted(
        self,
        tokens: Tensor,
        levels: Tensor,
        layout: Layout,
        texts: Sequence[Tensor],
        kept: Kept | None = None,
        sources: Tensor | None = None,
    ) -> Tensor:
        """As `denoise` above the boundary, in whatever precision it is called, and with gradients. `sources` [N, C + 1]: see
        `beside_noise`; None: nothing is edited."""
        return self._clean(tokens, self.transformer(self._beside(tokens, sources), levels, layout, texts, kept=kept), levels)

    def predicted_late(
        self,
        tokens: Tensor,
        levels: Tensor,
        layout: Layout,
        texts: Sequence[Tensor],
        kept: Kept | None = None,
        sources: Tensor | None = None,
    ) -> Tensor:
        """As `predicted`, by the expert for levels below the boundary, which sees overlapping tokens."""
        assert self.late is not None
        overlap = Overlap.of(layout, self.config.patch)
        if sources is not None:
            shown = overlap.highest(sources[:, -1])
            sources = torch.cat([overlap.spread(sources[:, :-1]), shown[:, None]], dim=1)
        tokens, levels = overlap.spread(tokens), overlap.highest(levels)
        out = self.late(self._beside(tokens, sources), levels, overlap.layout, texts, kept=kept)
        return overlap.gathered(self._clean(tokens, out, levels))

    def _beside(self, tokens: Tensor, sources: Tensor | None) -> Tensor:
        """Noisy tokens with what is edited beside them, for a transformer that was taught so."""
        if not self.config.sees_sources:
            return tokens
        none = tokens.new_zeros(len(tokens), self.config.transformer.channels - tokens.shape[1])
        return torch.cat([tokens, none if sources is None else sources], dim=1)

    def _clean(self, tokens: Tensor, out: Tensor, levels: Tensor) -> Tensor:
        return clean_from_velocity(tokens, out.float(), levels) if self.config.predicts == "velocity" else out


def beside_noise(source: Tensor, shown: Tensor) -> Tensor:
    """What a transformer that sees what is edited takes beside noisy tokens: clean tokens of that [N, C], zeros where it is not
    shown [N], and whether it is: [N, C + 1] (InstructPix2Pix, Brooks et al. 2023, section 3.2)."""
    flag = shown[:, None].to(source)
    return torch.cat([source * flag, flag], dim=1)


def save_weights(path: Path, part: nn.Module) -> None:
    """One network of a bundle, in bf16; what is most of it, kernels and the matrices of a transformer's blocks, in 8 bits."""
    stored = dict[str, Tensor]()
    for name, value in part.state_dict().items():
        stored |= narrowed(name, value) if _narrow(part, name, value) else {name: _stored(value)}
    save_tensors(path, stored, {"format": FORMAT})


def _narrow(part: nn.Module, name: str, value: Tensor) -> bool:
    if isinstance(part, Transformer):
        return value.ndim == 2 and name.startswith("blocks.") and name.endswith("weight")
    return isinstance(part, Autoencoder) and value.ndim > 2


def _stored(value: Tensor) -> Tensor:
    """bf16, but for the few small vectors whose rounding would show."""
    return value.to(torch.bfloat16) if value.is_floating_point() and value.ndim > 1 else value
