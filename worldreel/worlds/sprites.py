"""The sprite pack in memory: every frame of every sprite, with its alpha, at several sharpnesses."""

import io
import json
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from worldreel.assets import asset
from worldreel.errors import UserError
from worldreel.worlds.casts import TAUGHT, Cast

SHARPNESS = (1.0, 0.7, 0.5, 0.35, 0.25)
"""Scales at which a sprite is kept low-passed, so that drawing it small does not alias (a mip map at one size)."""


@dataclass(frozen=True)
class Sprite:
    """`frames`: premultiplied RGBA, uint8 [sharpness, frames, 4, side, side]; `seconds`: how long one loop takes."""

    codepoint: str
    frames: Tensor
    seconds: float

    @property
    def side(self) -> int:
        return self.frames.shape[-1]

    def frame_at(self, seconds: np.ndarray) -> np.ndarray:
        """The frame shown at each time; the loop repeats."""
        count = self.frames.shape[1]
        return np.floor(seconds / self.seconds * count + 1e-6).astype(int) % count


def pack_path() -> Path:
    """Where the sprite pack lies. Raises UserError if it is not there."""
    return asset("sprites.zip")


@lru_cache(maxsize=4)
def load_sprites(cast: Cast | None = TAUGHT) -> dict[str, Sprite]:
    """The sprites of a cast, or of the whole pack, by code point. Takes about 2 s for two dozen; the result is shared.

    Raises UserError for a subject that the pack does not hold.
    """
    wanted = None if cast is None else {subject.codepoint for subject in cast.subjects}
    with zipfile.ZipFile(pack_path()) as archive:
        index = json.loads(archive.read("index.json"))
        held = {entry["codepoint"]: entry for entry in index}
        missing = sorted((wanted or set()) - held.keys())
        if missing:
            raise UserError(f"{pack_path()} lacks {len(missing)} of the cast's sprites ({missing[0]} ...): make the whole pack")
        return {
            name: Sprite(name, _decode(archive.read(entry.get("file", f"{name}.webp"))), entry["seconds"])
            for name, entry in held.items()
            if wanted is None or name in wanted
        }


def _decode(data: bytes) -> Tensor:
    image = Image.open(io.BytesIO(data))
    frames = []
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        frames.append(np.asarray(image.convert("RGBA")))
    rgba = torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2).float()
    rgba[:, :3] *= rgba[:, 3:] / 255  # premultiplied, so that interpolation never mixes in the colour of empty pixels
    side = rgba.shape[-1]
    levels = [rgba]
    for scale in SHARPNESS[1:]:
        small = F.interpolate(rgba, size=round(side * scale), mode="bicubic", antialias=True)
        levels.append(F.interpolate(small, size=side, mode="bilinear"))
    return torch.stack(levels).clamp(0, 255).round().to(torch.uint8)
