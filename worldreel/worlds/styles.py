"""Rendered styles: what a drawn video is turned into. Lines are sized by the picture's shorter side, blocks are whole tiles."""

from collections.abc import Callable, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from worldreel.worlds.scenes import Style

LUMA = (0.299, 0.587, 0.114)
"""How bright red, green and blue look (ITU-R BT.601)."""
GREY, SEPIA = (1.0, 1.0, 1.0), (1.0, 0.85, 0.64)
"""The colours of white."""
TILE, BLOCKS = 8, 16
"""A mosaic's blocks are so many pixels wide, or twice, three times as many, whatever brings most nearly so many blocks along the
shorter side: on every canvas they lie on the grid of a codec's latents (4x8x8), as a pixel filter's do on its own."""
SHARPEST = 128
"""A line is 1/64 of the shorter side wide: so many steps from one side of an edge to the other."""


def styled(video: Tensor, styles: Sequence[Style | None]) -> Tensor:
    """Videos [B, 3, T, H, W] in [-1, 1], each in its own style or in none, on their device."""
    out = video
    for style, turn in STYLES.items():
        alike = [number for number, name in enumerate(styles) if name == style]
        if alike:
            out = out.clone() if out is video else out
            out[alike] = turn(video[alike])
    return out


def block_side(height: int, width: int) -> int:
    """Of a mosaic's blocks, in pixels."""
    return TILE * max(1, round(min(height, width) / (TILE * BLOCKS)))


def line_reach(height: int, width: int) -> int:
    """How far a line goes to either side of its edge, in pixels."""
    return max(1, round(min(height, width) / SHARPEST))


def _mosaic(video: Tensor) -> Tensor:
    height, width = video.shape[-2:]
    block = block_side(height, width)
    frames = video.transpose(1, 2)
    means = F.avg_pool2d(frames.flatten(0, 1), block, ceil_mode=True)  # blocks at the far edges are cut, not padded
    large = means.repeat_interleave(block, -2).repeat_interleave(block, -1)[..., :height, :width]
    out: Tensor = large.unflatten(0, frames.shape[:2]).transpose(1, 2)
    return out


def _tinted(video: Tensor, white: tuple[float, float, float]) -> Tensor:
    bright = (torch.einsum("bcthw,c->bthw", video, video.new_tensor(LUMA)) + 1) / 2
    return bright[:, None] * video.new_tensor(white)[:, None, None, None] * 2 - 1


def _outline(video: Tensor) -> Tensor:
    """Dark where colours differ within a line's width (Beucher's morphological gradient), white elsewhere."""
    reach = line_reach(*video.shape[-2:])
    frames = video.transpose(1, 2)
    flat = frames.flatten(0, 1)
    highest, lowest = brightest(flat, reach), -brightest(-flat, reach)
    edge = ((highest - lowest) / 2).amax(1, keepdim=True)
    ink = ((edge - 0.08) / 0.22).clamp(0, 1)  # fading backgrounds stay white
    out: Tensor = (1 - 1.8 * ink).unflatten(0, frames.shape[:2]).transpose(1, 2).expand_as(video)
    return out


def brightest(frames: Tensor, reach: int) -> Tensor:
    """The brightest pixel around each, [..., H, W]."""
    return F.max_pool2d(frames, 2 * reach + 1, stride=1, padding=reach)


STYLES: dict[Style, Callable[[Tensor], Tensor]] = {
    "mosaic": _mosaic,
    "grey": partial(_tinted, white=GREY),
    "sepia": partial(_tinted, white=SEPIA),
    "outline": _outline,
}
"""Each takes and gives videos [B, 3, T, H, W] in [-1, 1]."""
