"""The camera's move, read from the floor: that move whose change of view carries the tiles of one frame onto the next best.

Each move of each size is tried, at some pitches. The floor seen in one frame is laid over the floor of another as the move
demands, and where most of its tiles fit (normalised correlation) the move is found. Nothing is learned.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from worldreel.worlds.solids.camera import TAN_HALF_VIEW, Camera, Poses, extent

PITCHES = (0.2, 0.235, 0.265, 0.3)
"""Scenes are seen from 0.2 to 0.3."""
AMOUNTS = {
    "orbit": np.linspace(0.2, 0.92, 10),
    "pan": np.linspace(0.08, 0.38, 10),
    "dolly": np.linspace(0.16, 0.64, 9),
}
"""From less than half of what scenes draw to a little more: a move that is smaller counts as none."""
WAYS = {"orbit": ("left", "right"), "pan": ("left", "right"), "dolly": ("in", "out")}
NEAR, FAR = 0.5, 9.0
"""How far away the floor is looked at, in units: farther, its tiles are too faint."""
SMOOTH = 11
"""The side in pixels of the neighbourhood that a tile is compared with."""
WEIGHT = 200
"""Pixels that two frames must share."""


class Move(NamedTuple):
    """What the camera does, and how well the tiles agree with it (1: wholly)."""

    camera: Camera
    fit: float


class Warps(NamedTuple):
    """For each of K cameras and each pair of frames (`first`, `second` [P]), where the floor of the second is seen in the first:
    `grids` [K, P, h, w, 2], and where that is within both, `valid` [K, P, h, w]."""

    cameras: tuple[Camera, ...]
    first: Tensor
    second: Tensor
    grids: Tensor
    valid: Tensor


def find_move(picture: Tensor, hidden: Tensor) -> Move:
    """The move seen in pictures [F, 3, H, W] evenly in time, whose floor is `hidden` [F, H, W] behind solids."""
    light = F.avg_pool2d(picture.mean(1, keepdim=True), 2)
    free = 1 - F.max_pool2d(hidden.float()[:, None], 6, 2, 2)[:, :, : light.shape[2], : light.shape[3]]
    tiles = _tiles(light, free)
    warps = _warps(*light.shape[2:], len(picture))
    fits = torch.stack([_fit(tiles, free, warps, number) for number in range(len(warps.cameras))])
    best = int(fits.argmax())
    return Move(warps.cameras[best], float(fits[best]))


def _tiles(light: Tensor, free: Tensor) -> Tensor:
    """How much lighter [F, 1, h, w] is than what is free of solids around it, to how light that is."""
    pad = SMOOTH // 2
    around = F.avg_pool2d(light * free, SMOOTH, 1, pad) / F.avg_pool2d(free, SMOOTH, 1, pad).clamp(min=1e-3)
    return ((light - around) / around.clamp(min=0.05)).clamp(-0.3, 0.3) * free


def _fit(tiles: Tensor, free: Tensor, warps: Warps, number: int) -> Tensor:
    """The mean correlation of pairs of frames, one laid over the other."""
    both = torch.cat([tiles, free], 1)
    moved = F.grid_sample(both[warps.first], warps.grids[number], align_corners=False)
    weight = moved[:, 1] * free[warps.second, 0] * warps.valid[number]
    one, other = moved[:, 0], tiles[warps.second, 0]
    total = weight.sum((1, 2)).clamp(min=1e-6)
    one = one - ((weight * one).sum((1, 2)) / total)[:, None, None]
    other = other - ((weight * other).sum((1, 2)) / total)[:, None, None]
    power = ((weight * one * one).sum((1, 2)) * (weight * other * other).sum((1, 2))).sqrt()
    fit = (weight * one * other).sum((1, 2)) / power.clamp(min=1e-6)
    return torch.where(total > WEIGHT, fit, 0.0).mean()


@lru_cache(maxsize=8)
def _warps(height: int, width: int, frames: int) -> Warps:
    cameras = [Camera("still", pitch) for pitch in PITCHES]
    if frames > 1:
        cameras += [
            Camera(f"{kind} {way}", pitch, float(amount))
            for kind, amounts in AMOUNTS.items()
            for way in WAYS[kind]
            for amount in amounts
            for pitch in PITCHES
        ]
    steps = {1, (frames - 1) // 2} - {0}
    pairs = [(first, first + step) for step in sorted(steps) for first in range(0, frames - step, step)] or [(0, 0)]
    first, second = torch.tensor(pairs).T
    moments = np.linspace(0, 1, frames) if frames > 1 else np.full(1, 0.5)
    laid = [_laid(camera.poses(moments), first, second, height, width) for camera in cameras]
    return Warps(tuple(cameras), first, second, torch.stack([grid for grid, _ in laid]), torch.stack([ok for _, ok in laid]))


def _laid(poses: Poses, first: Tensor, second: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Where the floor that the second frames see is in the first, as grid_sample wants it, and whether it is there."""
    right, top = extent(width, height)
    eyes, axes = (torch.from_numpy(value).float() for value in poses)
    x = ((torch.arange(width) + 0.5) / width * 2 - 1) * right * TAN_HALF_VIEW
    y = (1 - (torch.arange(height) + 0.5) / height * 2) * top * TAN_HALF_VIEW
    up, across = torch.meshgrid(y, x, indexing="ij")
    rays = axes[second].transpose(1, 2) @ torch.stack([across, up, torch.ones_like(up)]).flatten(1)
    depth = eyes[second, 1:2] / (-rays[:, 1]).clamp(min=1e-3)
    points = eyes[second][:, :, None] + depth[:, None] * rays
    seen = axes[first] @ (points - eyes[first][:, :, None])
    grid = seen[:, :2] / seen[:, 2:].clamp(min=1e-3) / TAN_HALF_VIEW / torch.tensor([right, -top])[:, None]
    valid = (depth < FAR) & (seen[:, 2] > NEAR) & (grid.abs().amax(1) < 1)
    return grid.transpose(1, 2).unflatten(1, (height, width)), valid.unflatten(1, (height, width)).float()
