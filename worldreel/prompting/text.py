"""Generate: a video from a prompt."""

from worldreel.prompting.bounds import Bounds
from worldreel.prompting.canvas import Canvas, Cue, blank, unknown
from worldreel.prompting.composition import Composition, Made
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
    within: Bounds,
) -> Composition:
    """A video of the prompt, of the size ("WIDTHxHEIGHT"), length and rate that are asked for."""
    width, height = within.size(size)
    rate = within.rate(fps)
    count = within.length(seconds, frames, rate)
    within.check(VideoShape(count, height, width), rate)
    canvas = Canvas(blank(count, height, width), unknown(count), rate, (Cue(0.0, prompt),))
    return Composition((Made(canvas, 0, count),), width, height, rate)
