"""The canvas: what is known of a video and what is wanted, in pixels and seconds. It knows no codec and no model."""

from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]  # [T, H, W, 3], RGB
Ceilings = NDArray[np.float32]  # [T, H, W] or [T, 1, 1], in [0, 1]


class Cue(NamedTuple):
    """What to show from a time on, in seconds, until the next cue."""

    start: float
    prompt: str


class Run(NamedTuple):
    """Frames `start` up to, not including, `stop`: what the codec meets in one go."""

    start: int
    stop: int


@dataclass(frozen=True, eq=False)
class Canvas:
    """A value that every mode of prompting builds.

    `pixels` [T, H, W, 3] uint8: what is known (anything where nothing is); `ceilings` [T, H, W] or [T, 1, 1]: how far towards
    noise each pixel goes at most, as a share of the steps of sampling that change it. 0: given, keep it; 1: unknown, make it up;
    between: keep so much of it (SDEdit, Meng et al. 2022). `fps`: frames a second; `cues`: prompts in order of time, the first at
    0; `cuts`: frames at which a new shot begins; `edited`: whether the cues say what becomes of the pixels; `was`: what those
    show, in words, where only what differs between this and the cues is to change (FlowEdit, Kulikov et al. 2024); `enlarged`:
    whether the pixels were fewer once, so that detail is wanted that they lack. Raises ValueError for values that do not fit
    together.
    """

    pixels: Pixels
    ceilings: Ceilings
    fps: Fraction
    cues: tuple[Cue, ...]
    cuts: tuple[int, ...] = ()
    was: str | None = None
    edited: bool = False
    enlarged: bool = False

    def __post_init__(self) -> None:
        T, H, W, C = self.pixels.shape
        if self.pixels.dtype != np.uint8 or C != 3 or 0 in self.pixels.shape:
            raise ValueError(f"pixels must be uint8 [T, H, W, 3], not {self.pixels.dtype} {list(self.pixels.shape)}")
        if self.ceilings.shape not in ((T, H, W), (T, 1, 1)):
            raise ValueError(f"ceilings {list(self.ceilings.shape)} do not fit pixels {list(self.pixels.shape)}")
        if not (self.ceilings.min() >= 0 and self.ceilings.max() <= 1):
            raise ValueError("ceilings must lie in [0, 1]")
        starts = [cue.start for cue in self.cues]
        if not starts or starts[0] != 0 or any(one >= two for one, two in pairwise(starts)):
            raise ValueError(f"cues must begin at 0 and follow one another, not at {starts}")
        if any(not 0 < cut < T for cut in self.cuts) or any(one >= two for one, two in pairwise(self.cuts)):
            raise ValueError(f"cuts {self.cuts} must rise inside of {T} frames")

    @property
    def frames(self) -> int:
        return len(self.pixels)

    @property
    def height(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def width(self) -> int:
        return int(self.pixels.shape[2])

    def runs(self) -> list[Run]:
        """Where the codec starts anew: at cuts, and where something known comes after something unknown, none of which may
        leak into it."""
        lowest, highest = self.ceilings.min(axis=(1, 2)), self.ceilings.max(axis=(1, 2))
        starts = [0]
        for frame in range(1, self.frames):
            before = slice(starts[-1], frame)
            less_of_it = highest[frame] < 1 and highest[before].max() == 1
            some_of_it = lowest[frame] < 1 and lowest[before].max() == 1
            if frame in self.cuts or less_of_it or some_of_it:
                starts.append(frame)
        return [Run(start, stop) for start, stop in pairwise([*starts, self.frames])]

    def cue_at(self, seconds: float) -> int:
        """Number of the cue that holds at a time; the first one before its start as well."""
        return max(0, sum(cue.start <= seconds + 1e-9 for cue in self.cues) - 1)

    @property
    def kind(self) -> str:
        """What it asks of a model, by what is known: "text" (nothing), "first frame", "prefix", "suffix", "both ends", "middle",
        "frames" (given ones lie otherwise), "draft" (something is known in part), "region" (parts of frames), "storyboard"
        (several prompts or shots), "given" (nothing is left to make)."""
        lowest, highest = self.ceilings.min(axis=(1, 2)), self.ceilings.max(axis=(1, 2))
        if highest.max() == 0:
            return "given"
        if self.cuts or len(self.cues) > 1:
            return "storyboard"
        if ((self.ceilings > 0) & (self.ceilings < 1)).any():
            return "draft"
        if (lowest != highest).any():
            return "region"
        turns = "".join("g" if level == 0 else "u" for level, _ in groupby(highest))
        kinds = {"u": "text", "gu": "prefix", "ug": "suffix", "gug": "both ends", "ugu": "middle"}
        kind = kinds.get(turns, "frames")
        return "first frame" if kind == "prefix" and highest[1] == 1 else kind

    @property
    def goes_on(self) -> bool:
        """Whether it is some whole frames and nothing else of which there is to be more."""
        return self.kind in ("first frame", "prefix", "suffix", "both ends", "middle", "frames")

    @property
    def given(self) -> NDArray[np.bool_]:
        """Which pixels [T, H, W] or [T, 1, 1] stay as they are: none that lack detail."""
        given: NDArray[np.bool_] = (self.ceilings == 0) & (not self.enlarged)
        return given


def blank(frames: int, height: int, width: int) -> Pixels:
    """Grey, for where nothing is known."""
    return np.full((frames, height, width, 3), 128, np.uint8)


def unknown(frames: int) -> Ceilings:
    return np.ones((frames, 1, 1), np.float32)
