"""A pool of encoded scenes, slowly refreshed: rendering and encoding all anew at each step would cost as much as learning."""

from bisect import insort
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from worldreel.autoencoder import Autoencoder
from worldreel.config import Config
from worldreel.devices import autocast, compute_dtype
from worldreel.models.model import ModelConfig
from worldreel.patches import Grid, overlapping
from worldreel.shapes import VideoShape, ceil_to
from worldreel.worlds.scenes import Canvas
from worldreel.worlds.world import Shown, Solids, SolidsMix, Sprites, SpritesMix, World

SPRITES, SOLIDS = range(2)
"""The worlds of a pool."""


class CanvasShare(Config):
    """A canvas and how often it is drawn."""

    width: int
    height: int
    frames: int
    fps: tuple[int, ...] = (12,)
    weight: float = 1.0
    cut: bool = False
    """Whether its clips are cut into two runs, of which the codec sees each by itself: what comes after an unknown stretch. They
    are a frame longer or up to two shorter, so that the second run begins in the first's last latent frame or after it."""
    close: bool = False
    """Whether its scenes are seen from near; they are all of sprites."""


class PoolConfig(Config):
    canvases: tuple[CanvasShare, ...]
    start: int = 1500
    """Scenes before the first step."""
    size: int = 8000
    """Scenes in the full pool."""
    refresh: int = 2
    """New scenes a step: first they fill the pool, then they replace the oldest."""
    sprites: SpritesMix = SpritesMix()
    solids: SolidsMix = SolidsMix()
    solid: float = 0.0
    """The share of scenes from the solids world; the others are of sprites."""
    joined: float = 0.0
    """The share of cut clips made for a gap of theirs: across it, another scene follows, or the beginning of the same one."""
    edited: float = 0.0
    """The share of scenes in one run that come with what they were before an edit, where their world knows such."""
    coarse: float = 0.0
    """The share of scenes in one run that come with themselves made smaller, and as large again: half of them by 2, then drawn
    at that size where their world can, as drafts are that a model is asked to enlarge."""
    kept: bool = True
    """Whether checkpoints hold the latents. A large pool is sooner made anew on a GPU than read from a disk."""


class Draft(NamedTuple):
    """What a scene's number stands for. `world`: which world it is of; `share`: number of its canvas in the pool's configuration;
    `cut`: the frame at which its second run begins (0: it has one); `known`: how many latent frames of the first run lie before
    the gap that the scene was made for (0: it was made for none); `before`: what an edit turned into it (None: nothing);
    `shrunk`: how many times smaller it was before it was enlarged (1: it was not)."""

    scene: Shown
    world: int
    share: int
    cut: int
    known: int
    before: Shown | None = None
    shrunk: float = 1.0

    @property
    def was_other(self) -> bool:
        return self.before is not None or self.shrunk > 1


@dataclass
class Entry:
    """Latents [C, T, H, W] bf16 of a scene, on the device, its runs one after another, with all that can be said about it;
    and of what it was before an edit."""

    draft: Draft
    latents: Tensor
    before: Tensor | None
    runs: tuple[Grid, ...]
    world: World[Any]

    @property
    def scene(self) -> Shown:
        return self.draft.scene

    def caption(self, rng: np.random.Generator, *, whole: bool = False) -> str:
        return self.world.caption(self.scene, rng, whole=whole)


