"""Overlapping patches: tokens as wide as plain ones but a latent cell apart, so that every cell lies in several of them.

Of a transformer, four times the tokens of the same picture are four times the work on it, which is what makes pictures better
(Peebles and Xie 2023, figure 8). As overlapping ones keep their width, weights that were taught plain tokens know what to make of
them, and what several tokens say of a cell is averaged.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from worldreel.layout import Layout, Span
from worldreel.shapes import VideoShape


@dataclass(frozen=True)
class Overlap:
    """Between a pack of plain tokens [N, patch^2 C] and the same cells as overlapping ones [M, patch^2 C].

    Frame by frame, row by row, as plain tokens are. Positions, places and levels lie between those of the plain tokens that
    a token reaches into.
    """

    cells: Tensor
    """The latent cells of each overlapping token, numbered as they follow one another in plain tokens [M, patch^2]."""
    layout: Layout
    """Of overlapping tokens."""
    plain: int
    """N."""

    @classmethod
    def of(cls, layout: Layout, patch: int) -> "Overlap":
        area, offset = patch**2, 0
        parts, segments = list[Tensor](), list[int]()
        for runs in layout.runs:
            start = len(parts)
            for run in runs:
                parts.append(_windows(run.frames, run.height, run.width, patch) + offset * area)
                offset += run.frames * run.height * run.width
            segments.append(sum(len(part) for part in parts[start:]))
        cells = torch.cat(parts).to(layout.positions.device)
        owners = cells // area
        positions, places = (values[owners].mean(dim=1) for values in (layout.positions, layout.places))
        spans = _spans(layout.texts()[owners[:, 0]], segments)
        return cls(cells, Layout(positions, places, tuple(segments), spans, ()), layout.tokens)

    def spread(self, tokens: Tensor) -> Tensor:
        """Plain tokens [N, patch^2 C] as overlapping ones [M, patch^2 C]."""
        cells = tokens.reshape(self.plain * self.cells.shape[1], -1)
        return cells.index_select(0, self.cells.flatten()).reshape(len(self.cells), -1)

    def highest(self, values: Tensor) -> Tensor:
        """Of values by plain token [N] the highest that each overlapping one reaches into [M]."""
        return values[self.cells // self.cells.shape[1]].amax(dim=1)

    def gathered(self, tokens: Tensor) -> Tensor:
        """Overlapping tokens [M, patch^2 C] as plain ones [N, patch^2 C]: of each cell the mean of all that is said of it."""
        each = tokens.reshape(self.cells.numel(), -1)
        total = each.new_zeros(self.plain * self.cells.shape[1], each.shape[1]).index_add(0, self.cells.flatten(), each)
        counts = torch.bincount(self.cells.flatten(), minlength=len(total))
        return (total / counts[:, None]).reshape(self.plain, -1)


def overlapping(run: VideoShape, patch: int) -> int:
    """How many overlapping tokens a run has, of so many plain ones."""
    return run.frames * (patch * (run.height - 1) + 1) * (patch * (run.width - 1) + 1)


def _windows(frames: int, height: int, width: int, patch: int) -> Tensor:
    """The cells of all windows of patch x patch cells of a run, by their numbers in plain tokens: [M, patch^2]."""
    numbers = torch.arange(frames * height * width * patch**2).view(frames, height, width, patch, patch)
    picture = numbers.transpose(2, 3).reshape(frames, height * patch, width * patch)
    return picture.unfold(1, patch, 1).unfold(2, patch, 1).reshape(-1, patch**2)


def _spans(texts: Tensor, segments: list[int]) -> tuple[Span, ...]:
    """Who reads which text, of texts by token [M], segment by segment."""
    ends = torch.tensor(segments).cumsum(0)
    changes = (texts[1:] != texts[:-1]).nonzero().flatten().cpu() + 1
    bounds = [0, *torch.cat([ends, changes]).unique().tolist()]
    return tuple(Span(start, stop, int(texts[start])) for start, stop in pairwise(bounds))
