"""Scenes of the sprites world: what stands or moves where, on which background. A scene is a plain value.

Drawn at random but for a seed; a scene never shows a withheld pair unless it is asked for one.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal, get_args

import numpy as np

from worldreel.worlds.backdrops import PLACES
from worldreel.worlds.casts import TAUGHT, Cast
from worldreel.worlds.subjects import COLOURS, DIRECTIONS, POSITIONS, Subject, withheld

Deed = Literal["grows", "shrinks", "turns", "enters", "leaves"]
DEEDS: tuple[Deed, ...] = get_args(Deed)
Style = Literal["mosaic", "grey", "sepia", "outline"]
CLOSE = (0.58, 0.84)
"""Sizes of those who are seen from near: on a canvas of 80 pixels they are as large as others on one of 128."""


@dataclass(frozen=True)
class Canvas:
    """Size in pixels, length in frames, rate in frames a second. One frame is an image."""

    width: int
    height: int
    frames: int
    fps: Fraction = Fraction(12)

    @property
    def seconds(self) -> np.ndarray:
        """The time of each frame, [frames]."""
        return np.arange(self.frames) / float(self.fps)


@dataclass(frozen=True)
class Background:
    """One colour, or a fade from the first (top) to the second (bottom), of which `rgb` are the exact colours drawn; or a place
    (see `backdrops`), drawn by the seed `picture`."""

    names: tuple[str, ...]
    rgb: tuple[tuple[int, int, int], ...] = ()
    picture: int | None = None


@dataclass(frozen=True)
class Actor:
    """A subject on a straight path. `start` and `end` are its centre in fractions of the canvas; `size`, the largest it is, in
    fractions of the canvas's shorter side; `direction` is None where it stands, `position` None where it moves across the canvas.
    `growth`: its size at the end over that at the start; `turns`: how often it turns clockwise on the way."""

    subject: Subject
    size: float
    start: tuple[float, float]
    end: tuple[float, float]
    phase: float
    direction: str | None = None
    position: str | None = None
    growth: float = 1.0
    turns: float = 0.0

    @property
    def deed(self) -> Deed | None:
        """What it does beside standing or moving."""
        if self.growth != 1:
            return "grows" if self.growth > 1 else "shrinks"
        if self.turns:
            return "turns"
        if _outside(self.start):
            return "enters"
        return "leaves" if _outside(self.end) else None

    @property
    def mirrored(self) -> bool:
        return self.direction == "right" and self.subject.faces_left


@dataclass(frozen=True)
class Scene:
    """What is on a canvas; `style`: how all of it is rendered (see `styles`), None as it is. `back`: frames between which all
    actors go back to where their paths began: what is seen before is a clip's end, and what is seen after, its beginning."""

    canvas: Canvas
    background: Background
    actors: tuple[Actor, ...]
    style: Style | None = None
    back: tuple[int, int] | None = None

    @property
    def along(self) -> np.ndarray:
        """How far on its path every actor is, [frames]: from 0, at its start, to 1. A still is taken halfway."""
        frames = self.canvas.frames
        if frames == 1:
            return np.full(1, 0.5)
        number = np.arange(frames)
        if self.back is None:
            return number / (frames - 1)
        start, stop = self.back
        # Who goes back slows down first, and again before setting out anew.
        turned = (1 + np.cos(np.pi * np.clip((number - start) / (stop - start), 0, 1))) / 2
        along: np.ndarray = turned + (np.minimum(number - start, 0) + np.maximum(number - stop, 0)) / (frames - 1)
        return along

    def centres(self, actor: Actor) -> np.ndarray:
        """The actor's centre in pixels, (x, y) by frame: [frames, 2]."""
        along = self.along[:, None]
        path = (1 - along) * np.array(actor.start) + along * np.array(actor.end)
        centres: np.ndarray = path * (self.canvas.width, self.canvas.height)
        return centres

    def side(self, actor: Actor) -> float:
        """The side of the actor's square in pixels, at its largest."""
        return actor.size * min(self.canvas.width, self.canvas.height)

    def sides(self, actor: Actor) -> np.ndarray:
        """The side of the actor's square in pixels, [frames]."""
        first, last = min(1.0, 1 / actor.growth), min(1.0, actor.growth)
        sides: np.ndarray = self.side(actor) * (first + (last - first) * self.along)
        return sides

    def angles(self, actor: Actor) -> np.ndarray:
        """How far the actor has turned clockwise, in radians, [frames]."""
        angles: np.ndarray = 2 * np.pi * actor.turns * self.along
        return angles

    @property
    def close(self) -> bool:
        """Whether who is there is seen from near (see `closer`)."""
        return any(actor.size >= CLOSE[0] for actor in self.actors)

    @property
    def is_withheld(self) -> bool:
        return any(
            withheld(actor.subject.name, attribute)
            for actor in self.actors
            for attribute in (actor.direction, *self.background.names)
            if attribute
        )


