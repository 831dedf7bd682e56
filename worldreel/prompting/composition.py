"""A composition: what a mode gives. The user's own frames as they are, and between them what a model is to make."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice

import numpy as np

from worldreel.errors import UserError
from worldreel.media.clip import Clip
from worldreel.prompting.canvas import Canvas, Cue, Pixels


@dataclass(frozen=True)
class Made:
    """Frames `start` up to, not including, `stop` of a canvas once it is filled. `over`: the same frames as the user gave
    them, at their own size, which stay wherever the canvas says so."""

    canvas: Canvas
    start: int
    stop: int
    over: Clip | None = None


@dataclass(frozen=True)
class Then:
    """What is made of a result once it is there: `compose(clip, prompt)` gives a composition of so many more frames."""

    compose: Callable[[Clip, str], "Composition"]
    frames: int
    kind: str
    """Of the canvas that will be filled."""


@dataclass(frozen=True)
class Composition:
    """Parts in order of time, in the size (pixels) and at the rate of the result; what is to be said about it (see `notes`); what
    follows."""

    parts: tuple[Clip | Made, ...]
    width: int
    height: int
    fps: Fraction
    remarks: tuple[str, ...] = ()
    then: Then | None = None

    @property
    def frames(self) -> int:
        """Of the result. Raises ValueError where a clip does not know its own (see `counted`)."""
        return sum(self.length(part) for part in self.parts) + (0 if self.then is None else self.then.frames)

    def length(self, part: Clip | Made) -> int:
        """Frames of the result that a part gives."""
        if isinstance(part, Made):
            return (part.stop - part.start) * self.repeats(part)
        if part.frame_count is None:
            raise ValueError("a clip of a composition must know its number of frames")
        return part.frame_count

    def repeats(self, part: Made) -> int:
        """How many frames of the result each frame that is made stands for."""
        return round(self.fps / part.canvas.fps)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user is told: the remarks, and where frames are made at another size or rate than they are shown at."""
        found, shown = list(self.remarks), (self.width, self.height)
        for canvas in self.canvases:
            made, every = (canvas.width, canvas.height), round(self.fps / canvas.fps)
            if made != shown:
                why = "as large as the model knows" if math.prod(made) < math.prod(shown) else "a size the model was taught"
                found.append(f"new frames are made at {_sides(made)}, {why}, and resized to {_sides(shown)}")
            if every > 1:
                own, rate = (f"{float(fps):g} fps" for fps in (self.fps, canvas.fps))
                found.append(f"new frames are made at {rate}, the model knows no {own}, and each is shown {every} times")
        return tuple(dict.fromkeys(found))

    @property
    def kinds(self) -> list[str]:
        """Of all canvases, those of what follows too, each once."""
        following = [] if self.then is None else [self.then.kind]
        return list(dict.fromkeys([*(canvas.kind for canvas in self.canvases), *following]))

    @property
    def canvases(self) -> list[Canvas]:
        """Each once, in order."""
        found: list[Canvas] = []
        for part in self.parts:
            if isinstance(part, Made) and not any(part.canvas is canvas for canvas in found):
                found.append(part.canvas)
        return found


def _sides(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def with_prompts(composition: Composition, changed: Callable[[str], str]) -> Composition:
    """The same with other prompts."""

    def prompted(canvas: Canvas) -> Canvas:
        cues = tuple(Cue(cue.start, changed(cue.prompt)) for cue in canvas.cues)
        return replace(canvas, cues=cues, was=changed(canvas.was) or None if canvas.was else None)

    found = {id(canvas): prompted(canvas) for canvas in composition.canvases}
    parts = (replace(part, canvas=found[id(part.canvas)]) if isinstance(part, Made) else part for part in composition.parts)
    return replace(composition, parts=tuple(parts))


def counted(clip: Clip, name: str, least: int = 1) -> Clip:
    """The clip with its number of frames, counted where only that can tell. Raises UserError below `least` frames."""
    count = clip.frame_count
    if count is None:
        count = sum(1 for _ in clip)
        clip = replace(clip, frame_count=count)
    if count < least:
        there = "no frame" if count == 0 else f"{count} frame{'s' * (count > 1)}"
        raise UserError(f"{name} has {there}; {least} are the least here")
    return clip


def taken(clip: Clip, frames: Sequence[int], width: int, height: int) -> Pixels:
    """Frames by number, in rising order, at another size: [T, H, W, 3]."""
    wanted, found = set(frames), []
    for number, frame in enumerate(islice(clip.resized(width, height), frames[-1] + 1)):
        if number in wanted:
            found.append(frame)
    return np.stack(found)


def context(available: int, room: int) -> int:
    """How many frames of a clip to look at: the codec takes 4k + 1 at a time, thirteen tell enough of a motion."""
    most = min(available, max(5, room), 13)
    return 1 + (most - 1) // 4 * 4
