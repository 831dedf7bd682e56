"""Loop: from a clip's end back to its beginning."""

import numpy as np

from worldreel.media.clip import Clip
from worldreel.prompting.bounds import Bounds
from worldreel.prompting.canvas import Canvas, Cue, blank, unknown
from worldreel.prompting.composition import Composition, Made, context, counted, taken
from worldreel.prompting.modes import NewSeconds, Prompt, mode
from worldreel.shapes import VideoShape


@mode
def loop(clip: Clip, prompt: Prompt, *, seconds: NewSeconds = 1.0, within: Bounds) -> Composition:
    """The clip, and `seconds` of new frames that lead from its last frame back to its first, so that it may be repeated for
    ever."""
    clip = counted(clip, "the clip")
    every, (width, height) = within.every(clip), within.fitted(clip)
    rate, count = clip.fps / every, clip.frame_count or 1
    new = within.length(seconds, None, rate)
    known = context(1 + (count - 1) // every, (int(within.longest * rate) - new) // 2)
    total = 2 * known + new
    within.check(VideoShape(total, height, width), rate)
    reach = (known - 1) * every + 1
    pixels, ceilings = blank(total, height, width), unknown(total)
    pixels[:known] = taken(clip, range(count - reach, count, every), width, height)
    pixels[-known:] = taken(clip, range(0, reach, every), width, height)
    ceilings[:known] = ceilings[-known:] = np.float32(0)
    canvas = Canvas(pixels, ceilings, rate, (Cue(0.0, prompt),))
    return Composition((clip, Made(canvas, known, known + new)), clip.width, clip.height, clip.fps)
