"""`worldreel train`."""

import json
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from worldreel.cli import names
from worldreel.cli.options import Device, Json, Settings
from worldreel.cli.terminal import Show, Terminal
from worldreel.errors import UserError

if TYPE_CHECKING:
    import torch

    from worldreel.training.runs import Run

RUNS = Path("runs")
RECORD = "run.json"


@dataclass(frozen=True, kw_only=True)
class Train:
    """Trains a network by a recipe, in a folder that holds its configuration, checkpoints, log, previews and the result."""

    recipe: Annotated[
        str,
        tyro.conf.Positional,
        tyro.conf.arg(metavar="RECIPE", help="tiny-autoencoder, tiny-transformer, tiny-wordings or small-transformer."),
    ]
    settings: Settings = field(default_factory=list)
    out: Annotated[
        Path | None, tyro.conf.arg(metavar="RUN", help="The folder.", help_behavior_hint="(default: a new one, runs/RECIPE)")
    ] = None
    resume: Annotated[bool, tyro.conf.arg(help="Go on with the run that is in the folder, by its own configuration.")] = False
    time_limit: Annotated[
        str | None, tyro.conf.arg(metavar="TIME", help="Stop after 90s, 30m or 1h.", help_behavior_hint="(default: none)")
    ] = None
    device: Device = None
    json: Json = False

    def run(self, terminal: Terminal) -> Mapping[str, object]:
        from worldreel.devices import pick_device
        from worldreel.training.loop import Trainer
        from worldreel.training.run import RunFolder

        limit = None if self.time_limit is None else parse_time(self.time_limit)
        folder = self._folder()
        run = self._configuration(folder)
        RunFolder(folder).claim(self.resume)
        device = pick_device(self.device)
        task = run.make_task(device)
        folder.mkdir(parents=True, exist_ok=True)
        _record(self, run, folder, device)
        steps, start, last = run.schedule.steps, time.monotonic(), dict[str, float]()
        with terminal.progress() as show:

            def watch(row: Mapping[str, float]) -> None:
                last.update(row)
                _show_row(terminal, show, row, steps)

            try:
                model = Trainer(task, run.schedule, folder, watch).train(self.resume, limit)
            except KeyboardInterrupt:
                raise KeyboardInterrupt(_way_on(self.recipe, folder)) from None
        done, took = int(last.get("step", 0)), round(time.monotonic() - start, 1)
        terminal.say(f"{model}  {f'step {done} of {steps}, ' if done else ''}took {took} s")
        return {"run": str(folder), "model": str(model), "steps": steps, "last": last, "took": took}

    def _configuration(self, folder: Path) -> "Run":
        """The recipe's, or on resuming the run's own; with the changes that are asked for."""
        from worldreel.recipes import RECIPES

        if self.recipe not in RECIPES:
            raise UserError(f"no recipe {self.recipe!r}; there are {', '.join(sorted(RECIPES))}")
        run = RECIPES[self.recipe]()
        if self.resume and (folder / "config.json").exists():
            began = _began(folder)
            if began != self.recipe:
                raise UserError(f"--resume: {folder} was begun by the recipe {began!r}, not {self.recipe!r}")
            run = type(run).load(folder / "config.json")
        return run.changed(self.settings)

    def _folder(self) -> Path:
        if self.out is not None:
            return self.out
        if not self.resume:
            return names.new_path(self.recipe, "", RUNS)
        begun = [path.parent for path in RUNS.glob(f"*/{RECORD}") if _began(path.parent) == self.recipe]
        if not begun:
            raise UserError(f"--resume: {RUNS}/ holds no run of {self.recipe}; name its folder with --out")
        return max(begun, key=lambda path: (path / RECORD).stat().st_mtime)


def parse_time(text: str) -> float:
    """Seconds of `90s`, `30m`, `1h` or `1h30m`. Raises UserError."""
    found = re.fullmatch(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?", text, re.ASCII)
    seconds = sum(float(part or 0) * unit for part, unit in zip(found.groups(), (3600, 60, 1), strict=True)) if found else 0
    if seconds <= 0:
        raise UserError(f"--time-limit {text!r} is not a time above 0; write it as 90s, 30m, 1h or 1h30m")
    return seconds


def _show_row(terminal: Terminal, show: Show, row: Mapping[str, float], steps: int) -> None:
    show(f"training, loss {row['loss']:.4g}", int(row["step"]), steps)
    values = "  ".join(f"{name} {value:.4g}" for name, value in row.items() if name != "step")
    terminal.note(f"step {int(row['step'])}/{steps}  {values}")


def _record(command: Train, run: "Run", folder: Path, device: "torch.device") -> None:
    """What it takes to run it again: the configuration, and with what and on what it ran, a line for each start."""
    import platform
    from importlib.metadata import version

    import numpy
    import torch

    import worldreel
    from worldreel.devices import describe
    from worldreel.files import whole_file

    versions = {"worldreel": worldreel.__version__, "python": platform.python_version()}
    versions |= {"torch": torch.__version__, "numpy": numpy.__version__, "av": version("av")}
    start = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "settings": command.settings,
        "resume": command.resume,
        "time_limit": command.time_limit,
        "commit": commit(),
        "hardware": describe(device),
        "versions": versions,
    }
    earlier = _read_record(folder).get("starts", []) if command.resume else []
    record = {"recipe": command.recipe, "starts": [*(earlier if isinstance(earlier, list) else []), start]}
    with whole_file(folder / "config.json") as temporary:
        run.save(temporary)
    with whole_file(folder / RECORD) as temporary:
        temporary.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _read_record(folder: Path) -> dict[str, object]:
    try:
        found = json.loads((folder / RECORD).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _began(folder: Path) -> object:
    return _read_record(folder).get("recipe")


def commit(package: Path = Path(__file__).parents[1]) -> str:
    """The commit of the checkout that this package lies in, `-dirty` with changes; "unknown" where it lies in none."""

    def git(*words: str) -> str:
        done: Sequence[str] = ("git", "-C", str(package), *words)
        return subprocess.run(done, capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")  # else an environment inside of another project's checkout
        return git("rev-parse", "HEAD") + ("-dirty" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def _way_on(recipe: str, folder: Path) -> str:
    from worldreel.training.run import RunFolder

    latest = RunFolder(folder).latest()
    if latest is None:
        return f"interrupted before the first checkpoint; {folder} holds nothing to go on with"
    return f"interrupted; go on from {latest.name} with: worldreel train {recipe} --out {folder} --resume"
