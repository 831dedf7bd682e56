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

from worldreel.generation.bodies import Body, Place, Scene
from worldreel.generation.following import followed
from worldreel.generation.looks import Look, going_on, looks
from worldreel.media.clip import Frame

SEEN, LOOKS = 4, 24
"""Frames before a given one by which it is known how fast a body moves, and how it looks from frame to frame, as far as they are
given."""


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
            rows = _row(place, -step, known, SEEN if other in known else LOOKS), _row(other, step, known, SEEN)
            behind, beyond = ([Scene.of(_planes(pixels[number])) for number in row] for row in rows)
            shown = _shown(behind, beyond, [made[number] for number in list(made)[::step]])
            for number, frame in zip(list(made)[::step], shown, strict=bool(shown)):
                out[number] += _weight(number, place, other, known) * (frame - made[number].frame)
            found = found or bool(shown)
        for number, frame in out.items():
            frames[number] = frame.round().clip(0, 255).byte().permute(1, 2, 0).numpy()
    return found


def _row(number: int, step: int, known: Collection[int], most: int) -> Iterator[int]:
    """A frame and up to so many that come next, as far as they are known."""
    return takewhile(known.__contains__, (number + step * further for further in range(most + 1)))


def _weight(number: int, place: int, other: int, known: Collection[int]) -> float:
    """Of a given frame, for one with another given frame on its other side or none: the nearer one weighs more."""
    return abs(number - other) / abs(place - other) if other in known else 1.0


def _shown(given: Sequence[Scene], beyond: Sequence[Scene], made: Sequence[Scene]) -> list[Tensor]:
    """Made frames, the nearest to a given one first, [3, H, W] each, with its bodies; none, if it has none. `given`: that one and
    those before it; `beyond`: those after the made ones; the nearest first."""
    bodies = list(given[0].bodies())
    tracks = [followed(body, given[1 : SEEN + 1], made, beyond) for body in bodies]
    # What comes from two sides would be of two minds.
    seen = [[Look(body, (0, 0))] if beyond else looks(body, given[1:]) for body in bodies]
    order = [going_on(found, len(made)) for found in seen]
    shown = []
    for number, scene in enumerate(made if bodies else []):
        frame, now = scene.frame.clone(), list[tuple[Body, Place, float]]()
        for found, which, (places, surely) in zip(seen, order, tracks, strict=True):
            (body, shift), (row, column) = found[which[number]], places[number]
            now.append((body, (row + shift[0], column + shift[1]), surely[number]))
        for body, place, share in now:
            body.clear(frame, scene, place, share)
        for body, place, share in now:
            body.put(frame, scene, place, share)
        shown.append(frame)
    return shown


def _planes(frame: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(frame.transpose(2, 0, 1), dtype=np.float32))
