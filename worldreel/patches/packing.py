"""The packed sequence: segments of any size behind one another, none of them padded."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from worldreel.layout import Layout, Span
from worldreel.patches.patching import Grid


@dataclass(frozen=True)
class Segment:
    """One clip: its runs in order of time, and which text its tokens read. Tokens attend within their segment only.

    `texts`: (how many tokens, number of the text) for consecutive stretches; they cover the segment.
    """

    runs: tuple[Grid, ...]
    texts: tuple[tuple[int, int], ...]

    @property
    def tokens(self) -> int:
        return sum(run.tokens for run in self.runs)

    @property
    def duration(self) -> float:
        """From the clip's first token to its last, in seconds."""
        return max(run.start + (run.frames - 1) * run.seconds for run in self.runs)


def pack(segments: Sequence[Segment]) -> Layout:
    """Lays segments one behind another."""
    positions, places, spans, offset = [], [], [], 0
    for segment in segments:
        if sum(count for count, _ in segment.texts) != segment.tokens:
            raise ValueError(f"texts cover {[count for count, _ in segment.texts]} of {segment.tokens} tokens")
        for run in segment.runs:
            positions.append(run.positions())
            places.append(run.places(segment.duration))
        for count, text in segment.texts:
            spans.append(Span(offset, offset + count, text))
            offset += count
    lengths = tuple(segment.tokens for segment in segments)
    runs = tuple(tuple(run.shape for run in segment.runs) for segment in segments)
    return Layout(torch.cat(positions), torch.cat(places), lengths, tuple(spans), runs)