class LatentPool:
    """Scene number n of a seed is always the same, so that only the latents need saving, and they only to save time."""

    def __init__(
        self, config: PoolConfig, model: ModelConfig, autoencoder: Autoencoder, seed: int, *, overlap: bool = False
    ) -> None:
        """`overlap`: packs are measured in overlapping tokens (see `Overlap`)."""
        self.config, self.model, self.autoencoder, self.seed = config, model, autoencoder, seed
        self.entries: list[Entry] = []
        self.drawn = 0
        self.device = autoencoder.latent_mean.device
        self.worlds: list[World[Any]] = [Sprites(config.sprites, self.device), Solids(config.solids, self.device)]
        self.together = 1 if self.device.type == "cpu" else 256
        """Scenes that are encoded at once: a GPU wants many, and a CPU gains nothing."""
        self.places: list[list[int]] = [[] for _ in config.canvases]
        shapes = [VideoShape(share.frames, share.height, share.width) for share in config.canvases]
        grids = [model.grid(shape, Fraction(12)) for shape in shapes]
        counts = [overlapping(grid.shape, model.patch) if overlap else grid.tokens for grid in grids]
        # A second run adds a latent frame.
        extra = [share.cut * count // grid.frames for share, count, grid in zip(config.canvases, counts, grids, strict=True)]
        self.tokens = np.array(counts) + extra
        self.weights = _normalised(np.array([share.weight for share in config.canvases]))
        # There is more to see in a clip than in a still: the pool holds more of them than packs draw.
        self.shares = _normalised(self.weights * np.sqrt(self.tokens))

    def menus(self, count: int, tokens: int) -> list[list[int]]:
        """Packs by the numbers of their canvases, canvases as often as their weights say: exactly `tokens` tokens each if
        canvases add up to that, else as few more as were found.

        A few packs of one length that come again, and not a new one at each step: kernels are prepared by shape, and that costs
        as much as running them.
        """
        rng = np.random.default_rng((self.seed, 4))
        found = [self._menu(rng, tokens) for _ in range(300 * count)]
        return sorted(found, key=lambda menu: int(self.tokens[menu].sum()))[:count]

    def _menu(self, rng: np.random.Generator, tokens: int) -> list[int]:
        """At least `tokens` tokens, equal lengths side by side."""
        drawn = rng.choice(len(self.tokens), 1 + tokens // int(self.tokens.min()), p=self.weights)
        count = 1 + int(np.searchsorted(self.tokens[drawn].cumsum(), tokens))
        return sorted(drawn[:count].tolist(), key=lambda number: int(self.tokens[number]))

    def entry(self, canvas: int, rng: np.random.Generator) -> Entry:
        """Any scene on this canvas (on any, while there is none yet)."""
        places = self.places[canvas] or range(len(self.entries))
        return self.entries[places[int(rng.integers(len(places)))]]

    def refresh(self, step: int) -> None:
        """Draws new scenes until as many are drawn as belong to this step."""
        wanted = self.config.start + step * self.config.refresh
        numbers = range(self.drawn, wanted)
        for number, entry in zip(numbers, self._all_encoded(numbers), strict=True):
            self._put(number, entry)
            self.drawn = number + 1

    def _all_encoded(self, numbers: Sequence[int]) -> Iterator[Entry]:
        for start in range(0, len(numbers), self.together):
            yield from self._encoded(numbers[start : start + self.together])

    def _put(self, number: int, entry: Entry) -> None:
        place = number % self.config.size
        if number < self.config.size:
            self.entries.append(entry)
        else:
            self.places[self.entries[place].draft.share].remove(place)
            self.entries[place] = entry
        insort(self.places[entry.draft.share], place)

    def _draft(self, number: int) -> Draft:
        rng = np.random.default_rng((self.seed, 2, number))
        which = int(rng.choice(len(self.config.canvases), p=self.shares))
        share = self.config.canvases[which]
        canvas = Canvas(share.width, share.height, share.frames, Fraction(int(rng.choice(share.fps))))
        solid = self.config.solid > 0 and rng.random() < self.config.solid and not share.close
        world = SOLIDS if solid else SPRITES
        cut, known, gap = 0, 0, None
        if share.cut:
            time = self.model.autoencoder.compression.time
            latents = (share.frames - 1) // time
            last, known = self._cut(latents, rng)
            # Frames that both runs show, as when the codec adds some at a run's end; a clip's end is in both runs at most once.
            twice = int(rng.integers(time if last < latents else 2))
            cut = 1 + last * time - twice
            canvas = replace(canvas, frames=share.frames + 1 - twice)
            gap = (1 + (known - 1) * time, cut) if known else None
        scene = self.worlds[world].draw((self.seed, 3, number), canvas, gap=gap, close=share.close)
        chance = np.random.default_rng((self.seed, 5, number))
        if not cut and chance.random() < self.config.edited:
            return Draft(scene, world, which, cut, known, before=self.worlds[world].before(scene, chance))
        if not cut and chance.random() < self.config.coarse:
            return Draft(scene, world, which, cut, known, shrunk=2.0 if chance.random() < 0.5 else float(chance.uniform(1.05, 4)))
        return Draft(scene, world, which, cut, known)

    def _cut(self, last: int, rng: np.random.Generator) -> tuple[int, int]:
        """Which latent frame of a clip, from 1 to `last`, ends its first run; how many come before the gap that the scene is made
        for, of two to four latent frames (0: it is made for none)."""
        if last < 2 or rng.random() >= self.config.joined:
            return int(rng.integers(1, 1 + last)), 0
        gap = int(rng.integers(2, 1 + min(4, last)))
        known = int(rng.integers(1, 2 + last - gap))
        return known + gap - 1, known

    def _encoded(self, numbers: Sequence[int]) -> list[Entry]:
        """Entries in order; those of one canvas are rendered and encoded together, on the autoencoder's device."""
        drafts = [self._draft(number) for number in numbers]
        alike = defaultdict[tuple[int, int, int], list[int]](list)
        for place, draft in enumerate(drafts):
            alike[draft.world, draft.share, draft.cut].append(place)
        entries: dict[int, Entry] = {}
        for (world, _, cut), places in alike.items():
            befores = {place: before for place in places if (before := drafts[place].before) is not None}
            video = self.worlds[world].render([*(drafts[place].scene for place in places), *befores.values()])
            small = {place: drafts[place] for place in places if drafts[place].shrunk > 1}
            enlarged = [self._shrunk(draft, video[places.index(place)])[None] for place, draft in small.items()]
            latents = self._latents(torch.cat([video, *enlarged]), cut)
            was = dict(zip([*befores, *small], latents[len(places) :], strict=True))
            for place, one in zip(places, latents[: len(places)], strict=True):
                entries[place] = self._entry(drafts[place], one, was.get(place))
        return [entries[place] for place in range(len(drafts))]

    def _shrunk(self, draft: Draft, video: Tensor) -> Tensor:
        """What was made smaller, or drawn so, and as large again, of a scene that looks like a video [3, T, H, W]."""
        half = self.worlds[draft.world].half(draft.scene) if draft.shrunk == 2 else None
        if half is None:
            return shrunk(video, draft.shrunk)
        return resized(self.worlds[draft.world].render([half])[0], *video.shape[-2:])

    def _latents(self, video: Tensor, cut: int) -> Tensor:
        """[B, C, T, H, W] bf16 of videos [B, 3, T, H, W], with a second run from frame `cut` on (0: none). The first one is as
        long as the codec makes it."""
        with torch.inference_mode(), autocast(self.device, compute_dtype(self.device)):
            # The first run's latents know nothing of what follows: the codec is causal.
            runs = [video[:, :, : self._padded(cut)], video[:, :, cut:]] if cut else [video]
            latents = torch.cat([self.autoencoder.encode(run) for run in runs], dim=2)
        return latents.to(torch.bfloat16)

    def _entry(self, draft: Draft, latents: Tensor, before: Tensor | None) -> Entry:
        before = None if before is None else before.clone()
        return Entry(draft, latents.clone(), before, self._runs(draft), self.worlds[draft.world])

    def _runs(self, draft: Draft) -> tuple[Grid, ...]:
        canvas, cut = draft.scene.canvas, draft.cut
        if not cut:
            return (self.model.grid(VideoShape(canvas.frames, canvas.height, canvas.width), canvas.fps),)
        first = self.model.grid(VideoShape(self._padded(cut), canvas.height, canvas.width), canvas.fps)
        second = self.model.grid(VideoShape(canvas.frames - cut, canvas.height, canvas.width), canvas.fps)
        return (first, second._replace(start=cut / float(canvas.fps)))

    def _padded(self, frames: int) -> int:
        """As many as the codec takes instead of so many."""
        return 1 + ceil_to(frames - 1, self.model.autoencoder.compression.time)

    def state(self) -> dict[str, Tensor]:
        """How many scenes were drawn so far, and the latents, end to end."""
        if not self.entries:
            return {}
        state = {"drawn": torch.tensor(self.drawn)}
        if self.config.kept:
            both = (part for entry in self.entries for part in (entry.latents, entry.before) if part is not None)
            state["latents"] = torch.cat([part.flatten().cpu() for part in both])
        return state

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        self.entries, self.drawn = [], int(state["drawn"]) if state else 0
        self.places = [[] for _ in self.config.canvases]
        size = self.config.size
        # The newest scene that was put in each place.
        numbers = [place + (self.drawn - 1 - place) // size * size for place in range(min(self.drawn, size))]
        entries = self._restored(numbers, state["latents"]) if "latents" in state else self._all_encoded(numbers)
        for place, entry in enumerate(entries):
            self._put(place, entry)

    def _restored(self, numbers: Sequence[int], latents: Tensor) -> Iterator[Entry]:
        """Entries from their latents, end to end."""
        offset, side = 0, self.model.patch
        for number in numbers:
            draft = self._draft(number)
            runs = self._runs(draft)
            frames, height, width = sum(run.frames for run in runs), runs[0].height * side, runs[0].width * side
            shape = (self.model.autoencoder.latent_channels, frames, height, width)
            count = prod(shape) * (2 if draft.was_other else 1)
            one, *before = latents[offset : offset + count].reshape(-1, *shape).to(self.device)
            yield self._entry(draft, one, before[0] if before else None)
            offset += count


def shrunk(video: Tensor, times: float) -> Tensor:
    """A video [3, T, H, W] made so many times smaller, and as large again."""
    height, width = video.shape[-2:]
    return resized(resized(video, round(height / times), round(width / times)), height, width)


def resized(video: Tensor, height: int, width: int) -> Tensor:
    """A video [3, T, H, W] in [-1, 1] at another size, as clips are (see `Clip.resized`)."""
    frames = F.interpolate(video.transpose(0, 1), (height, width), mode="bicubic", antialias=True)
    return frames.clamp(-1, 1).transpose(0, 1)


def _normalised(weights: np.ndarray) -> np.ndarray:
    out: np.ndarray = weights / weights.sum()
    return out
