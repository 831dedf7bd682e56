"""Animate: a video that begins with an image."""

import numpy as np

from worldreel.errors import UserError
from worldreel.media.clip import Clip
from worldreel.prompting.bounds import Bounds
from worldreel.prompting.canvas import Canvas, Cue, blank, unknown
from worldreel.prompting.composition import Composition, Made, counted, taken
from worldreel.prompting.modes import Frames, Prompt, Rate, Seconds, mode
from worldreel.shapes import VideoShape


@mode
def animate(
    image: Clip,
    prompt: Prompt,
    *,
    seconds: Seconds = None,
    frames: Frames = None,
    fps: Rate = None,
    within: Bounds,
) -> Composition:
    """A video that begins with an image (or with the first frame of a clip), which is its first frame, pixel for pixel."""
    rate = within.rate(fps)
    count = within.length(seconds, frames, rate)
    if count < 2:
        raise UserError("a video that begins with an image has 2 frames or more; give more --seconds")
    image = counted(image, "the image").slice(0, 1)
    width, height = within.fitted(image)
    within.check(VideoShape(count, height, width), rate)
    pixels, ceilings = blank(count, height, width), unknown(count)
    pixels[:1], ceilings[0] = taken(image, [0], width, height), np.float32(0)
    canvas = Canvas(pixels, ceilings, rate, (Cue(0.0, prompt),))
    return Composition((image, Made(canvas, 1, count)), image.width, image.height, rate)
