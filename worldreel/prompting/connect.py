"""Connect: a way from one clip to another."""

from typing import Annotated

import numpy as np

from worldreel.media.clip import Clip
from worldreel.prompting.bounds import Bounds
from worldreel.prompting.canvas import Canvas, Cue, blank, unknown
from worldreel.prompting.composition import Composition, Made, context, counted, taken
from worldreel.prompting.modes import NewSeconds, Prompt, mode
from worldreel.shapes import VideoShape


@mode
def connect(
    first: Clip,
    second: Clip,
    prompt: Prompt,
    *,
    seconds: NewSeconds = 1.0,
    blend: Annotated[bool, "Turn one into the other, where they overlap, instead of building a bridge."] = False,
    within: Bounds,
) -> Composition:
    """The first clip, `seconds` of new frames that lead to the second, the second clip. `blend`: instead, `seconds` of the
    first one's end turn into as much of the second one's beginning. The second clip takes the first one's size and rate."""
    first, second, remarks = _alike(first, second)
    make = blended if blend else bridged
    parts = make(first, second, prompt, seconds, within)
    return Composition(parts, first.width, first.height, first.fps, remarks)


def bridged(first: Clip, second: Clip, prompt: str, seconds: float, within: Bounds) -> tuple[Clip | Made, ...]:
    """The end of one is known, and the beginning of the other; between them, nothing."""
    every, (width, height) = within.every(first), within.fitted(first)
    rate = first.fps / every
    new = within.length(seconds, None, rate)
    room = (int(within.longest * rate) - new) // 2
    before, after = (context(1 + ((clip.frame_count or 1) - 1) // every, room) for clip in (first, second))
    total = before + new + after
    within.check(VideoShape(total, height, width), rate)
    count = first.frame_count or 1
    pixels, ceilings = blank(total, height, width), unknown(total)
    pixels[:before] = taken(first, range(count - 1 - (before - 1) * every, count, every), width, height)
    pixels[-after:] = taken(second, range(0, (after - 1) * every + 1, every), width, height)
    ceilings[:before] = ceilings[-after:] = np.float32(0)
    canvas = Canvas(pixels, ceilings, rate, (Cue(0.0, prompt),))
    return first, Made(canvas, before, before + new), second


def blended(first: Clip, second: Clip, prompt: str, seconds: float, within: Bounds) -> tuple[Clip | Made, ...]:
    """All is known of both; in the middle, where they meet, no more than what noise leaves of it."""
    every, (width, height) = within.every(first), within.fitted(first)
    rate = first.fps / every
    here, there = first.frame_count or 1, second.frame_count or 1
    half = max(1, min(within.length(seconds, None, rate), 1 + (here - 1) // every, 1 + (there - 1) // every))
    within.check(VideoShape(2 * half, height, width), rate)
    reach = (half - 1) * every + 1
    pixels = np.concatenate(
        [taken(first, range(here - reach, here, every), width, height), taken(second, range(0, reach, every), width, height)]
    )
    # Slowly at first: half of the steps stand for most of the noise, and each end must stay what it is.
    rising = np.linspace(0, 1, half, dtype=np.float32) ** 2 if half > 1 else np.ones(1, np.float32)
    ceilings = np.concatenate([rising, rising[::-1]])[:, None, None]
    canvas = Canvas(pixels, ceilings, rate, (Cue(0.0, prompt),))
    parts: list[Clip | Made] = [Made(canvas, 0, 2 * half)]
    if here > reach + every - 1:
        parts.insert(0, first.slice(0, here - reach - (every - 1)))
    if there > reach + every - 1:
        parts.append(second.slice(reach + every - 1, there))
    return tuple(parts)


def _alike(first: Clip, second: Clip) -> tuple[Clip, Clip, tuple[str, ...]]:
    remarks = []
    if (second.width, second.height) != (first.width, first.height):
        remarks.append(f"the second clip is resized from {second.width}x{second.height} to {first.width}x{first.height}")
    if second.fps != first.fps:
        remarks.append(f"the second clip is played at {float(first.fps):g} fps, not {float(second.fps):g}")
    alike = second.resized(first.width, first.height).resampled(first.fps)
    return counted(first, "the first clip"), counted(alike, "the second clip"), tuple(remarks)
