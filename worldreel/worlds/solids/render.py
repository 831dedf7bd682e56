"""Draws scenes by casting rays: every frame of every scene of one shape, on any device torch has.

Each pixel is the mean of four rays. Each ray looks at another part of the sun, so that shadows have soft edges.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from worldreel.worlds.solids.bodies import BODIES, normals, span, striped
from worldreel.worlds.solids.camera import TAN_HALF_VIEW, extent
from worldreel.worlds.solids.kinds import SHAPES, SKIES
from worldreel.worlds.solids.scenes import Scene, Solid

RAYS = ((-0.25, -0.25), (0.25, -0.25), (-0.25, 0.25), (0.25, 0.25))
"""Where the rays of a pixel go, from its middle, in pixels."""
SUN_RADIUS = 0.03
"""Of the sun's disc, in radians."""
AMBIENT, OVERHEAD = 0.42, 0.07
"""Light from everywhere, and what comes more from above than from below; the sun gives the rest up to 1."""
GLOSS, SHARPNESS = 0.2, 28
STRIPE_TONE = 0.65
TILE, TILE_TONE = 0.8, 0.09
"""The side of a tile in units; how much lighter or darker it is than the floor."""
TILES_FADE, HAZE = 9.0, 13.0
"""How far tiles can be told apart, and how far the floor is seen before the horizon."""
FARTHEST = 200.0
SKIN = 2e-3
"""How far over a surface a ray to the sun starts, so that no point shadows itself."""
AT_ONCE = {"cpu": 1 << 16}
"""Rays that are cast together: on a CPU what its cache holds, else what keeps memory small."""


class Things(NamedTuple):
    """The solids in one place of the scenes' lists, in views [V]: `where` their centres [V, 3], `turns` [V, 3, 3] from their
    own frames, `sizes` [V], `rgb` [V, 3]; `shapes`: the number of the shape in SHAPES, -1 where there is none."""

    where: Tensor
    turns: Tensor
    sizes: Tensor
    rgb: Tensor
    shapes: Tensor


class Views(NamedTuple):
    """One frame each of some scene, [V]. `tiles`: (offset x, offset z, turn) of the floor's; colours in [0, 1]."""

    eyes: Tensor
    axes: Tensor
    suns: Tensor
    floors: Tensor
    tiles: Tensor
    horizons: Tensor
    zeniths: Tensor
    things: tuple[Things, ...]

    def part(self, start: int, stop: int) -> "Views":
        things = tuple(Things(*(field[start:stop] for field in thing)) for thing in self.things)
        eyes, axes, suns, floors, tiles, horizons, zeniths = (field[start:stop] for field in self[:7])
        return Views(eyes, axes, suns, floors, tiles, horizons, zeniths, things)


class Surface(NamedTuple):
    """What rays [V, P] meet first: at `depth` lengths of the ray, with this `normal` and colour [V, 3, P]; whether a solid."""

    depth: Tensor
    normal: Tensor
    rgb: Tensor
    solid: Tensor


