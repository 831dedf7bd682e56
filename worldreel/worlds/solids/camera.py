"""The camera: where it stands and looks at each moment of its one move."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

TARGET = np.array([0.0, 0.45, 0.0])
"""The point that the camera looks at in the middle of its move; it orbits around it and dollies along the line to it."""
DISTANCE = 5.0
TAN_HALF_VIEW = 0.42
"""Tangent of half the angle that the shorter side of the picture spans (about 46 degrees in all)."""


class Poses(NamedTuple):
    """`eyes` [T, 3]; `axes` [T, 3, 3], whose rows are the camera's right, its up and where it looks."""

    eyes: np.ndarray
    axes: np.ndarray


@dataclass(frozen=True)
class Camera:
    """`move` is one of MOVES. `pitch`: by how many radians it looks down; `amount`: the whole angle of an orbit or a pan in
    radians, or the logarithm of the ratio of a dolly's first and last distance. The middle of the move looks along `z`."""

    move: str
    pitch: float
    amount: float = 0.0

    def poses(self, moments: np.ndarray) -> Poses:
        """At moments [T] from 0, the first frame, to 1, the last."""
        kind, _, way = self.move.partition(" ")
        done = (moments - 0.5) * self.amount * (-1 if way in ("left", "in") else 1)
        nothing = np.zeros_like(done)
        return poses(
            self.pitch,
            orbit=done if kind == "orbit" else nothing,
            pan=done if kind == "pan" else nothing,
            dolly=done if kind == "dolly" else nothing,
        )


def poses(pitch: float, orbit: np.ndarray, pan: np.ndarray, dolly: np.ndarray) -> Poses:
    """Poses after angles to the right, [T] in radians, and at exp(dolly) times the distance."""
    distance = DISTANCE * np.exp(dolly)
    from_target = np.stack([np.sin(orbit) * np.cos(pitch), np.full_like(orbit, np.sin(pitch)), -np.cos(orbit) * np.cos(pitch)], 1)
    # An orbit to the right turns the view to the left, so that the target stays in the middle.
    heading = pan - orbit
    right = np.stack([np.cos(heading), np.zeros_like(heading), -np.sin(heading)], 1)
    level = np.stack([np.sin(heading), np.zeros_like(heading), np.cos(heading)], 1)
    overhead = np.array([0.0, 1.0, 0.0])
    look = level * np.cos(pitch) - overhead * np.sin(pitch)
    up = level * np.sin(pitch) + overhead * np.cos(pitch)
    return Poses(TARGET + distance[:, None] * from_target, np.stack([right, up, look], 1))


def project(points: np.ndarray, view: Poses) -> np.ndarray:
    """Points [T, N, 3] in the picture [T, N, 2]: right and up of its middle, where 1 is half of its shorter side."""
    seen = np.einsum("tij,tnj->tni", view.axes, points - view.eyes[:, None])
    projected: np.ndarray = seen[..., :2] / seen[..., 2:] / TAN_HALF_VIEW
    return projected


def extent(width: int, height: int) -> tuple[float, float]:
    """Half of the picture's sides, where 1 is half of the shorter."""
    shorter = min(width, height)
    return width / shorter, height / shorter
