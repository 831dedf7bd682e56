"""The judge: reads back from pixels alone what a clip shows, by explaining the clip with the taught sprites.

The background is a straight line from the top colour to the bottom colour, fitted to the border. An actor is the sprite,
size and place that take away most of what the background leaves unexplained (a matched filter; it works even where the sprite
has nearly the colour of the background, since all that little is weighed). What one actor explains is set aside and the next
is looked for. Nothing here is learned, and nothing here may ever be a loss or choose a checkpoint.

Colours are in [0, 1] on a picture whose shorter side is `SIDE` cells; places are in cells, or in fractions of the canvas.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from worldreel.worlds.casts import TAUGHT, Cast
from worldreel.worlds.sprites import Sprite, load_sprites
from worldreel.worlds.subjects import COLOURS, POSITIONS

SIDE = 32
"""Cells on the shorter side: few enough to forget a codec's noise, enough to tell a dog from a cat."""
SIZES = range(7, 19)
"""Sides of actors in cells: 0.22 to 0.56 of the canvas's shorter side, a little more than scenes draw."""
PHASES = 8
SAMPLES = 25
"""Frames that are looked at, at most, evenly in time; four of them when the size is looked for."""
LIKELY = 64
"""Subjects that are looked at in all frames: those which explain most of the four. (The bundled model's cast has fewer.)"""
MARGIN = 2
"""Cells by which an actor may leave the picture."""
MOST_ACTORS = 3

FAINT = 0.3
"""An actor explains at least this energy in a frame (a small elephant on gray: 0.5; a blank clip through a codec: below 0.1)."""
POOR = 0.45
"""... and at least this share of the energy in its cells (real renders: 0.8 to 1; a badly melted sprite: 0.5)."""
UNEXPLAINED = 0.5
"""A clip whose actors leave more than this share of the energy is no scene."""
UNEVEN = 0.08
"""A border that strays so far from a straight fade is no background."""
FLICKER = 0.15
"""Nor is one whose colours change so much (the nearest two named colours are 0.34 apart)."""
LEAP = 0.16
"""Nothing goes so far, in fractions of the canvas, from one frame that is looked at to the next ..."""
FARTHEST = 0.65
"""... unless the frames are so few that it would take leaps to go this far in all (scenes go up to 0.55)."""
CHANGE = 1.3
"""The subject changes if one all the time leaves so many times more unexplained than one before and another after (real
renders: 1.0; a dog that turns into a cat: from 1.5)."""
NEARBY = 3
"""Cells around an actor in which another subject would be the same actor."""
MOVED = 0.12
"""An actor that goes less than this fraction of the canvas stands."""


Fault = Literal["background", "nothing", "unknown", "leap", "change"]


@dataclass(frozen=True)
class Verdict:
    """What is seen. Subjects from left to right; a direction is None where the subject stands; background: one colour name,
    or two from top to bottom; tracks: the centre (x, y) of each subject in each frame, in fractions of the canvas. `refused`
    says why the clip shows no scene, and `fault` what kind of reason that is; then nothing else counts."""

    subjects: tuple[str, ...] = ()
    directions: tuple[str | None, ...] = ()
    positions: tuple[str | None, ...] = ()
    background: tuple[str, ...] = ()
    refused: str | None = None
    tracks: tuple[tuple[tuple[float, float], ...], ...] = ()
    fault: Fault | None = None

    @property
    def count(self) -> int:
        return len(self.subjects)


class Backdrop(NamedTuple):
    """The colour of each row [3, h]; how far the border strays from it; how far a frame's own ends stray from it."""

    rows: Tensor
    error: float
    change: float


class Match(NamedTuple):
    """How well each subject explains each frame: the gains [F, S] of its best template, which that is [F, S], and its upper
    left corner (x, y) in cells [F, S, 2]."""

    gains: Tensor
    best: Tensor
    corners: Tensor


