"""The suite for the modes of prompting: withheld clips of the world, a study a mode, a contact sheet for each."""

from collections.abc import Callable

from worldreel.evaluation.prompting import changing, continuing
from worldreel.evaluation.prompting.source import Study
from worldreel.models import Bundle
from worldreel.worlds.judge import Judge

STUDIES: dict[str, Callable[[Bundle, Judge, int], Study]] = {
    "animate": continuing.animate,
    "extend": continuing.extend,
    "extend_four_times": continuing.extend_four_times,
    "beginnings": continuing.beginnings,
    "connect": continuing.connect,
    "loop": changing.loop,
    "fill": changing.fill,
    "edit": changing.edit,
    "restyle": changing.restyle,
    "shapes": changing.shapes,
    "enlarge": changing.enlarge,
    "storyboard": changing.storyboard,
}

__all__ = ["STUDIES", "Study"]
