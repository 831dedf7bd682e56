"""The judge of solids: reads back from pixels alone which solids a clip shows, where they go, and what the camera does.

Colours are found by hue, the camera's move by the floor's tiles; with that move each solid's foot has a place on the floor, and
the line through its places is its direction. Only shapes are named by a network (the eye). Nothing here may ever be a loss or
choose a checkpoint.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from worldreel.worlds.solids.camera import TAN_HALF_VIEW, Camera, extent
from worldreel.worlds.solids.eye import Eye, cut_patches
from worldreel.worlds.solids.kinds import COLOURS, FLOORS, SHAPES
from worldreel.worlds.solids.masks import Masks, find_masks, shrink
from worldreel.worlds.solids.moves import find_move

MOST_SOLIDS = 3
SEEN = 0.5
"""A solid shows in this share of the frames, at least: it may pass behind another."""
MOVED = 0.65
"""A solid that goes fewer units stands."""
LEAP = 0.3
"""Nothing goes so far, in fractions of the picture's sides, from one frame that is looked at to the next ..."""
FARTHEST = 0.9
"""... unless the frames are so few that it would take leaps to go this far in all."""
GROWTH = 4.0
"""Nor does anything grow so many times over between them."""
COVERED = 0.5
"""Solids cover no more of the picture."""
UNEVEN = 0.12
"""A floor strays so far from its own colour, at most (in levels of 1, root mean square; tiles and shadows: up to 0.08)."""
FLICKER = 0.12
"""And its colour changes so much, at most."""
FLOOR_ROWS = 0.3
"""The share of the picture, from its lower edge, that is floor whatever the camera does."""


@dataclass(frozen=True)
class Sighting:
    """One solid: `direction` over the floor is left, right, towards or away, or None if it stands."""

    shape: str
    colour: str
    direction: str | None


@dataclass(frozen=True)
class Verdict:
    """What is seen: solids from left to right, the camera's move (one of MOVES), the floor's colour. `refused` says why the clip
    shows no scene; then nothing else counts."""

    solids: tuple[Sighting, ...] = ()
    camera: str = "still"
    floor: str = ""
    refused: str | None = None

    @property
    def count(self) -> int:
        return len(self.solids)


class Judge:
    """`Judge().see(frames)`: frames are [T, H, W, 3] uint8, at any rate. Raises UserError if the eye's weights are not there."""

    def __init__(self, eye: Eye | None = None) -> None:
        self.eye = eye or Eye.load()

    @torch.inference_mode()
    def see(self, frames: np.ndarray) -> Verdict:
        masks = find_masks(shrink(frames))
        numbers = [int(number) for number in (masks.seen.float().mean(0) >= SEEN).nonzero()[:, 0]]
        colours, uneven = _floor(masks)
        refused = _refusal(masks, numbers, colours, uneven)
        if refused:
            return Verdict(refused=refused)
        camera = find_move(masks.picture, masks.vivid).camera
        shapes = self._shapes(masks)
        sightings = [
            (_across(masks.named[:, number]), Sighting(shapes[number], list(COLOURS)[number], _direction(masks, number, camera)))
            for number in numbers
        ]
        solids = tuple(sighting for _, sighting in sorted(sightings, key=lambda pair: pair[0]))
        return Verdict(solids, camera.move, _nearest_floor(colours.median(0).values))

    def _shapes(self, masks: Masks) -> dict[int, str]:
        """The shape of each colour that is seen, by all frames that show it."""
        patches, colours = cut_patches(masks)
        scores = self.eye(patches).log_softmax(1)
        names = list(SHAPES)
        return {int(number): names[int(scores[colours == number].mean(0).argmax())] for number in colours.unique()}


def _refusal(masks: Masks, numbers: list[int], colours: Tensor, uneven: float) -> str | None:
    """Why the clip shows no scene, or None."""
    if uneven > UNEVEN:
        return "there is no even floor"
    if len(colours) > 1 and float((colours - colours.median(0).values).norm(dim=1).max()) > FLICKER:
        return "the floor changes"
    if not numbers:
        return "no solid is seen"
    if len(numbers) > MOST_SOLIDS or float(masks.vivid.float().mean()) > COVERED:
        return "more is seen than a few solids"
    for number in numbers:
        if _leaps(masks, number):
            return f"what is {list(COLOURS)[number]} leaps"
    return None


