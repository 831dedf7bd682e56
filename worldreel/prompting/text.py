"""Generate: a video from a prompt."""

from functools import partial
from typing import Annotated

from worldreel.errors import UserError
from worldreel.prompting.bounds import Bounds
from worldreel.prompting.canvas import Canvas, Cue, blank, unknown
from worldreel.prompting.composition import Composition, Made, Then
from worldreel.prompting.loop import loop as closed
from worldreel.prompting.modes import Frames, Prompt, Rate, Seconds, Size, mode
from worldreel.shapes import VideoShape


@mode
def generate(
    prompt: Prompt,
    *,
    size: Size = None,
    seconds: Seconds = None,
    frames: Frames = None,
    fps: Rate = None,
    loop: Annotated[bool, "Make one that may be repeated for ever: its last third leads back to its first frame."] = False,
    within: Bounds,
) -> Composition:
    """A video of the prompt, of the size ("WIDTHxHEIGHT"), length and rate that are asked for."""
    shown = within.size(size)
    width, height = within.roomy(*shown)
    rate = within.rate(fps)
    count = within.length(seconds, frames, rate)
    within.check(VideoShape(count, height, width), rate)
    if loop and count < 3:
        raise UserError(f"--loop takes 3 frames or more, not {count}; give more --seconds")
    back = count // 3 if loop else 0
    canvas = Canvas(blank(count - back, height, width), unknown(count - back), rate, (Cue(0.0, prompt),))
    follow = partial(closed, seconds=float(back / rate), within=within)
    then = Then(follow, back, "both ends") if loop else None
    return Composition((Made(canvas, 0, count - back),), *shown, rate, then=then)
