"""The modes of prompting as commands: a mode's signature is its command line."""

import inspect
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, make_dataclass
from itertools import groupby
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple, Union, get_args, get_origin

import tyro

from worldreel.cli import names
from worldreel.cli.options import (
    MODELS_OWN,
    Command,
    Count,
    Device,
    Draft,
    Fast,
    Guidance,
    Json,
    LateGuidance,
    Lora,
    Memory,
    Model,
    Negative,
    Out,
    Overwrite,
    Seed,
    Steps,
)
from worldreel.cli.terminal import Show, Terminal
from worldreel.errors import UserError

if TYPE_CHECKING:
    from worldreel.api import Handle
    from worldreel.generation import Placement, Plan, Progress
    from worldreel.models import BundleConfig, Expert

MOST_AT_ONCE = 1000
MODELS_CHOICE = ("size", "seconds", "frames", "fps")
"""Arguments that, left out, are the model's to choose."""
METAVARS = {"size": "WIDTHxHEIGHT", "seconds": "S", "frames": "N", "fps": "RATE", "missing": "8:24", "mask": "FILE"}
Solver = Annotated[
    Literal["euler", "stochastic", "multistep", "unipc"] | None,
    tyro.conf.arg(
        help="The method of sampling: of first order, the same with new noise at each step, or of second order (two of them).",
        help_behavior_hint=MODELS_OWN,
    ),
]


@dataclass(frozen=True, kw_only=True)
class Making:
    """What every mode takes beside its own arguments."""

    mode: ClassVar[str]

    model: Model = "tiny"
    steps: Steps = None
    draft: Draft = False
    fast: Fast = False
    guidance: Guidance = None
    late_guidance: LateGuidance = None
    negative: Negative = None
    solver: Solver = None
    lora: Lora = field(default_factory=list)
    seed: Seed = None
    count: Count = 1
    out: Out = None
    overwrite: Overwrite = False
    device: Device = None
    memory: Memory = None
    json: Json = False

    def run(self, terminal: Terminal) -> Mapping[str, object]:
        from worldreel.api import load
        from worldreel.models import load_config

        loras = [_Lora.of(given) for given in self.lora]
        config = load_config(self.model)
        plans = self._plans(config)
        paths = self._paths(plans)
        placed = self._placed(config, plans[0])
        for note in plans[0].composition.notes:
            terminal.note(f"note: {note}")
        if placed is not None:
            terminal.note(f"memory: {placed}")
        handle = load(self.model, self.device, self.memory)
        for path, strength, expert in loras:
            handle.adapt(path, strength, expert=expert)
        known, renamed = handle.known(plans[0].prompt), handle.renamed(plans[0].prompt)
        if handle.knows.words and not known:
            what = ", ".join(handle.knows.subjects or handle.knows.words)
            terminal.note(f"note: {handle.name} knows no word of this prompt; it knows {what}")
        for word, name in renamed.items():
            terminal.note(f"note: {handle.name} was never told {word}; it reads {name}")
        left_out = handle.left_out(plans[0].prompt)
        for reason, words in groupby(left_out, key=left_out.__getitem__):
            terminal.note(f"note: {handle.name} leaves out {', '.join(words)}: {reason}")
        with terminal.progress() as show:
            files = [
                _make(handle, plan, path, self.overwrite, _label(show, number, len(plans)))
                for number, (plan, path) in enumerate(zip(plans, paths, strict=True), 1)
            ]
        for file in files:
            terminal.say(f"{file['path']}  {_shape(plans[0])}, seed {file['seed']}, took {file['took']} s")
        memory = None if placed is None else asdict(placed)
        return {
            **_said(plans[0], handle),
            "known": known,
            "renamed": renamed,
            "left_out": left_out,
            "memory": memory,
            "files": files,
        }

    def _plans(self, config: "BundleConfig") -> "list[Plan]":
        """What will be made, checked before any weights are loaded."""
        from dataclasses import replace

        from worldreel.generation import Settings, plan
        from worldreel.media import read
        from worldreel.prompting import MODES

        if not 1 <= self.count <= MOST_AT_ONCE:
            raise UserError(f"--count {self.count}: take 1 to {MOST_AT_ONCE}")
        settings = Settings(**{name: getattr(self, name) for name in Settings.model_fields})
        given: list[object] = []
        asked: dict[str, object] = {}
        for name, parameter in _parameters(MODES[self.mode]).items():
            value = getattr(self, name)
            if isinstance(value, Path) and _clip_or_none(parameter.annotation) is not None:
                value = read(value)
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
                asked[name] = value
            else:
                given.append(value)
        first = plan(config, self.mode, *given, settings=settings, **asked)
        return [replace(first, seed=first.seed + number) for number in range(self.count)]

    def _placed(self, config: "BundleConfig", plan: "Plan") -> "Placement | None":
        """What will lie where, where memory is bounded; refused before any weights are loaded."""
        from worldreel.devices import compute_dtype, parse_memory, pick_device
        from worldreel.generation import Device as Where
        from worldreel.generation import placement

        if self.memory is None:
            return None
        memory, device = parse_memory(self.memory), pick_device(self.device)
        return placement(config, plan, Where(device.type, compute_dtype(device)), memory)

    def _paths(self, plans: "list[Plan]") -> list[Path]:
        """Where it will be written, checked likewise. Several files have their seed in their names."""
        from worldreel.media import check_target

        result, paths = plans[0].composition, []
        for plan in plans:
            if self.out is None:
                suffix = names.ending(result.width, result.height, result.frames)
                path = names.new_path(f"{names.slug(plan.prompt)}-{plan.seed}", suffix)
            else:
                path = self.out if len(plans) == 1 else self.out.with_stem(f"{self.out.stem}-{plan.seed}")
            paths.append(check_target(path, result.width, result.height, result.frames, self.overwrite, result.fps))
        return paths


