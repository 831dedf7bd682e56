"""`worldreel compress` and `worldreel decompress`."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from worldreel.cli import names
from worldreel.cli.options import Device, Json, Model, Out, Overwrite
from worldreel.cli.terminal import Show, Terminal

if TYPE_CHECKING:
    from worldreel.generation import Progress, Watch


@dataclass(frozen=True, kw_only=True)
class Compress:
    """Turns a clip or an image into a small file of latents, with the autoencoder of a model."""

    clip: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="CLIP", help="A video or image file.")]
    refine: Annotated[int, tyro.conf.arg(help="Steps of looking for better latents; 20 are most of the gain, and slow.")] = 0
    model: Model = "tiny"
    out: Out = None
    overwrite: Overwrite = False
    device: Device = None
    json: Json = False

    def run(self, terminal: Terminal) -> Mapping[str, object]:
        from worldreel.api import load
        from worldreel.generation import check_latents_target
        from worldreel.media import read
        from worldreel.models import find_model

        clip = read(self.clip)
        path = self.out or names.new_path(self.clip.stem, ".safetensors")
        check_latents_target(path, self.overwrite)
        find_model(self.model)
        handle, start = load(self.model, self.device), time.monotonic()
        with terminal.progress() as show:
            compressed = handle.compress(clip, _watch(show), refine=self.refine)
        compressed.save(path, self.overwrite)
        header, size, took = compressed.header, path.stat().st_size, round(time.monotonic() - start, 1)
        what = f"{header.width}x{header.height}, {header.frames} frames, {size:,} bytes"
        terminal.say(f"{path}  {what}, took {took} s")
        return {
            "path": str(path),
            "bytes": size,
            "took": took,
            **header.model_dump(include={"model", "width", "height", "frames", "fps"}),
        }


@dataclass(frozen=True, kw_only=True)
class Decompress:
    """Turns a file of latents back into a clip of its own size, length and rate."""

    latents: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FILE", help="What `compress` wrote.")]
    model: Model = "tiny"
    out: Out = None
    overwrite: Overwrite = False
    device: Device = None
    json: Json = False

    def run(self, terminal: Terminal) -> Mapping[str, object]:
        from worldreel.api import load
        from worldreel.generation import read_header
        from worldreel.media import check_target

        header = read_header(self.latents)
        width, height, frames = header.width, header.height, header.frames
        path = self.out or names.new_path(self.latents.stem, names.ending(width, height, frames))
        check_target(path, width, height, frames, self.overwrite)
        handle, start = load(self.model, self.device), time.monotonic()
        with terminal.progress() as show:
            handle.decompress(self.latents, _watch(show)).save(path, self.overwrite)
        took = round(time.monotonic() - start, 1)
        terminal.say(f"{path}  {width}x{height}, {frames} frames, took {took} s")
        return {"path": str(path), "took": took, **header.model_dump(include={"model", "width", "height", "frames", "fps"})}


def _watch(show: Show) -> "Watch":
    def watch(progress: "Progress") -> None:
        show(progress.stage, progress.done, progress.of)

    return watch
