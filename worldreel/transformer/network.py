"""The network: pre-norm blocks of self-attention, cross-attention to text and an MLP, modulated by each token's noise level.

After DiT (Peebles and Xie 2023), PixArt (one shared modulation, a small table by block; Chen et al. 2023) and Wan (2025).
"""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from itertools import accumulate
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldreel.config import Config
from worldreel.layout import Layout
from worldreel.transformer.attention import Attention, Pairs, RotaryTable, attend, rotated
from worldreel.transformer.kept import Kept, Pair
from worldreel.transformer.mlp import MLP
from worldreel.transformer.offload import Offload


class TransformerConfig(Config):
    channels: int
    """Values in a token: latent channels times the patch's area."""
    outputs: int | None = None
    """Values that are predicted for a token, where they are not `channels`: some weights take more in than they give."""
    text_width: int
    width: int = 256
    blocks: int = 6
    heads: int = 4
    mlp_width: int = 768
    place_frequencies: int = 6
    """Fourier features by axis of a token's place in its clip; 0 for weights that know relative positions only (Wan)."""
    summary: bool = True
    """Whether a text's first token, its summary, joins the noise level in the modulation, as classes do in DiT; not in Wan."""
    image_width: int | None = None
    """Of an image's tokens that all tokens attend to beside their text, with keys and values of their own (Wan 2.1); None: there
    is no such attention."""


class Block(nn.Module):
    """Attention among a segment's tokens, attention to its text, an MLP.

    What lies between the two attentions is the same sum at every token, whatever the layout of a pack: `enter`, `turn` and
    `leave` are each one kernel once compiled.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        width = config.width
        self.table = nn.Parameter(torch.randn(6, width) / width**0.5)
        self.norm1, self.norm3 = (nn.LayerNorm(width, eps=1e-6, elementwise_affine=False) for _ in range(2))
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.attention = Attention(width, config.heads)
        self.cross = Attention(width, config.heads, image=config.image_width is not None)
        self.mlp = MLP(width, config.mlp_width)

    def forward(self, x: Tensor, modulation: "Modulation", told: "Told", steps: "Steps", kept: Kept | None = None) -> Tensor:
        """x [N, D]."""
        rows, index = modulation
        mixed = attend(*steps.enter(self, x, rows, index, told.rotary.cos, told.rotary.sin), told.segments)
        x, q = steps.turn(self, x, mixed, rows, index)
        found = attend(q, *self._text(told, kept), told.spans)
        if told.image is not None and told.images is not None:
            found = found + attend(q, *self._image(told.image, kept), told.images)
        return steps.leave(self, x, found, rows, index)

    def _text(self, told: "Told", kept: Kept | None) -> Pair:
        def make() -> Pair:
            v = self.cross.values(told.text)
            return self.cross.keys(told.text).to(v.dtype), v

        return make() if kept is None else kept.pair((self, "text"), make)

    def _image(self, image: Tensor, kept: Kept | None) -> Pair:
        def make() -> Pair:
            v = self.cross.image_values(image)
            return self.cross.image_keys(image).to(v.dtype), v

        return make() if kept is None else kept.pair((self, "image"), make)


Rows = tuple[Tensor, ...]
"""Shift, scale and gate of the first attention, then of the MLP: [P, D] each."""


def _row(block: Block, rows: Rows, index: Tensor | None, number: int) -> Tensor:
    """One of the six, this block's own share added: [N, D] (or [1, D], one for all)."""
    row = rows[number] + block.table[number]
    return row if index is None else row.index_select(0, index)


