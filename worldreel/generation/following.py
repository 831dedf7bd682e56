"""Where a body is in frames that show it badly.

Each frame says how well it shows the body at each place; that, and how evenly bodies go, make one path the best of all.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from worldreel.generation.bodies import Body, Place, Scene, blurred

STEP = 8 / 128
"""Of a frame's side: how far a body moves at most from one frame to the next, each way, beside its speed."""
ASKED, EVEN = 0.1, 20.0
"""What the longest step beside the speed costs, where a frame that shows nothing of a body costs 1: while it is asked how fast it
goes, and once that is known."""
FAINT = 1 / 8
"""Of the contrast between a body and its own background: what it must have to be told from others."""
FAINTEST = 1 / 4
"""Of the contrast of a body that given frames show on its way: with how little it may be drawn, and not be gone."""
SAME = 0.2
"""Of what a scene without a body would differ by, what a scene does at most that surely shows the same one."""
WHILE = 9
"""Frames; a window in which it is one question whether a body is there."""


def followed(
    body: Body, earlier: Sequence[Scene], made: Sequence[Scene], beyond: Sequence[Scene]
) -> tuple[list[Place], list[float]]:
    """Where a body is in made frames, and how surely, 0 to 1: along the path that is best as a whole, by how well frames show it
    and how evenly it goes. What is given on both sides is somewhere in between."""
    margin, longest = torch.tensor(body.hidden.shape), max(1, round(STEP * made[0].side))
    start, costs = torch.tensor(body.place) + margin, [_Fit.of(body, scene).cost for scene in made]
    end = _Fit.of(body, beyond[0]).same() if beyond else None

    def asked(place: Tensor, costs: Sequence[Tensor], speed: Tensor) -> Tensor:
        return torch.tensor(_path(costs, place, speed.expand(len(costs), 2), longest, ASKED))

    def speed(place: Tensor, scenes: Sequence[Scene]) -> Tensor:
        """At which it goes on from a place, in a row of scenes."""
        return (asked(place, [_Fit.of(body, scene).cost for scene in scenes], torch.zeros(2))[-1] - place) / len(scenes)

    first = -speed(start, earlier) if earlier else None
    if end is None:
        places = asked(start, costs, torch.zeros(2) if first is None else first)
        speeds = _even(torch.cat([start[None], places]).diff(dim=0).T.float()).T
    else:
        there = torch.full_like(costs[0], torch.inf).index_put_(tuple(end[:, None]), torch.zeros(1))
        mean, costs = (end - start) / (len(made) + 1), [*costs, there]
        last = speed(end, beyond[1:]) if beyond[1:] else mean
        speeds = _speeds(mean, mean if first is None else first, last, len(costs))
    path = torch.tensor(_path(costs, start, speeds, longest, EVEN)[: len(made)])
    if first is not None:
        path = _continued(path, start + first)
    found = [(row, column) for row, column in (path - margin).tolist()]
    faintest = 1.0 if first is None or beyond else FAINTEST
    surely = [body.explains(scene, place, faintest) if end is None else 1.0 for scene, place in zip(made, found, strict=True)]
    return found, _steady(surely)


def _continued(path: Tensor, expected: Tensor) -> Tensor:
    """A path [T, 2] that begins where it is expected to [2], and comes only slowly to where it is: what comes next is known from
    how fast something went, and better than from what was made."""
    late = torch.linspace(1, 0, len(path) + 1)[:-1, None]
    return (path + late * (expected - path[0])).round().int()


def _speeds(mean: Tensor, first: Tensor, last: Tensor, count: int) -> Tensor:
    """So many steps [count, 2], as far as all at the mean speed [2], from a first speed to a last, along Hermite's curve."""
    at = torch.linspace(0, 1, count + 1)[:, None]
    places = at**2 * (3 - 2 * at) * mean + at * (1 - at) ** 2 * first - at**2 * (1 - at) * last
    return count * places.diff(dim=0)


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
    return least, (torch.arange(len(best))[:, None] - steps[which]).short()  # there is one for each frame
