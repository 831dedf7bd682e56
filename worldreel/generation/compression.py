"""A clip as latents in a file, and back: the model's autoencoder as a codec of its own. Both ways stream."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from os import PathLike
from pathlib import Path
from tempfile import TemporaryFile
from typing import Literal

import numpy as np
import torch
from pydantic import Field, ValidationError
from torch import Tensor

from worldreel.checkpoints import load_metadata, load_tensors, save_tensors
from worldreel.config import Config
from worldreel.errors import UserError
from worldreel.generation.filling import Progress, Watch
from worldreel.generation.pixels import to_pixels, to_video
from worldreel.media import Clip, Limits
from worldreel.media.clip import Frame
from worldreel.media.limits import readable
from worldreel.models import Bundle
from worldreel.shapes import VideoShape

ENDING = ".safetensors"
LIMITS = Limits()
MOST_BYTES = 2**30
"""Of latents, which are held in memory whole: more than two minutes of 1080p at 30 fps."""
MOST_REFINED = 1000
LARGEST_REFINED = 640 * 360
"""Pixels of a frame: what the decoder did to a stretch of frames is held in memory."""


class Header(Config):
    """What a file of latents says of itself, as text in the safetensors metadata."""

    format: Literal["worldreel-latents"] = "worldreel-latents"
    model: str
    autoencoder: str
    """Fingerprint of the weights that made the latents: no others can read them."""
    width: int = Field(ge=1, le=65_536)
    height: int = Field(ge=1, le=65_536)
    frames: int = Field(ge=1, le=1_000_000)
    fps: str = Field(pattern=r"^[1-9]\d{0,8}(/[1-9]\d{0,5})?$")
    metadata: str = "{}"
    """The clip's own metadata, as JSON."""

    @property
    def shape(self) -> VideoShape:
        return VideoShape(self.frames, self.height, self.width)


@dataclass(frozen=True)
class Compressed:
    """A clip as latents [C, T, H, W] float16, and what it takes to give it back at its own size, length and rate."""

    header: Header
    latents: Tensor

    def save(self, path: str | PathLike[str], overwrite: bool = False) -> Path:
        """Writes a .safetensors file, whole or not at all. Raises UserError as `check_latents_target` does."""
        path = check_latents_target(path, overwrite)
        save_tensors(path, {"latents": self.latents}, {key: str(value) for key, value in self.header})
        return path


def check_latents_target(path: str | PathLike[str], overwrite: bool = False) -> Path:
    """Everything that can be known before the work. Raises UserError for another ending, a file that is there, a bad folder."""
    path = Path(path)
    if path.suffix != ENDING:
        raise UserError(f"{path}: latents are written as {ENDING}; end the name in that")
    try:
        if path.is_dir() or (not overwrite and (path.exists() or path.is_symlink())):
            raise UserError(f"{path} exists already; give another name, or --overwrite")
        with TemporaryFile(dir=path.parent):
            pass
    except FileNotFoundError:
        raise UserError(f"{path}: there is no folder {path.parent}; make it first, or choose another") from None
    except OSError as error:
        raise UserError(f"{path} cannot be written ({(error.strerror or str(error)).lower()}); choose another folder") from error
    return path


def read_header(path: str | PathLike[str]) -> Header:
    """What a file of latents says of itself; nothing else of it is read. Raises UserError."""
    path = Path(path)
    with readable(path):
        if path.stat().st_size > MOST_BYTES + 2**20:
            raise UserError(f"{path} is above {MOST_BYTES / 2**30:g} GB, larger than latents are written; give another file")
    try:
        return Header.model_validate(load_metadata(path))
    except ValidationError:
        raise UserError(f"{path} holds no latents of Worldreel; make some with `worldreel compress CLIP`") from None


def compress(model: Bundle, clip: Clip, watch: Watch = lambda progress: None, refine: int = 0) -> Compressed:
    """Encodes a clip, holding a few frames of it at a time. Raises UserError for a clip that is too large.

    `refine`: so many steps from the encoder's latents to what the decoder gives back best; each takes about three times as long
    as decoding, and frames are held whole. Sides are continued by their last pixels and the end by its last frame, up to what
    the network takes; `decompress` cuts both away again.
    """
    _check_size(model, clip, clip.frame_count or 1)
    if not 0 <= refine <= MOST_REFINED:
        raise UserError(f"--refine {refine}: take 0 to {MOST_REFINED} steps; 20 are most of the gain")
    if refine and clip.width * clip.height > LARGEST_REFINED:
        size = f"{clip.width}x{clip.height}"
        raise UserError(f"--refine: frames up to {LARGEST_REFINED:,} pixels are refined, not {size}; resize the clip first")
    padded = _padded(model, VideoShape(clip.frame_count or 1, clip.height, clip.width))
    source = _Source(clip, padded, model, watch)
    pieces = [piece.half().cpu() for piece in model.encode_latents(source.chunks(), padded.height, padded.width, refine)]
    header = Header(
        model=model.config.name,
        autoencoder=_fingerprint(model),
        width=clip.width,
        height=clip.height,
        frames=source.count,
        fps=str(clip.fps),
        metadata=json.dumps(dict(clip.metadata), sort_keys=True),
    )
    return Compressed(header, torch.cat(pieces, dim=2)[0])


