"""How a packed sequence lies: what those who pack tokens and those who attend over them agree on."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from worldreel.shapes import VideoShape


class Span(NamedTuple):
    """Tokens `start` to `stop` of the pack read text number `text`."""

    start: int
    stop: int
    text: int


@dataclass(frozen=True)
class Layout:
    """Everything about a pack but its tokens: `positions` and `places` [N, 3], lengths of segments, text spans, and the runs of
    each segment in tokens."""

    positions: Tensor
    places: Tensor
    segments: tuple[int, ...]
    spans: tuple[Span, ...]
    runs: tuple[tuple[VideoShape, ...], ...]

    @property
    def tokens(self) -> int:
        return sum(self.segments)

    def to(self, device: torch.device) -> "Layout":
        return Layout(self.positions.to(device), self.places.to(device), self.segments, self.spans, self.runs)

    def texts(self) -> Tensor:
        """The number of the text that each token reads [N]."""
        lengths = torch.tensor([span.stop - span.start for span in self.spans], device=self.positions.device)
        return torch.tensor([span.text for span in self.spans], device=self.positions.device).repeat_interleave(lengths)
