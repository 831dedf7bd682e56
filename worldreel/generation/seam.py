"""Where what was given meets what was made.

The codec loses a little of every frame: some detail, and a shade of colour. How much is seen on the given frames, which exist
both as they are and as the codec gives them back. So what was made beside them gets the shade, and, wherever it still shows the
same thing, the very detail; else there would be a jump at the seam.

The model, too, draws what it goes on with anew, and never quite as it was. So made frames dissolve into a given one next to them,
wherever they show much the same; what is elsewhere by then leaves no ghost. What follows a given frame is decoded with that in
the decoder's memory, and looks like it from the first: too much of it, and all would stand still there. What comes before knows
nothing of it, may differ by more, and takes more. Where what given frames show is carried along (see `carrying`), only the last
frame between two given ends dissolves, and less.

A clip that is edited exists both ways too: what an edit leaves as it was gets back what the codec took.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from worldreel.generation.carrying import carried
from worldreel.media.clip import Frame
from worldreel.prompting import Canvas

SAME, ALIKE = 6.0, 40.0
"""Levels of 255 by which places may differ that still show the same thing, or much the same (root mean square over a window)."""
SMALL, LARGE = 9, 15
"""Pixels; a window's side, in which places are compared that may show the same thing, or much the same."""


class Dissolve(NamedTuple):
    """The share of a given frame in the made ones next to it, the nearest first, where they show much the same (see `levels`)."""

    shares: tuple[float, ...]
    levels: float


PLAIN = Dissolve((1 / 4,), ALIKE), Dissolve((1 / 2, 1 / 4), 2 * ALIKE)
"""Of a given frame in what follows it, and in what leads up to it."""
CARRIED = Dissolve((), ALIKE), Dissolve((1 / 4,), 2 * ALIKE)
"""The same where what it shows has been carried along from both sides, which need not meet. From one side nothing jumps."""


def with_given(frames: Frame, canvas: Canvas, carries: bool = False) -> Frame:
    """The frames [T, H, W, 3] of a filled canvas as the codec decoded them: what was given is put back, and what was made is
    brought closer to it, if no cut lies between them; `carries`: by what it shows, wherever that is by then (see `carrying`), and
    less by dissolving into it. Frames are changed in place."""
    given = np.broadcast_to(canvas.given, frames.shape[:3])
    if not given.any():
        return frames
    whole = np.flatnonzero(given.all(axis=(1, 2)))
    for start, stop in pairwise([0, *canvas.cuts, canvas.frames]):
        known = whole[(start <= whole) & (whole < stop)]
        if len(known):
            made = [(number, _neighbours(number, known)) for number in np.setdiff1d(np.arange(start, stop), known).tolist()]
            for number, neighbours in made:
                frames[number] = _detailed(number, neighbours, frames, canvas.pixels)
            found = carries and carried(frames[start:stop], known - start, canvas.pixels[start:stop])
            for number, neighbours in made:
                if len(neighbours) == 2 or not found:
                    frames[number] = _dissolved(number, neighbours, frames[number], canvas.pixels, CARRIED if found else PLAIN)
    frames[given] = canvas.pixels[given]
    return frames


def with_detail(frames: Frame, decoded: Frame, canvas: Canvas) -> Frame:
    """What was made of the clip of a canvas [T, H, W, 3], with that one's detail wherever both show much the same: the more might
    change, the nearer they must be, or rims of what is gone would stay as ghosts. `decoded`: the clip as the codec gives it back.
    Frames are changed in place."""
    for made, coded, shown, ceilings in zip(frames, decoded, canvas.pixels, canvas.ceilings, strict=True):
        there, lost = coded.astype(np.float32), shown - coded.astype(np.float32)
        levels = np.maximum(1, ALIKE * (1 - ceilings))[:, :, None]
        whole = made + _likeness(made.astype(np.float32), there, levels, LARGE) * lost
        made[:] = whole.round().clip(0, 255).astype(np.uint8)
    return frames


def _neighbours(number: int, known: np.ndarray) -> dict[int, float]:
    """The nearest known frames on both sides, or the one there is, and how much each counts: the nearer one more."""
    place = int(np.searchsorted(known, number))
    numbers = known[max(0, place - 1) : place + 1].tolist()
    apart = [abs(one - number) for one in numbers]
    return dict(zip(numbers, [one / sum(apart) for one in reversed(apart)], strict=True))


def _detailed(number: int, neighbours: dict[int, float], frames: Frame, pixels: Frame) -> Frame:
    """A made frame with what the codec took from its known neighbours."""
    made = frames[number].astype(np.float32)
    out = made.copy()
    for neighbour, weight in neighbours.items():
        decoded = frames[neighbour].astype(np.float32)
        lost = pixels[neighbour] - decoded
        shade = lost.mean(axis=(0, 1))
        out += weight * (shade + _likeness(made, decoded, SAME, SMALL) * (lost - shade))
    return _pixels(out)


def _dissolved(number: int, neighbours: dict[int, float], made: Frame, pixels: Frame, kinds: tuple[Dissolve, Dissolve]) -> Frame:
    """A made frame with a share of its known neighbours, where they are close to it."""
    out = made.astype(np.float32)
    for neighbour, weight in neighbours.items():
        shares, levels = kinds[neighbour > number]
        distance = abs(neighbour - number)
        if distance <= len(shares):
            apart = pixels[neighbour] - out
            out += weight * shares[distance - 1] * _likeness(out, pixels[neighbour], levels, LARGE) * apart
    return _pixels(out)


def _pixels(frame: np.ndarray) -> Frame:
    pixels: Frame = frame.round().clip(0, 255).astype(np.uint8)
    return pixels


def _likeness(one: np.ndarray, other: np.ndarray, levels: float | np.ndarray, window: int) -> np.ndarray:
    """How surely two frames [H, W, 3] show the same thing at each place, if it may differ by `levels` (one, or [H, W, 1]): 1
    where they are equal, [H, W, 1]."""
    square = torch.from_numpy(((one - other) ** 2).mean(axis=2))[None, None]
    near = F.avg_pool2d(square, window, stride=1, padding=window // 2, count_include_pad=False)[0, 0]
    likeness: np.ndarray = np.exp(-near.numpy()[:, :, None] / (2 * levels**2))
    return likeness
