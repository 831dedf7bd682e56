"""The bundled model's text encoder: frozen static word embeddings, then a few small transformer blocks.

The static table (see `prepare`) puts words that were never taught near those that were; the blocks learn what the words
of one prompt mean together. Prompts of a call form one flat pack of tokens `[N, D]`, without padding.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from worldreel.config import Config
from worldreel.text.table import WordTable


class TextEncoderConfig(Config):
    vocabulary: int = Field(default=31047, ge=1)
    """Rows of the table; by default those of the bundled one."""
    static_width: int = Field(default=128, ge=1)
    width: int = Field(default=256, ge=1)
    layers: int = Field(default=2, ge=0)
    heads: int = Field(default=4, ge=1)
    maximum_tokens: int = Field(default=96, ge=1)
    neighbours: bool = False
    """Whether each piece is told its two neighbours before the first block. Attention alone is slow to learn the order of words:
    without this, "from red to blue" stayed the same as "from blue to red" for hours of training."""

    pairs: int = Field(default=0, ge=0)
    """Features of neighbouring pairs of pieces ("from red", "to blue") whose sum the prompt's start is told; 0: none."""

    @model_validator(mode="after")
    def _heads_turn_in_pairs(self) -> "TextEncoderConfig":
        if self.width % (2 * self.heads):
            raise ValueError(f"width {self.width} is no multiple of 2 x heads {self.heads}")
        return self


class Group(NamedTuple):
    """A stretch of the pack: so many prompts of so many tokens each."""

    prompts: int
    tokens: int


