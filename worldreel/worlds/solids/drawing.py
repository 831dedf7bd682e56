"""Draws scenes at random: what happens, to which solids, where; and that nothing is cut off, hidden or run through."""

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from worldreel.worlds.scenes import Canvas
from worldreel.worlds.solids.camera import DISTANCE, TAN_HALF_VIEW, Camera, extent, project
from worldreel.worlds.solids.kinds import COLOURS, DIRECTIONS, FLOORS, MOVES, SHAPES, SIZES, SKIES, Shape
from worldreel.worlds.solids.scenes import Floor, Scene, Solid, Sun, shows_withheld

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
CASTS, PLACINGS = 100, 25
"""Casts that are tried for an event, and places for a cast."""
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
    wide = min(extent(canvas.width, canvas.height)[0], 1.5)
    while True:
        event, count, camera = _event(rng, canvas, mix)
        # The same event with other casts at other places, so that what needs room or luck is not drawn less often.
        for _ in range(CASTS):
            cast = _cast(rng, event, count)
            if shows_withheld(cast) != withheld_pairs:
                continue
            floor, sky, sun = _floor(rng), str(rng.choice(list(SKIES))), _sun(rng)
            for _ in range(PLACINGS):
                scene = Scene(canvas, event, _placed(rng, event, cast, wide), floor, sky, sun, camera)
                if fits(scene):
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


def _cast(rng: np.random.Generator, event: str, count: int) -> tuple[Solid, ...]:
    """The solids that play, without their places."""
    colours = [str(name) for name in rng.choice(list(COLOURS), count, replace=False)]
    shapes, rollers = list(SHAPES.values()), [shape for shape in SHAPES.values() if shape.rolls]
    ways = list(DIRECTIONS) if event == "move" else ["left", "right"]
    direction = str(rng.choice(ways))
    moving = {"rest": 0, "move": 1, "pass": 1, "collide": 2}[event]
    solids = []
    for number, colour in enumerate(colours):
        among = rollers if event == "collide" and number < 2 else shapes
        shape = among[int(rng.integers(len(among)))]
        solids.append(_solid(rng, shape, colour, direction if number < moving else None))
    return tuple(solids)


def _solid(rng: np.random.Generator, shape: Shape, colour: str, direction: str | None) -> Solid:
    size_name = str(rng.choice(list(SIZES)))
    size, turn = float(rng.uniform(*SIZES[size_name])), float(rng.uniform(-np.pi, np.pi))
    lying = shape.lies and direction is not None
    return Solid(shape, colour, _shade(rng, COLOURS[colour], 8), size_name, size, turn, ((0.0, 0.0, 0.0),), direction, lying)


def _placed(rng: np.random.Generator, event: str, cast: tuple[Solid, ...], wide: float) -> tuple[Solid, ...]:
    """The cast at places that may not fit, in a picture so many times as wide as its shorter side."""
    if event == "collide":
        placed = _colliding(rng, cast, wide)
    elif event == "pass":
        placed = _passing(rng, cast, wide)
    elif event == "move":
        placed = (_moving(rng, cast[0], wide),)
    else:
        placed = ()
    return placed + tuple(_standing(rng, solid, wide) for solid in cast[len(placed) :])


def _standing(rng: np.random.Generator, solid: Solid, wide: float) -> Solid:
    z = float(rng.uniform(-1.0, 2.0))
    x = float(rng.uniform(-1, 1)) * (TAN_HALF_VIEW * (DISTANCE + z) * wide - solid.reach)
    return replace(solid, path=((0.0, x, z), (1.0, x, z)))


def _moving(rng: np.random.Generator, solid: Solid, wide: float) -> Solid:
    sideways = solid.direction in ("left", "right")
    travel = float(rng.uniform(1.5, 2.4)) * wide if sideways else float(rng.uniform(1.6, 2.4))
    middle = (float(rng.uniform(-0.5, 0.5)) * wide, float(rng.uniform(-0.5, 0.8)))
    return replace(solid, path=_straight(middle, solid.direction, travel))


def _passing(rng: np.random.Generator, cast: tuple[Solid, ...], wide: float) -> tuple[Solid, ...]:
    """The first goes behind the second, from one side of it to the other."""
    x = float(rng.uniform(-0.3, 0.3)) * wide
    near, far = float(rng.uniform(-1.0, -0.2)), float(rng.uniform(0.9, 1.9))
    behind = _straight((x + float(rng.uniform(-0.3, 0.3)), far), cast[0].direction, float(rng.uniform(2.2, 3.0)) * wide)
    return replace(cast[0], path=behind), replace(cast[1], path=((0.0, x, near), (1.0, x, near)))


def _colliding(rng: np.random.Generator, cast: tuple[Solid, ...], wide: float) -> tuple[Solid, ...]:
    """The first rolls into the second, which lies still, and each rolls on as momentum and the bounce demand."""
    striker, struck = cast[:2]
    sign, z = (-1 if striker.direction == "left" else 1), float(rng.uniform(-0.3, 1.5))
    run, moment = float(rng.uniform(0.6, 1.2)) * wide, float(rng.uniform(0.35, 0.55))
    on, away = (speed * (1 - moment) for speed in after_collision(striker.mass, struck.mass, run / moment))
    # Two round things on one floor touch when their centres are so far apart along it.
    contact = 2 * (striker.rest * struck.rest) ** 0.5
    # The whole of it lies about in the middle.
    met = (run - contact - away) / 2 + float(rng.uniform(-0.2, 0.2))
    first = ((0.0, sign * (met - run), z), (moment, sign * met, z), (1.0, sign * (met + on), z))
    place = met + contact
    second = ((0.0, sign * place, z), (moment, sign * place, z), (1.0, sign * (place + away), z))
    return replace(striker, path=first), replace(struck, path=second)


def after_collision(striking: float, struck: float, speed: float) -> tuple[float, float]:
    """The speeds of two masses after the first ran at `speed` into the second, which was at rest, along one line."""
    total = striking + struck
    return speed * (striking - BOUNCE * struck) / total, speed * (1 + BOUNCE) * striking / total


def _straight(
    middle: tuple[float, float], direction: str | None, travel: float
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """A path of this length in one direction, whose middle is at (x, z)."""
    x, z = DIRECTIONS[direction] if direction else (0, 0)
    half = travel / 2
    return (0.0, middle[0] - x * half, middle[1] - z * half), (1.0, middle[0] + x * half, middle[1] + z * half)


def _floor(rng: np.random.Generator) -> Floor:
    name = str(rng.choice(list(FLOORS)))
    offset = (float(rng.uniform(0, 2)), float(rng.uniform(0, 2)))
    return Floor(name, _shade(rng, FLOORS[name], 5), offset, float(rng.uniform(-0.6, 0.6)))


def _sun(rng: np.random.Generator) -> Sun:
    """From the left or the right, so that shading and shadows are seen, and never straight from above."""
    return Sun(float(rng.uniform(0.3, 1.7) * rng.choice([-1, 1])), float(rng.uniform(0.65, 1.0)))


def _shade(rng: np.random.Generator, rgb: tuple[int, int, int], most: int) -> tuple[int, int, int]:
    red, green, blue = (min(255, max(0, value + int(rng.integers(-most, most + 1)))) for value in rgb)
    return red, green, blue
