"""Edit: a clip changed as a prompt says.

Only so much of it is known as noise of some strength leaves (SDEdit, Meng et al. 2022). Where it is said what the clip shows now,
only what differs between the two prompts changes (FlowEdit, Kulikov et al. 2024), so that places and ways stay.
"""

import math
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from worldreel.errors import UserError
from worldreel.media.clip import Clip
from worldreel.prompting.bounds import Bounds
from worldreel.prompting.canvas import Canvas, Cue
from worldreel.prompting.composition import Composition, Made, counted, taken
from worldreel.prompting.modes import Prompt, mode
from worldreel.prompting.region import masked
from worldreel.shapes import VideoShape

HIDING = 4 / 3
"""How much further than strength and schedule say a clip is taken into noise: a shift (`worldreel.flow.shifted`). A background
is seen, as a mean over all of a clip, where subjects no longer are, and outweighs a prompt that says otherwise
(figures in `records/LOG.md`)."""
STEEPNESS = 2.0
"""The power to which odds of a strength go for models that are shown what they edit: those change what a prompt says from little
noise on, so that strengths would else differ by chance. At 0.7 it is as for the others."""


@mode
def edit(
    clip: Clip,
    prompt: Prompt,
    *,
    was: Annotated[
        str | None, "What the clip shows now: then only what differs between the prompts changes. Clips made here know their own."
    ] = None,
    strength: Annotated[
        str, "How much may change: 0 (nothing) to 1, or from the first frame to the last, such as 0.2:0.9."
    ] = "0.7",
    mask: Annotated[Clip | None, "An image, or a clip as long, that is white where it may change."] = None,
    within: Bounds,
) -> Composition:
    """The clip as the prompt says. `was`: what it shows now, so that only what differs between the two prompts changes (of a clip
    that was made here it is known, unless something is said; "" for nothing); `strength`: how much may change, from 0 (nothing)
    to 1 (everything), or "0.2:0.9": evenly from the first frame's to the last one's; `mask`: an image, or a clip as long, that
    is white where it may."""
    clip = counted(clip, "the clip")
    count = clip.frame_count or 1
    width, height = within.fitted(clip)
    within.check(VideoShape(count, height, width), clip.fps)
    changes = strengths(strength, count)
    ceilings = furthest(changes, within.shows_edited) * masked(mask, count, width, height, clip)
    known = was if was is not None else clip.metadata.get("prompt", "") if "ai_generated" in clip.metadata else ""
    pixels = taken(clip, range(count), width, height)
    canvas = Canvas(pixels, ceilings.astype(np.float32), clip.fps, (Cue(0.0, prompt),), was=known or None, edited=True)
    return Composition((Made(canvas, 0, count, clip),), clip.width, clip.height, clip.fps)


def furthest(changes: NDArray[np.float32], shown: bool) -> NDArray[np.float32]:
    """How far into noise so much of a change takes a clip, as a share of the steps; `shown`: of a model that is shown it."""
    power, usual = (STEEPNESS if shown else 1.0), 0.7
    scale: float = HIDING * (usual / (1 - usual)) ** (1 - power)
    noise, kept = scale * changes**power, (1 - changes) ** power
    return (noise / (noise + kept)).astype(np.float32)


def strengths(text: str, frames: int) -> NDArray[np.float32]:
    """ "0.7", or "0.2:0.9" for the first and the last frame, as [T, 1, 1]. Raises UserError."""
    try:
        ends = [float(part) for part in str(text).split(":")]
    except ValueError:
        ends = []
    if len(ends) not in (1, 2) or not all(math.isfinite(end) and 0 <= end <= 1 for end in ends):
        raise UserError(f"--strength {text}: take 0 (nothing changes) to 1 (everything may), or two such as 0.2:0.9")
    return np.linspace(ends[0], ends[-1], frames, dtype=np.float32)[:, None, None]
