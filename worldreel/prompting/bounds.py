"""What a mode may ask of a model: a plain value, which models give of themselves."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from worldreel.errors import UserError
from worldreel.media.clip import Clip
from worldreel.shapes import VideoShape, parse_size


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
    pixels: int
    """Of a frame, at most, in training."""
    longest: float
    """Seconds of a clip, at most, in training."""
    fastest: Fraction
    """Frames a second, at most, in training."""
    check: Callable[[VideoShape, Fraction], None]

    def size(self, asked: str | None) -> tuple[int, int]:
        """(width, height) as asked for, or the default."""
        return (self.width, self.height) if asked is None else parse_size(asked)

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
        """(width, height) at which frames for a clip are made: its own, or smaller where the model was taught nothing so
        large."""
        share = min(1.0, math.sqrt(self.pixels / (clip.width * clip.height)))
        if share == 1:
            return clip.width, clip.height
        return max(16, round(clip.width * share / 2) * 2), max(16, round(clip.height * share / 2) * 2)

    def every(self, clip: Clip) -> int:
        """Frames for a clip are made at its own rate, or, where that is above what the model was taught, for each so many of
        its frames."""
        return max(1, math.ceil(clip.fps / self.fastest))