@torch.inference_mode()
def render(scenes: Sequence[Scene], device: str | torch.device = "cpu", rays: int = len(RAYS)) -> tuple[Tensor, Tensor]:
    """Draws scenes that share size and length, with 1 to 4 rays a pixel.

    Returns the video [B, 3, T, H, W] in [-1, 1] and how much of each pixel the solids cover, [B, 1, T, H, W] in [0, 1].
    """
    canvas = scenes[0].canvas
    device = torch.device(device)
    views, pixels = _views(scenes, device), canvas.height * canvas.width
    together = max(1, AT_ONCE.get(device.type, 1 << 21) // pixels)
    drawn = torch.empty(len(views.eyes), 4, pixels, device=device)
    for start in range(0, len(drawn), together):
        part = views.part(start, start + together)
        looks = [_look(part, _rays(canvas.width, canvas.height, place, device), place) for place in _places(rays)]
        drawn[start : start + together] = torch.stack(looks).mean(0)
    video = drawn.view(len(scenes), canvas.frames, 4, canvas.height, canvas.width).transpose(1, 2)
    return (video[:, :3] * 2 - 1).clamp(-1, 1).contiguous(), video[:, 3:].contiguous()


def _places(rays: int) -> tuple[tuple[float, float], ...]:
    return RAYS[:rays] if rays > 1 else ((0.0, 0.0),)


def _rays(width: int, height: int, place: tuple[float, float], device: torch.device) -> Tensor:
    """To the right, up and forward, by pixel: [3, H * W], forward 1."""
    right, top = extent(width, height)
    x = ((torch.arange(width, device=device) + 0.5 + place[0]) / width * 2 - 1) * right * TAN_HALF_VIEW
    y = (1 - (torch.arange(height, device=device) + 0.5 + place[1]) / height * 2) * top * TAN_HALF_VIEW
    up, across = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([across, up, torch.ones_like(up)]).flatten(1)


def _look(views: Views, rays: Tensor, place: tuple[float, float]) -> Tensor:
    """The colour that rays [3, P] of views see and whether it is a solid's, [V, 4, P] in [0, 1]."""
    rays = views.axes.transpose(1, 2) @ rays
    surface = _first(views, rays)
    points = views.eyes[:, :, None] + surface.depth[:, None] * rays
    sun = _part_of_sun(views, place)
    lit = _lit(views, points + SKIN * surface.normal, sun)
    away = F.normalize(rays, dim=1)
    facing = (surface.normal * sun).sum(1).clamp(min=0) * lit
    ambient = AMBIENT + OVERHEAD * surface.normal[:, 1]
    half = F.normalize(sun - away, dim=1)
    gloss = GLOSS * (surface.normal * half).sum(1).clamp(min=0) ** SHARPNESS * lit * surface.solid
    colour = surface.rgb * (ambient + (1 - AMBIENT - OVERHEAD) * facing)[:, None] + gloss[:, None]
    # The farther the floor, the more of the sky at the horizon is in it.
    far = ((points - views.eyes[:, :, None])[:, [0, 2]].square().sum(1) / HAZE**2).clamp(max=30)
    haze = torch.where(surface.solid, 0.0, 1 - torch.exp(-far))[:, None]
    height = away[:, 1:2].clamp(min=0) * 2
    sky = torch.lerp(views.horizons[:, :, None], views.zeniths[:, :, None], height.clamp(max=1))
    return torch.cat([torch.lerp(colour, sky, haze), surface.solid[:, None].float()], 1)


def _first(views: Views, rays: Tensor) -> Surface:
    """The floor (as far as it goes: beyond is the horizon), or a solid before it."""
    fall = -rays[:, 1]
    depth = torch.where(fall > 0, views.eyes[:, 1:2] / fall.clamp(min=1e-6), FARTHEST).clamp(max=FARTHEST)
    points = views.eyes[:, :, None] + depth[:, None] * rays
    rgb = views.floors[:, :, None] * (1 + TILE_TONE * _tiles(views.tiles, points, depth))[:, None]
    normal = torch.zeros_like(rays)
    normal[:, 1] = 1
    surface = Surface(depth, normal, rgb, torch.zeros_like(depth, dtype=torch.bool))
    for things in views.things:
        for shape, chosen in _by_shape(things):
            _put(surface, shape, Things(*(field[chosen] for field in things)), views.eyes[chosen], rays, chosen)
    return surface


def _put(surface: Surface, shape: str, things: Things, eyes: Tensor, rays: Tensor, chosen: Tensor) -> None:
    """Puts things of one shape on the surface of the views that are chosen, where they are nearer than what is there."""
    into = things.turns.transpose(1, 2) / things.sizes[:, None, None]
    origin, ray = into @ (eyes - things.where)[:, :, None], into @ rays[chosen]
    met = span(BODIES[shape], origin, ray)
    nearer = (met.near < met.far) & (met.near > 0) & (met.near < surface.depth[chosen])
    points = origin + torch.where(nearer, met.near, 0.0)[:, None] * ray
    tone = torch.where(striped(shape, points), STRIPE_TONE, 1.0)[:, None]
    outward = things.turns @ normals(BODIES[shape], points, met.plane)
    surface.depth[chosen] = torch.where(nearer, met.near, surface.depth[chosen])
    surface.normal[chosen] = torch.where(nearer[:, None], outward, surface.normal[chosen])
    surface.rgb[chosen] = torch.where(nearer[:, None], things.rgb[:, :, None] * tone, surface.rgb[chosen])
    surface.solid[chosen] |= nearer


def _lit(views: Views, points: Tensor, sun: Tensor) -> Tensor:
    """Whether points [V, 3, P] see their part of the sun [V, 3, 1]: [V, P], 0 or 1."""
    lit = torch.ones_like(points[:, 0])
    for things in views.things:
        for shape, chosen in _by_shape(things):
            into = things.turns[chosen].transpose(1, 2) / things.sizes[chosen][:, None, None]
            met = span(BODIES[shape], into @ (points[chosen] - things.where[chosen][:, :, None]), into @ sun[chosen])
            lit[chosen] *= ((met.near >= met.far) | (met.far <= 0)).float()
    return lit


def _by_shape(things: Things) -> Iterator[tuple[str, Tensor]]:
    """The shapes there are, and which views have them."""
    for number, shape in enumerate(SHAPES):
        chosen = (things.shapes == number).nonzero()[:, 0]
        if len(chosen):
            yield shape, chosen


def _tiles(tiles: Tensor, points: Tensor, depth: Tensor) -> Tensor:
    """1 on light tiles and -1 on dark ones, and less the farther away, [V, P]."""
    sine, cosine = tiles[:, 2:].sin(), tiles[:, 2:].cos()
    x = cosine * points[:, 0] - sine * points[:, 2] + tiles[:, :1]
    z = sine * points[:, 0] + cosine * points[:, 2] + tiles[:, 1:2]
    odd = ((x / TILE).floor() + (z / TILE).floor()) % 2
    return (1 - 2 * odd) * torch.exp(-((depth / TILES_FADE) ** 2))


def _part_of_sun(views: Views, place: tuple[float, float]) -> Tensor:
    """The unit vectors [V, 3, 1] to that part of the sun which the rays at this place of a pixel look at."""
    level = F.normalize(torch.stack([views.suns[:, 2], torch.zeros_like(views.suns[:, 0]), -views.suns[:, 0]], 1))
    upright = torch.linalg.cross(views.suns, level)
    moved = views.suns + 4 * SUN_RADIUS * (place[0] * level + place[1] * upright)
    return F.normalize(moved)[:, :, None]


def _views(scenes: Sequence[Scene], device: torch.device) -> Views:
    """The scenes' frames, one after another."""
    frames = scenes[0].canvas.frames
    poses = [scene.poses for scene in scenes]

    def by_frame(values: Sequence[Sequence[float]]) -> Tensor:
        return torch.tensor(values, dtype=torch.float32, device=device).repeat_interleave(frames, 0)

    slots = max(len(scene.solids) for scene in scenes)
    return Views(
        eyes=_tensor([pose.eyes for pose in poses], device),
        axes=_tensor([pose.axes for pose in poses], device),
        suns=by_frame([scene.sun.direction for scene in scenes]),
        floors=by_frame([_under_sun(scene) for scene in scenes]),
        tiles=by_frame([(*scene.floor.offset, scene.floor.turn) for scene in scenes]),
        horizons=by_frame([_unit(SKIES[scene.sky][0]) for scene in scenes]),
        zeniths=by_frame([_unit(SKIES[scene.sky][1]) for scene in scenes]),
        things=tuple(_things(scenes, slot, device) for slot in range(slots)),
    )


def _things(scenes: Sequence[Scene], slot: int, device: torch.device) -> Things:
    """The solids in this place of the scenes' lists."""
    where, turns, sizes, rgb, shapes = [], [], [], [], []
    for scene in scenes:
        there = slot < len(scene.solids)
        solid: Solid | None = scene.solids[slot] if there else None
        count = len(scene.moments)
        where.append(solid.places(scene.moments) if solid else np.zeros((count, 3)))
        turns.append(np.broadcast_to(solid.turns(scene.moments) if solid else np.eye(3), (count, 3, 3)))
        sizes.append(np.full(count, solid.size if solid else 1.0))
        rgb.append(np.broadcast_to(_unit(solid.rgb if solid else (0, 0, 0)), (count, 3)))
        shapes.append(np.full(count, list(SHAPES).index(solid.shape.name) if solid else -1))
    numbers = torch.from_numpy(np.concatenate(shapes)).to(device)
    return Things(_tensor(where, device), _tensor(turns, device), _tensor(sizes, device), _tensor(rgb, device), numbers)


def _under_sun(scene: Scene) -> tuple[float, ...]:
    """The floor's own colour, so that under the full light of this sun it shows the colour that the scene says."""
    light = AMBIENT + OVERHEAD + (1 - AMBIENT - OVERHEAD) * scene.sun.direction[1]
    return tuple(value / light for value in _unit(scene.floor.rgb))


def _unit(rgb: tuple[int, int, int]) -> tuple[float, ...]:
    return tuple(value / 255 for value in rgb)


def _tensor(values: Sequence[np.ndarray], device: torch.device) -> Tensor:
    return torch.from_numpy(np.concatenate(values)).to(device, torch.float32)
