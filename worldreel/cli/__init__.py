"""The command line: a table of commands, and what every one of them owes its user.

Nothing heavy is imported here: `worldreel --help` answers at once, and a command imports what it needs when it runs.
"""

import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import NamedTuple

from worldreel.cli.failures import guarded
from worldreel.errors import UserError


class Entry(NamedTuple):
    """Where a command's options are, a dataclass whose `run` is the command; and what it does."""

    module: str
    options: str
    summary: str


COMMANDS = {
    "generate": Entry("making", "Generate", "make a video from a prompt"),
    "image": Entry("making", "Image", "make an image from a prompt"),
    "compress": Entry("codec", "Compress", "turn a clip into a small file of latents"),
    "decompress": Entry("codec", "Decompress", "turn latents back into a clip"),
    "train": Entry("train", "Train", "train a network by a recipe"),
    "evaluate": Entry("evaluate", "Evaluate", "measure a model"),
    "models": Entry("models", "Models", "list the models and what they know"),
}

USAGE = f"""usage: worldreel COMMAND [OPTIONS]

Makes videos from words.

commands:
{chr(10).join(f"  {name:<12}{entry.summary}" for name, entry in COMMANDS.items())}

options:
  -h, --help  show this; `worldreel COMMAND --help` shows the options of a command
  --version   show the version

example:
  worldreel generate "a dog walks to the left on a blue background" --seed 7
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command. Gives the exit status: 0, 2 for what the user can change, 130 after Ctrl-C."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    name = arguments[0] if arguments and arguments[0] in COMMANDS else None
    return guarded(lambda: _dispatch(name, arguments), f"worldreel {name}" if name else "worldreel")


def _dispatch(name: str | None, arguments: list[str]) -> None:
    if name is not None:
        entry = COMMANDS[name]
        from worldreel.cli.options import execute

        execute(name, getattr(import_module(f"worldreel.cli.{entry.module}"), entry.options), arguments[1:])
    elif not arguments or arguments[0] in ("-h", "--help", "help"):
        print(USAGE, end="")
    elif arguments[0] == "--version":
        import worldreel

        print(worldreel.__version__)
    else:
        near = get_close_matches(arguments[0], COMMANDS, 1)
        what = f"did you mean {near[0]}?" if near else f"there are {', '.join(COMMANDS)}"
        raise UserError(f"no command {arguments[0]!r}; {what}")