class _Lora(NamedTuple):
    """What `--lora` says."""

    path: Path
    strength: float = 1.0
    expert: "Expert | None" = None

    @classmethod
    def of(cls, given: str) -> "_Lora":
        """Raises UserError."""
        if Path(given).exists():
            return cls(Path(given))
        expert: Expert | None = "early" if given.endswith("@early") else "late" if given.endswith("@late") else None
        name, equals, strength = given.removesuffix(f"@{expert}").rpartition("=")
        if not equals:
            return cls(Path(strength), 1.0, expert)
        try:
            return cls(Path(name), float(strength), expert)
        except ValueError:
            raise UserError(f"--lora {given}: {strength!r} is no strength; write it as FILE=0.8") from None


def command(mode: str) -> type[Command]:
    """The options of a mode: its own arguments, clips as files, before those of every mode."""
    from worldreel.prompting import MODES

    function = MODES[mode]
    fields = [(name, *_option(name, parameter)) for name, parameter in _parameters(function).items()]
    made: Any = make_dataclass(mode.title(), fields, bases=(Making,), frozen=True, kw_only=True, namespace={"mode": mode})
    made.__doc__ = inspect.getdoc(function)
    own = {name: made.__dataclass_fields__[name] for name, *_ in fields}
    made.__dataclass_fields__ = {**own, **made.__dataclass_fields__}  # a mode's own arguments are shown first
    options: type[Command] = made
    return options


def _parameters(function: Callable[..., object]) -> dict[str, inspect.Parameter]:
    found = inspect.signature(function).parameters
    return {name: parameter for name, parameter in found.items() if name != "within"}


def _option(name: str, parameter: inspect.Parameter) -> tuple[Any, Any]:
    """Type and field of one argument. What is given by place in Python is so on the command line."""
    kind, notes = parameter.annotation, ""
    if get_origin(kind) is Annotated:
        kind, notes = get_args(kind)[0], next((one for one in get_args(kind)[1:] if isinstance(one, str)), "")
    kind = _clip_or_none(parameter.annotation) or kind
    needed = parameter.default is inspect.Parameter.empty
    value = field() if needed else field(default=parameter.default)
    if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
        shown = tyro.conf.arg(metavar=name.upper(), help=notes or f"The {name}, a file.")
        return Annotated[kind, tyro.conf.Positional, shown], value
    absent = MODELS_OWN if name in MODELS_CHOICE else "(default: none)"
    hint = absent if parameter.default is None else None
    return Annotated[kind, tyro.conf.arg(metavar=METAVARS.get(name), help=notes, help_behavior_hint=hint)], value


def _clip_or_none(annotation: Any) -> Any:
    """A file's type for an argument that is a clip; None for others."""
    from worldreel.media import Clip

    kind = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    if kind is Clip:
        return Path
    if get_origin(kind) in (Union, UnionType) and Clip in get_args(kind):
        return Path | None
    return None


def _make(handle: "Handle", plan: "Plan", path: Path, overwrite: bool, show: Show) -> dict[str, object]:
    """One file."""
    from worldreel.generation import carry_out

    def watch(progress: "Progress") -> None:
        show(progress.stage, progress.done, progress.of)

    start = time.monotonic()
    carry_out(handle.model, plan, watch).save(path, overwrite)
    return {"path": str(path), "seed": plan.seed, "took": round(time.monotonic() - start, 1)}


def _shape(plan: "Plan") -> str:
    result = plan.composition
    length = "1 frame" if result.frames == 1 else f"{result.frames} frames at {float(result.fps):g} fps"
    return f"{result.width}x{result.height}, {length}"


def _said(plan: "Plan", handle: "Handle") -> dict[str, object]:
    """A plan in words and numbers."""
    result = plan.composition
    return {
        "model": handle.name,
        "mode": plan.mode,
        "prompt": plan.prompt,
        "negative": plan.negative,
        "width": result.width,
        "height": result.height,
        "frames": result.frames,
        "fps": float(result.fps),
        "steps": plan.steps,
        "guidance": plan.guidance,
        "solver": plan.solver,
        "fast": plan.fast,
        "notes": list(result.notes),
    }


def _label(show: Show, number: int, of: int) -> Show:
    """Progress that says which of several it is about."""
    if of == 1:
        return show
    return lambda what, done, steps: show(f"{number} of {of}: {what}", done, steps)
