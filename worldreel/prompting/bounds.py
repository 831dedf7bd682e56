"""What a mode may ask of a model: a plain value, which models give of themselves."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from worldreel.errors import UserError
from worldreel.media.clip import Clip
from worldreel.shapes import VideoShape, parse_size

SAME_SHAPE = 0.03
"""By how much, as a share, two shapes may differ so that a frame of one can be shown as the other."""


@dataclass(frozen=True)
class Bounds:
    """Defaults of a request, what the model was taught, and `check`, which raises UserError for a shape that cannot be made
    (before any of it is held in memory)."""

    model: str
    """Its name, for messages."""
    width: int
    height: int
    seconds: float
    fps: Fraction
    most: float
    """Seconds of a clip, at most."""
    sizes: tuple[tuple[int, int], ...]
    """(width, height) of frames in training."""
    few: int
    """Pixels: where a frame has fewer, the model has so few tokens for it that subjects come out worse."""
    longest: float
    """Seconds of a clip, at most, in training."""
    fastest: Fraction
    """Frames a second, at most, in training."""
    check: Callable[[VideoShape, Fraction], None]
    shows_edited: bool = False
    """Whether the model is shown what it edits, beside the noise over it."""
    enlarges: bool = False
    """Whether the model gives what was resized its detail without making anything anew."""

    def size(self, asked: str | None) -> tuple[int, int]:
        """(width, height) as asked for, or the default."""
        return (self.width, self.height) if asked is None else parse_size(asked)

    def roomy(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) at which frames of a size are made: its own, or, where that is small and was not taught, the least
        size that was, of the same shape and at most twice the pixels."""
        pixels = width * height
        if pixels >= self.few or (width, height) in self.sizes:
            return width, height
        alike = ((wide, high) for wide, high in self.sizes if math.isclose(wide * height, width * high, rel_tol=SAME_SHAPE))
        fitting = [(wide, high) for wide, high in alike if pixels < wide * high <= 2 * pixels]
        return min(fitting, key=math.prod, default=(width, height))

    def rate(self, asked: float | None) -> Fraction:
        """Frames a second as asked for, or the default. Raises UserError."""
        if asked is None:
            return self.fps
        if not (math.isfinite(asked) and 0.1 <= asked <= 120):
            raise UserError(f"--fps {asked}: take 0.1 to 120 frames a second")
        return Fraction(asked).limit_denominator(1001)

    def length(self, seconds: float | None, frames: int | None, fps: Fraction) -> int:
        """Frames, as asked for in seconds or in frames, or the default. Raises UserError."""
        if frames is not None:
            if seconds is not None:
                raise UserError(f"--frames {frames} and --seconds {seconds:g} were both given; give one of them")
            if frames < 1:
                raise UserError(f"--frames {frames}: take 1 (an image) or more")
            if frames > self.most * fps:
                allowed = f"{math.floor(self.most * fps)} ({self.most:g} s at {float(fps):g} fps)"
                raise UserError(f"--frames {frames}: {allowed} are the most with {self.model}")
            return frames
        seconds = self.seconds if seconds is None else seconds
        if not (math.isfinite(seconds) and seconds > 0):
            raise UserError(f"--seconds {seconds}: take a time above 0, such as {self.seconds:g}")
        if seconds > self.most:
            raise UserError(f"--seconds {seconds:g}: {self.most:g} is the most with {self.model}")
        return max(1, round(seconds * fps))

    def fitted(self, clip: Clip) -> tuple[int, int]:
        """(width, height) at which frames for a clip are made: its own, or larger where that is small (see `roomy`), or smaller
        where the model was taught nothing so large."""
        share = min(1.0, math.sqrt(max(map(math.prod, self.sizes)) / (clip.width * clip.height)))
        if share == 1:
            return self.roomy(clip.width, clip.height)
        return max(16, round(clip.width * share / 2) * 2), max(16, round(clip.height * share / 2) * 2)

    def every(self, clip: Clip) -> int:
        """Frames for a clip are made at its own rate, or, where that is above what the model was taught, for each so many of
        its frames."""
        return max(1, math.ceil(clip.fps / self.fastest))
