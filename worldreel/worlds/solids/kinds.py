"""What the solids world can show: shapes, colours, floors, skies, directions and moves of the camera.

A unit is about half the height of a large solid. `x` points right, `y` up and `z` away from the camera of the middle moment.
"""

from typing import NamedTuple


class Shape(NamedTuple):
    """A kind of solid. `words`: how captions call it, the plainest first; `rolls`: else it slides; `rest`: the height of its
    centre over the floor, and `reach`: how far it extends sideways, both for a solid of size 1. Where a shape rolls lying on
    its side (a cylinder), `rest_lying` and `reach_lying` hold."""

    name: str
    words: tuple[str, ...]
    rolls: bool
    rest: float
    reach: float
    rest_lying: float = 0.0
    reach_lying: float = 0.0

    @property
    def lies(self) -> bool:
        """Whether it lies down to roll."""
        return self.rest_lying > 0


CUBE_HALF = 0.85
CYLINDER_RADIUS = 0.75
CONE_RADIUS = 0.95
PYRAMID_HALF = 0.85

SHAPES: dict[str, Shape] = {
    shape.name: shape
    for shape in (
        Shape("sphere", ("ball", "sphere", "globe"), True, 1.0, 1.0),
        Shape("cube", ("cube", "box", "block"), False, CUBE_HALF, CUBE_HALF * 2**0.5),
        Shape("cylinder", ("cylinder", "drum", "can"), True, 1.0, CYLINDER_RADIUS, CYLINDER_RADIUS, 1.25),
        Shape("cone", ("cone",), False, 1.0, CONE_RADIUS),
        Shape("pyramid", ("pyramid",), False, 1.0, PYRAMID_HALF * 2**0.5),
    )
}

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (206, 36, 42),
    "orange": (240, 126, 30),
    "yellow": (245, 220, 56),
    "green": (52, 158, 68),
    "teal": (26, 168, 168),
    "blue": (46, 88, 210),
    "purple": (122, 54, 176),
    "pink": (240, 90, 165),
}
"""All of them vivid, so that no floor and no sky is taken for a solid."""
FLOORS: dict[str, tuple[int, int, int]] = {
    "white": (232, 231, 228),
    "gray": (140, 140, 141),
    "black": (46, 46, 49),
    "beige": (216, 200, 168),
    "brown": (118, 100, 88),
    "pale blue": (168, 190, 214),
    "pale green": (172, 200, 172),
}
SKIES: dict[str, tuple[tuple[int, int, int], tuple[int, int, int]]] = {
    "blue": ((206, 219, 233), (150, 180, 214)),
    "cloudy": ((212, 213, 215), (160, 163, 168)),
    "evening": ((242, 212, 186), (168, 150, 172)),
    "night": ((58, 61, 74), (26, 28, 38)),
}
"""The colour at the horizon and the colour overhead."""

SIZES: dict[str, tuple[float, float]] = {"small": (0.42, 0.48), "large": (0.62, 0.7)}
DIRECTIONS: dict[str, tuple[int, int]] = {"left": (-1, 0), "right": (1, 0), "towards": (0, -1), "away": (0, 1)}
"""Steps along (x, z)."""
MOVES = ("still", "orbit left", "orbit right", "pan left", "pan right", "dolly in", "dolly out")
"""What the camera does. It orbits to the right by going to its right around the scene, and pans right by turning right."""
EVENTS = ("rest", "move", "collide", "pass")
