"""Frames taken apart: an even background, and the bodies before it (layers, Wang and Adelson 1994).

A background is even if it is a plane of colour: plain, or fading in some direction. A frame of anything else has no bodies here.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

RIM = 12 / 128
"""Of a frame's side (the root of its area): how far around a body all that is no background belongs to it too."""
LEAST, MOST = 1 / 128, 1 / 2
"""Of a frame's area: what a body has at least and at most."""
FITS = 8
"""Rounds in which a background is fitted, with less and less of who stands before it."""
GROUND, BODY = 3.0, 9.0
"""Levels of 255 by which a pixel differs from the background that is surely part of it, and surely not."""
HOLE, EDGE, TOUCHING = 5, 5, 5
"""Pixels; windows: of holes in a body that are no background, of edges in which both are mixed, and of bodies that are one."""

Place = tuple[int, int]
"""A row and a column; a body's are those of its first ones, and may lie outside of a frame."""


class Scene(NamedTuple):
    """A frame and its background, [3, H, W] each."""

    frame: Tensor
    ground: Tensor

    @classmethod
    def of(cls, frame: Tensor) -> "Scene":
        """The background is the plane of colour nearest to most of a frame (least squares, with the weights of Geman and McClure
        1985)."""
        _, height, width = frame.shape
        down, right = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
        plane = torch.stack([torch.ones_like(down), down, right]).flatten(1)
        values, weights = frame.flatten(1), torch.ones(height * width)
        for _ in range(FITS):
            weighed = plane * weights
            fit = torch.linalg.pinv(weighed @ plane.T, hermitian=True) @ (weighed @ values.T)  # of a row alone no slope is known
            weights = (1 + (values - fit.T @ plane).square().mean(dim=0) / BODY**2) ** -2
        return cls(frame, (fit.T @ plane).unflatten(1, (height, width)))

    @property
    def side(self) -> float:
        """In pixels: the root of the area."""
        return float(self.frame[0].numel() ** 0.5)

    def bodies(self) -> Iterator["Body"]:
        """What stands before the background: regions that touch nothing else."""
        apart = (self.frame - self.ground).square().mean(dim=0).sqrt()
        solid = ((apart - GROUND) / (BODY - GROUND)).clamp(0, 1)
        solid = _least(_most(solid, HOLE), HOLE)
        mixed = apart / _most(apart, EDGE).clamp(min=BODY)  # with what is near and differs most
        hidden = torch.maximum(_least(solid, EDGE), torch.minimum(solid, mixed))
        rim = max(1, round(RIM * self.side))
        for region in _connected(_most(solid, TOUCHING) > 0.5):
            if LEAST <= float((solid * region).sum()) / region.numel() <= MOST:
                near = _mean(_most(region.float(), 2 * rim + 1), rim | 1)
                rows, columns = (slice(int(one.min()), int(one.max()) + 1) for one in near.nonzero(as_tuple=True))
                frame, ground = self.frame[:, rows, columns], self.ground[:, rows, columns]
                own, near = region[rows, columns], near[rows, columns]
                hides, apart = own * hidden[rows, columns], own * (frame - ground)
                yield Body(apart + hides * ground, hides, near, (rows.start, columns.start), float(apart.square().sum()))


class Body(NamedTuple):
    """A body without its background."""

    front: Tensor
    """Its share of each pixel [3, h, w]."""
    hidden: Tensor
    """How much of the background it hides [h, w]."""
    near: Tensor
    """What of it is the body, or near it [h, w]."""
    place: Place
    """Where it is in its own frame."""
    contrast: float
    """The squares of all by which it differs from its own background."""

    def explains(self, scene: Scene, place: Place, faintest: float = 1.0) -> float:
        """How surely what a scene shows at a place is this body, 0 to 1: by how much of what is not background there it leaves
        unexplained; all is sure from a half on. `faintest`: of its contrast, with how little it may be drawn."""
        there, own = self._overlap(scene, place)
        if not self.hidden[own].any():
            return 0.0
        beside = scene.frame[:, *there] - scene.ground[:, *there]
        shown = self.front[:, *own] - self.hidden[own] * scene.ground[:, *there]
        beside, shown, near = blurred(beside), blurred(shown), self.near[own]

        def product(one: Tensor, other: Tensor) -> Tensor:
            return ((one * other).sum(dim=0) * near).sum()

        contrast = (product(beside, shown) / product(shown, shown).clamp(min=1e-6)).clamp(faintest, 1)
        unexplained, whole = (product(one, one) for one in (beside - contrast * shown, beside))
        return float((2 - 2 * unexplained / whole.clamp(min=1e-6)).clamp(0, 1))

    def clear(self, frame: Tensor, scene: Scene, place: Place, share: float) -> None:
        """Leaves a frame [3, H, W] nothing but background where the body is, or near it."""
        there, own = self._overlap(scene, place)
        frame[:, *there] += share * self.near[own] * (scene.ground[:, *there] - frame[:, *there])

    def put(self, frame: Tensor, scene: Scene, place: Place, share: float) -> None:
        """Puts the body into a frame [3, H, W]."""
        there, own = self._overlap(scene, place)
        frame[:, *there] += share * (self.front[:, *own] - self.hidden[own] * frame[:, *there])

    def _overlap(self, scene: Scene, place: Place) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """The rows and columns of a frame that the body is in at a place, and which of its own these are."""
        there, own = [], []
        for start, side, whole in zip(place, self.hidden.shape, scene.frame.shape[1:], strict=True):
            first, last = min(max(0, start), whole), max(0, min(whole, start + side))
            there.append(slice(first, last))
            own.append(slice(first - start, last - start))
        return (there[0], there[1]), (own[0], own[1])


def blurred(image: Tensor, window: int = 5) -> Tensor:
    """Twice the mean over a window around each pixel of [C, H, W]: what is badly drawn is nearer to what it shows."""
    for _ in range(2):
        image = F.avg_pool2d(image, window, stride=1, padding=window // 2, count_include_pad=False)
    return image


def _connected(mask: Tensor) -> Iterator[Tensor]:
    """The connected regions of [H, W], over corners too, [H, W] each."""
    labels = torch.arange(1.0, mask.numel() + 1).view_as(mask) * mask
    while not torch.equal(wider := _most(labels, 3) * mask, labels):
        labels = wider
    for label in labels.unique().tolist():
        if label:
            yield labels == label


def _mean(values: Tensor, window: int) -> Tensor:
    """Of [H, W] in a window around each place; nothing is beyond the border."""
    rows = F.avg_pool2d(values[None], (window, 1), stride=1, padding=(window // 2, 0))
    return F.avg_pool2d(rows, (1, window), stride=1, padding=(0, window // 2))[0]


def _most(values: Tensor, window: int) -> Tensor:
    """The largest of [H, W] in a window around each place: by rows, then by columns, since both at once take as long as the
    window has places."""
    rows = F.max_pool2d(values[None], (window, 1), stride=1, padding=(window // 2, 0))
    return F.max_pool2d(rows, (1, window), stride=1, padding=(0, window // 2))[0]


def _least(values: Tensor, window: int) -> Tensor:
    return -_most(-values, window)
