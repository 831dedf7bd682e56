"""How a body looks from frame to frame: it moves its legs and wings on the way.

Given frames show that for a while, and made ones go on with it: after the last given frame come those that followed when the body
last looked as it does there (video textures, Schödl et al. 2000, section 3). Where it never did, frames run to and fro.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from worldreel.generation.bodies import Body, Place, Scene
from worldreel.generation.following import STEP

ALIKE = 1 / 2
"""Of the larger of two areas and of two contrasts, what the smaller has at least where both are looks of one body."""
FEWEST = 6
"""Looks that come again, or run to and fro; of fewer the body stays as it is."""
UNSEEN = 3 / 4
"""Of what is usual from one look to the next, by how much two may differ that count as the same one come again."""


class Look(NamedTuple):
    """A body as one frame shows it; `shift`: where that is beside the nearest frame's look, had both been in the same frame."""

    body: Body
    shift: Place


def looks(body: Body, earlier: Sequence[Scene]) -> list[Look]:
    """The body as it is, and as earlier frames show it, the nearest first, as far as they do."""
    found = [body]
    for scene in earlier:
        seen = [one for one in scene.bodies() if _same(found[-1], one, STEP * scene.side)]
        if len(seen) != 1:
            break
        found.append(seen[0])
    centres = torch.stack([_centre(one) for one in found])
    swaying = centres - _parabola(centres)
    places = torch.tensor([one.place for one in found])
    shifts = (places - centres + swaying) - (places - centres + swaying)[0]
    whole = shifts.round()
    moved = [_moved(one, part) for one, part in zip(found, shifts - whole, strict=True)]
    return [Look(one, (down, right)) for one, (down, right) in zip(moved, whole.int().tolist(), strict=True)]


def _moved(body: Body, by: Tensor) -> Body:
    """A body that is moved by less than a pixel [2] where it is: who is put to whole pixels only shakes."""
    if not by.any():
        return body
    height, width = body.hidden.shape
    rows, columns = torch.meshgrid(torch.arange(height) - by[0], torch.arange(width) - by[1], indexing="ij")
    there = torch.stack([columns / (width - 1), rows / (height - 1)], dim=2)[None] * 2 - 1
    drawn = torch.cat([body.front, body.hidden[None]])[None]
    front, hidden = F.grid_sample(drawn, there, mode="bicubic", align_corners=True)[0].split([3, 1])
    return body._replace(front=front, hidden=hidden[0].clamp(0, 1))


def _same(last: Body, one: Body, near: float) -> bool:
    """Whether a body of a frame is one of the next frame."""
    sizes = sorted(float(each.hidden.sum()) for each in (last, one))
    contrasts = sorted((last.contrast, one.contrast))
    alike = sizes[0] >= ALIKE * sizes[1] and contrasts[0] >= ALIKE * contrasts[1]
    return alike and float((_centre(last) - _centre(one)).norm()) <= near


def _centre(body: Body) -> Tensor:
    """Its mean row and column [2]."""
    rows, columns = (torch.arange(length) + start for length, start in zip(body.hidden.shape, body.place, strict=True))
    share = body.hidden / body.hidden.sum()
    return torch.stack([(share.sum(dim=1) * rows).sum(), (share.sum(dim=0) * columns).sum()])


def _parabola(places: Tensor) -> Tensor:
    """The places [T, 2] of one that goes evenly, slower or faster, as near to those given as can be."""
    times = torch.linspace(-1, 1, len(places))
    powers = torch.stack([torch.ones_like(times), times, times**2], dim=1)
    fitted: Tensor = powers @ (torch.linalg.pinv(powers) @ places)
    return fitted


def going_on(found: Sequence[Look], count: int) -> list[int]:
    """Which look a body has in each of so many frames from here on."""
    if len(found) < FEWEST:
        return [0] * count
    apart = _apart(found)
    usual = float(apart.diagonal(1).mean())
    again = {back: float(apart[0, back]) for back in range(FEWEST - 1, len(found))}
    period = min(again, key=again.__getitem__)
    if again[period] <= UNSEEN * usual:
        return [-number % period for number in range(1, count + 1)]
    last = len(found) - 1
    return [last - abs(last - number % (2 * last)) for number in range(1, count + 1)]


def _apart(found: Sequence[Look]) -> Tensor:
    """How much each two looks differ [L, L]: their mean squares, each where it would be in one and the same frame."""
    drawn = torch.stack(list(_drawn(found))).flatten(1)
    return torch.cdist(drawn, drawn).square() / drawn.shape[1]


def _drawn(found: Sequence[Look]) -> Iterator[Tensor]:
    """Colours and shares [4, h, w] in a box that holds all of them."""
    starts = torch.tensor([look.shift for look in found])
    stops = starts + torch.tensor([look.body.hidden.shape for look in found])
    first, last = starts.amin(dim=0), stops.amax(dim=0)
    for look, start, stop in zip(found, starts, stops, strict=True):
        (top, left), (bottom, right) = (start - first).tolist(), (last - stop).tolist()
        yield F.pad(torch.cat([look.body.front, 255 * look.body.hidden[None]]), (left, right, top, bottom))
