"""A bundle: what every model is to those who generate with it, whoever taught its weights."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from worldreel.autoencoder import Autoencoder, AutoencoderConfig, decode_stream, encode_stream, refined_stream
from worldreel.config import Config
from worldreel.devices import autocast, compute_dtype
from worldreel.errors import UserError
from worldreel.flow import length_shift
from worldreel.layout import Layout
from worldreel.models.lowered import Extra, Lowered
from worldreel.patches import Grid, from_tokens
from worldreel.prompting.canvas import Canvas
from worldreel.shapes import VideoShape, parse_size
from worldreel.transformer import Transformer, TransformerConfig
from worldreel.transformer.kept import Kept
from worldreel.transformer.offload import offloaded

SolverName = Literal["euler", "stochastic", "multistep", "unipc"]
Expert = Literal["early", "late"]
"""Of two transformers, the one for levels above the boundary, and the one for those below."""


class Knows(Config):
    """What a model was taught, for its users to read."""

    summary: str
    subjects: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    directions: tuple[str, ...] = ()
    positions: tuple[str, ...] = ()
    backgrounds: tuple[str, ...] = ()
    heard: str = ""
    """All words of its training, with spaces between them. Others are read as the subject or background that they surely mean;
    of a model that says nothing here, none is."""
    kinds: Mapping[str, str] = Field(default_factory=dict)
    """Of subjects and backgrounds, words for kinds of them, with spaces between: each is read as its name."""
    idle: str = ""
    """Words that mean nothing to it, with spaces between, and are not read."""
    own_colours: bool = False
    """Whether subjects have colours of their own, so that one which a prompt gives them ("a red car") is left out: it would be
    taken for the background's."""
    sizes: tuple[str, ...] = ()
    seconds: tuple[float, float] = (0.0, 2.0)
    fps: tuple[float, float] = (12.0, 12.0)
    canvases: tuple[str, ...] = ("text",)
    """Kinds of canvas it was taught (see `Canvas.kind`); it will try others."""
    limits: str = ""

    @property
    def words(self) -> list[str]:
        """Every word it was taught to act on."""
        phrases = (*self.subjects, *self.verbs, *self.directions, *self.positions, *self.backgrounds)
        return sorted({word for phrase in phrases for word in phrase.split()})


class Fast(Config):
    """How `--fast` saves work, and what that costs."""

    near: float = 0.1
    """How much what the first block adds may differ, as a part of it, for the other blocks to be passed over (see
    `worldreel.transformer.kept`)."""
    guided_above: float = 0.3
    """The level below which there is no guidance, and so only one half to compute (Kynkäänniemi et al. 2024)."""
    cost: str = "not measured"
    """In words, as measured on these weights."""


class Defaults(Config):
    """What a request that says nothing gets."""

    width: int = 128
    height: int = 128
    seconds: float = 2.0
    fps: float = 12.0
    steps: int = 30
    guidance: float = 4.0
    late_guidance: float | None = None
    """Below the boundary between two experts; None: the same."""
    given_guidance: float | None = None
    """Where given frames are to go on, which say more than a prompt does, and where what is edited is shown. None: it is as
    everywhere."""
    negative: str = ""
    solver: SolverName = "euler"
    fast: Fast = Fast()


class Limits(Config):
    """What a request may ask for at most."""

    side: int = 2048
    seconds: float = 60.0
    tokens: int = 65_536
    """Of one clip, in one half of guidance."""


class Descent(Config):
    """The levels on the way from noise to clean, as weights want them visited (see `worldreel.sampling.schedule`)."""

    shift: float | None = None
    """None: by the number of tokens."""
    least: float = 0.0
    reaches_least: bool = False


