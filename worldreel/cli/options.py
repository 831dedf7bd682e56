"""Words of the command line to a dataclass of options, through tyro; what tyro refuses becomes one line."""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Annotated, Protocol

import tyro

from worldreel.cli.terminal import Terminal
from worldreel.errors import UserError

MODELS_OWN = "(default: the model's own)"


class Command(Protocol):
    """Options that can be run. What `run` gives is printed by `--json`."""

    @property
    def json(self) -> bool: ...

    def run(self, terminal: Terminal) -> Mapping[str, object]: ...


Json = Annotated[bool, tyro.conf.arg(help="Print the result as one JSON object, and nothing else, on standard output.")]
Model = Annotated[
    str,
    tyro.conf.arg(metavar="NAME", help="A bundled model, a folder that holds one, or OWNER/NAME on the hub."),
]
Device = Annotated[
    str | None, tyro.conf.arg(metavar="NAME", help="cpu, cuda or mps.", help_behavior_hint="(default: the best there is)")
]
Memory = Annotated[
    str | None,
    tyro.conf.arg(
        metavar="8GB",
        help="What it may take of the device's memory; what finds no room there comes in as it runs.",
        help_behavior_hint="(default: all there is)",
    ),
]
Out = Annotated[
    Path | None, tyro.conf.arg(metavar="FILE", help="Where it is written.", help_behavior_hint="(default: a new name here)")
]
Overwrite = Annotated[bool, tyro.conf.arg(help="Replace the file if it exists.")]
Settings = Annotated[
    list[str],
    tyro.conf.arg(name="set", metavar="KEY=VALUE", help="Change a setting; may be given again."),
    tyro.conf.UseAppendAction,
]
Size = Annotated[
    str | None, tyro.conf.arg(metavar="WIDTHxHEIGHT", help="Size in pixels, such as 128x96.", help_behavior_hint=MODELS_OWN)
]
Steps = Annotated[int | None, tyro.conf.arg(metavar="N", help="Steps of denoising.", help_behavior_hint=MODELS_OWN)]
Draft = Annotated[bool, tyro.conf.arg(help="A quick look: eight steps of the multistep solver.")]
Fast = Annotated[bool, tyro.conf.arg(help="Save work where that changes the result; it says what that costs, as measured.")]
Guidance = Annotated[
    float | None,
    tyro.conf.arg(metavar="SCALE", help="How strongly the prompt is followed; 1: no guidance.", help_behavior_hint=MODELS_OWN),
]
LateGuidance = Annotated[
    float | None,
    tyro.conf.arg(metavar="SCALE", help="The same for the last steps, of models with a second network for them."),
]
Negative = Annotated[str | None, tyro.conf.arg(metavar="TEXT", help="What to lead away from.", help_behavior_hint=MODELS_OWN)]
Lora = Annotated[
    list[str],
    tyro.conf.arg(
        metavar="FILE[=STRENGTH][@early|@late]",
        help="Add a LoRA to the weights, with strength 1 or another; of two networks, to that for early or late steps. "
        "May be given again.",
    ),
    tyro.conf.UseAppendAction,
]
Seed = Annotated[
    int | None,
    tyro.conf.arg(metavar="N", help="The same seed gives the same result.", help_behavior_hint="(default: drawn, and printed)"),
]
Count = Annotated[int, tyro.conf.arg(metavar="N", help="How many to make, with seeds one after another.")]


def execute(name: str, options: type[Command], arguments: Sequence[str]) -> None:
    """Parses and runs a command. Raises UserError."""
    command = parse(name, options, arguments)
    if command is None:
        return
    result = command.run(Terminal(command.json))
    if command.json:
        print(json.dumps(result))


def parse(name: str, options: type[Command], arguments: Sequence[str]) -> Command | None:
    """The options; None where help was asked for, which is then on standard output."""
    complaint = StringIO()
    markers = (tyro.conf.FlagCreatePairsOff, tyro.conf.DisallowNone)
    try:
        with redirect_stderr(complaint):
            return tyro.cli(options, prog=f"worldreel {name}", args=list(arguments), config=markers)
    except SystemExit as end:
        if not end.code:
            sys.stderr.write(complaint.getvalue())
            return None
        raise UserError(f"{_line(complaint.getvalue())}; see `worldreel {name} --help`") from None


def _line(box: str) -> str:
    """What is wrong, out of tyro's box of several lines: its first part, without the frame."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", box)
    heading = 2 if plain.startswith(" ") else 1  # without UTF-8 the box is drawn with spaces and dashes
    rows = [row.strip("│ ") for row in plain.splitlines()[heading:] if not row.startswith("╰")]
    parts = re.split(r"[─-]{3,}|Got errors:", " ".join(rows))
    number = "a whole number" if "<class 'int'>" in plain else "a number"
    text = re.sub(r"Error parsing (\S+): no type matching .* from \['(.*)'\]\.", rf"\1: '\2' is not {number}", parts[0])
    text = re.sub(r"Missing from worldreel [a-z ]+:\s*", "missing ", text)
    near = re.search(r"--[a-z-]+", parts[1]) if text.startswith("Unrecognized") and "Perhaps" in plain else None
    return " ".join(text.split()).rstrip(".:") + (f"; perhaps you meant {near[0]}" if near else "")
