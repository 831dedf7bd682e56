"""The suite for an autoencoder: how much of a video is left after it went through the codec.

Measured on frames as they would be shown (8 bits), one figure a clip, then the mean over clips with its interval:

- `world_*`: scenes with withheld pairs, in a square, a wide, a tall and a still canvas; `subject_psnr` counts only the
  pixels that the subjects cover by more than half;
- `film_*`: every frame of the strips held out (see `worldreel.data.film`), in stretches at the film's own rate;
- `natural_*`: the same for strips whose names start with `natural-`, and each of these clips by itself.

- `*_rfvd`: the Fréchet video distance (see `worldreel.perception.i3d`) of what comes back to what went in, where it is asked
  for. Clips of one frame do not count.

The trivial answer beside it is a picture made 8 times smaller and larger again, frame by frame (bicubic).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from worldreel.data.film import FilmStrip, find_strips
from worldreel.evaluation.results import Result
from worldreel.perception.i3d import frechet
from worldreel.perception.lpips import frames_of, load_lpips
from worldreel.perception.quality import psnr, ssim
from worldreel.shapes import ceil_to
from worldreel.worlds.render import render
from worldreel.worlds.scenes import Canvas, random_scene
from worldreel.worlds.sprites import load_sprites

Codec = Callable[[Tensor], Tensor]
"""A video [B, C, T, H, W] in [-1, 1] (T = 4k + 1, sides whole multiples of `MULTIPLE`) to its reconstruction, as large."""

MULTIPLE = 16
SEED = 20_002
GOALS = {"world_psnr": 30.0, "subject_psnr": 27.0, "film_psnr": 26.0}
CANVASES = (Canvas(128, 128, 25), Canvas(160, 96, 25), Canvas(96, 160, 17), Canvas(128, 128, 1))


@dataclass(frozen=True)
class Sample:
    """One clip [1, C, T, H, W] to measure on. `groups`: the rows it counts for; `cover` [1, 1, T, H, W]: where subjects are."""

    groups: tuple[str, ...]
    video: Tensor
    cover: Tensor | None = None


Recognise = Callable[[Tensor], Tensor]
"""The features [D] of a video [3, T, H, W] in [-1, 1]."""


def measure(
    codec: Codec, strips: Path | None = None, *, scenes: int = 16, frames: int = 17, recognise: Recognise | None = None
) -> dict[str, Result]:
    """All rows of the suite: `scenes` scenes for each canvas; strips of the folder `strips` in stretches of `frames`."""
    return summarise(codec, [*world_samples(scenes), *(strip_samples(strips, frames) if strips else ())], recognise)


def summarise(codec: Codec, samples: Iterable[Sample], recognise: Recognise | None = None) -> dict[str, Result]:
    """One row for each group and figure, with the trivial answer's beside it. `recognise`: whose features rFVD compares."""
    ours, peers = defaultdict[str, list[float]](list), defaultdict[str, list[float]](list)
    crowds = defaultdict[str, list[list[Tensor]]](list)
    for sample in samples:
        original, answer, trivial = (shown(video) for video in (sample.video, through(codec, sample.video), eighth(sample.video)))
        for rows, made in ((ours, answer), (peers, trivial)):
            for name, value in _figures(original, made, sample).items():
                rows[name].append(value)
        if recognise is not None and original.shape[2] > 1:
            features = [recognise(video[0]) for video in (original, answer, trivial)]
            for group in sample.groups:
                crowds[group].append(features)
    figures = {name: Result.mean(values, GOALS.get(name), peers[name]) for name, values in ours.items()}
    return figures | {f"{group}_rfvd": _distance(clips) for group, clips in crowds.items() if len(clips) > 1}


def _distance(clips: Sequence[Sequence[Tensor]]) -> Result:
    """rFVD from each clip's features: as it was, as it came back, as the trivial answer."""
    truth, ours, trivial = (torch.stack(list(crowd)) for crowd in zip(*clips, strict=True))
    return Result(frechet(ours, truth), None, None, len(clips), peer=frechet(trivial, truth))


def _figures(original: Tensor, answer: Tensor, sample: Sample) -> dict[str, float]:
    with torch.no_grad():
        distance = load_lpips()(frames_of(original), frames_of(answer)).mean()
    figures = {"psnr": psnr(original, answer), "ssim": ssim(original, answer), "lpips": float(distance)}
    named = {f"{group}_{figure}": value for group in sample.groups for figure, value in figures.items()}
    inside = None if sample.cover is None else (sample.cover > 0.5).float()
    if inside is not None and bool(inside.any()):
        named["subject_psnr"] = psnr(original, answer, inside)
    return named


def world_samples(count: int, canvases: Iterable[Canvas] = CANVASES) -> Iterator[Sample]:
    """Scenes that training never draws, because each shows a withheld pair."""
    sprites = load_sprites()
    for number, canvas in enumerate(canvases):
        for index in range(count):
            scene = random_scene((SEED, number, index), canvas, withheld_pairs=True)
            video, cover = render([scene], sprites)
            yield Sample(("world",), video, cover)


def strip_samples(folder: Path, frames: int = 17) -> Iterator[Sample]:
    """Every frame of every strip; the last stretch of each starts early enough to be whole."""
    for strip in find_strips(folder):
        name = strip.path.stem
        groups = ("natural", name) if name.startswith("natural-") else ("film",)
        for start in stretches(len(strip.frames), frames):
            yield Sample(groups, as_video(_stretch(strip, start, frames)))


def stretches(total: int, frames: int) -> list[int]:
    """Where stretches of `frames` frames start, so that together they hold all of `total` frames."""
    return [min(start, max(0, total - frames)) for start in range(0, total, frames)]


def _stretch(strip: FilmStrip, start: int, frames: int) -> np.ndarray:
    return strip.clip(start, min(frames, len(strip.frames)))


def as_video(frames: np.ndarray) -> Tensor:
    """Media [T, H, W, 3] uint8 as a video tensor [1, 3, T, H, W] in [-1, 1]."""
    return (torch.from_numpy(np.array(frames)).permute(3, 0, 1, 2).float() / 127.5 - 1)[None]


def shown(video: Tensor) -> Tensor:
    """The video with the 256 values that a screen or a file has."""
    return ((video.float().cpu().clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1


def through(codec: Codec, video: Tensor) -> Tensor:
    """The reconstruction at the video's own size: edges are repeated up to a size the codec takes, then cut off."""
    T, H, W = video.shape[2:]
    more = (0, ceil_to(W, MULTIPLE) - W, 0, ceil_to(H, MULTIPLE) - H, 0, ceil_to(T - 1, 4) + 1 - T)
    with torch.no_grad():
        answer = codec(F.pad(video, more, mode="replicate"))
    return answer[:, :, :T, :H, :W]


def eighth(video: Tensor) -> Tensor:
    """The trivial answer: every frame 8 times smaller, then as large as before."""
    pictures = frames_of(video)
    H, W = pictures.shape[-2:]
    small = F.interpolate(pictures, size=(-(-H // 8), -(-W // 8)), mode="bicubic", antialias=True)
    large = F.interpolate(small, size=(H, W), mode="bicubic")
    return large.reshape(video.shape[0], video.shape[2], -1, H, W).transpose(1, 2)