class BundleConfig(Config):
    """What can be known of a model without its weights."""

    name: str
    autoencoder: AutoencoderConfig
    transformer: TransformerConfig
    patch: int = 2
    """Latent cells along a token's side."""
    levels: Literal["token", "sample"] = "token"
    """Whether the weights know a noise level for each token, or one for the whole sample."""
    many_runs: bool = True
    """Whether they know clips of several runs. Others are given a whole canvas as one."""
    boundary: float = 0.0
    """The level below which a second transformer takes over, an expert for such levels; 0: there is one for all."""
    descent: Descent = Descent()
    evened: bool = False
    """Whether the frames of one latent frame are made to follow those of the one before as they follow one another (see
    `worldreel.generation.pulse`): of weights whose latent frames agree too little."""
    carried: bool = False
    """Whether bodies that given frames show take the place of what was made of them in the frames beside (see
    `worldreel.generation.carrying`): of weights that draw worse than they move."""
    defaults: Defaults = Defaults()
    limits: Limits = Limits()
    knows: Knows
    reader_weights: int = 0
    """Of a text encoder that is on the device only while it reads."""
    reader_part: int = 0
    """Of its largest part that reads by itself."""
    mapped: bool = False
    """Whether weights may stay in their file, so that blocks can leave a CPU's memory too."""

    @property
    def text_tokens(self) -> int:
        """Of a prompt, at most."""
        return 512

    @property
    def taught_sizes(self) -> list[tuple[int, int]]:
        """(width, height) of frames in training; where nothing is said of them, the default."""
        return [parse_size(size) for size in self.knows.sizes] or [(self.defaults.width, self.defaults.height)]

    @property
    def sees_sources(self) -> bool:
        """Whether the transformer was taught edits, and is shown the clip that is edited."""
        return False

    @property
    def enlarges(self) -> bool:
        """Whether it has an enlarger (see `Bundle.enlarged`)."""
        return False

    @property
    def token_channels(self) -> int:
        """Values of a token, those that are noised and predicted. Some transformers take more in."""
        return self.patch**2 * self.autoencoder.latent_channels

    def padded(self, video: VideoShape) -> VideoShape:
        """The shape that the network makes, of which a request is trimmed."""
        return self.autoencoder.compression.padded(video, self.patch)

    def grid(self, video: VideoShape, fps: Fraction) -> Grid:
        """The tokens of a padded video."""
        compression = self.autoencoder.compression
        return Grid.of(compression.latent(video), self.patch, compression.time / float(fps))

    def late_tokens(self, run: VideoShape) -> int:
        """How many tokens a run of so many has at low levels."""
        return run.pixels

    def shift(self, tokens: int) -> float:
        """Of the schedule, for a sample of so many tokens."""
        return self.descent.shift or length_shift(tokens)

    def stored(self, name: str, axes: int, dtype: torch.dtype) -> torch.dtype:
        """In which format a weight of a network is held, by its name and number of axes, where products are in `dtype`."""
        return torch.float32

    def others(self) -> Sequence[nn.Module]:
        """Networks beside the transformers that are always on the device, without their weights on the meta device."""
        return (Autoencoder(self.autoencoder),)