class Actor(NamedTuple):
    """`subject`: its name; `track`: its centre (x, y) in fractions of the canvas [F, 2]; `gains`: how well each family
    that is likely explains what is `nearby` (an energy) [F, N]; `cover`: the cells it takes [F, 1, h, w]; `gain`: the energy that
    it explains in a frame; `quality`: the share of the energy in its cells."""

    subject: str
    track: Tensor
    gains: Tensor
    nearby: float
    cover: Tensor
    gain: float
    quality: float


class Judge:
    """`Judge().see(frames)`: frames are [T, H, W, 3] uint8, at any rate. It knows the subjects of its cast."""

    def __init__(self, cast: Cast = TAUGHT) -> None:
        sprites = load_sprites(cast)
        self.cast = cast
        self.family = torch.tensor([cast.names.index(subject.name) for subject in cast.subjects])
        self.templates = {size: _templates(cast, sprites, size) for size in SIZES}

    @torch.inference_mode()
    def see(self, frames: np.ndarray) -> Verdict:
        picture = _shrink(frames)
        backdrop = _backdrop(picture)
        actors, unexplained = self._actors(picture - backdrop.rows[:, :, None], backdrop.rows)
        refusal = _refusal(backdrop, actors, unexplained)
        if refusal:
            fault, refused = refusal
            return Verdict(refused=refused, fault=fault)
        actors.sort(key=lambda actor: float(actor.track[:, 0].mean()))
        return Verdict(
            subjects=tuple(actor.subject for actor in actors),
            directions=tuple(_direction(actor.track) for actor in actors),
            positions=tuple(_position(actor.track) for actor in actors),
            background=_names(backdrop.rows),
            tracks=tuple(tuple((x, y) for x, y in actor.track.tolist()) for actor in actors),
        )

    def _actors(self, remains: Tensor, rows: Tensor) -> tuple[list[Actor], float]:
        """The actors, strongest first, and the share of the energy [F, 3, h, w] that they leave unexplained."""
        remains = F.pad(remains, (MARGIN,) * 4)
        rows = F.pad(rows[None], (MARGIN, MARGIN), mode="replicate")
        energy = float(remains.square().sum())
        actors: list[Actor] = []
        # An actor explains no more than there is, so a picture with next to nothing left needs no search.
        while len(actors) < MOST_ACTORS and float(remains.square().sum()) / len(remains) > FAINT:
            actor = self._strongest(remains, rows)
            if actor.gain < FAINT or actor.quality < POOR:
                break
            actors.append(actor)
            remains = remains * (1 - actor.cover)
        return actors, float(remains.square().sum()) / max(energy, 1e-9)

    def _strongest(self, remains: Tensor, rows: Tensor) -> Actor:
        """The actor that explains most: its size is chosen on a few frames, then, among those that did best there, its subject
        on all."""
        few = remains[_evenly(len(remains), 4)]
        quick = {size: _explain(few, rows, templates[:, ::3]).gains for size, templates in self.templates.items()}
        size = max(quick, key=lambda size: float(quick[size].sum(0).max()))
        likely = quick[size].sum(0).topk(min(LIKELY, len(self.family))).indices.sort().values
        templates = self.templates[size][likely]
        match = _explain(remains, rows, templates)
        subject = int(match.gains.sum(0).argmax())
        corners = match.corners[:, subject]
        windows, window_rows = _windows(remains, rows, corners, size)
        gains = _by_family(_explain(windows, window_rows, templates).gains, self.family[likely])
        nearby = float(windows.square().sum())
        cover = _cover(templates[subject, match.best[:, subject], 3], corners, remains.shape[-2:])
        gain = float(match.gains[:, subject].sum())
        inside = float((remains * cover).square().sum())
        extent = torch.tensor([remains.shape[-1] - 2 * MARGIN, remains.shape[-2] - 2 * MARGIN])
        track = (corners - MARGIN + size / 2) / extent
        name = self.cast.subjects[int(likely[subject])].name
        return Actor(name, track, gains, nearby, cover, gain / len(remains), gain / max(inside, 1e-9))


