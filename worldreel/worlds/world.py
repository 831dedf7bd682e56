"""What a world is to those who learn from it: scenes by seed, their pixels, their words."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Generic, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from worldreel.config import Config
from worldreel.worlds import captions, casts, render, scenes
from worldreel.worlds.loose import LINKS, loose
from worldreel.worlds.paraphrases import paraphrase
from worldreel.worlds.scenes import Canvas
from worldreel.worlds.solids import captions as solid_captions
from worldreel.worlds.solids import drawing as solid_drawing
from worldreel.worlds.solids import render as solid_render
from worldreel.worlds.solids import scenes as solid_scenes
from worldreel.worlds.sprites import load_sprites
from worldreel.worlds.styles import STYLES


class Shown(Protocol):
    """A scene of any world."""

    @property
    def canvas(self) -> Canvas: ...


S = TypeVar("S", bound=Shown)


class World(ABC, Generic[S]):
    """Scenes never show a withheld pair."""

    @abstractmethod
    def draw(self, seed: tuple[int, ...], canvas: Canvas, *, gap: tuple[int, int] | None = None, close: bool = False) -> S:
        """The same arguments, the same scene. `gap`: frames, from the first up to the second, in which what was seen before may
        turn into what does not follow from it, as a bridge or a loop does. `close`: seen from near, where a world can be."""

    @abstractmethod
    def render(self, scenes: Sequence[S]) -> Tensor:
        """Scenes that share size and length as video [B, 3, T, H, W] in [-1, 1], on the world's device."""

    @abstractmethod
    def caption(self, scene: S, rng: np.random.Generator, *, whole: bool = False) -> str:
        """One of the ways to say what the scene shows; `whole`: one that leaves nothing out."""

    def before(self, scene: S, rng: np.random.Generator) -> S | None:
        """A scene that an edit turns into this one, with everybody where they are; None: there is none here."""
        return None

    def half(self, scene: S) -> S | None:
        """The same on a canvas of half the size, as a draft of it is; None: there is none here."""
        return None

    def reworded(self, scene: S, rng: np.random.Generator, fillers: Sequence[str]) -> tuple[str, str]:
        """A caption, and the same in other words, where the world has any. `fillers`: words that say nothing."""
        caption = self.caption(scene, rng)
        return caption, caption


class SpritesMix(Config):
    """What the sprites world draws, and how it is said."""

    alone: float = 0.8
    """The share of scenes with one subject."""
    changing: float = 0.0
    """The share of clips in which one scene turns into another, as when two clips are connected."""
    lively: float = 0.0
    """The share of lone actors in clips that grow, shrink, turn, enter or leave."""
    anywhere: float = 0.0
    """The share of scenes in which whoever stands alone is anywhere in view, which no caption says."""
    plain: float = 0.75
    """The share of backgrounds in one colour; the others fade."""
    pictured: float = 0.0
    """The share of backgrounds that are places: meadows, seas, cities. `plain` is of the others."""
    styled: float = 0.0
    """The share of scenes in a rendered style: a mosaic, a line drawing, without colours."""
    styles: tuple[scenes.Style, ...] = tuple(STYLES)
    """Those that are drawn, each as often as it is named."""
    cast: casts.CastName = "two dozen"
    """Who plays in the scenes."""
    favoured: tuple[str, ...] = ()
    """Names of those whom some scenes are kept for: what looks like something else is learned last. Three or more."""
    favour: float = 0.0
    """The share of scenes that only the favoured play in."""
    short: float = 0.6
    """The share of short captions; the others are long and descriptive."""
    terse: float = 0.0
    """The share of captions that leave out what somebody does, what is behind, or both: so that words are learned one by one,
    and not only in company."""
    paraphrased: float = 0.0
    """The share of the short captions that are worded as other people would."""
    loose: float = 0.0
    """Of these, the share in rarer words, with words between them that say nothing."""
    reworded: float = 0.65
    """The share of other words where a caption is asked for with the same in other words: half of them `paraphrase`s, half
    `loose`."""


