"""Draws scenes at random: what happens, to which solids, where; and that nothing is cut off, hidden or run through."""

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from worldreel.worlds.scenes import Canvas
from worldreel.worlds.solids.camera import Camera, extent, project
from worldreel.worlds.solids.kinds import COLOURS, DIRECTIONS, FLOORS, MOVES, SHAPES, SIZES, SKIES, Shape
from worldreel.worlds.solids.scenes import Floor, Scene, Solid, Sun

BOUNCE = 0.85
"""The speed at which two part after a collision, to that at which they met (coefficient of restitution)."""
GAP = 0.08
"""Units between solids that do not touch, at least."""
EDGE = 0.97
"""The share of the picture in which solids stay."""
APART = 0.7
"""Two solids show at first and last: their middles lie so far apart, to the sum of half their widths, in the picture."""
STRUCK = 0.6
"""Units that a solid which is struck goes, at least: less is hardly seen."""
CHECKED = np.linspace(0, 1, 13)
"""The moments that are checked."""


@dataclass(frozen=True)
class Mix:
    """Shares of what is drawn. `alone`: scenes with one solid; `still_camera`: scenes whose camera does nothing; `rest`: scenes
    in which nothing moves."""

    alone: float = 0.6
    still_camera: float = 0.4
    rest: float = 0.25


def random_scene(seed: tuple[int, ...], canvas: Canvas, *, withheld_pairs: bool = False, mix: Mix | None = None) -> Scene:
    """A scene for this canvas. `withheld_pairs`: True gives only scenes with such a pair, False none."""
    rng, mix = np.random.default_rng(seed), mix or Mix()
    while True:
        # What happens is drawn once for each trial of all the rest: what fits less easily is not drawn less often.
        event, count, camera = _event(rng, canvas, mix)
        for _ in range(400):
            scene = _scene(rng, canvas, event, count, camera)
            if scene.is_withheld == withheld_pairs and fits(scene):
                return scene


def fits(scene: Scene) -> bool:
    """Whether every solid is in view all the time, none is hidden at first or last, none touches another unasked, and what is
    struck moves visibly."""
    view, seen = scene.camera.poses(CHECKED), []
    if scene.event == "collide" and np.ptp([x for _, x, _ in scene.solids[1].path]) < STRUCK:
        return False
    right, top = extent(scene.canvas.width, scene.canvas.height)
    for solid in scene.solids:
        corners = project(_corners(solid), view)
        if (np.abs(corners) > EDGE * np.array([right, top])).any():
            return False
        seen.append(corners[..., 0])
    for one, other in combinations(range(len(scene.solids)), 2):
        if not _side_by_side(seen[one][[0, -1]], seen[other][[0, -1]]):
            return False
        if scene.event == "collide" and (one, other) == (0, 1):
            continue
        first, second = scene.solids[one], scene.solids[other]
        apart = (first.places(CHECKED) - second.places(CHECKED))[:, [0, 2]]
        if np.linalg.norm(apart, axis=1).min() < first.reach + second.reach + GAP:
            return False
    return True


def _corners(solid: Solid) -> np.ndarray:
    """The corners of a box around a solid at the moments that are checked: [T, 8, 3]."""
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    corners: np.ndarray = solid.places(CHECKED)[:, None] + signs * (solid.reach, solid.rest, solid.reach)
    return corners


