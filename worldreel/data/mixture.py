"""A mixture of clips for the autoencoder: film, pictures, and scenes of the world with any sprite of the pack."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from worldreel.config import Config
from worldreel.data.film import FilmStrip, find_strips
from worldreel.errors import UserError
from worldreel.shapes import VideoShape
from worldreel.worlds.render import render
from worldreel.worlds.scenes import Canvas, Scene, random_scene, slower, with_subjects
from worldreel.worlds.sprites import load_sprites
from worldreel.worlds.subjects import SUBJECTS, Subject


class MixtureConfig(Config):
    """Where clips come from, and how often."""

    film: Path | None = None
    """A folder of film strips (`python -m worldreel.data.film`)."""
    pictures: Path | None = None
    """A folder of strips of stills (`python -m worldreel.data.pictures`)."""
    world: float = 0.7
    """The share of clips that are rendered; film and pictures are the rest."""
    taught: float = 0.75
    """The share of rendered clips that show taught subjects; the others show any sprite of the pack."""
    pixels: int = 240_000
    """Pixels over all frames of a batch: small shapes come in larger batches."""
    shapes: tuple[tuple[int, int, int], ...] = (
        (1, 96, 96),
        (1, 96, 96),
        (5, 64, 64),
        (9, 64, 64),
        (9, 80, 96),
        (13, 64, 64),
        (17, 64, 80),
        (17, 96, 64),
        (17, 80, 80),
        (25, 64, 64),
        (25, 80, 80),
        (25, 64, 80),
    )
    """(frames, height, width) of the crops: little more than a subject, since backgrounds are soon learned."""
    sides: tuple[int, ...] = (96, 128, 128, 160)
    """Sides of the scenes that crops are cut from: subjects as large as people will see them."""


@dataclass
class Batch:
    """`video` [B, 3, T, H, W] in [-1, 1]; `cover` [B, 1, T, H, W], how much of a pixel is subject (0 where that is unknown)."""

    video: Tensor
    cover: Tensor


class Mixture:
    """Batches by number: the same seed and number give the same batch."""

    def __init__(self, config: MixtureConfig, seed: int, device: str | torch.device = "cpu") -> None:
        self.config, self.seed, self.device = config, seed, device
        self.film = find_strips(config.film) if config.film else []
        self.pictures = find_strips(config.pictures) if config.pictures else []
        self.sprites = load_sprites(None)
        taught = {subject.codepoint for subject in SUBJECTS}  # under their own names only, so that withheld pairs stay withheld
        self.cast = [Subject(codepoint, codepoint, "moves", True) for codepoint in self.sprites if codepoint not in taught]
        for strip in self.film + self.pictures:
            self._check_size(strip)

    def batch(self, number: int) -> Batch:
        rng = np.random.default_rng((self.seed, number))
        shape = VideoShape(*self.config.shapes[int(rng.integers(len(self.config.shapes)))])
        count = max(1, self.config.pixels // shape.pixels)
        footage = self._footage(shape)
        rendered = count if not footage else int(rng.binomial(count, self.config.world))
        parts = [_as_batch(_crop(footage, rng, shape), self.device) for _ in range(count - rendered)]
        if rendered:
            side = max(shape.width, shape.height, int(rng.choice(self.config.sides)))
            canvas = Canvas(side, side, shape.frames, Fraction(int(rng.choice([8, 12, 24]))))
            scenes = [self._scene((self.seed, number, place), canvas, rng) for place in range(rendered)]
            drawn = Batch(*render(scenes, self.sprites, self.device))
            parts += [_around_actor(drawn, place, scene, shape, rng) for place, scene in enumerate(scenes)]
        return Batch(torch.cat([part.video for part in parts]), torch.cat([part.cover for part in parts]))

    def _check_size(self, strip: FilmStrip) -> None:
        """Raises UserError for a strip that no crop fits into: in the first second, not in the first hour."""
        T, H, W, _ = strip.frames.shape
        for frames, height, width in self.config.shapes:
            length = 1 if strip.info.stills else 1 + 2 * (frames - 1)
            if frames > 1 and strip.info.stills:
                continue
            if length > T or height > H or width > W:
                raise UserError(
                    f"{strip.path} is {T} frames of {W}x{H}: crops of {width}x{height} take {length} frames; "
                    "prepare it with a larger --width, or set task.data.shapes"
                )

    def _footage(self, shape: VideoShape) -> list[FilmStrip]:
        """Film serves any shape, pictures only a single frame, where they count as often as there are strips of film."""
        if shape.frames > 1:
            return self.film
        return self.film + self.pictures * max(1, len(self.film))

    def _scene(self, seed: tuple[int, ...], canvas: Canvas, rng: np.random.Generator) -> Scene:
        # Shots are cut from clips of up to two seconds: else short ones would show nothing but rushing subjects.
        scene = slower(random_scene(seed, canvas, alone=0.5), min(1.0, canvas.frames / rng.integers(9, 26)))
        if rng.random() < self.config.taught:
            return scene
        cast = rng.choice(len(self.cast), len(scene.actors), replace=False)
        return with_subjects(scene, *(self.cast[int(number)] for number in cast))


def _around_actor(drawn: Batch, place: int, scene: Scene, shape: VideoShape, rng: np.random.Generator) -> Batch:
    """A window of one scene that holds the middle of one actor's path."""
    actor = scene.actors[int(rng.integers(len(scene.actors)))]
    x, y = scene.centres(actor)[shape.frames // 2] + rng.uniform(-0.2, 0.2, 2) * (shape.width, shape.height)
    left = int(np.clip(x - shape.width / 2, 0, scene.canvas.width - shape.width))
    top = int(np.clip(y - shape.height / 2, 0, scene.canvas.height - shape.height))
    window = (slice(place, place + 1), ..., slice(top, top + shape.height), slice(left, left + shape.width))
    return Batch(drawn.video[window], drawn.cover[window])


def _crop(footage: list[FilmStrip], rng: np.random.Generator, shape: VideoShape) -> np.ndarray:
    """A random crop, long strips more often than short ones, at full or half rate, mirrored half of the time."""
    lengths = np.array([len(strip.frames) for strip in footage], float)
    strip = footage[int(rng.choice(len(footage), p=lengths / lengths.sum()))]
    step = int(rng.integers(1, 3)) if shape.frames > 1 else 1
    frames = strip.random_crop(rng, shape.frames, shape.height, shape.width, step)
    return frames[:, :, ::-1] if rng.random() < 0.5 else frames


def _as_batch(frames: np.ndarray, device: str | torch.device) -> Batch:
    pixels = torch.from_numpy(np.ascontiguousarray(frames)).to(device)
    video = pixels.permute(3, 0, 1, 2)[None].float() / 127.5 - 1
    return Batch(video, torch.zeros(1, 1, *video.shape[2:], device=device))
