"""The table of modes. A mode is one function in a file of its own, marked with `@mode`; its signature is the command line's
and the API's."""

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from typing import Annotated, ParamSpec

from worldreel.prompting.composition import Composition

P = ParamSpec("P")

# Arguments of several modes. What a mode's own arguments mean stands in their annotations likewise: the command line shows it.
Prompt = Annotated[str, "What to show."]
Size = Annotated[str | None, "Size in pixels, WIDTHxHEIGHT, such as 128x96."]
Seconds = Annotated[float | None, "Length in seconds."]
Frames = Annotated[int | None, "Length in frames, instead."]
Rate = Annotated[float | None, "Frames a second."]
NewSeconds = Annotated[float, "Length of what is new, in seconds."]
MODES: dict[str, Callable[..., Composition]] = {}
"""By name, once `find_modes` has run."""


def mode(function: Callable[P, Composition]) -> Callable[P, Composition]:
    """Puts a function in the table. It takes clips, files and a prompt by place, all else by name, and `within: Bounds`, which is
    not the user's. The first line of its file says in a few words what it is for."""
    MODES[function.__name__] = function
    return function


def find_modes(package: str, path: list[str]) -> None:
    """Imports every file of the room, so that a new mode is a new file and nothing else."""
    for module in iter_modules(path):
        import_module(f"{package}.{module.name}")
