"""Image: a picture from a prompt."""

from worldreel.prompting.bounds import Bounds
from worldreel.prompting.composition import Composition
from worldreel.prompting.modes import Prompt, Size, mode
from worldreel.prompting.text import generate


@mode
def image(prompt: Prompt, *, size: Size = None, within: Bounds) -> Composition:
    """An image of the prompt, of the size ("WIDTHxHEIGHT") that is asked for."""
    return generate(prompt, size=size, frames=1, within=within)
