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

WITHOUT_ENLARGER = 0.1
"""The strength for models that can only make detail anew: of the steps that a resized clip lacks little."""


@mode
def enlarge(
    clip: Clip,
    prompt: Prompt,
    *,
    size: Annotated[str, "The new size in pixels, WIDTHxHEIGHT."],
    strength: Annotated[
        float | None, "How much is made anew, from 0 (nothing) to 1; 0.1, or 0 with a model that has an enlarger."
    ] = None,
    within: Bounds,
) -> Composition:
    """The clip at `size` ("WIDTHxHEIGHT"): resized, given the detail that it lacks where the model has an enlarger, then made
    anew from so much noise as `strength` says (0: from none; 1: nothing is kept). None: 0 with an enlarger, else 0.1."""
    if strength is None:
        strength = 0.0 if within.enlarges else WITHOUT_ENLARGER
    if not 0 <= strength <= 1:
        raise UserError(f"--strength {strength}: take 0 (resized, no more) to 1 (made anew)")
    clip = counted(clip, "the clip")
    width, height = within.size(size)
    count = clip.frame_count or 1
    within.check(VideoShape(count, height, width), clip.fps)
    pixels = taken(clip, range(count), width, height)
    ceilings = np.full((count, 1, 1), strength, np.float32)
    enlarged = within.enlarges and width * height > clip.width * clip.height
    canvas = Canvas(pixels, ceilings, clip.fps, (Cue(0.0, prompt),), edited=True, enlarged=enlarged)
    return Composition((Made(canvas, 0, count),), width, height, clip.fps)
