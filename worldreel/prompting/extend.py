"""Extend: what comes after a clip, before it, or both."""

from typing import Annotated, Literal

import numpy as np

from worldreel.media.clip import Clip
from worldreel.prompting.bounds import Bounds
from worldreel.prompting.canvas import Canvas, Cue, blank, unknown
from worldreel.prompting.composition import Composition, Made, context, counted, taken
from worldreel.prompting.modes import NewSeconds, Prompt, mode
from worldreel.shapes import VideoShape


@mode
def extend(
    clip: Clip,
    prompt: Prompt,
    *,
    seconds: NewSeconds = 1.0,
    direction: Annotated[Literal["forward", "backward", "both"], "Where the new frames are."] = "forward",
    within: Bounds,
) -> Composition:
    """The clip with `seconds` of new frames after it, before it, or on both sides."""
    clip = counted(clip, "the clip")
    parts: list[Clip | Made] = [clip]
    if direction != "forward":
        parts.insert(0, _more(clip, prompt, seconds, within, backward=True))
    if direction != "backward":
        parts.append(_more(clip, prompt, seconds, within, backward=False))
    return Composition(tuple(parts), clip.width, clip.height, clip.fps)


def _more(clip: Clip, prompt: str, seconds: float, within: Bounds, *, backward: bool) -> Made:
    every, (width, height) = within.every(clip), within.fitted(clip)
    rate, count = clip.fps / every, clip.frame_count or 1
    new = within.length(seconds, None, rate)
    known = context(1 + (count - 1) // every, int(within.longest * rate) - new)
    total = known + new
    within.check(VideoShape(total, height, width), rate)
    first = 0 if backward else count - 1 - (known - 1) * every
    frames = taken(clip, range(first, first + (known - 1) * every + 1, every), width, height)
    pixels, ceilings = blank(total, height, width), unknown(total)
    where = slice(new, total) if backward else slice(0, known)
    pixels[where], ceilings[where] = frames, np.float32(0)
    canvas = Canvas(pixels, ceilings, rate, (Cue(0.0, prompt),))
    return Made(canvas, 0, new) if backward else Made(canvas, known, total)
