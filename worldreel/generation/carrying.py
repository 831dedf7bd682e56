"""What given frames show, carried along to where it is in made ones.

A small model knows where bodies go better than what they look like. Given frames show that: so each body of a given frame is
followed through the made frames next to it, and where it is found, it takes the place of what was made there (motion
compensation). The background, and who is in no given frame, stay as they were made.
"""

from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise, takewhile

import numpy as np
import torch
from torch import Tensor

from worldreel.generation.bodies import Scene
from worldreel.generation.following import followed
from worldreel.media.clip import Frame

SEEN = 4
"""Frames before a given one by which it is known how fast a body moves, as far as they are given."""


def carried(frames: Frame, given: np.ndarray, pixels: Frame) -> bool:
    """Puts what given frames show into frames [T, H, W, 3], and says whether that is anything. `given`: their numbers, in order;
    `pixels` [T, H, W, 3] has them."""
    known, found = set(given.tolist()), False
    for before, after in pairwise([-1, *sorted(known), len(frames)]):
        made = {number: Scene.of(_planes(frames[number])) for number in range(before + 1, after)}
        out = {number: scene.frame.clone() for number, scene in made.items()}
        for place, other, step in (before, after, 1), (after, before, -1):
            if not made or place not in known:
                continue
            rows = _row(place, -step, known), _row(other, step, known)
            behind, beyond = ([Scene.of(_planes(pixels[number])) for number in row] for row in rows)
            shown = _shown(behind, beyond, [made[number] for number in list(made)[::step]])
            for number, frame in zip(list(made)[::step], shown, strict=bool(shown)):
                out[number] += _weight(number, place, other, known) * (frame - made[number].frame)
            found = found or bool(shown)
        for number, frame in out.items():
            frames[number] = frame.round().clip(0, 255).byte().permute(1, 2, 0).numpy()
    return found


def _row(number: int, step: int, known: Collection[int]) -> Iterator[int]:
    """A frame and some that come next, as far as they are known."""
    return takewhile(known.__contains__, (number + step * further for further in range(SEEN + 1)))


def _weight(number: int, place: int, other: int, known: Collection[int]) -> float:
    """Of a given frame, for one with another given frame on its other side or none: the nearer one weighs more."""
    return abs(number - other) / abs(place - other) if other in known else 1.0


def _shown(given: Sequence[Scene], beyond: Sequence[Scene], made: Sequence[Scene]) -> list[Tensor]:
    """Made frames, the nearest to a given one first, [3, H, W] each, with its bodies; none, if it has none. `given`: that one and
    those before it; `beyond`: those after the made ones; the nearest first."""
    bodies = list(given[0].bodies())
    tracks = [followed(body, given[1:], made, beyond) for body in bodies]
    shown = []
    for number, scene in enumerate(made if bodies else []):
        frame = scene.frame.clone()
        for body, (places, surely) in zip(bodies, tracks, strict=True):
            body.clear(frame, scene, places[number], surely[number])
        for body, (places, surely) in zip(bodies, tracks, strict=True):
            body.put(frame, scene, places[number], surely[number])
        shown.append(frame)
    return shown


def _planes(frame: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(frame.transpose(2, 0, 1), dtype=np.float32))
