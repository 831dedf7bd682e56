"""The command line: a table of commands, and what every one of them owes its user.

Nothing heavy is imported here: `worldreel --help` answers at once, and a command imports what it needs when it runs.
"""

import re
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from worldreel.cli.failures import guarded
from worldreel.errors import UserError


class Entry(NamedTuple):
    """Where a command's options are, a dataclass whose `run` is the command; and what it does."""

    module: str
    options: str
    summary: str


COMMANDS = {
    "compress": Entry("codec", "Compress", "turn a clip into a small file of latents"),
    "decompress": Entry("codec", "Decompress", "turn latents back into a clip"),
    "train": Entry("train", "Train", "train a network by a recipe"),
    "evaluate": Entry("evaluate", "Evaluate", "measure a model"),
    "models": Entry("models", "Models", "list the models and what they know"),
    "models check": Entry("check", "Check", "compare a checkpoint with diffusers, on this machine"),
}
"""Beside the modes of prompting, which are commands too. A name may have two words."""


@cache
def modes() -> dict[str, str]:
    """What each mode of prompting is for, as the first line of its file says. Read, not imported: that would take NumPy."""
    found = {}
    for file in sorted((Path(__file__).parent.parent / "prompting").glob("*.py")):
        text = file.read_text(encoding="utf-8")
        summary = text.partition("\n")[0].partition(": ")[2].strip('."')
        found.update(dict.fromkeys(re.findall(r"^@mode\ndef (\w+)\(", text, re.MULTILINE), summary))
    return {name: found[name] for name in sorted(found, key=lambda name: (name != "generate", name != "image", name))}


def usage() -> str:
    table = {**modes(), **{name: entry.summary for name, entry in COMMANDS.items()}}
    return f"""usage: worldreel COMMAND [OPTIONS]

Makes videos from words, images and videos.

commands:
{chr(10).join(f"  {name:<14}{summary}" for name, summary in table.items())}

options:
  -h, --help  show this; `worldreel COMMAND --help` shows the options of a command
  --version   show the version

example:
  worldreel generate "a dog walks to the left on a blue background" --seed 7
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command. Gives the exit status: 0, 2 for what the user can change, 130 after Ctrl-C."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    name, _ = _named(arguments)
    known = name in COMMANDS or (not name.startswith("-") and name in modes())
    return guarded(lambda: _dispatch(arguments), f"worldreel {name}" if known else "worldreel")


def _named(arguments: list[str]) -> tuple[str, list[str]]:
    """The command, and what follows it."""
    words = next((count for count in (2, 1) if " ".join(arguments[:count]) in COMMANDS), 1)
    return " ".join(arguments[:words]) or "--help", arguments[words:]


def _dispatch(arguments: list[str]) -> None:
    name, rest = _named(arguments)
    if name in COMMANDS:
        from worldreel.cli.options import execute

        entry = COMMANDS[name]
        execute(name, getattr(import_module(f"worldreel.cli.{entry.module}"), entry.options), rest)
    elif name in ("-h", "--help", "help"):
        print(usage(), end="")
    elif name == "--version":
        import worldreel

        print(worldreel.__version__)
    elif name in modes():
        from worldreel.cli.making import command
        from worldreel.cli.options import execute

        execute(name, command(name), rest)
    else:
        names = [*modes(), *COMMANDS]
        near = get_close_matches(name, names, 1)
        what = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
        raise UserError(f"no command {name!r}; {what}")
