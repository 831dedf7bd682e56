"""Places to be in: pictured backgrounds, drawn by rule, each different by its seed. They stand still behind the actors."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]
"""[H, W, 3] in [0, 1]."""
Colour = tuple[float, float, float]
FINER = 2
"""Times as large in each direction as it is drawn, and then averaged: edges are smooth."""


class Where(NamedTuple):
    """Every pixel's place: `y` as a share of the height, `x` of the shorter side; `tall`: the height in shorter sides."""

    y: NDArray[np.float32]
    x: NDArray[np.float32]
    tall: float


PLACES: dict[str, str] = {
    "meadow": "in a meadow",
    "sea": "at the sea",
    "night": "under a night sky",
    "desert": "in a desert",
    "snow": "in the snow",
    "forest": "in a forest",
    "city": "in a city at dusk",
    "wall": "before a brick wall",
}
"""Each place and how a caption says it."""


def draw(place: str, height: int, width: int, seed: int) -> Picture:
    """The same place and seed show the same at every size."""
    rng = np.random.default_rng(seed)
    y, x = (np.mgrid[: FINER * height, : FINER * width].astype(np.float32) + 0.5) / FINER
    side = min(height, width)
    picture = _DRAWN[place](rng, Where(y / height, x / side, height / side)).clip(0, 1)
    smooth: Picture = picture.reshape(height, FINER, width, FINER, 3).mean((1, 3)).astype(np.float32)
    return smooth


def _fade(y: NDArray[np.float32], top: Colour, bottom: Colour) -> Picture:
    along = y[..., None]
    out: Picture = (1 - along) * np.array(top, np.float32) + along * np.array(bottom, np.float32)
    return out


def _ridge(rng: np.random.Generator, x: NDArray[np.float32], level: float, rise: float) -> NDArray[np.float32]:
    """The height of a line of hills at each x, as a share of the picture from its top."""
    line = np.full_like(x, level)
    for wave in range(1, 4):
        line += rise / wave * np.sin(2 * np.pi * (wave * rng.uniform(0.4, 0.9) * x + rng.uniform()))
    return line


def _over(picture: Picture, mask: NDArray[np.bool_], colour: Colour | Picture) -> Picture:
    out: Picture = np.where(mask[..., None], np.asarray(colour, np.float32), picture)
    return out


def _spots(rng: np.random.Generator, at: Where, count: int, size: float) -> NDArray[np.float32]:
    """Small round lights: how bright each pixel is."""
    y, x, tall = at
    light = np.zeros_like(x)
    for cy, cx, share in zip(rng.uniform(0, 1, count), rng.uniform(0, x.max(), count), rng.uniform(0.4, 1, count), strict=True):
        light = np.maximum(light, share * np.exp(-((tall * (y - cy)) ** 2 + (x - cx) ** 2) / (2 * (size * share) ** 2)))
    return light


def _meadow(rng: np.random.Generator, at: Where) -> Picture:
    y, x, _ = at
    picture = _fade(y, (0.45, 0.70, 0.95), (0.85, 0.93, 0.98))
    far, near = _ridge(rng, x, 0.5, 0.05), _ridge(rng, x, 0.68, 0.04)
    picture = _over(picture, y > far, (0.42, 0.66, 0.36))
    return _over(picture, y > near, _fade(y, (0.36, 0.68, 0.25), (0.22, 0.50, 0.16)))


def _sea(rng: np.random.Generator, at: Where) -> Picture:
    y, x, _ = at
    horizon = rng.uniform(0.4, 0.5)
    picture = _fade(y, (0.55, 0.78, 0.97), (0.95, 0.93, 0.85))
    waves = np.sin(2 * np.pi * (14 * y + 0.4 * np.sin(2 * np.pi * (1.3 * x + rng.uniform()))))
    water = _fade(y, (0.05, 0.30, 0.55), (0.10, 0.52, 0.70)) + 0.035 * waves[..., None]
    return _over(picture, y > horizon, water)


