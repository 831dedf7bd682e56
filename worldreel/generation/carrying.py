"""What given frames show, carried along to where it is in made ones.

A small model knows where bodies go better than what they look like. Given frames show that: so each body of a given frame is
followed through the made frames next to it, and where it is found, it takes the place of what was made there (motion
compensation). The background, and who is in no given frame, stay as they were made.
"""

from collections.abc import Collection, Iterator, Sequence
from itertools import count, islice, pairwise, takewhile

import numpy as np
import torch
from torch import Tensor

from worldreel.generation.bodies import Body, Place, Scene
from worldreel.generation.following import followed
from worldreel.generation.looks import going_on, looks
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
            behind, beyond = _given(pixels, known, place, -step), _given(pixels, known, other, step)
            shown = _shown(behind, list(islice(beyond, 1 + SEEN)), [made[number] for number in list(made)[::step]])
            for number, frame in zip(list(made)[::step], shown, strict=bool(shown)):
                out[number] += _weight(number, place, other, known) * (frame - made[number].frame)
            found = found or bool(shown)
        for number, frame in out.items():
            frames[number] = frame.round().clip(0, 255).byte().permute(1, 2, 0).numpy()
    return found


def _given(pixels: Frame, known: Collection[int], number: int, step: int) -> Iterator[Scene]:
    """A frame and those that come next, as far as they are known."""
    return (Scene.of(_planes(pixels[one])) for one in takewhile(known.__contains__, count(number, step)))


def _weight(number: int, place: int, other: int, known: Collection[int]) -> float:
    """Of a given frame, for one with another given frame on its other side or none: the nearer one weighs more."""
    return abs(number - other) / abs(place - other) if other in known else 1.0


def _shown(given: Iterator[Scene], beyond: Sequence[Scene], made: Sequence[Scene]) -> list[Tensor]:
    """Made frames, the nearest to a given one first, [3, H, W] each, with its bodies; none, if it has none. `given`: that one and
    those before it; `beyond`: those after the made ones; the nearest first."""
    bodies = list(next(given).bodies())
    earlier = list(islice(given, SEEN)) if bodies else []
    tracks = [followed(body, earlier, made, beyond) for body in bodies]
    # What comes from two sides would be of two minds.
    earlier += islice(given, LOOKS - SEEN) if bodies and not beyond else []
    seen = [looks(body, [] if beyond else earlier) for body in bodies]
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