@dataclass(frozen=True)
class Change:
    """One scene that turns into another of the same canvas: the first alone before frame `start`, the second from frame `stop`
    on, and between them ever more of the second."""

    first: Scene
    second: Scene
    start: int
    stop: int

    @property
    def canvas(self) -> Canvas:
        return self.first.canvas

    @property
    def shares(self) -> np.ndarray:
        """How much of the second is seen, [frames], from 0 to 1."""
        along = (np.arange(self.canvas.frames) - self.start + 1) / (self.stop - self.start + 1)
        shares: np.ndarray = np.clip(along, 0, 1)
        return shares


def random_change(seed: tuple[int, ...], first: Scene, second: Scene, gap: tuple[int, int] | None = None) -> Change:
    """A change that takes a sixth to a third of a clip, somewhere in its middle; or half of a gap between frames, in its
    middle, so that what is made there begins as one scene and ends as the other."""
    rng = np.random.default_rng(seed)
    if gap is not None:
        missing = gap[1] - gap[0]
        length = max(1, round(missing * rng.uniform(0.4, 0.6)))
        start = gap[0] + (missing - length) // 2
        return Change(first, second, start, start + length)
    frames = first.canvas.frames
    length = max(1, round(frames * rng.uniform(1 / 6, 1 / 3)))
    middle = frames * rng.uniform(0.35, 0.6)
    start = int(np.clip(round(middle - length / 2), 1, max(1, frames - 1 - length)))
    return Change(first, second, start, start + length)


def random_scene(
    seed: tuple[int, ...],
    canvas: Canvas,
    *,
    withheld_pairs: bool = False,
    alone: float = 0.75,
    cast: Cast = TAUGHT,
    lively: float = 0.0,
    plain: float = 0.75,
    pictured: float = 0.0,
) -> Scene:
    """A scene for this canvas. `withheld_pairs`: True gives only scenes with such a pair, False none. `alone`: the share
    of scenes with one actor; two are twice as common as three. `lively`: the share of lone actors in clips that do a deed;
    `pictured`: the share of backgrounds that are places; `plain`: of the others, the share in one colour."""
    rng = np.random.default_rng(seed)
    while True:
        count = 1 if rng.random() < alone else 2 + int(rng.random() < 1 / 3)
        actors = (_lone_actor(rng, canvas, cast),) if count == 1 else _row_of_actors(rng, canvas, count, cast)
        if count == 1 and canvas.frames > 1 and lively and rng.random() < lively:
            actors = (_lively(rng, actors[0], canvas),)
        scene = Scene(canvas, _background(rng, plain, pictured), actors)
        if scene.is_withheld == withheld_pairs:
            return scene


def with_subjects(scene: Scene, *subjects: Subject) -> Scene:
    """The same scene played by others, in order."""
    actors = tuple(replace(actor, subject=subject) for actor, subject in zip(scene.actors, subjects, strict=True))
    return replace(scene, actors=actors)


def anywhere(scene: Scene, rng: np.random.Generator) -> Scene:
    """The same scene, in which whoever stands alone does so at any place where all of it is in view, and at none that has a name.
    A clip's first frame shows who moves at such places, which named ones say little of."""
    (actor, *others) = scene.actors
    if others or actor.direction is not None or actor.deed is not None:
        return scene
    half = _half(actor.size, scene.canvas)
    x, y = rng.uniform(half, 1 - half)
    return replace(scene, actors=(replace(actor, start=(float(x), float(y)), end=(float(x), float(y)), position=None),))


def slower(scene: Scene, share: float) -> Scene:
    """The middle `share` of every actor's path, in the same time: how a short clip is cut from a longer one."""
    actors = []
    for actor in scene.actors:
        start, end = np.array(actor.start), np.array(actor.end)
        middle, half = (start + end) / 2, (end - start) / 2 * share
        first, last = middle - half, middle + half
        actors.append(replace(actor, start=(float(first[0]), float(first[1])), end=(float(last[0]), float(last[1]))))
    return replace(scene, actors=tuple(actors))


def closer(scene: Scene, rng: np.random.Generator) -> Scene:
    """The same scene, in which whoever is alone is seen from near: most of a frame is subject, which teaches bodies for few
    tokens. Whoever moves still does, as far as there is room; where others stand has no name."""
    (actor, *others) = scene.actors
    if others or actor.deed is not None:
        return scene
    size = float(rng.uniform(*CLOSE))
    half = _half(size, scene.canvas)
    centre = rng.uniform(half, 1 - half)
    if actor.direction is None:
        place = _inside(centre, half)
        return replace(scene, actors=(replace(actor, size=size, start=place, end=place, position=None),))
    way = np.array(actor.end) - np.array(actor.start)
    way = np.clip(way, 2 * half - 1, 1 - 2 * half)
    start = np.clip(centre - way / 2, np.maximum(half, half - way), np.minimum(1 - half, 1 - half - way))
    start, end = _inside(start, half), _inside(start + way, half)
    return replace(scene, actors=(replace(actor, size=size, start=start, end=end),))


