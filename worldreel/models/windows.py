"""Windows: a canvas larger than what a model was taught, as overlapping parts that are not larger.

Each is predicted as though it were a clip of its own: its tokens sit where those of a taught clip sit, and attend to one another
only, so that work grows with the canvas and not with its square. What windows say of the tokens that they share is blended at
every step (MultiDiffusion, Bar-Tal et al. 2023, equation 5; in time Gen-L-Video, Wang et al. 2023).

Only for canvases of which something is known everywhere: that holds windows together. Where a picture is made up, each
window would make one of its own.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate, groupby, product
from typing import NamedTuple

import torch
from torch import Tensor

from worldreel.layout import Layout, Span
from worldreel.models.bundle import BundleConfig
from worldreel.models.lowered import Lowered, Readers
from worldreel.patches import Grid, Segment, pack
from worldreel.prompting.canvas import Canvas
from worldreel.shapes import VideoShape


class Stretch(NamedTuple):
    """Part of an axis, and at each of its places the share that it has in the blend."""

    places: slice
    shares: Tensor


class Window(NamedTuple):
    """`grids`: its tokens as those of a clip, run by run; `places`: where in the canvas it lies, in tokens; `shares` [T, H, W]:
    its part in the blend; `readers`: which of its tokens read which cue."""

    grids: tuple[Grid, ...]
    places: tuple[slice, slice, slice]
    shares: Tensor
    readers: Readers

    @property
    def tokens(self) -> int:
        return self.shares.numel()

    def reading(self, text: int | None) -> Segment:
        """Every token reads this text; None: its own cue."""
        return Segment(self.grids, self.readers if text is None else ((self.tokens, text),))


@dataclass(frozen=True)
class Windows:
    """All windows of a canvas of `whole` tokens: latent frames of all runs, rows, columns."""

    whole: VideoShape
    each: tuple[Window, ...]

    def cut(self, values: Tensor, window: Window) -> Tensor:
        """Of values [N, ...] by token those of a window [n, ...]."""
        return values.view(*self.whole, *values.shape[1:])[window.places].flatten(0, 2)

    def blended(self, parts: Iterable[tuple[Window, Tensor]]) -> Tensor:
        """Values [N, C] of the canvas from those of every window [n, C]."""
        out: Tensor | None = None
        for window, values in parts:
            if out is None:
                out = values.new_zeros(*self.whole, values.shape[1])
            out[window.places] += window.shares[..., None] * values.view(*window.shares.shape, -1)
        assert out is not None
        return out.flatten(0, 2)

    def packs(self, most: int) -> Iterator[tuple[Window, ...]]:
        """Windows that are predicted together: so many that they have `most` tokens, one at least."""
        size = max(window.tokens for window in self.each)
        for start in range(0, len(self.each), at_once := max(1, most // size)):
            yield self.each[start : start + at_once]


def layout(windows: Sequence[Window], *texts: int | None) -> Layout:
    """Of one pack that holds all windows for each text that they read (None: their own cues)."""
    packed = pack([window.reading(text) for text in texts for window in windows])
    spans: list[Span] = []
    for span in packed.spans:  # those who read one text need not know where windows end, and share its keys
        if spans and spans[-1].text == span.text:
            spans[-1] = spans[-1]._replace(stop=span.stop)
        else:
            spans.append(span)
    return replace(packed, spans=tuple(spans))


def windows_of(config: BundleConfig, canvas: Canvas, lowered: Lowered) -> Windows:
    """One that is the whole canvas, unless the canvas is larger than what was taught and is known in part everywhere."""
    grids = [piece.grid for piece in lowered.pieces]
    whole = VideoShape(sum(grid.frames for grid in grids), grids[0].height, grids[0].width)
    most = whole
    if float(lowered.ceilings.max()) < 1:
        most = extent(config, VideoShape(canvas.frames, canvas.height, canvas.width), canvas.fps, whole)
    cues = torch.tensor([cue for count, cue in lowered.readers for _ in range(count)]).view(whole)
    each = []
    for axes in product(*(stretches(length, limit) for length, limit in zip(whole, most, strict=True))):
        (time, rows, columns), places = (axis.shares for axis in axes), (axes[0].places, axes[1].places, axes[2].places)
        shares = (time[:, None, None] * rows[:, None] * columns).to(lowered.known.device)
        readers = tuple((len(list(same)), cue) for cue, same in groupby(cues[places].flatten().tolist()))
        each.append(Window(_cut(grids, places), places, shares, readers))
    return Windows(whole, tuple(each))


def extent(config: BundleConfig, shape: VideoShape, fps: Fraction, whole: VideoShape) -> VideoShape:
    """The most latent frames, rows and columns of tokens in a window of a canvas of so many pixels and `whole` tokens.

    Of the sizes that the model was taught, the one that covers most of it; where the canvas is not larger, all of it.
    """
    frames, height, width = whole
    if shape.height * shape.width > max(wide * high for wide, high in config.taught_sizes):
        taught = [config.grid(config.padded(VideoShape(1, high, wide)), fps) for wide, high in config.taught_sizes]
        height, width = max(((min(height, one.height), min(width, one.width)) for one in taught), key=math.prod)
    longest = Fraction(config.knows.seconds[1]).limit_denominator(1001)
    if shape.frames > longest * fps:
        frames = min(frames, 1 + math.ceil(longest * fps / config.autoencoder.compression.time))  # the first one is one frame
    return VideoShape(frames, height, width)


def stretches(length: int, most: int) -> list[Stretch]:
    """An axis of `length` places in overlapping stretches of at most `most`, as evenly laid as can be.

    At every place their shares add up to 1; a stretch has most to say in its middle.
    """
    if length <= most:
        return [Stretch(slice(0, length), torch.ones(length))]
    count = number_of_stretches(length, most)
    starts = [round(number * (length - most) / (count - 1)) for number in range(count)]
    rising = torch.arange(1.0, most + 1)
    tent = torch.minimum(rising, rising.flip(0))
    total = torch.zeros(length)
    for start in starts:
        total[start : start + most] += tent
    return [Stretch(slice(start, start + most), tent / total[start : start + most]) for start in starts]


def number_of_stretches(length: int, most: int) -> int:
    """They overlap by a quarter at least."""
    overlap = math.ceil(most / 4) if most > 1 else 0
    return 1 if length <= most else math.ceil((length - overlap) / (most - overlap))


def _cut(grids: Sequence[Grid], places: tuple[slice, slice, slice]) -> tuple[Grid, ...]:
    """The part of a canvas's runs that lies in a window, with times from its first token on."""
    time, rows, columns = places
    found = []
    for grid, end in zip(grids, accumulate(grid.frames for grid in grids), strict=True):
        begin = end - grid.frames
        first, last = max(begin, time.start), min(end, time.stop)
        if first < last:
            start = grid.start + (first - begin) * grid.seconds
            size = {"frames": last - first, "height": rows.stop - rows.start, "width": columns.stop - columns.start}
            found.append(grid._replace(start=start, **size))
    return tuple(grid._replace(start=grid.start - found[0].start) for grid in found)
