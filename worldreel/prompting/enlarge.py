"""Enlarge: a draft at another size, with the detail that belongs there."""

from typing import Annotated

import numpy as np

from worldreel.errors import UserError
from worldreel.media.clip import Clip
from worldreel.prompting.bounds import Bounds
from worldreel.prompting.canvas import Canvas, Cue
from worldreel.prompting.composition import Composition, Made, counted, taken
from worldreel.prompting.modes import Prompt, mode
from worldreel.shapes import VideoShape


@mode
def enlarge(
    clip: Clip,
    prompt: Prompt,
    *,
    size: Annotated[str, "The new size in pixels, WIDTHxHEIGHT."],
    strength: Annotated[float, "How much is made anew, from 0 (nothing) to 1."] = 0.1,
    within: Bounds,
) -> Composition:
    """The clip at `size` ("WIDTHxHEIGHT"): resized, then made anew from so much noise as `strength` says (0: as it was
    resized; 1: nothing is kept)."""
    if not 0 <= strength <= 1:
        raise UserError(f"--strength {strength}: take 0 (resized, no more) to 1 (made anew)")
    clip = counted(clip, "the clip")
    width, height = within.size(size)
    count = clip.frame_count or 1
    within.check(VideoShape(count, height, width), clip.fps)
    pixels = taken(clip, range(count), width, height)
    canvas = Canvas(pixels, np.full((count, 1, 1), strength, np.float32), clip.fps, (Cue(0.0, prompt),), edited=True)
    return Composition((Made(canvas, 0, count),), width, height, clip.fps)
