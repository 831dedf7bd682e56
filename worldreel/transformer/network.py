"""The network: pre-norm blocks of self-attention, cross-attention to text and an MLP, modulated by each token's noise level.

After DiT (Peebles and Xie 2023), PixArt (one shared modulation, a small table by block; Chen et al. 2023) and Wan (2025).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldreel.config import Config
from worldreel.layout import Layout
from worldreel.transformer.attention import Attention, Group, RotaryTable, grouped


class TransformerConfig(Config):
    channels: int
    """Values in a token: latent channels times the patch's area."""
    text_width: int
    width: int = 256
    blocks: int = 6
    heads: int = 4
    mlp_width: int = 768
    place_frequencies: int = 6
    """Fourier features by axis of a token's place in its clip; 0 for weights that know relative positions only (Wan)."""


class Modulation(NamedTuple):
    """Shift, scale and gate by token, for the attention and the MLP: [N, D] each (or [1, D], one level for all)."""

    attention_shift: Tensor
    attention_scale: Tensor
    attention_gate: Tensor
    mlp_shift: Tensor
    mlp_scale: Tensor
    mlp_gate: Tensor


class Block(nn.Module):
    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        width = config.width
        self.table = nn.Parameter(torch.randn(6, width) / width**0.5)
        self.norm1, self.norm3 = (nn.LayerNorm(width, eps=1e-6, elementwise_affine=False) for _ in range(2))
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.attention, self.cross = Attention(width, config.heads), Attention(width, config.heads)
        self.mlp = nn.Sequential(
            nn.Linear(width, config.mlp_width), nn.GELU(approximate="tanh"), nn.Linear(config.mlp_width, width)
        )

    def forward(self, x: Tensor, text: Tensor, modulation: Tensor, which: Tensor | None, within: "Within") -> Tensor:
        """x [N, D], text [M, D], modulation [levels, 6, D], which [N]: the level of each token (None: all the same)."""
        rows = (modulation + self.table).unbind(1)
        m = Modulation(*(row if which is None else row.index_select(0, which) for row in rows))
        mixed = self.attention(self.norm1(x) * (1 + m.attention_scale) + m.attention_shift, within.segments, within.rotary)
        x = x + mixed * m.attention_gate
        x = x + self.cross(self.norm2(x), within.spans, text=text)
        out: Tensor = x + self.mlp(self.norm3(x) * (1 + m.mlp_scale) + m.mlp_shift) * m.mlp_gate
        return out


class Within(NamedTuple):
    """Who attends to whom, and where everybody is."""

    segments: list[Group]
    spans: list[Group]
    rotary: RotaryTable


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
        self.modulation = nn.Linear(width, 6 * width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.blocks))
        self.head_table = nn.Parameter(torch.randn(2, width) / width**0.5)
        self.norm = nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)
        self.head = nn.Linear(width, config.channels)
        nn.init.zeros_(self.head.weight)

    def forward(self, tokens: Tensor, levels: Tensor, layout: Layout, texts: Sequence[Tensor]) -> Tensor:
        """tokens [N, C], levels [N] in [0, 1], texts [L, text width] each, as the layout's spans number them: [N, C] fp32."""
        x = self.tokens(tokens)
        if self.places is not None:
            x = x + self.places(_fourier(layout.places, self.config.place_frequencies))
        distinct, which = levels.unique(return_inverse=True)
        time = self.time(_sinusoid(distinct))
        modulation = self.modulation(F.silu(time)).float().unflatten(-1, (6, -1))
        index = which if len(distinct) > 1 else None
        text = self.text(torch.cat(list(texts)))
        within = self._within(layout, [len(one) for one in texts], x.device)
        x = x.float()
        for block in self.blocks:
            x = block(x, text, modulation, index, within)
        shift, scale = (self.head_table + time.float()[:, None]).unbind(1)
        if index is not None:
            shift, scale = shift.index_select(0, index), scale.index_select(0, index)
        out: Tensor = self.head(self.norm(x) * (1 + scale) + shift)
        return out.float()

    def _within(self, layout: Layout, text_lengths: list[int], device: torch.device) -> Within:
        ends = torch.tensor(layout.segments).cumsum(0).tolist()
        segments = [range(end - length, end) for end, length in zip(ends, layout.segments, strict=True)]
        text_ends = torch.tensor(text_lengths).cumsum(0).tolist()
        texts = [range(end - length, end) for end, length in zip(text_ends, text_lengths, strict=True)]
        rotary = RotaryTable(layout.positions, self.config.width // self.config.heads)
        spans = grouped(((range(span.start, span.stop), texts[span.text]) for span in layout.spans), device)
        return Within(grouped(((rows, rows) for rows in segments), device), spans, rotary)


def _sinusoid(levels: Tensor, width: int = 256) -> Tensor:
    """Levels in [0, 1], times 1,000 as in DDPM, as cosines and sines [levels, width]."""
    frequencies = torch.exp(-math.log(10_000) * torch.arange(width // 2, device=levels.device) / (width // 2))
    angles = levels[:, None] * 1000 * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=1)


def _fourier(places: Tensor, frequencies: int) -> Tensor:
    """Places [N, 3] in [-1, 1] as [N, 6 frequencies]: sines and cosines of half, one, two, four ... turns."""
    angles = places[:, :, None] * (2.0 ** torch.arange(frequencies, device=places.device)) * (math.pi / 2)
    return torch.cat([angles.sin(), angles.cos()], dim=2).flatten(1)
