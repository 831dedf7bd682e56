"""The judge of solids: reads back from pixels alone which solids a clip shows, where they go, and what the camera does.

Colours are found by hue, the camera's move by the floor's tiles; with that move each solid's foot has a place on the floor, and
the line through its places is its direction. Only shapes are named by a network (the eye). Nothing here may ever be a loss or
choose a checkpoint.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from worldreel.worlds.solids.camera import TAN_HALF_VIEW, Camera, extent
from worldreel.worlds.solids.eye import Eye, cut_patches
from worldreel.worlds.solids.kinds import COLOURS, FLOORS, SHAPES
from worldreel.worlds.solids.masks import Masks, find_masks, shrink
from worldreel.worlds.solids.moves import find_move

MOST_SOLIDS = 3
MOVED = 0.5
"""A solid that goes fewer units stands (in scenes: from 0.6)."""
CHANGE = 1.0
"""A shape changes if one all the time is so much less likely than one before and another after, in nats a frame."""
LEAP = 0.3
"""Nothing goes so far, in fractions of the picture's sides, from one frame that is looked at to the next ..."""
FARTHEST = 0.9
"""... unless the frames are so few that it would take leaps to go this far in all."""
TANGLED, SHAKE = 1.7, 0.1
"""A path in the picture is at most so many times longer than it is wide (one that bounces back is a little longer than it is
wide), and a little more for what passes before it."""
GROWTH = 4.0
"""Nothing grows so many times over from one frame that is looked at to the next."""
COVERED = 0.5
"""Solids cover no more of the picture."""
UNEVEN = 0.12
"""A floor strays so far from its own colour, at most (root mean square, of 1)."""
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
        floors, uneven = _floor(masks)
        refused = _refusal(masks, floors, uneven)
        if refused:
            return Verdict(refused=refused)
        # From left to right.
        numbers = sorted(_shown(masks), key=lambda number: _across(masks.named[:, number]))
        patches, colours = cut_patches(masks)
        scores = self.eye(patches).log_softmax(1)
        for number in numbers:
            if _change(scores[colours == number]) > CHANGE:
                return Verdict(refused=f"what is {list(COLOURS)[number]} turns into something else")
        camera = find_move(masks.picture, masks.vivid).camera
        solids = [
            Sighting(_shape(scores[colours == number]), list(COLOURS)[number], _direction(masks, number, camera))
            for number in numbers
        ]
        return Verdict(tuple(solids), camera.move, _nearest_floor(floors.median(0).values))


def _shown(masks: Masks) -> list[int]:
    """The numbers of the colours that are seen at all."""
    return [int(number) for number in masks.seen.any(0).nonzero()[:, 0]]


def _refusal(masks: Masks, floors: Tensor, uneven: float) -> str | None:
    """Why the clip shows no scene, or None, by its floor's colours [F, 3] and by where solids are."""
    if uneven > UNEVEN:
        return "there is no even floor"
    if float((floors - floors.median(0).values).norm(dim=1).max()) > FLICKER:
        return "the floor changes"
    numbers = _shown(masks)
    if not numbers:
        return "no solid is seen"
    if len(numbers) > MOST_SOLIDS or float(masks.vivid.float().mean()) > COVERED:
        return "more is seen than a few solids"
    for number in numbers:
        name = list(COLOURS)[number]
        # A solid may pass behind another, but it is there at first and at last.
        if not bool(masks.seen[[0, -1], number].all()):
            return f"what is {name} comes or goes"
        if _leaps(masks, number, alone=len(numbers) == 1):
            return f"what is {name} leaps"
    return None


def _change(scores: Tensor) -> float:
    """How much less likely [F, shapes] one shape all the time is than one up to some frame and another after it, a frame."""
    before = scores.cumsum(0)
    one = float(before[-1].max())
    two = float((before.amax(1) + (before[-1] - before).amax(1)).max())
    return (two - one) / len(scores)


def _shape(scores: Tensor) -> str:
    """The shape that all frames together name, by how likely each is [F, shapes]."""
    return list(SHAPES)[int(scores.mean(0).argmax())]


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


def _leaps(masks: Masks, number: int, *, alone: bool) -> bool:
    """Whether a solid goes too far or, where nothing else can hide it, grows too much from one frame to the next; or goes to
    and fro."""
    shown = masks.seen[:, number].nonzero()[:, 0]
    mask = masks.named[shown, number]
    areas, height, width = mask.sum((1, 2)), mask.shape[1], mask.shape[2]
    x = (mask.sum(1) * torch.arange(width)).sum(1) / areas / width
    y = (mask.sum(2) * torch.arange(height)).sum(1) / areas / height
    track, gaps = torch.stack([x, y]), shown.diff().float()
    steps = track.diff(dim=1).abs()
    far = (steps / gaps).max() if len(gaps) else 0
    tangled = steps.sum(1) > TANGLED * (track.amax(1) - track.amin(1)) + SHAKE
    grows = alone and bool((areas.log().diff().abs() / gaps > np.log(GROWTH)).any())
    return bool(far > max(LEAP, FARTHEST / max(1, len(masks.picture) - 1))) or bool(tangled.any()) or grows


def _direction(masks: Masks, number: int, camera: Camera) -> str | None:
    """Where a solid goes over the floor; None if it goes hardly anywhere. What bounces back goes where it went first."""
    shown = _clear(masks, number)
    if len(shown) < 2:
        return None
    moments = np.linspace(0, 1, len(masks.picture))[shown]
    feet = np.stack([_foot(masks.named[frame, number]) for frame in shown])
    places = _on_floor(feet, camera, moments, extent(masks.picture.shape[3], masks.picture.shape[2]))
    way = np.array([_slope(moments, places[:, axis]) for axis in (0, 1)])
    if np.abs(way).max() < MOVED:
        # Not all the time, perhaps: the farthest that it goes from any moment to any later one.
        one, other = np.triu_indices(len(places), 1)
        ways = _smoothed(places)[other] - _smoothed(places)[one]
        way = ways[np.abs(ways).max(1).argmax()]
    x, z = way
    if max(abs(x), abs(z)) < MOVED:
        return None
    if abs(x) > abs(z):
        return "right" if x > 0 else "left"
    return "away" if z > 0 else "towards"


def _clear(masks: Masks, number: int) -> list[int]:
    """The frames that show a solid and nothing that touches it; all that show it, if those are few."""
    others = masks.named.amax(1) - masks.named[:, number]
    touched = (F.max_pool2d(others, 5, 1, 2) * masks.named[:, number]).amax((1, 2)) > 0
    seen = masks.seen[:, number]
    clear = seen & ~touched
    chosen: list[int] = (clear if int(clear.sum()) >= 4 else seen).nonzero()[:, 0].tolist()
    return chosen


def _smoothed(places: np.ndarray) -> np.ndarray:
    """Places [T, 2], each the median of itself and its neighbours; the first and last as they are."""
    if len(places) < 3:
        return places
    middle = np.median(np.stack([places[:-2], places[1:-1], places[2:]]), axis=0)
    return np.concatenate([places[:1], middle, places[-1:]])


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
