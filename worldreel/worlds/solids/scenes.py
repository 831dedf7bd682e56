"""Scenes of the solids world: which solids stand, roll, slide, collide or pass one behind another, seen by which camera.

A scene is a plain value, drawn at random but for a seed. It never shows a withheld pair unless it is asked for one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from worldreel.worlds.scenes import Canvas
from worldreel.worlds.solids.camera import Camera, Poses
from worldreel.worlds.solids.kinds import DIRECTIONS, Shape
from worldreel.worlds.subjects import withheld

UP = np.array([0.0, 1.0, 0.0])


@dataclass(frozen=True)
class Solid:
    """`size`: half the height of a standing sphere, cone, cylinder or pyramid, in units; `turn`: how it is turned at first, in
    radians; `path`: where its centre is over the floor, as (moment, x, z) from moment 0 to 1, straight and even between.
    `direction` is where it first goes, None if it stands; `lying`: it lies on its side, across its path."""

    shape: Shape
    colour: str
    rgb: tuple[int, int, int]
    size_name: str
    size: float
    turn: float
    path: tuple[tuple[float, float, float], ...]
    direction: str | None = None
    lying: bool = False

    @property
    def rest(self) -> float:
        """The height of its centre over the floor."""
        return self.size * (self.shape.rest_lying if self.lying else self.shape.rest)

    @property
    def reach(self) -> float:
        """How far it extends sideways from its centre, at most."""
        return self.size * (self.shape.reach_lying if self.lying else self.shape.reach)

    @property
    def mass(self) -> float:
        """Up to a common factor: all solids have one density, and those that collide nearly one shape of volume."""
        return self.size**3

    def places(self, moments: np.ndarray) -> np.ndarray:
        """Its centre at moments [T] from 0 to 1: [T, 3] in units."""
        times, x, z = np.array(self.path).T
        return np.stack([np.interp(moments, times, x), np.full_like(moments, self.rest), np.interp(moments, times, z)], 1)

    def rolled(self, moments: np.ndarray) -> np.ndarray:
        """The angle [T] in radians that it has rolled forward: distance / radius, as rolling without slipping demands."""
        if self.direction is None or not self.shape.rolls:
            return np.zeros_like(moments)
        x, z = DIRECTIONS[self.direction]
        gone = (self.places(moments) - self.places(np.zeros(1))) @ np.array([x, 0.0, z])
        angle: np.ndarray = gone / self.rest
        return angle

    def turns(self, moments: np.ndarray) -> np.ndarray:
        """The rotations [T, 3, 3] from its own frame to the world."""
        way = DIRECTIONS[self.direction or "right"]
        forward = np.array([way[0], 0.0, way[1]])
        rolling = _rotation(UP, forward, self.rolled(moments))
        turned: np.ndarray = rolling @ self._at_first(forward)
        return turned

    def _at_first(self, forward: np.ndarray) -> np.ndarray:
        if not self.lying:
            turned: np.ndarray = _rotation(np.array([1.0, 0, 0]), np.array([0, 0, 1.0]), np.array([self.turn]))[0]
            return turned
        # Its own axis, `y`, lies across the path; `turn` is where its pattern starts.
        across = np.cross(forward, UP)
        lying: np.ndarray = np.stack([forward, across, UP], 1)
        spun: np.ndarray = _rotation(UP, forward, np.array([self.turn]))[0] @ lying
        return spun


def _rotation(origin: np.ndarray, towards: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Rotations [T, 3, 3] by angles [T] that carry one unit vector towards another, which is square to it."""
    swap = np.outer(towards, origin) - np.outer(origin, towards)
    plane = np.outer(towards, towards) + np.outer(origin, origin)
    sine, cosine = np.sin(angles)[:, None, None], np.cos(angles)[:, None, None]
    turned: np.ndarray = np.eye(3) + sine * swap + (cosine - 1) * plane
    return turned


@dataclass(frozen=True)
class Floor:
    """`rgb`: the exact colour under full light; `offset` and `turn`: where its tiles lie, in units and radians."""

    name: str
    rgb: tuple[int, int, int]
    offset: tuple[float, float]
    turn: float


@dataclass(frozen=True)
class Sun:
    """Where the light comes from, in radians: `azimuth` from behind the camera to its right, `height` over the floor."""

    azimuth: float
    height: float

    @property
    def direction(self) -> tuple[float, float, float]:
        """The unit vector to the light."""
        level = float(np.cos(self.height))
        return level * float(np.sin(self.azimuth)), float(np.sin(self.height)), -level * float(np.cos(self.azimuth))


@dataclass(frozen=True)
class Scene:
    """`event` is one of EVENTS. Where two collide, the first solid runs into the second; where one passes another, the first
    goes behind the second. No two solids have one colour."""

    canvas: Canvas
    event: str
    solids: tuple[Solid, ...]
    floor: Floor
    sky: str
    sun: Sun
    camera: Camera

    @cached_property
    def moments(self) -> np.ndarray:
        """The moment of each frame [T], from 0 to 1; a still shows the middle of the camera's move."""
        return np.linspace(0, 1, self.canvas.frames) if self.canvas.frames > 1 else np.full(1, 0.5)

    @property
    def poses(self) -> Poses:
        """The camera's in each frame."""
        return self.camera.poses(self.moments)

    @property
    def is_withheld(self) -> bool:
        return shows_withheld(self.solids)

    @property
    def bounces(self) -> bool:
        """Whether the one that runs into another comes back."""
        if self.event != "collide":
            return False
        x = [place for _, place, _ in self.solids[0].path]
        return (x[2] - x[1]) * (x[1] - x[0]) < 0


def shows_withheld(solids: Iterable[Solid]) -> bool:
    """Whether any solid is a pair of shape and colour, or of shape and direction, that training never draws."""
    return any(
        withheld(solid.shape.name, attribute) for solid in solids for attribute in (solid.colour, solid.direction) if attribute
    )