def _explain(remains: Tensor, rows: Tensor, templates: Tensor) -> Match:
    """Places templates [S, M, 4, k, k] over the backdrop where they explain most. The gain is the energy that a template
    takes away: |d|² - |d - t|² = 2 d·t - |t|², where d is what remains [F, 3, h, w] and t = c - a b is the template (colour
    c, alpha a) less the backdrop b, whose rows are [F or 1, 3, h]. As t is linear in c and a, one convolution gives all d·t."""
    subjects, kinds = templates.shape[:2]
    templates = templates.flatten(0, 1)
    colour, alpha = templates[:, :3], templates[:, 3:]
    dimming = (remains * rows[:, :, :, None]).sum(1, keepdim=True)
    product = F.conv2d(torch.cat([remains, -dimming], 1), templates)
    power = F.conv1d(rows.square().sum(1, keepdim=True), alpha.square().sum(3))
    power = power - 2 * F.conv1d(rows, (colour * alpha).sum(3)) + colour.square().sum((1, 2, 3))[:, None]
    gains = 2 * product - power[:, :, :, None]
    peaks, cells = gains.flatten(2).max(2)
    peaks, best = peaks.view(-1, subjects, kinds).max(2)
    cells = cells.view(-1, subjects, kinds).gather(2, best[:, :, None])[:, :, 0]
    return Match(peaks, best, torch.stack([cells % gains.shape[-1], cells // gains.shape[-1]], 2))


def _by_family(gains: Tensor, families: Tensor) -> Tensor:
    """The best gain in each family [F, N], from each subject's [F, S], whose families [S] are given."""
    numbers, places = families.unique(return_inverse=True)
    best = gains.new_full((len(gains), len(numbers)), -torch.inf)
    return best.scatter_reduce(1, places.expand_as(gains), gains, "amax")


def _windows(remains: Tensor, rows: Tensor, corners: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """What remains near an actor, [F, 3, k, k], and the backdrop's rows there, [F, 3, k]."""
    side = size + 2 * NEARBY
    remains = F.pad(remains, (NEARBY,) * 4)
    rows = F.pad(rows, (NEARBY, NEARBY), mode="replicate")
    places = corners.tolist()
    windows = [frame[:, y : y + side, x : x + side] for frame, (x, y) in zip(remains, places, strict=True)]
    return torch.stack(windows), torch.stack([rows[0, :, y : y + side] for _, y in places])


def _templates(cast: Cast, sprites: Mapping[str, Sprite], size: int) -> Tensor:
    """Every subject in some phases of its motion, as it is and mirrored: premultiplied RGBA [S, M, 4, size, size]."""
    subjects = []
    for subject in cast.subjects:
        frames = sprites[subject.codepoint].frames[0]
        frames = frames[torch.arange(PHASES) * len(frames) // PHASES].float() / 255
        small = F.interpolate(frames, (size, size), mode="bilinear", antialias=True)
        subjects.append(torch.stack([small, small.flip(3)], 1).flatten(0, 1))
    return torch.stack(subjects)


def _shrink(frames: np.ndarray) -> Tensor:
    """Frames [T, H, W, 3] uint8 as the picture [F, 3, h, w] in [0, 1]."""
    video = torch.from_numpy(np.ascontiguousarray(frames[_evenly(len(frames), SAMPLES)])).permute(0, 3, 1, 2).float() / 255
    scale = SIDE / min(video.shape[-2:])
    size = [round(scale * side) for side in video.shape[-2:]]
    return F.interpolate(video, size, mode="bilinear", antialias=True)


def _evenly(total: int, count: int) -> np.ndarray:
    """At most `count` of the numbers below `total`, evenly."""
    return np.linspace(0, total - 1, min(count, total)).round().astype(int)


def _backdrop(picture: Tensor) -> Backdrop:
    """Fits the colours at the top and at the bottom to the border of each frame, and takes their medians over time. What
    does not follow the line (an actor at the border) counts little: least squares, reweighted."""
    height, width = picture.shape[-2:]
    border = torch.ones(height, width, dtype=torch.bool)
    border[2:-2, 2:-2] = False
    colours = picture[:, :, border].transpose(1, 2)
    rows = (torch.arange(height) + 0.5) / height
    along = rows[:, None].expand(height, width)[border]
    design = torch.stack([1 - along, along], 1)
    weights = torch.ones(colours.shape[:2])
    for _ in range(8):
        weighted = design * weights[:, :, None]
        ends = torch.linalg.solve(weighted.transpose(1, 2) @ design, weighted.transpose(1, 2) @ colours)
        error = (colours - design @ ends).square().sum(2)
        weights = 1 / (1 + error / 0.04**2)
    middle = ends.median(0).values
    rows = torch.stack([1 - rows, rows], 1) @ middle
    change = float((ends - middle).norm(dim=2).max())
    return Backdrop(rows.T.contiguous(), float(error.median(1).values.sqrt().mean()), change)


def _cover(alpha: Tensor, corners: Tensor, shape: torch.Size) -> Tensor:
    """The cells that an actor takes [F, 1, h, w], with a rim of one, from its alpha [F, k, k] and its corners [F, 2]."""
    size = alpha.shape[-1]
    cover = torch.zeros(len(alpha), 1, *shape)
    for frame, (x, y) in enumerate(corners.tolist()):
        cover[frame, 0, y : y + size, x : x + size] = (alpha[frame] > 0.05).float()
    return F.max_pool2d(cover, 3, 1, 1)


def _refusal(backdrop: Backdrop, actors: list[Actor], unexplained: float) -> tuple[Fault, str] | None:
    """Why the clip shows no scene, or None."""
    if backdrop.error > UNEVEN:
        return "background", "the border is no plain or fading background"
    if backdrop.change > FLICKER:
        return "background", "the background changes"
    if not actors:
        return "nothing", "nothing is seen that was taught"
    if unexplained > UNEXPLAINED:
        return "unknown", "most of what is seen was not taught"
    for actor in actors:
        if _leaps(actor.track):
            return "leap", f"the {actor.subject} leaps"
        if _change(actor) > CHANGE:
            return "change", f"the {actor.subject} turns into something else"
    return None


def _leaps(track: Tensor) -> bool:
    steps = track.diff(dim=0).abs()
    return len(steps) > 0 and float(steps.max()) > max(LEAP, FARTHEST / len(steps))


def _change(actor: Actor) -> float:
    """How many times more one subject all the time leaves unexplained than one up to some frame and another after it."""
    before = actor.gains.cumsum(0)
    one = float(before[-1].max())
    two = float((before.amax(1) + (before[-1] - before).amax(1)).max())
    return (actor.nearby - one) / max(actor.nearby - two, 1e-9)


def _names(rows: Tensor) -> tuple[str, ...]:
    """The nearest colour of the top and of the bottom; one name where they are the same."""
    colours = torch.tensor(list(COLOURS.values())) / 255
    names = list(COLOURS)
    ends = [names[int((colours - end).norm(dim=1).argmin())] for end in (rows[:, 0], rows[:, -1])]
    return (ends[0],) if ends[0] == ends[1] else (ends[0], ends[1])


def _direction(track: Tensor) -> str | None:
    """Where a straight line through the track [F, 2] goes; None if it goes hardly anywhere."""
    if len(track) < 2:
        return None
    time = torch.linspace(-0.5, 0.5, len(track))
    x, y = ((time @ track) / time.square().sum()).tolist()
    if max(abs(x), abs(y)) < MOVED:
        return None
    if abs(x) > abs(y):
        return "right" if x > 0 else "left"
    return "down" if y > 0 else "up"


def _position(track: Tensor) -> str:
    """The place nearest to the mean x of the track [F, 2]."""
    x = float(track[:, 0].mean())
    return min(POSITIONS, key=lambda name: abs(POSITIONS[name] - x))
