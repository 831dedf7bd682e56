"""How far the judges can be trusted: measured on scenes whose truth is known, before they judge anything that was generated.

The rules of scoring are here, and the evaluation of a model uses the same. A subject is right if exactly one is seen and it
is the one asked for; a direction or a position counts only where one was asked for; a background is right if its colours are
(a fade's in order). A clip that is refused has nothing right.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F

from worldreel.evaluation.intervals import Rate
from worldreel.worlds.casts import TAUGHT, Cast
from worldreel.worlds.judge import Verdict
from worldreel.worlds.render import render, to_frames
from worldreel.worlds.scenes import Canvas, Scene, random_scene, with_subjects
from worldreel.worlds.sprites import load_sprites
from worldreel.worlds.subjects import SUBJECTS

Codec = Callable[[np.ndarray], np.ndarray]
"""Frames [T, H, W, 3] uint8 to their reconstruction."""

SEED = 30_003
CANVAS = Canvas(128, 128, 25)


class Observer(Protocol):
    """The judge or the witness."""

    def see(self, frames: np.ndarray) -> Verdict: ...


@dataclass(frozen=True)
class Asked:
    """What a prompt with one actor asks for; None where it does not say."""

    subject: str
    background: tuple[str, ...]
    direction: str | None = None
    position: str | None = None

    @classmethod
    def of(cls, scene: Scene) -> "Asked":
        (actor,) = scene.actors
        direction = actor.direction if scene.canvas.frames > 1 else None
        return cls(actor.subject.name, scene.background.names, direction, actor.position)


def score(verdict: Verdict, asked: Asked) -> dict[str, bool]:
    """Which of the attributes that were asked for are right."""
    seen = verdict.refused is None
    right = {
        "subject": seen and verdict.subjects == (asked.subject,),
        "background": seen and verdict.background == asked.background,
    }
    if asked.direction is not None:
        right["direction"] = seen and verdict.directions == (asked.direction,)
    if asked.position is not None:
        right["position"] = seen and verdict.positions == (asked.position,)
    return right


def score_company(verdict: Verdict, scene: Scene) -> dict[str, bool]:
    """Whether a clip shows as many actors as its scene; each subject where it was asked for, from left to right (`relation`); and
    each of them doing what that one was asked to, and not what another was (`binding`)."""
    seen = verdict.refused is None
    related = seen and verdict.subjects == tuple(actor.subject.name for actor in scene.actors)
    return {
        "count": seen and verdict.count == len(scene.actors),
        "relation": related,
        "binding": related and verdict.directions == tuple(actor.direction for actor in scene.actors),
        "background": seen and verdict.background == scene.background.names,
    }


def rates(scores: Iterable[Mapping[str, bool]]) -> dict[str, Rate]:
    """The rate of each attribute over the clips that asked for it."""
    outcomes = defaultdict[str, list[bool]](list)
    for marks in scores:
        for name, right in marks.items():
            outcomes[name].append(right)
    return {name: Rate.of(values) for name, values in outcomes.items()}


def measure_judge(judge: Observer, codec: Codec | None, seeds: Iterable[int], canvas: Canvas = CANVAS) -> dict[str, Rate]:
    """How often each attribute is read rightly from renders of one actor, or from what a codec makes of them."""
    return rates(score(judge.see(_through(codec, drawn(scene))), Asked.of(scene)) for scene in _scenes(seeds, canvas))


def measure_count(judge: Observer, codec: Codec | None, seeds: Iterable[int], canvas: Canvas = CANVAS) -> Rate:
    """How often the number of actors is read rightly, where half of the scenes have two or three."""
    scenes = _scenes(seeds, canvas, alone=0.5)
    return Rate.of(judge.see(_through(codec, drawn(scene))).count == len(scene.actors) for scene in scenes)


def agreement(judge: Observer, witness: Observer, clips: Iterable[tuple[Asked, np.ndarray]]) -> dict[str, Rate]:
    """How often two observers see the same, by attribute that was asked for. `judged` is the share of clips that the
    judge does not refuse; the others are compared in nothing."""
    return rates(_same(judge.see(frames), witness.see(frames), asked) for asked, frames in clips)


def _same(one: Verdict, other: Verdict, asked: Asked) -> dict[str, bool]:
    if one.refused is not None or other.refused is not None:
        return {"judged": False}
    same = {"judged": True, "subject": one.subjects == other.subjects, "background": one.background == other.background}
    if asked.direction is not None:
        same["direction"] = one.directions == other.directions
    if asked.position is not None:
        same["position"] = one.positions == other.positions
    return same


def rendered(seeds: Iterable[int], codec: Codec | None = None, canvas: Canvas = CANVAS) -> Iterator[tuple[Asked, np.ndarray]]:
    """Clips of one actor with what they show."""
    for scene in _scenes(seeds, canvas):
        yield Asked.of(scene), _through(codec, drawn(scene))


def measure_refusals(judge: Observer, codec: Codec | None, seeds: Iterable[int], canvas: Canvas = CANVAS) -> dict[str, Rate]:
    """How often clips that show no scene are refused, by kind."""
    makers = {"blank": blank, "noise": noise, "swapped": swapped}
    return rates(
        {name: judge.see(_through(codec, maker(seed, canvas))).refused is not None for name, maker in makers.items()}
        for seed in seeds
    )


def blank(seed: int, canvas: Canvas = CANVAS) -> np.ndarray:
    """A background and nothing on it."""
    return drawn(replace(_scene(seed, canvas), actors=()))


def noise(seed: int, canvas: Canvas = CANVAS) -> np.ndarray:
    """Noise in each pixel, or smooth noise of some size that drifts."""
    generator = torch.Generator().manual_seed(seed)
    cells = (None, 32, 16, 8)[seed % 4]
    shape = (canvas.frames, canvas.height, canvas.width)
    small = shape if cells is None else (max(2, canvas.frames // 6), cells, cells)
    video = F.interpolate(torch.rand(1, 3, *small, generator=generator), shape, mode="trilinear")[0]
    return to_frames(video * 2 - 1)


def swapped(seed: int, canvas: Canvas = CANVAS) -> np.ndarray:
    """Two scenes spliced in the middle, one whose subject is another from the middle on, or one that moves, out of order."""
    rng = np.random.default_rng((SEED, seed))
    scene, half = _scene(seed, canvas), canvas.frames // 2
    if seed % 3 == 0:
        while scene.actors[0].direction is None:
            scene = _scene(int(rng.integers(2**31)), canvas)
        return drawn(scene)[rng.permutation(canvas.frames)]
    another = scene
    while another.actors[0].subject == scene.actors[0].subject:
        if seed % 3 == 1:
            another = with_subjects(scene, SUBJECTS[int(rng.integers(len(SUBJECTS)))])
        else:
            another = _scene(int(rng.integers(2**31)), canvas)
    return np.concatenate([drawn(scene)[:half], drawn(another)[half:]])


def _scenes(seeds: Iterable[int], canvas: Canvas, alone: float = 1.0) -> Iterator[Scene]:
    return (_scene(seed, canvas, alone) for seed in seeds)


def _scene(seed: int, canvas: Canvas, alone: float = 1.0) -> Scene:
    """Every other scene shows a pair that training never draws."""
    return random_scene((SEED, seed), canvas, withheld_pairs=seed % 2 == 0, alone=alone)


def drawn(scene: Scene, cast: Cast = TAUGHT) -> np.ndarray:
    """What a scene of sprites shows, played by some of a cast, as media [T, H, W, 3] uint8."""
    return to_frames(render([scene], load_sprites(cast))[0][0])


def _through(codec: Codec | None, frames: np.ndarray) -> np.ndarray:
    return frames if codec is None else codec(frames)
