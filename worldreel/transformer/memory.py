"""What a pass through the network takes of memory, from shapes alone. Tests hold it against counted bytes."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from worldreel.transformer.attention import SHORT, STRIP
from worldreel.transformer.network import TransformerConfig


class Pass(NamedTuple):
    """One pass: `segments`, the tokens of each; `texts`, those of each text; `size`, bytes of a value in matrix products;
    `short`, segments up to which scores are held whole (0: none are); `readers`, tokens that read a text together (None: those
    of a segment); `fused`, whether the MLP's first product bends what it gives."""

    segments: Sequence[int]
    texts: Sequence[int]
    size: int
    short: int = SHORT
    readers: int | None = None
    fused: bool = False

    @property
    def tokens(self) -> int:
        return sum(self.segments)


def activation_bytes(config: TransformerConfig, work: Pass) -> int:
    """The most that lies in memory at once beside the weights: in the MLP, in an attention, or where queries are turned.

    It counts what `Block` holds by name: the running sum before it and within it, fp32; queries, keys, values and what was found,
    in the products' format.
    """
    size, tokens, width = work.size, work.tokens, config.width
    alike = Counter(work.segments)
    own = max(_scores(config, work, length, count) for length, count in alike.items())
    longest = max(work.texts)
    crossed = tokens * longest if max(work.readers or max(work.segments), longest) <= work.short else 0
    turning = tokens * width * (24 + 2 * size)
    attending = tokens * width * (4 + 6 * size) + 2 * size * own
    reading = tokens * width * (8 + 5 * size) + 2 * size * config.heads * crossed
    widening = tokens * (width * (16 + 3 * size) + config.mlp_width * (1 if work.fused else 2) * size)
    rotating = 4 * tokens * width // config.heads
    outside = 4 * tokens * (config.channels + (config.outputs or config.channels))
    texts = sum(work.texts) * (4 * config.text_width + 3 * size * width)
    return max(turning, attending, reading, widening) + rotating + outside + texts


def _scores(config: TransformerConfig, work: Pass, length: int, count: int) -> int:
    """Of attention among so many segments of a length: all at once, some queries of one head, or what a fused kernel holds."""
    if length <= work.short:
        return config.heads * count * length**2
    return STRIP * length if work.short and work.size == 2 else 0