def _floor(masks: Masks) -> tuple[Tensor, float]:
    """The floor's colour in each frame, [F, 3], in the lower part of the picture, and how far the floor strays from it."""
    top = round((1 - FLOOR_ROWS) * masks.picture.shape[2])
    colours, strays = [], []
    for picture, vivid in zip(masks.picture[:, :, top:], masks.vivid[:, top:], strict=True):
        free = picture[:, ~vivid]
        if free.shape[1] < 0.2 * vivid.numel():
            return torch.zeros(1, 3), 1.0
        light = free.mean(0)
        # Shadows are darker than that, and both tones of the tiles are not.
        lit = free[:, light > 0.8 * light.median()]
        colours.append(lit.mean(1))
        strays.append(float((free - colours[-1][:, None]).square().mean().sqrt()))
    return torch.stack(colours), float(np.median(strays))


def _nearest_floor(colour: Tensor) -> str:
    """The name of a colour [3], by its tint more than by how light it is."""
    names = torch.tensor(list(FLOORS.values())) / 255
    light = 0.5 * (names.mean(1) - colour.mean())
    tint = (names - names.mean(1, keepdim=True)) - (colour - colour.mean())
    return list(FLOORS)[int((light.square() + tint.square().sum(1)).argmin())]


def _across(mask: Tensor) -> float:
    """The mean x of a mask [F, h, w]."""
    columns = torch.arange(mask.shape[2]).float()
    return float((mask.sum((0, 1)) * columns).sum() / mask.sum().clamp(min=1))


def _leaps(masks: Masks, number: int) -> bool:
    shown = masks.seen[:, number].nonzero()[:, 0]
    mask = masks.named[shown, number]
    areas, height, width = mask.sum((1, 2)), mask.shape[1], mask.shape[2]
    x = (mask.sum(1) * torch.arange(width)).sum(1) / areas / width
    y = (mask.sum(2) * torch.arange(height)).sum(1) / areas / height
    steps = shown.diff().float()
    limit = max(LEAP, FARTHEST / max(1, len(masks.picture) - 1))
    # What comes out behind another shows less than all of it, so growth counts only where nothing else is near.
    far = (torch.maximum(x.diff().abs(), y.diff().abs()) / steps > limit).any()
    alone = bool(masks.seen.float().mean(0).ge(SEEN).sum() == 1)
    grows = (areas.log().diff().abs() / steps > np.log(GROWTH)).any()
    return bool(far) or (alone and bool(grows))


def _direction(masks: Masks, number: int, camera: Camera) -> str | None:
    """Where a line through a solid's places on the floor goes; None if it goes hardly anywhere."""
    shown = masks.seen[:, number].nonzero()[:, 0]
    if len(masks.picture) < 2 or len(shown) < 2:
        return None
    moments = np.linspace(0, 1, len(masks.picture))[shown.numpy()]
    feet = np.stack([_foot(masks.named[int(frame), number]) for frame in shown])
    places = _on_floor(feet, camera, moments, extent(masks.picture.shape[3], masks.picture.shape[2]))
    x, z = _slope(moments, places[:, 0]), _slope(moments, places[:, 1])
    if max(abs(x), abs(z)) < MOVED:
        return None
    if abs(x) > abs(z):
        return "right" if x > 0 else "left"
    return "away" if z > 0 else "towards"


def _foot(mask: Tensor) -> np.ndarray:
    """Where a solid [h, w] stands, (x, y) in fractions of the picture: the middle of it, at nearly its lowest row."""
    height, width = mask.shape
    rows, columns = mask.sum(1).cumsum(0), mask.sum(0)
    low = int((rows < 0.97 * rows[-1]).sum())
    middle = float((columns * (torch.arange(width) + 0.5)).sum() / columns.sum())
    return np.array([middle / width, (low + 0.5) / height])


def _on_floor(feet: np.ndarray, camera: Camera, moments: np.ndarray, sides: tuple[float, float]) -> np.ndarray:
    """The places (x, z) [T, 2] in units where the floor is seen at (x, y) [T, 2] in fractions of the picture."""
    eyes, axes = camera.poses(moments)
    across = (feet[:, 0] * 2 - 1) * sides[0] * TAN_HALF_VIEW
    up = (1 - feet[:, 1] * 2) * sides[1] * TAN_HALF_VIEW
    rays = np.einsum("tji,tj->ti", axes, np.stack([across, up, np.ones_like(up)], 1))
    places: np.ndarray = eyes + rays * (eyes[:, 1] / np.maximum(-rays[:, 1], 0.05))[:, None]
    return places[:, [0, 2]]


def _slope(moments: np.ndarray, values: np.ndarray) -> float:
    """How far values go from moment 0 to 1: the median of the slopes of all pairs (Theil and Sen), deaf to a few bad ones."""
    one, other = np.triu_indices(len(moments), 1)
    return float(np.median((values[other] - values[one]) / (moments[other] - moments[one])))
