"""What given frames show, carried along to where it is in made ones.

A small model knows where things go better than what they look like. Given frames show that: so what lies around each pixel of a
made frame is searched for in the given frames next to it, and where it is found, its pixels are taken (motion compensation, as of
blocks in video codecs). What is in no given frame stays as it was made.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from worldreel.media.clip import Frame

BLOCK, STEP = 4 / 128, 3 / 128
"""Of a frame's side (the root of its area): the side of a block, which is taken as a whole, and how far something moves at most
from one frame to the next, each way."""
THIN = 2
"""To find where something is, one in so many rows and columns is compared."""
LARGE, SMALL = 9, 3
"""Blocks; the side of what is compared around each, to find where it is, and to see whether it is there. Large windows go by
whole bodies: what is badly drawn in them weighs little."""
WAYS = 3
"""So many movements at most are followed, beside none."""
SEEN = 2
"""Frames before a given one by which it is known how fast it moves, as far as they are given."""
AHEAD = 4
"""Made frames after a given one by which it is known otherwise."""
NEW = 0.3
"""How much a new step counts against how fast it was before."""
LEVELS = 50.0
"""Of 255: by how much a window may differ that still shows the same thing, badly drawn (root mean square)."""
PULL, LEAN = 100.0, 1.0
"""Squared levels that a pixel must save by which something is not where its speed would have it, in made frames; or that it moves
by, in given ones, where all is well drawn and nothing needs to be guessed."""
FITS = 8
"""Rounds in which a background that fades is fitted, with less and less of who stands in front."""
GROUND, BODY = 3.0, 9.0
"""Levels of 255 by which a pixel differs from such a background that is surely part of it, and surely not."""
CLOSED = 9
"""Pixels; the side of a hole in a body that is no background."""


def carried(frames: Frame, given: np.ndarray, pixels: Frame) -> Frame:
    """Frames [T, H, W, 3] with what given ones show in them. `given`: their numbers, in order; `pixels` [T, H, W, 3] has them.
    Frames are changed in place."""
    known = set(given.tolist())
    for before, after in pairwise([-1, *given.tolist(), len(frames)]):
        made = {number: _planes(frames[number]) for number in range(before + 1, after)}
        out = {number: frames[number].astype(np.float32) for number in made}
        for place, step in (before, 1), (after, -1):
            if not made or place not in known:
                continue
            past = next(back for back in range(SEEN + 1) if back == SEEN or place - step * (back + 1) not in known)
            earlier = (_planes(pixels[place - step * past]), past) if past else None
            numbers = list(made)[::step]
            follow = _followed(_planes(pixels[place]), earlier, [made[one] for one in numbers])
            for number, (shown, surely) in zip(numbers, follow, strict=True):
                weight = _weight(number, place, after if place == before else before, known)
                out[number] += weight * surely * (shown - frames[number])
        for number, frame in out.items():
            frames[number] = frame.round().clip(0, 255).astype(np.uint8)
    return frames


def _weight(number: int, place: int, other: int, known: Collection[int]) -> float:
    """Of a given frame, for one with another given frame on its other side or none: the nearer one weighs more."""
    return abs(number - other) / abs(place - other) if other in known else 1.0


@dataclass(frozen=True)
class _Ways:
    """How large parts of a given frame go: by how much they have moved, down and to the right, and how fast [N, 2] each, and near
    which blocks they are [N, h, w]."""

    shifts: Tensor
    speeds: Tensor
    near: Tensor
    measured: bool
    """Whether it is known how fast they go; else all is taken to stand."""

    @classmethod
    def standing(cls, search: "_Search", source: Tensor) -> "_Ways":
        still = torch.zeros(1, 2)
        return cls(still, still, torch.ones_like(search.around(source[:1], 1), dtype=torch.bool), measured=False)

    @classmethod
    def between(cls, search: "_Search", earlier: Tensor, source: Tensor, frames: int) -> "_Ways":
        """Of a source, by what was where so many frames before it (less than none: will be, after it)."""
        found, _ = search.nearest(_Loose.of(earlier), source, search.reach(abs(frames)), cls.standing(search, source))
        shifts = _common(found)
        return cls(torch.zeros_like(shifts), shifts / frames, _near(found, shifts), measured=True)

    def onwards(self, found: Tensor) -> "_Ways":
        """What was found in the next frame, by block [h, w, 2]: each part goes on from the nearest one."""
        shifts, new = _common(found), NEW if self.measured else 1.0
        nearest = torch.cdist(shifts, self.expected).argmin(dim=1)
        speeds = (1 - new) * self.speeds[nearest] + new * (shifts - self.shifts[nearest])
        speeds[0] = 0
        return _Ways(shifts, speeds, _near(found, shifts), measured=True)

    def cost(self, shifts: Tensor) -> Tensor:
        """Of shifts [N, 2], by block [N, h, w]: how far each is from where a part near the block should be by now."""
        apart = torch.cdist(shifts, self.expected)[:, :, None, None]
        return (PULL if self.measured else LEAN) * torch.where(self.near, apart, torch.inf).amin(dim=1)

    @property
    def expected(self) -> Tensor:
        return self.shifts + self.speeds


def _followed(source: Tensor, past: tuple[Tensor, int] | None, made: Sequence[Tensor]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """A given frame [3, H, W] as each made one shows it, the nearest first, [H, W, 3]; and how surely, 0 to 1, [H, W, 1].
    `past`: what was given so many frames before it; if nothing was, made frames say how fast all goes."""
    search = _Search.of(source)
    frame, frames = past or (made[min(AHEAD, len(made)) - 1], -min(AHEAD, len(made)))
    ways = _Ways.between(search, frame, source, frames)
    loose = _Loose.of(source)
    for frame in made:
        shifts = (ways.expected.round()[:, None] + search.reach()).flatten(0, 1).unique(dim=0)
        found, pixels = search.nearest(loose, frame, shifts, ways)
        ways = ways.onwards(found)
        square = (pixels - frame).square_().mean(dim=0, keepdim=True)
        apart = search.by_pixel(search.around(square, SMALL)[0], frame)
        yield pixels.permute(1, 2, 0).numpy(), (-apart / (2 * LEVELS**2)).exp()[:, :, None].numpy()


def _common(found: Tensor) -> Tensor:
    """The shifts [N, 2] that most blocks of [h, w, 2] have in common, after none: a background stands."""
    shifts, counts = found.flatten(0, 1).unique(dim=0, return_counts=True)
    moving = shifts.abs().sum(dim=1) > 0
    shifts, counts = shifts[moving], counts[moving]
    return torch.cat([torch.zeros(1, 2), shifts[counts.topk(min(WAYS, len(counts))).indices]])


def _near(found: Tensor, shifts: Tensor) -> Tensor:
    """Which blocks are next to one that moved most like each of the shifts [N, 2], [N, h, w]."""
    which = torch.cdist(found, shifts).argmin(dim=-1)
    alike = which == torch.arange(len(shifts))[:, None, None]
    return F.max_pool2d(alike.float(), 3, stride=1, padding=1) > 0


@dataclass(frozen=True)
class _Loose:
    """A given frame apart from what it stands on, so that it can go elsewhere: a background that fades evenly stays."""

    front: Tensor
    """Who stands there, with nothing around them [3, H, W], then how much of the background is seen [1, H, W]."""
    ground: Tensor
    """The background [3, h, w]."""
    margin: int = 0
    """By which the front is wider than the background, all around."""

    @classmethod
    def of(cls, frame: Tensor) -> "_Loose":
        ground = _ground(frame)
        apart = (frame - ground).square().mean(dim=0, keepdim=True).sqrt()
        bare = ((BODY - apart) / (BODY - GROUND)).clamp(0, 1)
        window = dict(kernel_size=CLOSED, stride=1, padding=CLOSED // 2)
        bare = F.max_pool2d(-F.max_pool2d(-bare[None], **window), **window)[0]  # what is enclosed by a body is part of it
        return cls(torch.cat([frame - bare * ground, bare]), ground)

    def wider(self, margin: int) -> "_Loose":
        """One that can move so far."""
        return _Loose(F.pad(self.front[None], (margin,) * 4, mode="replicate")[0], self.ground, margin)

    def moved(self, down: int, right: int, thin: int = 1) -> Tensor:
        """The frame [3, H, W], or one in so many rows and columns, where who stands there has moved."""
        _, height, width = self.ground.shape
        top, left = self.margin - down, self.margin - right
        there = self.front[:, top : top + height : thin, left : left + width : thin]
        return there[:3] + there[3:] * self.ground[:, ::thin, ::thin]


def _ground(frame: Tensor) -> Tensor:
    """The plane nearest to most of a frame [3, H, W] (least squares, with Geman and McClure's weights)."""
    _, height, width = frame.shape
    down, right = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    plane = torch.stack([torch.ones_like(down), down, right]).flatten(1)
    values, weights = frame.flatten(1), torch.ones(height * width)
    for _ in range(FITS):
        fit = torch.linalg.solve(plane * weights @ plane.T, plane * weights @ values.T)
        apart = (values - fit.T @ plane).square().mean(dim=0)
        weights = (1 + apart / BODY**2) ** -2
    return (fit.T @ plane).unflatten(1, (height, width))


class _Search(NamedTuple):
    """In frames of one size, in pixels: the side of a block, and how far something moves at most from one to the next."""

    block: int
    step: int

    @classmethod
    def of(cls, frame: Tensor) -> "_Search":
        side = (frame.shape[1] * frame.shape[2]) ** 0.5
        return cls(THIN * max(1, round(BLOCK * side / THIN)), max(1, round(STEP * side)))

    def reach(self, frames: int = 1) -> Tensor:
        """All shifts [N, 2] within so many frames."""
        most = self.step * frames
        return torch.cartesian_prod(*2 * [torch.arange(-most, most + 1.0)])

    def nearest(self, source: "_Loose", frame: Tensor, shifts: Tensor, ways: _Ways) -> tuple[Tensor, Tensor]:
        """For each block of a frame [3, H, W], which of the shifts [N, 2] of the source brings there what differs least around it,
        if it goes about as its ways would have it: that shift, by block [h, w, 2], and the pixels [3, H, W]."""
        each = shifts.int().tolist()
        thin = frame[:, ::THIN, ::THIN].contiguous()
        few = source.wider(int(shifts.abs().max()))
        apart = torch.stack([(few.moved(*one, THIN) - thin).square_().mean(dim=0) for one in each])
        blocks = (self.around(apart, LARGE, THIN) + ways.cost(shifts)).argmin(dim=0)
        chosen, pixels = self.by_pixel(blocks, frame), frame
        for number in blocks.unique().tolist():
            pixels = torch.where(chosen == number, few.moved(*each[number]), pixels)
        return shifts[blocks], pixels

    def around(self, apart: Tensor, window: int, thin: int = 1) -> Tensor:
        """The means of [N, H, W], of one in so many rows and columns, over a window around each block."""
        blocks = F.avg_pool2d(apart, self.block // thin, ceil_mode=True)
        return F.avg_pool2d(blocks, window, stride=1, padding=window // 2, count_include_pad=False)

    def by_pixel(self, blocks: Tensor, frame: Tensor) -> Tensor:
        """Values of blocks as those of a frame's pixels [H, W]."""
        _, height, width = frame.shape
        return blocks.repeat_interleave(self.block, dim=0).repeat_interleave(self.block, dim=1)[:height, :width]


def _planes(frame: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(frame.transpose(2, 0, 1), dtype=np.float32))
