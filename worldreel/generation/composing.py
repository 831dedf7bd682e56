"""A plan to a clip: every canvas is filled, and what was made is set between what the user gave. Every door goes through here."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import torch
from PIL import Image

from worldreel.devices import free_memory, overhead
from worldreel.errors import UserError, is_out_of_memory
from worldreel.generation.filling import Watch, fill
from worldreel.generation.memory import Device, Placement, Work, out_of_memory, place, works
from worldreel.generation.plan import Plan, Settings, plan
from worldreel.media import Clip
from worldreel.media.clip import Frame
from worldreel.models import Bundle, BundleConfig, Fast
from worldreel.prompting import Composition


def generate(model: Bundle, mode: str, *given: object, settings: Settings | None = None, **asked: object) -> Clip:
    """Makes the clip of a mode. Its metadata say how, so that it can be made again. Raises UserError for what cannot be made."""
    return carry_out(model, plan(model.config, mode, *given, settings=settings, **asked))


def carry_out(model: Bundle, settled: Plan, watch: Watch = lambda progress: None) -> Clip:
    """Makes what a checked plan says. The user's own frames are read again whenever the clip is. Raises UserError where memory
    runs out, or would."""
    try:
        return replace(_made(model, settled, watch), metadata=metadata(settled, model))
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
    # Out here nothing holds on to what the attempt had made.
    model.make_room()
    free, device = free_memory(model.device), Device(model.device.type, model.dtype)
    weights = sum(weight.nbytes for weight in model.parameters() if weight.device == model.device)
    room = None if free is None else free + weights + overhead(device.kind)
    raise UserError(out_of_memory(model.config, _works(settled), device, room))


def placement(config: BundleConfig, settled: Plan, device: Device, memory: int) -> Placement:
    """What lies where while a plan is carried out with so many bytes. Raises UserError naming what would fit."""
    return place(config, _works(settled), device, memory)


def _works(settled: Plan) -> list[Work]:
    return works(settled.composition, guided=settled.guided, fast=settled.fast)


def _made(model: Bundle, settled: Plan, watch: Watch) -> Clip:
    composition = settled.composition
    if model.memory is not None:
        device = Device(model.device.type, model.dtype)
        model.keep(placement(model.config, settled, device, model.memory).resident)
    generator = torch.Generator().manual_seed(settled.seed)
    with torch.inference_mode():
        filled = {id(canvas): fill(model, canvas, settled, generator, watch) for canvas in composition.canvases}
    count = sum(composition.length(part) for part in composition.parts)
    size = composition.width, composition.height
    clip = Clip.from_frames(lambda: _frames(composition, filled), *size, composition.fps, count)
    if composition.then is None:
        return clip
    following = composition.then.compose(clip, settled.prompt)
    return _made(model, replace(settled, composition=following), watch)


def metadata(settled: Plan, model: Bundle) -> dict[str, str]:
    """How a clip was made, in words that any player shows."""
    composition = settled.composition
    parents = [_name(part) for part in composition.parts if isinstance(part, Clip)]
    return {
        "ai_generated": "true",
        "title": settled.prompt,
        "mode": settled.mode,
        "model": model.config.name,
        "prompt": settled.prompt,
        "negative": settled.negative,
        "seed": str(settled.seed),
        "steps": str(settled.steps),
        "solver": settled.solver,
        **_guidance(settled),
        **({"fast": _fast(model.config.defaults.fast)} if settled.fast else {}),
        "size": f"{composition.width}x{composition.height}",
        "frames": str(composition.frames),
        "fps": str(composition.fps),
        "device": model.device.type,
        "worldreel": _version("worldreel"),
        "torch": torch.__version__,
        **({"lora": "; ".join(model.adaptations)} if model.adaptations else {}),
        **({"experimental": ", ".join(settled.experimental)} if settled.experimental else {}),
        **({"parents": "; ".join(parents)} if parents else {}),
    }


def _guidance(settled: Plan) -> dict[str, str]:
    """That of the first canvas, and of the others where it differs."""
    composition = settled.composition
    above, below = settled.scales(composition.canvases[0]) if composition.canvases else (settled.guidance, settled.late_guidance)
    scales = {"guidance": above, "late_guidance": below, "given_guidance": above}
    if composition.then is not None or any(settled.scales(canvas) != (above, below) for canvas in composition.canvases):
        scales["given_guidance"] = above if settled.given_guidance is None else settled.given_guidance
    return {name: f"{scale:g}" for name, scale in scales.items() if name == "guidance" or scale != above}


def _fast(fast: Fast) -> str:
    return f"blocks passed over within {fast.near:g}, guidance from {fast.guided_above:g} up"


def _name(parent: Clip) -> str:
    """A clip that was made, by its prompt and seed; another by its size."""
    notes = parent.metadata
    if notes.get("ai_generated") == "true" and "prompt" in notes:
        return f"{notes['prompt']} (seed {notes.get('seed', 'unknown')})"
    return notes.get("title") or f"a clip of {parent.width}x{parent.height}"


def _frames(composition: Composition, filled: Mapping[int, Frame]) -> Iterator[Frame]:
    size = (composition.width, composition.height)
    for part in composition.parts:
        if isinstance(part, Clip):
            yield from part
            continue
        frames = filled[id(part.canvas)][part.start : part.stop]
        own = iter(part.over) if part.over is not None else None
        given = np.broadcast_to(part.canvas.given, part.canvas.pixels.shape[:3])[part.start : part.stop]
        for frame, kept in zip(frames, given, strict=True):
            shown = _resized(frame, size)
            if own is not None:
                shown = np.where(_resized_mask(kept, size)[..., None], next(own), shown)
            for _ in range(composition.repeats(part)):
                yield shown


def _resized(frame: Frame, size: tuple[int, int]) -> Frame:
    if frame.shape[1::-1] == size:
        return frame
    return np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BICUBIC))


def _resized_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "unknown"
