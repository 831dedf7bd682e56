"""A clip: frames that are made when they are asked for, as often as they are asked for, and a rate."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import islice
from math import ceil
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worldreel.errors import UserError

Frame = NDArray[np.uint8]  # [H, W, 3], RGB; read it, never write into it: a held frame is given more than once


def exact_rate(fps: Fraction | float | str) -> Fraction:
    """Frames a second as a fraction that video formats can hold; 29.97 means 2997/100. Raises UserError."""
    rate = Fraction(str(fps)).limit_denominator(100_000)
    if not 0 < rate <= 1000:
        raise UserError(f"{fps} frames a second is not a rate of 0 to 1000; 12, 24 and 30 are usual")
    return rate


@dataclass(frozen=True, eq=False)
class Clip:
    """A lazy, re-iterable source of frames [H, W, 3] uint8 RGB. One frame is an image.

    `width`, `height`: pixels; `fps`: frames a second; `frame_count`: None if only iterating can tell;
    `metadata`: what the file says of itself, which `save` hands on. Each iteration starts from the first frame and
    holds a few frames at a time. Iterating a clip that was read from a file raises UserError where the file is damaged.
    """

    width: int
    height: int
    fps: Fraction
    frame_count: int | None
    frames: Callable[[], Iterator[Frame]]
    metadata: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_array(cls, frames: Frame, fps: Fraction | float, metadata: Mapping[str, str] | None = None) -> "Clip":
        """From an array [T, H, W, 3] uint8, which is kept, not copied. Raises ValueError for any other."""
        if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3 or 0 in frames.shape:
            raise ValueError(f"frames must be uint8 [T, H, W, 3], not {frames.dtype} {list(frames.shape)}")
        count, height, width, _ = frames.shape
        return cls.from_frames(lambda: iter(frames), width, height, fps, count, metadata)

    @classmethod
    def from_frames(
        cls,
        factory: Callable[[], Iterator[Frame]],
        width: int,
        height: int,
        fps: Fraction | float,
        frame_count: int | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> "Clip":
        """From a function that gives a new iterator over the frames [H, W, 3] uint8 each time it is called."""
        return cls(width, height, exact_rate(fps), frame_count, factory, dict(metadata or {}))

    def __iter__(self) -> Iterator[Frame]:
        return self.frames()

    @property
    def seconds(self) -> float | None:
        """How long the clip plays; None while the number of frames is unknown."""
        return None if self.frame_count is None else float(self.frame_count / self.fps)

    @property
    def is_image(self) -> bool:
        return self.frame_count == 1

    def array(self, most_bytes: int = 4 * 2**30) -> Frame:
        """All frames as one array [T, H, W, 3] uint8. Raises UserError above `most_bytes`: stream such a clip instead."""
        size = self.width * self.height * 3
        if (self.frame_count or 0) * size > most_bytes:
            raise self._too_large(self.frame_count or 0, most_bytes)
        frames = []
        for frame in self:
            frames.append(frame)
            if len(frames) * size > most_bytes:
                raise self._too_large(len(frames), most_bytes)
        return np.stack(frames) if frames else np.zeros((0, self.height, self.width, 3), np.uint8)

    def _too_large(self, count: int, most_bytes: int) -> UserError:
        return UserError(
            f"a clip of {count} or more frames of {self.width}x{self.height} does not fit in {most_bytes / 2**30:g} GiB; "
            "cut it, make it smaller or use its frames one by one"
        )

    def resized(self, width: int, height: int) -> "Clip":
        """The same clip at another size in pixels: bicubic, antialiased when it shrinks. Lazy."""
        if width < 1 or height < 1:
            raise ValueError(f"a clip cannot be {width}x{height} pixels")
        if (width, height) == (self.width, self.height):
            return self
        return replace(self, width=width, height=height, frames=lambda: (_resize(frame, width, height) for frame in self))

    def resampled(self, fps: Fraction | float) -> "Clip":
        """The same clip at another rate: at each new tick inside it, the frame nearest in time (the earlier of two). Lazy.

        Times are exact fractions, so nothing drifts; the first frame stays the first.
        """
        rate = exact_rate(fps)
        if rate == self.fps:
            return self
        count = None if self.frame_count is None else ceil(self.frame_count * rate / self.fps)
        return replace(self, fps=rate, frame_count=count, frames=lambda: _nearest(self, rate))

    def slice(self, start_frame: int, stop_frame: int | None = None) -> "Clip":
        """Frames `start_frame` up to, not including, `stop_frame` (None: to the end). Lazy. Raises ValueError outside."""
        stop = self.frame_count if stop_frame is None else stop_frame
        outside = stop is not None and (stop <= start_frame or (self.frame_count is not None and stop > self.frame_count))
        if start_frame < 0 or outside:
            raise ValueError(f"frames {start_frame}:{stop_frame} are not inside a clip of {self.frame_count} frames")
        count = None if stop is None or self.frame_count is None else stop - start_frame
        return replace(self, frame_count=count, frames=lambda: islice(self, start_frame, stop))

    def save(self, path: str | PathLike[str], overwrite: bool = False, metadata: Mapping[str, str] | None = None) -> Path:
        """Writes the clip; the name's ending chooses the format. See `worldreel.media.write`."""
        from worldreel.media.write import write

        return write(self, path, metadata, overwrite)


def _resize(frame: Frame, width: int, height: int) -> Frame:
    from PIL import Image

    return np.asarray(Image.fromarray(frame).resize((width, height), Image.Resampling.BICUBIC))


def _nearest(clip: Clip, rate: Fraction) -> Iterator[Frame]:
    """Tick k lies at source frame k * step; ties go to the earlier frame. The last frame is held to the clip's end."""
    step = clip.fps / rate
    tick, count, frame = 0, 0, None
    for count, frame in enumerate(clip, 1):
        while ceil(tick * step - Fraction(1, 2)) < count:
            yield frame
            tick += 1
    for _ in range(tick, ceil(count / step)):
        if frame is not None:
            yield frame