def enter(block: Block, x: Tensor, rows: Rows, index: Tensor | None, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values [N, heads, d] of the first attention."""
    x = block.norm1(x) * (1 + _row(block, rows, index, 1)) + _row(block, rows, index, 0)
    q, k, v = block.attention.queries(x), block.attention.keys(x), block.attention.values(x)
    return rotated(q, cos, sin).to(v.dtype), rotated(k, cos, sin).to(v.dtype), v


def turn(block: Block, x: Tensor, mixed: Tensor, rows: Rows, index: Tensor | None) -> tuple[Tensor, Tensor]:
    """x with what the first attention found, and the queries of the second."""
    x = x + block.attention.out(mixed.flatten(1)) * _row(block, rows, index, 2)
    return x, block.cross.queries(block.norm2(x)).to(mixed.dtype)


def leave(block: Block, x: Tensor, mixed: Tensor, rows: Rows, index: Tensor | None) -> Tensor:
    """x with what the text says, through the MLP."""
    x = x + block.cross.out(mixed.flatten(1))
    widened = block.norm3(x) * (1 + _row(block, rows, index, 4)) + _row(block, rows, index, 3)
    out: Tensor = x + block.mlp(widened) * _row(block, rows, index, 5)
    return out


class Steps(NamedTuple):
    """The three steps of a block, as they are or compiled."""

    enter: Callable[[Block, Tensor, Rows, Tensor | None, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]] = enter
    turn: Callable[[Block, Tensor, Tensor, Rows, Tensor | None], tuple[Tensor, Tensor]] = turn
    leave: Callable[[Block, Tensor, Tensor, Rows, Tensor | None], Tensor] = leave

    @classmethod
    @cache
    def compiled(cls, fixed: bool) -> "Steps":
        """Wants a C++ compiler (CPU) or Triton (CUDA). `fixed`: packs have a constant length, each new one compiles anew; else
        the second length compiles for all that follow."""
        compiled = partial(torch.compile, dynamic=False if fixed else None)
        return cls(compiled(enter), compiled(turn), compiled(leave))


class Modulation(NamedTuple):
    """Shifts, scales and gates of each distinct pair of a level and a text, and each token's pair [N] (None: one for all)."""

    rows: Rows
    which: Tensor | None

    @classmethod
    def of(cls, stacked: Tensor, which: Tensor | None, learning: bool) -> "Modulation":
        """`stacked` [P, 6 D]. Where there are gradients they are split and given to tokens once: those of a slice and of a choice
        of rows are whole tensors of zeros but for it."""
        rows = stacked.float().unflatten(-1, (6, -1))
        if learning and which is not None:
            rows, which = rows.index_select(0, which), None
        return cls(rows.unbind(1), which)


class Told(NamedTuple):
    """What tokens attend to beside each other: texts one behind another [M, D], an image [L, D]; who attends to whom, and where
    everybody is."""

    text: Tensor
    image: Tensor | None
    segments: Pairs
    spans: Pairs
    images: Pairs | None
    rotary: RotaryTable


class ImageProjection(nn.Sequential):
    """An image encoder's tokens [L, image width] to [L, D], as in Wan 2.1."""

    def __init__(self, image_width: int, width: int) -> None:
        inner = nn.Linear(image_width, image_width)
        super().__init__(nn.LayerNorm(image_width), inner, nn.GELU(), nn.Linear(image_width, width), nn.LayerNorm(width))


class Transformer(nn.Module):
    """Predicts a value by token; what it means (clean patches, velocity) is for those who train and sample it to say."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.tokens = nn.Linear(config.channels, width)
        self.places = nn.Linear(6 * config.place_frequencies, width) if config.place_frequencies else None
        self.text = nn.Sequential(nn.Linear(config.text_width, width), nn.GELU(approximate="tanh"), nn.Linear(width, width))
        self.time = nn.Sequential(nn.Linear(256, width), nn.SiLU(), nn.Linear(width, width))
        self.summary = nn.Linear(config.text_width, width) if config.summary else None
        self.image = ImageProjection(config.image_width, width) if config.image_width is not None else None
        self.modulation = nn.Linear(width, 6 * width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.blocks))
        self.head_table = nn.Parameter(torch.randn(2, width) / width**0.5)
        self.norm = nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)
        self.head = nn.Linear(width, config.outputs or config.channels)
        nn.init.zeros_(self.head.weight)
        self.compiled = False
        """Whether blocks run compiled (see `Steps.compiled`)."""
        self.offload: Offload | None = None
        """How blocks whose weights lie elsewhere come to the device; None: they are there."""

    def forward(
        self,
        tokens: Tensor,
        levels: Tensor,
        layout: Layout,
        texts: Sequence[Tensor],
        image: Tensor | None = None,
        kept: Kept | None = None,
    ) -> Tensor:
        """tokens [N, C], levels [N] in [0, 1], texts [L, text width] each, as the layout's spans number them, `image` [L, image
        width], which all tokens attend to: [N, C] fp32. `kept`: of calls with the same layout, texts, image and weights."""
        x = self.tokens(tokens)
        if self.places is not None:
            x = x + self.places(_fourier(layout.places, self.config.place_frequencies))
        time, index = self._conditions(levels, layout, texts)
        learning = torch.is_grad_enabled()
        modulation = Modulation.of(self.modulation(F.silu(time)), index, learning)
        told = self._told(layout, texts, image) if kept is None else kept.prepared(self, lambda: self._told(layout, texts, image))
        steps = Steps.compiled(learning) if self.compiled else Steps()
        x = x.float()
        if kept is not None and kept.near > 0:
            x = self._sparing(x, modulation, told, steps, kept)
        else:
            for block in self._running():
                x = block(x, modulation, told, steps, kept)
        shift, scale = (self.head_table + time.float()[:, None]).unbind(1)
        if index is not None:
            shift, scale = shift.index_select(0, index), scale.index_select(0, index)
        out: Tensor = self.head(self.norm(x) * (1 + scale) + shift)
        return out.float()

    def _running(self) -> Iterable[nn.Module]:
        """Blocks, each of them on the device while it runs."""
        return self.blocks if self.offload is None else self.offload.run(self.blocks)

    def _sparing(self, x: Tensor, modulation: Modulation, told: Told, steps: Steps, kept: Kept) -> Tensor:
        """x [N, D] through all blocks, or through the first one alone where it is known well enough what the others would add."""
        entered = first = x
        for number, block in enumerate(self._running()):
            if number == 1:
                first, rest = x, kept.rest(x - entered)
                if rest is not None:
                    return x + rest
            x = block(x, modulation, told, steps, kept)
        kept.ran(x - first)
        return x

    def _conditions(self, levels: Tensor, layout: Layout, texts: Sequence[Tensor]) -> tuple[Tensor, Tensor | None]:
        """What modulates, once for each pair of a level and a text that occurs [pairs, D], and the pair of each token [N]
        (None: one for all)."""
        distinct, which = levels.unique(return_inverse=True)
        if self.summary is None:
            with torch.autocast(levels.device.type, enabled=False):  # Wan's time embedding was taught in fp32
                return self.time(_sinusoid(distinct)), which if len(distinct) > 1 else None
        pairs, which = (which * len(texts) + layout.texts()).unique(return_inverse=True)
        summaries = self.summary(torch.stack([text[0] for text in texts]))
        time = self.time(_sinusoid(distinct))
        return time[pairs // len(texts)] + summaries[pairs % len(texts)], which if len(pairs) > 1 else None

    def _told(self, layout: Layout, texts: Sequence[Tensor], image: Tensor | None) -> Told:
        text, device, lengths = self.text(torch.cat(list(texts))), layout.positions.device, [len(one) for one in texts]
        shown = None if self.image is None or image is None else self.image(image)
        segments = _ranges(layout.segments)
        ends = _ranges(lengths)
        rotary = RotaryTable(layout.positions, self.config.width // self.config.heads)
        reading = ((range(span.start, span.stop), ends[span.text]) for span in layout.spans)
        own = Pairs.of(((rows, rows) for rows in segments), layout.tokens, layout.tokens, device)
        spans = Pairs.of(reading, layout.tokens, sum(lengths), device)
        if shown is None:
            return Told(text, None, own, spans, None, rotary)
        looking = ((rows, range(len(shown))) for rows in segments)
        return Told(text, shown, own, spans, Pairs.of(looking, layout.tokens, len(shown), device), rotary)


def _ranges(lengths: Sequence[int]) -> list[range]:
    """One behind another."""
    ends = accumulate(lengths)
    return [range(end - length, end) for end, length in zip(ends, lengths, strict=True)]


def _sinusoid(levels: Tensor, width: int = 256) -> Tensor:
    """Levels in [0, 1], times 1,000 as in DDPM, as cosines and sines [levels, width]."""
    frequencies = torch.exp(-math.log(10_000) * torch.arange(width // 2, device=levels.device) / (width // 2))
    angles = levels[:, None] * 1000 * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=1)


def _fourier(places: Tensor, frequencies: int) -> Tensor:
    """Places [N, 3] in [-1, 1] as [N, 6 frequencies]: sines and cosines of half, one, two, four ... turns."""
    angles = places[:, :, None] * (2.0 ** torch.arange(frequencies, device=places.device)) * (math.pi / 2)
    return torch.cat([angles.sin(), angles.cos()], dim=2).flatten(1)
