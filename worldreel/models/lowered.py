"""What a canvas is in a model's own terms: pieces, clean tokens, a ceiling for each."""

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from worldreel.layout import Layout
from worldreel.patches import Grid, Segment, pack
from worldreel.prompting.canvas import Run
from worldreel.shapes import VideoShape


class Extra(NamedTuple):
    """Inputs beside noisy tokens, of transformers that take some: `channels` [N, E], by token; `image` [L, image width], what
    all tokens of a pack attend to beside their text (None: nothing)."""

    channels: Tensor
    image: Tensor | None = None

    def copies(self, count: int) -> "Extra":
        """For a pack with so many copies of the tokens."""
        return Extra(self.channels.repeat(count, 1), self.image)


@dataclass(frozen=True)
class Piece:
    """One run: its frames of the canvas, the shape that the codec makes of it (no smaller), its tokens."""

    run: Run
    shape: VideoShape
    grid: Grid


Readers = tuple[tuple[int, int], ...]
"""For consecutive stretches, how many tokens read which text."""


@dataclass(frozen=True)
class Lowered:
    """`known` [N, C]: clean tokens, zeros where nothing is known; `ceilings` [N], shares as a canvas has them; `readers`: which
    tokens read which cue; `extra`: further inputs of transformers that take some."""

    pieces: tuple[Piece, ...]
    known: Tensor
    ceilings: Tensor
    readers: Readers
    extra: Extra | None = None

    @property
    def tokens(self) -> int:
        return len(self.ceilings)

    def all_read(self, text: int) -> Readers:
        """Every token reads this text."""
        return ((self.tokens, text),)

    def layout(self, *readers: Readers) -> Layout:
        """Of one pack with a copy of the canvas for each way to read texts."""
        grids = tuple(piece.grid for piece in self.pieces)
        return pack([Segment(grids, reading) for reading in readers]).to(self.ceilings.device)
