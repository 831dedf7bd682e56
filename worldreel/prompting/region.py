"""Masks and stretches of a clip: which of its pixels and frames a mode is about."""

import re

import numpy as np
from numpy.typing import NDArray

from worldreel.errors import UserError
from worldreel.media.clip import Clip


def masked(mask: Clip | None, frames: int, width: int, height: int, whole: Clip) -> NDArray[np.bool_]:
    """Where a mask is white, [T, H, W]; everywhere without one, [T, 1, 1]. Raises UserError for a mask of another shape."""
    if mask is None:
        return np.ones((frames, 1, 1), bool)
    if abs(mask.width * whole.height - mask.height * whole.width) > max(whole.width, whole.height):
        raise UserError(
            f"the mask is {mask.width}x{mask.height}, the clip {whole.width}x{whole.height}: "
            "a mask has the clip's size, or another of the same shape"
        )
    white = mask.resized(width, height).array()[..., 0] > 127
    if len(white) not in (1, frames):
        raise UserError(f"the mask has {len(white)} frames, the clip {frames}: a mask is one image, or as long as the clip")
    if not white.any():
        raise UserError("the mask has no white: paint what is to change white")
    return np.broadcast_to(white, (frames, height, width))


def stretch(text: str, count: int, name: str) -> tuple[int, int]:
    """Frames "8:24" (the second is not one of them) of a clip of so many. Raises UserError."""
    found = re.fullmatch(r"(\d{1,9}):(\d{1,9})", text.strip())
    if not found:
        raise UserError(f"{name} {text!r} is not FIRST:LAST in frames; write it as 8:24")
    start, stop = int(found[1]), int(found[2])
    if not 0 <= start < stop <= count:
        raise UserError(f"{name} {text} is not inside the clip's frames 0:{count}")
    return start, stop