def decompress(model: Bundle, source: Compressed | str | PathLike[str], watch: Watch = lambda progress: None) -> Clip:
    """The clip, which is decoded as its frames are asked for. Raises UserError for a file that is damaged or another model's."""
    name = "the latents" if isinstance(source, Compressed) else str(source)
    compressed = source if isinstance(source, Compressed) else _load(Path(source))
    header, latents = compressed.header, compressed.latents
    if header.autoencoder != _fingerprint(model):
        raise UserError(f"{name}: made by the autoencoder of {header.model!r}, not by this one; give it with --model")
    expected = model.config.autoencoder.compression.latent(_padded(model, header.shape))
    if latents.shape != (model.config.autoencoder.latent_channels, *expected) or not bool(latents.isfinite().all()):
        raise UserError(f"{name}: the latents are not those of {header.frames} frames of {header.width}x{header.height}")

    def frames() -> Iterator[Frame]:
        made = 0
        stream = latents[None].to(model.device, torch.float32)
        for piece in model.decode_latents(stream, lambda done: watch(Progress("decoding", done, expected.frames))):
            yield from to_pixels(piece[0, :, : header.frames - made, : header.height, : header.width])
            made += piece.shape[2]

    return Clip.from_frames(frames, header.width, header.height, Fraction(header.fps), header.frames, _notes(header))


class _Source:
    """A clip's frames as the network takes them; `count` of the clip's own have gone by."""

    def __init__(self, clip: Clip, padded: VideoShape, model: Bundle, watch: Watch) -> None:
        self.clip, self.padded, self.model, self.watch = clip, padded, model, watch
        self.count = 0

    def chunks(self) -> Iterator[Tensor]:
        """One frame [1, 3, 1, H, W] at a time; 4k + 1 in all."""
        frame: Tensor | None = None
        for pixels in self.clip:
            self.count += 1
            _check_size(self.model, self.clip, self.count)
            frame = self._padded(pixels)
            yield frame
            self.watch(Progress("encoding", self.count, self.clip.frame_count or 0))
        if frame is None:
            raise UserError("the clip holds no frame; give one that does")
        for _ in range(_padded(self.model, VideoShape(self.count, 1, 1)).frames - self.count):
            yield frame

    def _padded(self, pixels: Frame) -> Tensor:
        below, right = self.padded.height - self.clip.height, self.padded.width - self.clip.width
        whole = np.pad(pixels, ((0, below), (0, right), (0, 0)), mode="edge")
        return to_video(whole[None])[None].to(self.model.device)


def _padded(model: Bundle, video: VideoShape) -> VideoShape:
    return model.config.autoencoder.compression.padded(video)


def _check_size(model: Bundle, clip: Clip, count: int) -> None:
    """Refuses a clip of (so far) `count` frames that is too large, or whose latents would be."""
    size = f"{clip.width}x{clip.height}"
    if clip.width * clip.height > LIMITS.pixels:
        raise UserError(f"the clip is {size}, above {LIMITS.pixels} pixels a frame; give a smaller one")
    if count > LIMITS.frames:
        raise UserError(f"the clip has more than {LIMITS.frames} frames; give a shorter one")
    autoencoder = model.config.autoencoder
    latent = autoencoder.compression.latent(_padded(model, VideoShape(count, clip.height, clip.width)))
    needed = 2 * autoencoder.latent_channels * latent.pixels
    if needed > MOST_BYTES:
        most = f"{MOST_BYTES / 2**30:g} GB is the most; give a shorter or a smaller one"
        raise UserError(f"the clip of {count} frames of {size} has {needed / 2**30:.1f} GB of latents; {most}")


def _load(path: Path) -> Compressed:
    header = read_header(path)
    tensors = load_tensors(path)
    if set(tensors) != {"latents"} or not tensors["latents"].is_floating_point():
        raise UserError(
            f"{path} holds no latents of Worldreel, but {', '.join(sorted(tensors)[:3]) or 'nothing'}; give another file"
        )
    return Compressed(header, tensors["latents"].clone())  # not a window on the file, which others may change


def _notes(header: Header) -> Mapping[str, str]:
    try:
        found = json.loads(header.metadata)
    except (ValueError, RecursionError):
        return {}
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def _fingerprint(model: Bundle) -> str:
    """Of the autoencoder's weights, so that latents are never decoded by others without a word."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.autoencoder.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]
