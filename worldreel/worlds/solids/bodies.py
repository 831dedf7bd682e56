"""The bodies of the shapes, and where a ray enters and leaves them. A body is what lies inside a quadric and behind planes.

All in the body's own frame, at size 1, with its centre at 0 and its axis, if it has one, along `y`.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from worldreel.worlds.solids.kinds import CONE_RADIUS, CUBE_HALF, CYLINDER_RADIUS, PYRAMID_HALF

TINY = 1e-9
STRIPE = 0.2
"""Half the width of a sphere's stripe."""


class Body(NamedTuple):
    """`quadric`: (a, b, c, d, e) of a x² + b y² + c z² + d y + e <= 0; `planes`: rows (x, y, z, h) of n . p <= h, with n of
    length 1."""

    quadric: tuple[float, float, float, float, float] | None
    planes: tuple[tuple[float, float, float, float], ...]


class Span(NamedTuple):
    """Where rays [V, P] enter and leave a body, in lengths of the ray (a miss enters after it leaves), and through which of
    its planes they enter (-1: through its quadric)."""

    near: Tensor
    far: Tensor
    plane: Tensor


_ENDS = ((0.0, 1.0, 0.0, 1.0), (0.0, -1.0, 0.0, 1.0))
_SLOPE = CONE_RADIUS / 2
_LEAN = (1 + (PYRAMID_HALF / 2) ** 2) ** -0.5
_TILT = _LEAN * PYRAMID_HALF / 2

_SQUARE = ((1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0))

BODIES: dict[str, Body] = {
    "sphere": Body((1, 1, 1, 0, -1), ()),
    "cube": Body(
        None,
        (*((x, 0.0, z, CUBE_HALF) for x, z in _SQUARE), (0.0, 1.0, 0.0, CUBE_HALF), (0.0, -1.0, 0.0, CUBE_HALF)),
    ),
    "cylinder": Body((1, 0, 1, 0, -(CYLINDER_RADIUS**2)), _ENDS),
    # x² + z² <= k² (1 - y)², whose other half, over the tip, is cut off by the plane at the tip.
    "cone": Body((1, -(_SLOPE**2), 1, 2 * _SLOPE**2, -(_SLOPE**2)), _ENDS),
    # x <= k (1 - y), and the same for -x, z and -z.
    "pyramid": Body(None, (*((_LEAN * x, _TILT, _LEAN * z, _TILT) for x, z in _SQUARE), (0.0, -1.0, 0.0, 1.0))),
}


def span(body: Body, origin: Tensor, ray: Tensor) -> Span:
    """Rays [V, 3, P] from origins [V, 3, P]; P of either may be 1."""
    shape = torch.broadcast_shapes(origin.shape, ray.shape)
    near = torch.full((shape[0], shape[2]), -torch.inf, device=ray.device)
    far, plane = -near, torch.full_like(near, -1, dtype=torch.long)
    if body.quadric:
        near, far = _inside_quadric(body.quadric, origin, ray)
    if body.planes:
        normals = torch.tensor(body.planes, device=ray.device)
        slope = normals[:, :3] @ ray
        slope = torch.where(slope.abs() < TINY, TINY, slope)
        crossing = (normals[:, 3:] - normals[:, :3] @ origin) / slope
        entered, which = torch.where(slope < 0, crossing, -torch.inf).max(1)
        left = torch.where(slope > 0, crossing, torch.inf).amin(1)
        plane = torch.where(entered > near, which, plane)
        near, far = torch.maximum(near, entered), torch.minimum(far, left)
    return Span(near, far, plane)


def _inside_quadric(quadric: tuple[float, ...], origin: Tensor, ray: Tensor) -> tuple[Tensor, Tensor]:
    """Where rays are inside, [V, P] each: between the roots of a t² + 2 b t + c."""
    weights = torch.tensor(quadric[:3], device=ray.device)[:, None]
    lift, level = quadric[3], quadric[4]
    a = (weights * ray * ray).sum(1)
    b = (weights * ray * origin).sum(1) + lift / 2 * ray[:, 1]
    c = (weights * origin * origin).sum(1) + lift * origin[:, 1] + level
    a = torch.where(a.abs() < TINY, TINY, a)
    root = b * b - a * c
    half = root.clamp(min=0).sqrt() / a
    low, high = -b / a - half.abs(), -b / a + half.abs()
    # A ray steeper than a cone's side is inside before the one root and after the other: below the tip, after it if it falls.
    falls, steep = ray[:, 1] < 0, a < 0
    near = torch.where(steep, torch.where(falls, high, -torch.inf), low)
    far = torch.where(steep, torch.where(falls, torch.inf, low), high)
    missed = root < 0
    return torch.where(missed, torch.inf, near), torch.where(missed, -torch.inf, far)


def normals(body: Body, points: Tensor, plane: Tensor) -> Tensor:
    """The outward unit normals at points [V, 3, P] of a body's surface, on the plane of this number or on the quadric."""
    outward = torch.zeros_like(points)
    if body.quadric:
        weights = torch.tensor(body.quadric[:3], device=points.device)[:, None]
        lift = torch.tensor([0.0, body.quadric[3] / 2, 0.0], device=points.device)[:, None]
        outward = F.normalize(weights * points + lift, dim=1)
    if body.planes:
        table = torch.tensor(body.planes, device=points.device)[:, :3]
        outward = torch.where(plane[:, None] >= 0, table[plane.clamp(min=0)].movedim(2, 1), outward)
    return outward


def striped(shape: str, points: Tensor) -> Tensor:
    """Where points [V, 3, P] lie on the dark part of what rolls: a sphere's tilted stripe, every other sixth of a cylinder."""
    if shape == "sphere":
        # Tilted against every axis that it may roll about, so that all rolling shows.
        return (points.sum(1) * 3**-0.5).abs() < STRIPE
    if shape == "cylinder":
        x, _, z = points.unbind(1)
        return z * (3 * x * x - z * z) > 0  # the sine of three times the angle
    return torch.zeros_like(points[:, 0], dtype=torch.bool)
