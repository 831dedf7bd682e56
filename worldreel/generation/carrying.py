"""What given frames show, carried along to where it is in made ones.

A small model knows where bodies go better than what they look like. Given frames show that: so each body of a given frame is
followed through the made frames next to it, and where it is found, it takes the place of what was made there (motion
compensation). The background, and who is in no given frame, stay as they were made.
"""

from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from worldreel.generation.bodies import Body, Place, Scene, blurred
from worldreel.media.clip import Frame

STEP = 8 / 128
"""Of a frame's side: how far a body moves at most from one frame to the next, each way, beside its speed."""
SEEN = 4
"""Frames before a given one by which it is known how fast a body moves, as far as they are given."""
ASKED, EVEN = 0.1, 20.0
"""What the longest step beside the speed costs, where a frame that shows nothing of a body costs 1: while it is asked how fast it
goes, and once that is known."""
FAINT = 1 / 8
"""Of the contrast between a body and its own background: what it must have to be told from others."""
SAME = 0.2
"""Of what a scene without a body would differ by, what a scene does at most that surely shows the same one."""
WHILE = 9
"""Frames; a window in which it is one question whether a body is there."""


def carried(frames: Frame, given: np.ndarray, pixels: Frame) -> bool:
    """Puts what given frames show into frames [T, H, W, 3], and says whether that is anything. `given`: their numbers, in order;
    `pixels` [T, H, W, 3] has them."""
    known, found = set(given.tolist()), False
    for before, after in pairwise([-1, *given.tolist(), len(frames)]):
        made = {number: Scene.of(_planes(frames[number])) for number in range(before + 1, after)}
        out = {number: scene.frame.clone() for number, scene in made.items()}
        for place, other, step in (before, after, 1), (after, before, -1):
            if not made or place not in known:
                continue
            past = next(back for back in range(SEEN + 1) if back == SEEN or place - step * (back + 1) not in known)
            earlier = [place - step * back for back in range(1, past + 1)]
            scene, *around = (Scene.of(_planes(pixels[number])) for number in [place, *earlier, *({other} & known)])
            shown = _shown(scene, around[:past], [made[number] for number in list(made)[::step]], around[past:])
            for number, frame in zip(list(made)[::step], shown, strict=bool(shown)):
                out[number] += _weight(number, place, other, known) * (frame - made[number].frame)
            found = found or bool(shown)
        for number, frame in out.items():
            frames[number] = frame.round().clip(0, 255).byte().permute(1, 2, 0).numpy()
    return found


def _weight(number: int, place: int, other: int, known: Collection[int]) -> float:
    """Of a given frame, for one with another given frame on its other side or none: the nearer one weighs more."""
    return abs(number - other) / abs(place - other) if other in known else 1.0


def _shown(scene: Scene, earlier: Sequence[Scene], made: Sequence[Scene], beyond: Sequence[Scene]) -> list[Tensor]:
    """Made frames, the nearest to a given scene first, [3, H, W] each, with its bodies; none, if it has none. `earlier`: what was
    given before it, the nearest first; `beyond`: what is given after the made ones, if anything is."""
    bodies = list(scene.bodies())
    tracks = [_followed(body, earlier, made, beyond) for body in bodies]
    shown = []
    for number, one in enumerate(made if bodies else []):
        frame = one.frame.clone()
        for body, (places, surely) in zip(bodies, tracks, strict=True):
            body.clear(frame, one, places[number], surely[number])
        for body, (places, surely) in zip(bodies, tracks, strict=True):
            body.put(frame, one, places[number], surely[number])
        shown.append(frame)
    return shown


def _followed(
    body: Body, earlier: Sequence[Scene], made: Sequence[Scene], beyond: Sequence[Scene]
) -> tuple[list[Place], list[float]]:
    """Where a body is in made frames, and how surely, 0 to 1: along the path that is best as a whole, by how well frames show it
    and how evenly it goes. What is given on both sides is somewhere in between."""
    margin, longest = torch.tensor(body.hidden.shape), round(STEP * made[0].side)
    start, costs = torch.tensor(body.place) + margin, [_Fit.of(body, scene).cost for scene in made]
    ends = [place for place in (_Fit.of(body, scene).same() for scene in beyond) if place is not None]
    if ends:
        there = torch.full_like(costs[0], torch.inf).index_put_(tuple(ends[0][:, None]), torch.zeros(1))
        speeds = ((ends[0] - start) / (len(made) + 1)).expand(len(made) + 1, 2)
        path = _path([*costs, there], start, speeds, longest, EVEN)[: len(made)]
    else:
        past = _path([_Fit.of(body, scene).cost for scene in earlier], start, torch.zeros(len(earlier), 2), longest, ASKED)
        speed = (start - torch.tensor(past[-1])) / len(past) if past else torch.zeros(2)
        asked = torch.tensor([start.tolist(), *_path(costs, start, speed.expand(len(made), 2), longest, ASKED)])
        path = _path(costs, start, _even(asked.diff(dim=0).T.float()).T, longest, EVEN)
    places = [(row - int(margin[0]), column - int(margin[1])) for row, column in path]
    surely = [1.0 if ends else body.explains(scene, place) for scene, place in zip(made, places, strict=True)]
    return places, _steady(surely)