def _night(rng: np.random.Generator, at: Where) -> Picture:
    y, x, _ = at
    picture = _fade(y, (0.02, 0.03, 0.12), (0.10, 0.10, 0.28)) + _spots(rng, at, 40, 0.008)[..., None]
    cy, cx, radius = rng.uniform(0.12, 0.25), rng.uniform(0.15, 0.85) * x.max(), rng.uniform(0.06, 0.1)
    picture = _over(picture, (at.tall * (y - cy)) ** 2 + (x - cx) ** 2 < radius**2, (0.95, 0.93, 0.80))
    return _over(picture, y > _ridge(rng, x, 0.85, 0.03), (0.02, 0.03, 0.06))


def _desert(rng: np.random.Generator, at: Where) -> Picture:
    y, x, _ = at
    picture = _fade(y, (0.60, 0.80, 0.92), (0.98, 0.90, 0.75))
    for level, shade in ((0.5, 0.80), (0.65, 0.90), (0.8, 1.0)):
        dune = _fade(y, (0.95 * shade, 0.75 * shade, 0.45 * shade), (0.80 * shade, 0.56 * shade, 0.30 * shade))
        picture = _over(picture, y > _ridge(rng, x, level, 0.05), dune)
    return picture


def _snow(rng: np.random.Generator, at: Where) -> Picture:
    y, x, _ = at
    picture = _fade(y, (0.55, 0.63, 0.75), (0.80, 0.85, 0.92))
    picture = _over(picture, y > _ridge(rng, x, 0.55, 0.06), (0.86, 0.90, 0.96))
    picture = _over(picture, y > _ridge(rng, x, 0.72, 0.04), (0.96, 0.97, 1.0))
    return picture + 0.6 * _spots(rng, at, 30, 0.01)[..., None]


def _forest(rng: np.random.Generator, at: Where) -> Picture:
    y, x, _ = at
    picture = _fade(y, (0.30, 0.50, 0.30), (0.12, 0.24, 0.12))
    for _ in range(7):
        cx, half, shade = rng.uniform(0, x.max()), rng.uniform(0.015, 0.045), rng.uniform(0.6, 1)
        picture = _over(picture, np.abs(x - cx) < half * (0.8 + 0.4 * y), (0.30 * shade, 0.20 * shade, 0.12 * shade))
    picture = _over(picture, y < _ridge(rng, x, 0.2, 0.06), (0.10, 0.34, 0.12))
    return _over(picture, y > _ridge(rng, x, 0.88, 0.02), (0.16, 0.30, 0.10))


def _city(rng: np.random.Generator, at: Where) -> Picture:
    y, x, _ = at
    picture = _fade(y, (0.28, 0.22, 0.45), (0.95, 0.60, 0.40))
    left = 0.0
    while left < x.max():
        width, top, shade = rng.uniform(0.1, 0.22), rng.uniform(0.35, 0.75), rng.uniform(0.6, 1)
        house = (x >= left) & (x < left + width) & (y > top)
        picture = _over(picture, house, (0.16 * shade, 0.15 * shade, 0.24 * shade))
        lit = rng.uniform(size=(64, 64)) < 0.35
        row, column = ((y - top) / 0.06).astype(int) % 64, ((x - left) / 0.05).astype(int) % 64
        inside = (((y - top) / 0.06) % 1 > 0.4) & (((x - left) / 0.05) % 1 > 0.4)
        picture = _over(picture, house & inside & lit[row, column], (0.98, 0.85, 0.45))
        left += width
    return picture


def _wall(rng: np.random.Generator, at: Where) -> Picture:
    y, x, _ = at
    high, wide = 0.08, 0.18
    row = (y / high).astype(int)
    along = x / wide + 0.5 * (row % 2)
    shades = rng.uniform(0.8, 1.1, (64, 64))
    picture = np.array((0.62, 0.30, 0.22), np.float32) * shades[row % 64, along.astype(int) % 64][..., None]
    mortar = ((y / high) % 1 < 0.12) | (along % 1 < 0.06)
    return _over(picture.astype(np.float32), mortar, (0.78, 0.74, 0.70))


_DRAWN: dict[str, Callable[[np.random.Generator, Where], Picture]] = {
    "meadow": _meadow,
    "sea": _sea,
    "night": _night,
    "desert": _desert,
    "snow": _snow,
    "forest": _forest,
    "city": _city,
    "wall": _wall,
}