class Sprites(World[scenes.Scene | scenes.Change]):
    def __init__(self, mix: SpritesMix, device: torch.device) -> None:
        self.mix, self.device, self.cast = mix, device, casts.cast(mix.cast)
        self.favoured = self.cast.only(mix.favoured) if mix.favour else self.cast
        self.sprites = {name: sprite.to(device) for name, sprite in load_sprites(self.cast).items()}

    def draw(
        self, seed: tuple[int, ...], canvas: Canvas, *, gap: tuple[int, int] | None = None, close: bool = False
    ) -> scenes.Scene | scenes.Change:
        """Across a gap, another scene follows as often as the same one's beginning. Who is seen from near is alone."""
        first = self._scene(seed, canvas, close)
        chance = np.random.default_rng((*seed, 1))
        if gap is not None and chance.random() < 0.5:
            return replace(first, back=(gap[0] - 1, gap[1]))
        if gap is not None:
            return scenes.random_change((*seed, 2), first, self._scene((*seed, 3), canvas, close), gap)
        if canvas.frames == 1 or chance.random() >= self.mix.changing:
            return first
        return scenes.random_change((*seed, 2), first, self._scene((*seed, 3), canvas, close))

    def _scene(self, seed: tuple[int, ...], canvas: Canvas, close: bool) -> scenes.Scene:
        mix = self.mix
        cast = self.favoured if np.random.default_rng((*seed, 5)).random() < mix.favour else self.cast
        alone = 1.0 if close else mix.alone
        scene = scenes.random_scene(
            seed, canvas, alone=alone, cast=cast, lively=mix.lively, plain=mix.plain, pictured=mix.pictured
        )
        place = np.random.default_rng((*seed, 6))
        if place.random() < mix.anywhere:
            scene = scenes.anywhere(scene, place)
        if close:
            scene = scenes.closer(scene, place)
        chance = np.random.default_rng((*seed, 4))
        if chance.random() >= mix.styled:
            return scene
        return replace(scene, style=mix.styles[int(chance.integers(len(mix.styles)))])

    def render(self, shown: Sequence[scenes.Scene | scenes.Change]) -> Tensor:
        parts = [[one.first, one.second] if isinstance(one, scenes.Change) else [one] for one in shown]
        drawn = render.render([scene for part in parts for scene in part], self.sprites, self.device)[0]
        videos = drawn.split([len(part) for part in parts])
        return torch.stack([_changed(one, video) for one, video in zip(shown, videos, strict=True)])

    def caption(self, scene: scenes.Scene | scenes.Change, rng: np.random.Generator, *, whole: bool = False) -> str:
        if isinstance(scene, scenes.Change):
            return captions.change_caption(self.caption(scene.first, rng), self.caption(scene.second, rng), rng)
        if self.mix.terse and not whole and rng.random() < self.mix.terse:
            return captions.terse_caption(scene, rng)
        if rng.random() >= self.mix.short:
            return captions.long_caption(scene, rng)
        if self.mix.paraphrased and _has_other_words(scene) and rng.random() < self.mix.paraphrased:
            return loose(scene, rng, LINKS) if rng.random() < self.mix.loose else paraphrase(scene, rng)
        return captions.short_caption(scene, rng)

    def before(self, scene: scenes.Scene | scenes.Change, rng: np.random.Generator) -> scenes.Scene | scenes.Change | None:
        """What is in a style had none; else the background was another, or somebody was. None for what changes by itself."""
        if isinstance(scene, scenes.Change):
            return None
        if scene.style is not None:
            return replace(scene, style=None)
        other = self._scene((int(rng.integers(2**31)),), scene.canvas, close=False)
        changed, *rest = scene.actors
        if rng.random() < 0.5:
            before = replace(scene, background=other.background)
        else:
            before = replace(scene, actors=(replace(changed, subject=other.actors[0].subject), *rest))
        return None if before.is_withheld or before == scene else before

    def half(self, scene: scenes.Scene | scenes.Change) -> scenes.Scene | scenes.Change | None:
        """None where it would not look the same: a mosaic's tiles are as large on every canvas."""
        if isinstance(scene, scenes.Change) or scene.style is not None:
            return None
        canvas = scene.canvas
        return replace(scene, canvas=replace(canvas, width=canvas.width // 2, height=canvas.height // 2))

    def reworded(self, scene: scenes.Scene | scenes.Change, rng: np.random.Generator, fillers: Sequence[str]) -> tuple[str, str]:
        if isinstance(scene, scenes.Change) or not _has_other_words(scene) or rng.random() >= self.mix.reworded:
            return super().reworded(scene, rng, fillers)
        other = loose(scene, rng, fillers) if rng.random() < 0.5 else paraphrase(scene, rng)
        return captions.short_caption(scene), other


def _has_other_words(scene: scenes.Scene) -> bool:
    """Paraphrases have no words for deeds, places, styles and views from near."""
    deeds = any(actor.deed for actor in scene.actors)
    return scene.background.picture is None and scene.style is None and not scene.close and not deeds


def _changed(shown: scenes.Scene | scenes.Change, video: Tensor) -> Tensor:
    """One video [3, T, H, W] of those that a scene, or a change's two scenes, were drawn as [1 or 2, 3, T, H, W]."""
    if not isinstance(shown, scenes.Change):
        return video[0]
    share = torch.from_numpy(shown.shares).to(video)[:, None, None]
    return (1 - share) * video[0] + share * video[1]


class SolidsMix(Config):
    """What the solids world draws (see `solids.drawing.Mix`), and how it is said."""

    alone: float = 0.6
    still_camera: float = 0.4
    rest: float = 0.25
    short: float = 0.6
    """The share of short captions; the others are long and descriptive."""


class Solids(World[solid_scenes.Scene]):
    def __init__(self, mix: SolidsMix, device: torch.device) -> None:
        self.mix, self.device = mix, device
        self.drawn = solid_drawing.Mix(mix.alone, mix.still_camera, mix.rest)

    def draw(
        self, seed: tuple[int, ...], canvas: Canvas, *, gap: tuple[int, int] | None = None, close: bool = False
    ) -> solid_scenes.Scene:
        """Solids know no way to turn into what does not follow, and are as near as their camera is."""
        return solid_drawing.random_scene(seed, canvas, mix=self.drawn)

    def render(self, scenes: Sequence[solid_scenes.Scene]) -> Tensor:
        return solid_render.render(scenes, self.device)[0]

    def caption(self, scene: solid_scenes.Scene, rng: np.random.Generator, *, whole: bool = False) -> str:
        write = solid_captions.short_caption if rng.random() < self.mix.short else solid_captions.long_caption
        return write(scene, rng)
