"""Fill: frames or a region of a clip that are missing."""

from typing import Annotated

import numpy as np

from worldreel.errors import UserError
from worldreel.media.clip import Clip
from worldreel.prompting.bounds import Bounds
from worldreel.prompting.canvas import Canvas, Cue
from worldreel.prompting.composition import Composition, Made, context, counted, taken
from worldreel.prompting.modes import Prompt, mode
from worldreel.prompting.region import masked, stretch
from worldreel.shapes import VideoShape


@mode
def fill(
    clip: Clip,
    prompt: Prompt,
    *,
    missing: Annotated[str | None, "Which frames: 8:24 is from frame 8 up to, not including, 24."] = None,
    mask: Annotated[Clip | None, "An image, or a clip as long, that is white where the clip is missing."] = None,
    within: Bounds,
) -> Composition:
    """The clip with the frames `missing` ("8:24": from frame 8 up to, not including, 24) made anew, or the white region of
    `mask` (an image, or a clip as long), or that region of those frames."""
    clip = counted(clip, "the clip")
    if missing is None and mask is None:
        raise UserError("nothing is missing; say which frames (--missing 8:24) or which region (--mask IMAGE)")
    count = clip.frame_count or 1
    start, stop = (0, count) if missing is None else stretch(missing, count, "--missing")
    if mask is None and stop - start == count:
        raise UserError(f"--missing {missing} is the whole clip; use generate")
    width, height = within.fitted(clip)
    room = (int(within.longest * clip.fps) - (stop - start)) // 2
    first = start - (context(start, room) if start else 0)
    last = stop + (context(count - stop, room) if stop < count else 0)
    within.check(VideoShape(last - first, height, width), clip.fps)
    wanted = np.zeros((last - first, 1, 1), bool)
    wanted[start - first : stop - first] = True
    if mask is not None:
        wanted = wanted & masked(mask, count, width, height, clip)[first:last]
    pixels = taken(clip, range(first, last), width, height).copy()
    pixels[np.broadcast_to(wanted, pixels.shape[:3])] = 128
    canvas = Canvas(pixels, wanted.astype(np.float32), clip.fps, (Cue(0.0, prompt),))
    over = None if mask is None else clip.slice(start, stop)
    parts: list[Clip | Made] = [Made(canvas, start - first, stop - first, over)]
    if start:
        parts.insert(0, clip.slice(0, start))
    if stop < count:
        parts.append(clip.slice(stop, count))
    return Composition(tuple(parts), clip.width, clip.height, clip.fps)