def _background(rng: np.random.Generator, plain: float, pictured: float) -> Background:
    if pictured and rng.random() < pictured:
        return Background((str(rng.choice(list(PLACES))),), picture=int(rng.integers(2**31)))
    count = 1 if rng.random() < plain else 2
    names = tuple(str(name) for name in rng.choice(list(COLOURS), count, replace=False))
    rgb = []
    for name in names:
        red, green, blue = np.clip(np.array(COLOURS[name]) + rng.integers(-8, 9, 3), 0, 255)
        rgb.append((int(red), int(green), int(blue)))
    return Background(names, tuple(rgb))


def _one_of(family: tuple[Subject, ...], rng: np.random.Generator) -> Subject:
    return family[int(rng.integers(len(family)))] if len(family) > 1 else family[0]


def _subject(rng: np.random.Generator, cast: Cast) -> Subject:
    """Every family as often as every other, however many belong to it."""
    return _one_of(cast.families[int(rng.integers(len(cast.families)))], rng)


def _lone_actor(rng: np.random.Generator, canvas: Canvas, cast: Cast) -> Actor:
    size = rng.uniform(0.36, 0.52)
    half = _half(size, canvas)
    phase = float(rng.uniform(0, 3))
    if canvas.frames > 1 and rng.random() < 0.6:
        direction = str(rng.choice(list(DIRECTIONS)))
        axis = 0 if direction in ("left", "right") else 1
        sign = DIRECTIONS[direction][axis]
        room = 1 - 2 * half[axis]
        travel = rng.uniform(min(0.28, room), min(0.55, room))
        middle = 0.5 + rng.uniform(-0.5, 0.5) * (room - travel)
        start, end = np.array([0.5, 0.5]), np.array([0.5, 0.5])
        start[axis], end[axis] = middle - sign * travel / 2, middle + sign * travel / 2
        across = rng.uniform(-0.12, 0.12)
        start[1 - axis] += across
        end[1 - axis] += across
        return Actor(_subject(rng, cast), size, _inside(start, half), _inside(end, half), phase, direction=direction)
    position = str(rng.choice(list(POSITIONS)))
    place = _inside(np.array([POSITIONS[position] + rng.uniform(-0.04, 0.04), 0.5 + rng.uniform(-0.15, 0.15)]), half)
    return Actor(_subject(rng, cast), size, place, place, phase, position=position)


def _lively(rng: np.random.Generator, actor: Actor, canvas: Canvas) -> Actor:
    """The actor doing a deed: whoever moves enters or leaves, whoever stands grows, shrinks or turns."""
    half = _half(actor.size, canvas)
    if actor.direction is None:
        kind = int(rng.integers(3))
        if kind == 2:
            # Its corners stay in view too.
            return replace(actor, size=actor.size / 2**0.5, turns=float(rng.choice([-1, -0.5, 0.5, 1])))
        factor = float(rng.uniform(1.6, 2.4))
        return replace(actor, growth=factor if kind == 0 else 1 / factor)
    axis = 0 if actor.direction in ("left", "right") else 1
    sign = DIRECTIONS[actor.direction][axis]
    outside, inside = 0.5 - sign * (0.5 + half[axis]), 0.5 + rng.uniform(-0.1, 0.1)
    if rng.random() < 0.5:
        start, end = outside, inside
    else:
        start, end = inside, 1 - outside
    across = actor.start[1 - axis]
    if axis == 0:
        return replace(actor, start=(float(start), across), end=(float(end), across))
    return replace(actor, start=(across, float(start)), end=(across, float(end)))


def _row_of_actors(rng: np.random.Generator, canvas: Canvas, count: int, cast: Cast) -> tuple[Actor, ...]:
    """Different subjects side by side, each in its own column, where it stands or moves up or down."""
    columns = ("left", "right") if count == 2 else ("left", "middle", "right")
    families = rng.choice(len(cast.families), count, replace=False)
    size = rng.uniform(0.30, 0.38) if count == 2 else rng.uniform(0.24, 0.29)
    half = _half(size, canvas)
    actors = []
    for number, column in enumerate(columns):
        x = (0.26 + 0.48 * number if count == 2 else 0.18 + 0.32 * number) + rng.uniform(-0.02, 0.02)
        direction = str(rng.choice(["up", "down"])) if canvas.frames > 1 and rng.random() < 0.4 else None
        travel = rng.uniform(0.3, 0.5) * DIRECTIONS[direction][1] if direction else 0.0
        y = 0.5 + rng.uniform(-0.08, 0.08)
        start, end = _inside(np.array([x, y - travel / 2]), half), _inside(np.array([x, y + travel / 2]), half)
        phase = float(rng.uniform(0, 3))
        subject = _one_of(cast.families[int(families[number])], rng)
        actors.append(Actor(subject, size, start, end, phase, direction, column))
    return tuple(actors)


def _half(size: float, canvas: Canvas) -> np.ndarray:
    """Half of the actor's sides in fractions of the canvas, with a little room to the edge."""
    side = size * min(canvas.width, canvas.height)
    return np.array([side / canvas.width, side / canvas.height]) / 2 + 0.01


def _inside(centre: np.ndarray, half: np.ndarray) -> tuple[float, float]:
    x, y = np.clip(centre, half, 1 - half)
    return float(x), float(y)


def _outside(centre: tuple[float, float]) -> bool:
    return min(centre) < 0 or max(centre) > 1
