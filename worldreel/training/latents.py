"""A pool of encoded scenes, slowly refreshed: rendering and encoding all anew at each step would cost as much as learning."""

from bisect import insort
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from worldreel.autoencoder import Autoencoder
from worldreel.config import Config
from worldreel.devices import autocast, compute_dtype
from worldreel.models.model import ModelConfig
from worldreel.patches import Grid
from worldreel.shapes import VideoShape
from worldreel.worlds.captions import long_caption, short_caption
from worldreel.worlds.casts import CastName, cast
from worldreel.worlds.paraphrases import paraphrase
from worldreel.worlds.render import render
from worldreel.worlds.scenes import Canvas, Scene, random_scene
from worldreel.worlds.sprites import load_sprites


class CanvasShare(Config):
    """A canvas and how often it is drawn."""

    width: int
    height: int
    frames: int
    fps: tuple[int, ...] = (12,)
    weight: float = 1.0
    cut: bool = False
    """Whether its clips are cut into two runs, of which the codec sees each by itself: what comes after an unknown stretch."""


class PoolConfig(Config):
    canvases: tuple[CanvasShare, ...]
    start: int = 1500
    """Scenes before the first step."""
    size: int = 8000
    """Scenes in the full pool."""
    refresh: int = 2
    """New scenes a step: first they fill the pool, then they replace the oldest."""
    alone: float = 0.8
    """The share of scenes with one subject."""
    lively: float = 0.0
    """The share of lone actors in clips that grow, shrink, turn, enter or leave."""
    plain: float = 0.75
    """The share of backgrounds in one colour; the others fade."""
    cast: CastName = "two dozen"
    """Who plays in the scenes."""
    short: float = 0.6
    """The share of short captions; the others are long and descriptive."""
    paraphrased: float = 0.0
    """The share of the short captions that are worded as other people would."""


class Draft(NamedTuple):
    """What a scene's number stands for. `share`: number of its canvas in the pool's configuration; `cut`: the frame at which its
    second run begins (0: it has one)."""

    scene: Scene
    share: int
    cut: int


@dataclass
class Entry:
    """Latents [C, T, H, W] bf16 of a scene, its runs one after another, with everything that can be said about it."""

    draft: Draft
    latents: Tensor
    runs: tuple[Grid, ...]
    wordings: PoolConfig

    @property
    def scene(self) -> Scene:
        return self.draft.scene

    def caption(self, rng: np.random.Generator) -> str:
        if rng.random() >= self.wordings.short:
            return long_caption(self.scene, rng)
        deeds = any(actor.deed for actor in self.scene.actors)  # which paraphrases have no words for
        if self.wordings.paraphrased and not deeds and rng.random() < self.wordings.paraphrased:
            return paraphrase(self.scene, rng)
        return short_caption(self.scene, rng)


class LatentPool:
    """Scene number n of a seed is always the same, so that only the latents need saving, and they only to save time."""

    def __init__(self, config: PoolConfig, model: ModelConfig, autoencoder: Autoencoder, seed: int) -> None:
        self.config, self.model, self.autoencoder, self.seed = config, model, autoencoder, seed
        self.cast = cast(config.cast)
        self.sprites = load_sprites(self.cast)
        self.entries: list[Entry] = []
        self.drawn = 0
        self.together = 1 if autoencoder.latent_mean.device.type == "cpu" else 256
        """Scenes that are encoded at once: a GPU wants many, and a CPU gains nothing."""
        self.places: list[list[int]] = [[] for _ in config.canvases]
        shapes = [VideoShape(share.frames, share.height, share.width) for share in config.canvases]
        grids = [model.grid(shape, Fraction(12)) for shape in shapes]
        cuts = [share.cut * grid.tokens // grid.frames for share, grid in zip(config.canvases, grids, strict=True)]
        self.tokens = np.array([grid.tokens for grid in grids]) + cuts  # a second run adds a latent frame
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
        while self.drawn < wanted:
            numbers = range(self.drawn, min(wanted, self.drawn + self.together))
            for number, entry in zip(numbers, self._encoded(numbers), strict=True):
                self._put(number, entry)
            self.drawn = numbers.stop

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
        time = self.model.autoencoder.compression.time
        cut = time * int(rng.integers(1, 1 + (share.frames - 1) // time)) if share.cut else 0
        config = self.config
        scene = random_scene(
            (self.seed, 3, number), canvas, alone=config.alone, cast=self.cast, lively=config.lively, plain=config.plain
        )
        return Draft(scene, which, cut)

    def _encoded(self, numbers: range) -> list[Entry]:
        """Entries in order; those of one canvas are rendered and encoded together, on the autoencoder's device."""
        drafts = [self._draft(number) for number in numbers]
        alike = defaultdict[tuple[int, int], list[int]](list)
        for place, draft in enumerate(drafts):
            alike[draft.share, draft.cut].append(place)
        entries: dict[int, Entry] = {}
        for (_, cut), places in alike.items():
            latents = self._latents([drafts[place].scene for place in places], cut)
            entries |= {place: self._entry(drafts[place], one) for place, one in zip(places, latents, strict=True)}
        return [entries[place] for place in range(len(drafts))]

    def _latents(self, scenes: list[Scene], cut: int) -> Tensor:
        """[B, C, T, H, W] bf16 of scenes of one canvas, with a second run from frame `cut` on (0: none)."""
        device = self.autoencoder.latent_mean.device
        video, _ = render(scenes, self.sprites, device)
        with torch.inference_mode(), autocast(device, compute_dtype(device)):
            # The first run's latents know nothing of what follows: the codec is causal.
            runs = [video[:, :, : cut + 1], video[:, :, cut:]] if cut else [video]
            latents = torch.cat([self.autoencoder.encode(run) for run in runs], dim=2)
        return latents.to("cpu", torch.bfloat16)

    def _entry(self, draft: Draft, latents: Tensor) -> Entry:
        return Entry(draft, latents.clone(), self._runs(draft), self.config)

    def _runs(self, draft: Draft) -> tuple[Grid, ...]:
        canvas, cut = draft.scene.canvas, draft.cut
        if not cut:
            return (self.model.grid(VideoShape(canvas.frames, canvas.height, canvas.width), canvas.fps),)
        first = self.model.grid(VideoShape(cut + 1, canvas.height, canvas.width), canvas.fps)
        second = self.model.grid(VideoShape(canvas.frames - cut, canvas.height, canvas.width), canvas.fps)
        return (first, second._replace(start=cut / float(canvas.fps)))

    def state(self) -> dict[str, Tensor]:
        """The latents, end to end, and how many scenes were drawn so far."""
        if not self.entries:
            return {}
        return {"latents": torch.cat([entry.latents.flatten() for entry in self.entries]), "drawn": torch.tensor(self.drawn)}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        self.entries, self.drawn = [], 0
        self.places = [[] for _ in self.config.canvases]
        if not state:
            return
        drawn, offset = int(state["drawn"]), 0
        for place in range(min(drawn, self.config.size)):
            # The newest scene that was put in this place.
            draft = self._draft(place + (drawn - 1 - place) // self.config.size * self.config.size)
            runs = self._runs(draft)
            side = self.model.patch
            frames, height, width = sum(run.frames for run in runs), runs[0].height * side, runs[0].width * side
            shape = (self.model.autoencoder.latent_channels, frames, height, width)
            count = prod(shape)
            self._put(place, self._entry(draft, state["latents"][offset : offset + count].reshape(shape)))
            offset += count
        self.drawn = drawn


def _normalised(weights: np.ndarray) -> np.ndarray:
    out: np.ndarray = weights / weights.sum()
    return out