class TextEncoder(nn.Module):
    """Word pieces to text tokens. Each prompt begins with a learned `start`, all that an empty one has."""

    def __init__(self, config: TextEncoderConfig, table: Tensor | None = None) -> None:
        """`table` [V, static width], as `load_table` reads it; without it, a random one until weights are loaded."""
        super().__init__()
        self.config = config
        shape = (config.vocabulary, config.static_width)
        if table is not None and table.shape != shape:
            raise ValueError(f"the table is {tuple(table.shape)}, the configuration says {shape}")
        self.table = WordTable(torch.randn(shape) if table is None else table)
        self.project = nn.Linear(config.static_width, config.width, bias=False)
        self.start = nn.Parameter(torch.randn(config.width))
        self.neighbours = nn.Linear(2 * config.width, config.width, bias=False) if config.neighbours else None
        if self.neighbours is not None:
            nn.init.zeros_(self.neighbours.weight)
        self.pairs = Pairs(config.width, config.pairs) if config.pairs else None
        self.blocks = nn.ModuleList(Block(config.width, config.heads) for _ in range(config.layers))
        self.norm = Norm(config.width)

    def forward(self, token_lists: Sequence[Sequence[int]]) -> list[Tensor]:
        """One tensor [1 + tokens, D] for each list, in the order given; tokens past the maximum are cut.

        Equal prompts are computed once (both halves of guidance, a batch of one prompt) and share their tensor.
        """
        keys = [tuple(tokens[: self.config.maximum_tokens]) for tokens in token_lists]
        if not keys:
            return []
        by_length: dict[int, list[tuple[int, ...]]] = defaultdict(list)
        for key in dict.fromkeys(keys):
            by_length[1 + len(key)].append(key)
        prompts = [prompt for same in by_length.values() for prompt in same]
        groups = [Group(len(same), length) for length, same in by_length.items()]
        x, told = self._embedded(prompts)
        turns = _turns(groups, self.config.width // self.config.heads, x)
        for block in self.blocks:
            x = block(x, turns, groups)
        x = self.norm(x) if told is None else self.norm(x) + told
        outputs = dict(zip(prompts, x.split([1 + len(prompt) for prompt in prompts]), strict=True))
        return [outputs[key] for key in keys]

    def _embedded(self, prompts: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor | None]:
        """The pack [N, D]: a start before the words of each prompt; and what its pairs tell each start [N, D]."""
        device = self.start.device
        pieces = torch.tensor([piece for prompt in prompts for piece in (0, *prompt)], device=device)
        starts = torch.tensor([place == 0 for prompt in prompts for place in range(1 + len(prompt))], device=device)
        words: Tensor = self.project(self.table(pieces).to(self.start.dtype))
        x = torch.where(starts[:, None], self.start, words.to(self.start.dtype))  # autocast leaves what is summed up in fp32
        # Before a prompt's start and after its end there is nothing.
        before = F.pad(x[:-1], (0, 0, 1, 0)).masked_fill(starts[:, None], 0)
        after = F.pad(x[1:], (0, 0, 0, 1)).masked_fill(starts.roll(-1)[:, None], 0)
        told = None if self.pairs is None else self.pairs(before, x, starts)
        if self.neighbours is not None:
            x = x + self.neighbours(torch.cat([before, after], dim=1))
        return x, told


class Pairs(nn.Module):
    """A bag of pairs: features of each word with the one before it, summed over the prompt. In such a sum "from red to blue" and
    "from blue to red" differ, and a linear map can tell; attention has to find a way first."""

    def __init__(self, width: int, features: int) -> None:
        super().__init__()
        self.widen, self.narrow = nn.Linear(2 * width, features), nn.Linear(features, width, bias=False)
        nn.init.normal_(self.widen.weight, std=2 / (2 * width) ** 0.5)  # bent enough that the features are of the pair
        nn.init.zeros_(self.narrow.weight)

    def forward(self, before: Tensor, x: Tensor, starts: Tensor) -> Tensor:
        """Words [N, D] and those before them; what each start is told, 0 elsewhere [N, D]."""
        both = torch.cat([before, x], dim=1)
        features = F.gelu(self.widen(F.rms_norm(both, both.shape[1:], eps=1e-6)))
        places = starts.nonzero()[:, 0]
        sums = torch.zeros(len(places), features.shape[1], device=x.device)
        sums = sums.index_add(0, starts.cumsum(0) - 1, features.float()) / 8
        told: Tensor = self.narrow(sums.to(features.dtype)).to(x.dtype)
        return torch.zeros_like(x).index_copy(0, places, told)


class Norm(nn.Module):
    """RMS norm over the last axis, in the dtype of what comes in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.gain.shape, self.gain.to(x.dtype), eps=1e-6)


class Block(nn.Module):
    """Pre-norm attention among the tokens of a prompt, then an MLP. Begins as the identity."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = Norm(width), Norm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        # Norms of queries and keys keep attention's logits bounded (Henry et al. 2020).
        self.norm_q, self.norm_k = Norm(width // heads), Norm(width // heads)
        self.widen, self.narrow = nn.Linear(width, 3 * width, bias=False), nn.Linear(3 * width, width, bias=False)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.narrow.weight)

    def forward(self, x: Tensor, turns: tuple[Tensor, Tensor], groups: Sequence[Group]) -> Tensor:
        """`x [N, D]`, `turns` as `_turns` makes them."""
        q, k, v = self.qkv(self.norm1(x)).view(x.shape[0], 3, self.heads, -1).unbind(1)
        q, k = (_turned(norm(part), turns).to(v.dtype) for norm, part in ((self.norm_q, q), (self.norm_k, k)))
        x = x + self.out(_attention(q, k, v, groups).flatten(1))
        added: Tensor = self.narrow(F.gelu(self.widen(self.norm2(x))))
        return x + added


def _attention(q: Tensor, k: Tensor, v: Tensor, groups: Sequence[Group]) -> Tensor:
    """Attention inside each prompt, [N, heads, D] each; prompts of equal length go as one batch."""
    ends = [0]
    for group in groups:
        ends.append(ends[-1] + group.prompts * group.tokens)
    mixed = []
    for group, (begin, end) in zip(groups, pairwise(ends), strict=True):
        queries, keys, values = (part[begin:end].view(*group, *part.shape[1:]).transpose(1, 2) for part in (q, k, v))
        mixed.append(_attended(queries, keys, values).transpose(1, 2).flatten(0, 1))
    return torch.cat(mixed)


def _attended(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """[prompts, heads, tokens, D] each; same out."""
    if q.device.type == "cpu" and torch.is_grad_enabled():  # the fused kernel's gradient is slow where there is little to do
        return (q @ k.mT / math.sqrt(q.shape[-1])).softmax(dim=-1) @ v
    return F.scaled_dot_product_attention(q, k, v)


def _turns(groups: Sequence[Group], width: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine and sine [N, 1, width / 2] of rotary positions (Su et al. 2021), counted from each prompt's start."""
    places = torch.cat([torch.arange(tokens).repeat(prompts) for prompts, tokens in groups])
    angles = places[:, None] * 1000.0 ** (-torch.arange(0, width, 2) / width)
    return angles.cos()[:, None].to(like), angles.sin()[:, None].to(like)


def _turned(x: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
    cosine, sine = turns
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], dim=-1)