def _side_by_side(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two solids lie apart in the picture, by the x of their corners [T, 8]."""
    middles = [(x.max(1) + x.min(1)) / 2 for x in (one, other)]
    widths = [(x.max(1) - x.min(1)) / 2 for x in (one, other)]
    return bool((np.abs(middles[0] - middles[1]) > APART * (widths[0] + widths[1])).all())


def _event(rng: np.random.Generator, canvas: Canvas, mix: Mix) -> tuple[str, int, Camera]:
    """What happens, how many solids there are, and what the camera does."""
    count = 1 if rng.random() < mix.alone else 2 + int(rng.random() < 0.35)
    pitch = float(rng.uniform(0.2, 0.3))
    if canvas.frames == 1:
        return "rest", count, Camera("still", pitch)
    move = "still" if rng.random() < mix.still_camera else str(rng.choice(MOVES[1:]))
    amount = {"orbit": (0.45, 0.8), "pan": (0.2, 0.32), "dolly": (0.35, 0.55)}.get(move.partition(" ")[0], (0.0, 0.0))
    event = "rest"
    if rng.random() >= mix.rest:
        event = "move" if count == 1 else str(rng.choice(["move", "collide", "pass"]))
    return event, count, Camera(move, pitch, float(rng.uniform(*amount)))


def _scene(rng: np.random.Generator, canvas: Canvas, event: str, count: int, camera: Camera) -> Scene:
    colours = [str(name) for name in rng.choice(list(COLOURS), count, replace=False)]
    wide = min(extent(canvas.width, canvas.height)[0], 1.5)
    if event == "collide":
        solids = _colliding(rng, colours, wide)
    elif event == "pass":
        solids = _passing(rng, colours, wide)
    elif event == "move":
        solids = (_moving(rng, colours[0], wide),)
    else:
        solids = ()
    solids += tuple(_standing(rng, colour, wide) for colour in colours[len(solids) :])
    name = str(rng.choice(list(FLOORS)))
    offset = (float(rng.uniform(0, 2)), float(rng.uniform(0, 2)))
    floor = Floor(name, _shade(rng, FLOORS[name], 5), offset, float(rng.uniform(-0.6, 0.6)))
    sun = Sun(float(rng.uniform(0.3, 1.7) * rng.choice([-1, 1])), float(rng.uniform(0.65, 1.0)))
    return Scene(canvas, event, solids, floor, str(rng.choice(list(SKIES))), sun, camera)


def _standing(rng: np.random.Generator, colour: str, wide: float) -> Solid:
    x, z = float(rng.uniform(-1.4, 1.4)) * wide, float(rng.uniform(-1.0, 1.8))
    return _solid(rng, _any_shape(rng), colour, ((0.0, x, z), (1.0, x, z)))


def _moving(rng: np.random.Generator, colour: str, wide: float) -> Solid:
    direction = str(rng.choice(list(DIRECTIONS)))
    sideways = direction in ("left", "right")
    travel = float(rng.uniform(1.5, 2.4)) * wide if sideways else float(rng.uniform(1.6, 2.4))
    middle = (float(rng.uniform(-0.5, 0.5)) * wide, float(rng.uniform(-0.5, 0.8)))
    return _solid(rng, _any_shape(rng), colour, _straight(middle, direction, travel), direction)


def _passing(rng: np.random.Generator, colours: list[str], wide: float) -> tuple[Solid, ...]:
    """One behind another, from one side of it to the other."""
    direction = str(rng.choice(["left", "right"]))
    x = float(rng.uniform(-0.3, 0.3)) * wide
    near, far = float(rng.uniform(-1.0, -0.2)), float(rng.uniform(0.9, 1.9))
    behind = _straight((x + float(rng.uniform(-0.3, 0.3)), far), direction, float(rng.uniform(2.2, 3.0)) * wide)
    mover = _solid(rng, _any_shape(rng), colours[0], behind, direction)
    return mover, _solid(rng, _any_shape(rng), colours[1], ((0.0, x, near), (1.0, x, near)))


def _colliding(rng: np.random.Generator, colours: list[str], wide: float) -> tuple[Solid, ...]:
    """One rolls into another that lies still, and each rolls on as momentum and the bounce demand."""
    direction = str(rng.choice(["left", "right"]))
    sign, z = DIRECTIONS[direction][0], float(rng.uniform(-0.7, 1.0))
    rollers = [shape for shape in SHAPES.values() if shape.rolls]
    pair = [_solid(rng, rollers[int(rng.integers(len(rollers)))], colour, ((0.0, 0.0, z),), direction) for colour in colours[:2]]
    striker, struck = pair
    met, run = float(rng.uniform(-0.5, 0.2)) * wide, float(rng.uniform(0.8, 1.5)) * wide
    moment = float(rng.uniform(0.35, 0.55))
    on, away = after_collision(striker.mass, struck.mass, run / moment)
    # Two round things on one floor touch when their centres are so far apart along it.
    contact = 2 * float(np.sqrt(striker.rest * struck.rest))
    left = 1 - moment
    first = ((0.0, sign * (met - run), z), (moment, sign * met, z), (1.0, sign * (met + on * left), z))
    place = met + contact
    second = ((0.0, sign * place, z), (moment, sign * place, z), (1.0, sign * (place + away * left), z))
    return replace(striker, path=first), replace(struck, path=second)


def after_collision(striking: float, struck: float, speed: float) -> tuple[float, float]:
    """The speeds of two masses after the first ran at `speed` into the second, which was at rest, along one line."""
    total = striking + struck
    return speed * (striking - BOUNCE * struck) / total, speed * (1 + BOUNCE) * striking / total


def _straight(middle: tuple[float, float], direction: str, travel: float) -> tuple[tuple[float, float, float], ...]:
    x, z = DIRECTIONS[direction]
    half = travel / 2
    return (0.0, middle[0] - x * half, middle[1] - z * half), (1.0, middle[0] + x * half, middle[1] + z * half)


def _solid(
    rng: np.random.Generator,
    shape: Shape,
    colour: str,
    path: tuple[tuple[float, float, float], ...],
    direction: str | None = None,
) -> Solid:
    size_name = str(rng.choice(list(SIZES)))
    size, turn = float(rng.uniform(*SIZES[size_name])), float(rng.uniform(-np.pi, np.pi))
    lying = shape.lies and direction is not None
    return Solid(shape, colour, _shade(rng, COLOURS[colour], 8), size_name, size, turn, path, direction, lying)


def _any_shape(rng: np.random.Generator) -> Shape:
    shapes = list(SHAPES.values())
    return shapes[int(rng.integers(len(shapes)))]


def _shade(rng: np.random.Generator, rgb: tuple[int, int, int], most: int) -> tuple[int, int, int]:
    red, green, blue = np.clip(np.array(rgb) + rng.integers(-most, most + 1, 3), 0, 255)
    return int(red), int(green), int(blue)
