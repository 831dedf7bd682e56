"""Where what was given meets what was made.

The codec loses a little of every frame: some detail, and a shade of colour. How much is seen on the given frames, which exist
both as they are and as the codec gives them back. So what was made beside them gets the shade, and, wherever it still shows the
same thing, the very detail; else there would be a jump at the seam.
"""

import numpy as np
import torch
import torch.nn.functional as F

from worldreel.media.clip import Frame
from worldreel.prompting import Canvas

SAME = 6.0
"""Levels of 255 by which places may differ that still show the same thing (root mean square over a window)."""
WINDOW = 9
"""Pixels; a window's side, in which a place is compared."""


def with_given(frames: Frame, canvas: Canvas) -> Frame:
    """The frames [T, H, W, 3] of a filled canvas as the codec decoded them: what was given is put back, and what was made is
    brought closer to it. Frames are changed in place."""
    given = np.broadcast_to(canvas.given, frames.shape[:3])
    if not given.any():
        return frames
    whole = given.all(axis=(1, 2))
    known = np.flatnonzero(whole)
    if len(known):
        for number in np.flatnonzero(~whole).tolist():
            frames[number] = _matched(number, known, frames, canvas.pixels)
    frames[given] = canvas.pixels[given]
    return frames


def _matched(number: int, known: np.ndarray, frames: Frame, pixels: Frame) -> Frame:
    """A made frame with what the codec took from its nearest known neighbours, the nearer one weighing more."""
    place = int(np.searchsorted(known, number))
    neighbours = known[max(0, place - 1) : place + 1]
    distances = np.abs(neighbours - number)
    weights = distances[::-1] / distances.sum() if len(neighbours) == 2 else np.ones(1)
    made = frames[number].astype(np.float32)
    out = made.copy()
    for neighbour, weight in zip(neighbours.tolist(), weights.tolist(), strict=True):
        decoded = frames[neighbour].astype(np.float32)
        lost = pixels[neighbour] - decoded
        shade = lost.mean(axis=(0, 1))
        out += weight * (shade + _likeness(made, decoded)[:, :, None] * (lost - shade))
    matched: Frame = out.round().clip(0, 255).astype(np.uint8)
    return matched


def _likeness(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """How surely two decoded frames [H, W, 3] show the same thing at each place: 1 where they are equal, [H, W]."""
    square = torch.from_numpy(((one - other) ** 2).mean(axis=2))[None, None]
    near = F.avg_pool2d(square, WINDOW, stride=1, padding=WINDOW // 2, count_include_pad=False)[0, 0]
    likeness: np.ndarray = torch.exp(-near / (2 * SAME**2)).numpy()
    return likeness