class Bundle(nn.Module, ABC):
    """An autoencoder, a way to read prompts, and a transformer that predicts clean tokens from noisy ones."""

    config: BundleConfig
    adaptations: tuple[str, ...] = ()
    """What was added to the weights since they were loaded, in words: a clip says so."""
    memory: int | None = None
    """Bytes of the device that a generation may take (see `worldreel.generation.memory`); None: all there are."""
    autoencoder: Autoencoder
    transformer: Transformer

    @property
    def transformers(self) -> list[Transformer]:
        """All of them, of models with several."""
        return [self.transformer]

    def settle(self, device: torch.device, memory: int | None) -> None:
        """Goes to a device. Where memory is bounded, blocks of transformers stay in the host's, or their file, until they run."""
        self.memory = memory
        if memory is None or (device.type == "cpu" and not self.config.mapped):
            self.to(device)
            return
        apart = [network.blocks for network in self.transformers]
        for network in self.transformers:
            network.blocks = nn.ModuleList()
        self.to(device)
        for network, blocks in zip(self.transformers, apart, strict=True):
            network.blocks, network.offload = blocks, offloaded(blocks, device, self._form)

    def _form(self, name: str, weight: Tensor) -> torch.dtype:
        return self.config.stored(name, weight.ndim, self.dtype)

    def quicken(self) -> None:
        """From now on networks run compiled: the first pass takes longer, the others less. Wants what `devices.compiles` asks."""
        for network in self.transformers:
            network.compiled = True
        self.autoencoder.quicken()

    def keep(self, blocks: int) -> None:
        """How many blocks of a transformer stay on the device once they have run, where memory is bounded."""
        for network in self.transformers:
            if network.offload is not None:
                network.offload.resident = blocks

    def make_room(self, but: Transformer | None = None) -> None:
        """Blocks leave the device, where memory is bounded; of all transformers `but` one."""
        for network in self.transformers:
            if network.offload is not None and network is not but:
                network.offload.leave()

    @property
    def device(self) -> torch.device:
        return self.transformer.head.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """Of matrix products."""
        return compute_dtype(self.device)

    @abstractmethod
    def read(self, prompts: Sequence[str]) -> list[Tensor]:
        """Text tokens [L, D] of each prompt."""

    def expert(self, levels: Tensor, layout: Layout, extra: Extra | None = None) -> Expert:
        """Which of two transformers predicts; where there is one, that is the early one."""
        return "late" if float(levels.max()) < self.config.boundary else "early"

    @abstractmethod
    def denoise(
        self,
        tokens: Tensor,
        levels: Tensor,
        layout: Layout,
        texts: Sequence[Tensor],
        extra: Extra | None = None,
        kept: Kept | None = None,
    ) -> Tensor:
        """Predicted clean tokens [N, C] fp32 of noisy ones [N, C] with their levels [N]. `kept`: of calls that differ in tokens
        and levels only."""

    def ruled(self, canvas: Canvas, lowered: Lowered) -> Lowered:
        """A canvas in the model's terms, by the weights' own rule for what is known, where they have one."""
        return lowered

    def enlarged(self, canvas: Canvas, lowered: Lowered) -> Lowered:
        """What is known of an enlarged canvas with the detail that it lacks, of models that can give it."""
        return lowered

    def adapt(self, path: Path, strength: float = 1.0, *, merged: bool = True, expert: Expert | None = None) -> None:
        """Adds a LoRA to the transformer, with its own scale times `strength`: into its weights (`merged`: nothing is slower),
        or beside them (they stay as they were). `expert`: the one it is for, of models with two; None: all. Raises UserError
        for a file that is damaged or another model's; then nothing has changed."""
        raise UserError(f"--lora {path}: {self.config.name} takes no LoRA; give the weights that it was made for")

    def known(self, prompt: str) -> dict[str, str]:
        """The words of a prompt that mean something to it, each with the taught word nearest to it, where that can be said."""
        return {}

    def renamed(self, prompt: str) -> dict[str, str]:
        """The words of a prompt that it was never told, each with the one it reads instead."""
        return {}

    def left_out(self, prompt: str) -> dict[str, str]:
        """The words of a prompt that it does not read, each with the reason."""
        return {}

    def decode(self, tokens: Tensor, grid: Grid, progress: Callable[[int], None] | None = None) -> Iterator[Tensor]:
        """Pixels of a run's tokens, as `decode_latents` gives them."""
        return self.decode_latents(from_tokens(tokens, grid, self.config.patch)[None], progress)

    def decode_latents(self, latents: Tensor, progress: Callable[[int], None] | None = None) -> Iterator[Tensor]:
        """Pixels of latents [1, C, T, H, W], streamed in pieces [1, 3, T, H, W]: memory does not grow with the clip's length."""
        self.make_room()
        pieces = decode_stream(self.autoencoder, latents.split(1, dim=2), band_rows(*latents.shape[-2:]))
        for number, piece in enumerate(self._stepped(pieces)):
            if progress is not None:
                progress(number + 1)
            yield piece.float()

    def encode_latents(self, chunks: Iterable[Tensor], height: int, width: int, refine: int = 0) -> Iterator[Tensor]:
        """Normalised latents of chunks [1, 3, any T, H, W] in [-1, 1] that are 4k + 1 frames in all, streamed likewise.
        `refine`: so many steps towards what the decoder gives back best (see `worldreel.autoencoder.refining`)."""
        space = self.config.autoencoder.compression.space
        band = band_rows(height // space, width // space)
        self.make_room()
        network = self.autoencoder
        stream = refined_stream(network, chunks, refine) if refine else encode_stream(network, chunks, band and band * space)
        for piece in self._stepped(stream):
            yield piece.float()

    def _stepped(self, pieces: Iterator[Tensor]) -> Iterator[Tensor]:
        """Mixed precision around each step of a stream, not around the whole: whoever reads it may do other things between."""
        while True:
            with autocast(self.device, self.dtype):
                piece = next(pieces, None)
            if piece is None:
                return
            yield piece


def band_rows(height: int, width: int) -> int | None:
    """Latent rows at a time. Large frames go in bands, so that memory does not grow with their area either."""
    return None if height * width <= 64 * 64 else max(8, 64 * 64 // width)
