"""`worldreel generate` and `worldreel image`."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from worldreel.cli import names
from worldreel.cli.options import (
    MODELS_OWN,
    Count,
    Device,
    Guidance,
    Json,
    Model,
    Negative,
    Out,
    Overwrite,
    Seed,
    Size,
    Steps,
)
from worldreel.cli.terminal import Show, Terminal
from worldreel.errors import UserError

if TYPE_CHECKING:
    from worldreel.api import Handle
    from worldreel.generation import Plan, Progress
    from worldreel.models import ModelConfig

MOST_AT_ONCE = 1000
Prompt = Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="PROMPT", help="What to show.")]


@dataclass(frozen=True, kw_only=True)
class Generate:
    """Makes a video from a prompt: exactly of the size, the length and the rate that are asked for."""

    prompt: Prompt
    model: Model = "tiny"
    size: Size = None
    seconds: Annotated[float | None, tyro.conf.arg(metavar="S", help="Length in seconds.", help_behavior_hint=MODELS_OWN)] = None
    frames: Annotated[
        int | None, tyro.conf.arg(metavar="N", help="Length in frames, instead.", help_behavior_hint=MODELS_OWN)
    ] = None
    fps: Annotated[float | None, tyro.conf.arg(metavar="RATE", help="Frames a second.", help_behavior_hint=MODELS_OWN)] = None
    steps: Steps = None
    guidance: Guidance = None
    negative: Negative = ""
    seed: Seed = None
    count: Count = 1
    out: Out = None
    overwrite: Overwrite = False
    device: Device = None
    json: Json = False

    def run(self, terminal: Terminal) -> Mapping[str, object]:
        from worldreel.api import load
        from worldreel.models import load_config

        plans = self._plans(load_config(self.model))
        paths = self._paths(plans)
        handle = load(self.model, self.device)
        known = handle.known(plans[0].prompt)
        if handle.knows.words and not known:
            what = ", ".join(handle.knows.subjects or handle.knows.words)
            terminal.note(f"note: {handle.name} knows no word of this prompt; it knows {what}")
        with terminal.progress() as show:
            files = [
                _make(handle, plan, path, self.overwrite, _label(show, number, len(plans)))
                for number, (plan, path) in enumerate(zip(plans, paths, strict=True), 1)
            ]
        for file in files:
            length = "1 frame" if plans[0].frames == 1 else f"{plans[0].frames} frames at {float(plans[0].fps):g} fps"
            size = f"{plans[0].width}x{plans[0].height}"
            terminal.say(f"{file['path']}  {size}, {length}, seed {file['seed']}, took {file['took']} s")
        settings = plans[0].model_dump(mode="json", exclude={"seed"})
        return {"model": handle.name, **settings, "fps": float(plans[0].fps), "known": known, "files": files}

    def _plans(self, config: "ModelConfig") -> "list[Plan]":
        """What will be made, checked before any weights are loaded."""
        from worldreel.generation import Request, plan
        from worldreel.shapes import parse_size

        if not 1 <= self.count <= MOST_AT_ONCE:
            raise UserError(f"--count {self.count}: take 1 to {MOST_AT_ONCE}")
        width, height = (None, None) if self.size is None else parse_size(self.size)
        values = {name: getattr(self, name) for name in ("prompt", "negative", "seconds", "frames", "fps", "steps", "guidance")}
        first = plan(Request(**values, width=width, height=height, seed=self.seed), config)
        return [first.model_copy(update={"seed": first.seed + number}) for number in range(self.count)]

    def _paths(self, plans: "list[Plan]") -> list[Path]:
        """Where it will be written, checked likewise. Several files have their seed in their names."""
        from worldreel.media import check_target

        first, paths = plans[0], []
        for plan in plans:
            if self.out is None:
                suffix = names.ending(first.width, first.height, first.frames)
                path = names.new_path(f"{names.slug(first.prompt)}-{plan.seed}", suffix)
            else:
                path = self.out if len(plans) == 1 else self.out.with_stem(f"{self.out.stem}-{plan.seed}")
            paths.append(check_target(path, first.width, first.height, first.frames, self.overwrite, first.fps))
        return paths


@dataclass(frozen=True, kw_only=True)
class Image:
    """Makes an image from a prompt, exactly of the size that is asked for."""

    prompt: Prompt
    model: Model = "tiny"
    size: Size = None
    steps: Steps = None
    guidance: Guidance = None
    negative: Negative = ""
    seed: Seed = None
    count: Count = 1
    out: Out = None
    overwrite: Overwrite = False
    device: Device = None
    json: Json = False

    def run(self, terminal: Terminal) -> Mapping[str, object]:
        return Generate(**vars(self), frames=1).run(terminal)


def _make(handle: "Handle", plan: "Plan", path: Path, overwrite: bool, show: Show) -> dict[str, object]:
    """One file."""
    from worldreel.generation import carry_out

    def watch(progress: "Progress") -> None:
        show(progress.stage, progress.done, progress.of)

    start = time.monotonic()
    carry_out(handle.model, plan, watch).save(path, overwrite)
    return {"path": str(path), "seed": plan.seed, "took": round(time.monotonic() - start, 1)}


def _label(show: Show, number: int, of: int) -> Show:
    """Progress that says which of several it is about."""
    if of == 1:
        return show
    return lambda what, done, steps: show(f"{number} of {of}: {what}", done, steps)