def _even(rows: Tensor) -> Tensor:
    """[N, T], each number the mean of those around it."""
    return F.avg_pool1d(rows, WHILE, stride=1, padding=WHILE // 2, count_include_pad=False)


def _steady(surely: Sequence[float]) -> list[float]:
    """What is there before and after is there in between, and comes and goes slowly."""
    most = F.max_pool1d(torch.tensor([surely]), WHILE, stride=1, padding=WHILE // 2)
    least = -F.max_pool1d(-most, WHILE, stride=1, padding=WHILE // 2)
    steady: list[float] = _even(least)[0].tolist()
    return steady


class _Fit(NamedTuple):
    """How badly a scene shows a body, at each place from where its last row and column just leave the frame on [h + H, w + W]."""

    cost: Tensor
    """0 is as it is, 1 as badly as its own background does, or worse. What is out of the frame shows nothing."""
    left: Tensor
    """The same beside what the scene's background would be there without it."""

    @classmethod
    def of(cls, body: Body, scene: Scene) -> "_Fit":
        """The squared error of f + (1 - h) g, a body with its share h of each pixel before a background, against g + r, which is
        there: (f - h g - r)^2. That is a sum of correlations, which Fourier transforms make fast."""
        side = [one + other for one, other in zip(scene.frame.shape[1:], body.hidden.shape, strict=True)]

        def correlated(parts: Tensor, images: Tensor) -> Tensor:
            spectrum = torch.fft.rfft2(parts, s=side).conj() * torch.fft.rfft2(images, s=side)
            found: Tensor = torch.fft.irfft2(spectrum.sum(dim=0), s=side)
            return found.roll(tuple(body.hidden.shape), (0, 1))

        def total(colours: Tensor) -> Tensor:
            return colours.sum(dim=0, keepdim=True)

        f, h, g, r = blurred(body.front), blurred(body.hidden[None]), scene.ground, blurred(scene.frame - scene.ground)
        one, near = torch.ones_like(scene.frame[:1]), body.near[None]
        without = correlated(near * torch.cat([total(f**2), -2 * h * f, h**2]), torch.cat([one, g, total(g**2)]))
        beside = correlated(near * torch.cat([torch.ones_like(h), -2 * f, 2 * h]), torch.cat([total(r**2), r, total(g * r)]))
        unseen = 1 - correlated(body.hidden[None], one) / body.hidden.sum()
        error = (without + beside).clamp(min=0)
        return cls((error / body.contrast + unseen).clamp(0, 1), error / without.clamp(min=FAINT * body.contrast))

    def same(self) -> Tensor | None:
        """Where this is surely the same body [2], if anywhere."""
        place = (self.cost == self.cost.min()).nonzero()[0]
        return place if self.left[tuple(place)] < SAME else None


def _path(costs: Sequence[Tensor], start: Tensor, speeds: Tensor, longest: int, price: float) -> list[Place]:
    """The places, one of each of T maps of costs [h, w], from a start [2] on, that cost least together with all steps (Viterbi
    1967). A step is no longer than the longest one, each way, beside its speed [T, 2]; that one has the price, others by their
    squares."""
    if not costs:
        return []
    best = torch.full_like(costs[0], torch.inf)
    best[tuple(start.tolist())] = 0
    origins = []
    for cost, (down, right) in zip(costs, speeds.tolist(), strict=True):
        best, rows = _stepped(best, down, longest, price)
        turned, columns = _stepped(best.T, right, longest, price)
        best = turned.T + cost
        origins.append((rows, columns.T))
    row, column = divmod(int(best.argmin()), best.shape[1])
    path = []
    for rows, columns in reversed(origins):
        path.append((row, column))
        column = int(columns[row, column])
        row = int(rows[row, column])
    return path[::-1]


def _stepped(best: Tensor, speed: float, longest: int, price: float) -> tuple[Tensor, Tensor]:
    """The least of [h, w] after a step along the first axis, with its price, and from which row it came."""
    steps = torch.arange(-longest, longest + 1) + round(speed)
    prices = price * ((steps - speed) / longest).square()
    margin = int(steps.abs().max())
    wide = F.pad(best, (0, 0, margin, margin), value=torch.inf)
    came = [wide[margin - by : margin - by + len(best)] + cost for by, cost in zip(steps.tolist(), prices, strict=True)]
    least, which = torch.stack(came).min(dim=0)
    return least, torch.arange(len(best))[:, None] - steps[which]


def _planes(frame: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(frame.transpose(2, 0, 1), dtype=np.float32))
