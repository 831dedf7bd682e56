"""PNG and JPEG to a clip of one frame, and what all of Pillow's images share. The file is a stranger's."""

from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from worldreel.media import notes
from worldreel.media.clip import Clip, Frame
from worldreel.media.limits import Limits, readable

NOTE = 0x010E  # EXIF's ImageDescription: what JPEG and WebP hold our metadata in


def read_still(path: Path, kind: Literal["png", "jpeg"], limits: Limits) -> Clip:
    """One frame at one frame a second. The plugin is called by name: `Image.open` would let the file choose among dozens."""
    with readable(path), path.open("rb") as file:
        image: Image.Image = PngImageFile(file) if kind == "png" else JpegImageFile(file)
        limits.check_size(path, *image.size)
        image.load()
        frame = rgb(ImageOps.exif_transpose(image))
        if isinstance(image, PngImageFile):
            texts = {key: str(value) for key, value in image.text.items()}
            own = notes.unpack(texts.get("Comment"))
            metadata = texts if own is None else own
        else:
            metadata = notes.unpack(image.getexif().get(NOTE)) or {}
    return Clip.from_array(frame[None], 1, metadata)


def rgb(image: Image.Image) -> Frame:
    """[H, W, 3] uint8, over white where transparent. 16-bit grey keeps its upper half: Pillow would clip it to white."""
    if image.mode.startswith("I"):
        grey = (np.asarray(image).clip(0, 65535) >> 8).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return np.asarray(image.convert("RGB"))
