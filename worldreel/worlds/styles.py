"""Rendered styles: what a drawn video is turned into, and a reader that tells a clip's style from its pixels.

Nothing in the reader is learned. Sizes of blocks and lines are relative to the picture's shorter side.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from worldreel.worlds.scenes import Style

LUMA = (0.299, 0.587, 0.114)
"""How bright red, green and blue look (ITU-R BT.601)."""
GREY, SEPIA = (1.0, 1.0, 1.0), (1.0, 0.85, 0.64)
"""The colours of white."""
BLOCKS = 16
"""Blocks of a mosaic along the shorter side."""
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


def _block(height: int, width: int) -> int:
    return max(2, round(min(height, width) / BLOCKS))


def _reach(height: int, width: int) -> int:
    """How far a line goes to either side of its edge, in pixels."""
    return max(1, round(min(height, width) / SHARPEST))


def _mosaic(video: Tensor) -> Tensor:
    height, width = video.shape[-2:]
    block = _block(height, width)
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
    reach = _reach(*video.shape[-2:])
    frames = video.transpose(1, 2)
    flat = frames.flatten(0, 1)
    highest, lowest = _highest(flat, reach), -_highest(-flat, reach)
    edge = ((highest - lowest) / 2).amax(1, keepdim=True)
    ink = ((edge - 0.08) / 0.22).clamp(0, 1)  # fading backgrounds stay white
    out: Tensor = (1 - 1.8 * ink).unflatten(0, frames.shape[:2]).transpose(1, 2).expand_as(video)
    return out


def _highest(frames: Tensor, reach: int) -> Tensor:
    return F.max_pool2d(frames, 2 * reach + 1, stride=1, padding=reach)


STYLES: dict[Style, Callable[[Tensor], Tensor]] = {
    "mosaic": _mosaic,
    "grey": partial(_tinted, white=GREY),
    "sepia": partial(_tinted, white=SEPIA),
    "outline": _outline,
}
"""Each takes and gives videos [B, 3, T, H, W] in [-1, 1]."""


def read_style(frames: np.ndarray) -> Style | None:
    """The style of a clip [T, H, W, 3] uint8; None where it has none, or shows nothing.

    The bounds lie where renders, and what the bundled codec makes of them, were found apart."""
    video = torch.from_numpy(np.array(frames)).permute(0, 3, 1, 2).float() / 255
    if float(video.std((-2, -1), correction=0).mean()) < 0.01:
        return None
    if _inside_blocks(video) < 0.27:
        return "mosaic"
    strays: dict[Style, float] = {"grey": _stray(video, GREY), "sepia": _stray(video, SEPIA)}
    if strays["grey"] < 0.1 and _thick(video) < 0.38:
        return "outline"
    nearest = min(strays, key=lambda style: strays[style])
    return nearest if strays[nearest] < 0.048 else None


def _inside_blocks(video: Tensor) -> float:
    """How much neighbours differ inside blocks, as a share of how much they do across the blocks' borders (mean squares), in that
    direction in which it is more: about 1 where there are no blocks."""
    block, shares = _block(*video.shape[-2:]), [0.0]
    for turned in (video, video.transpose(-2, -1)):
        rows = F.avg_pool2d(turned, (block, 1), ceil_mode=True)  # noise averages out, blocks stay
        steps = rows.diff(dim=-1).square().mean((0, 1, 2))
        border = torch.arange(1, len(steps) + 1) % block == 0
        if border.any():
            shares.append(float(steps[~border].mean() / steps[border].mean().clamp(min=1e-6)))
    return max(shares)


def _thick(video: Tensor) -> float:
    """The share of what is not white paper that remains when all lines are taken away; 1 where all is paper."""
    bright = _brightness(video)
    dark = float((bright < 0.9).float().mean())
    thick = float((_highest(bright, 3 * _reach(*video.shape[-2:])) < 0.9).float().mean())
    return thick / dark if dark > 0.01 else 1.0


def _stray(video: Tensor, white: tuple[float, float, float]) -> float:
    """How far colours lie from the shades of one colour: all but 2 % of the picture lies nearer; in [0, 1]."""
    shade = torch.tensor(white) / float(np.dot(white, LUMA))
    calm = F.avg_pool2d(video, 4 * _reach(*video.shape[-2:]), ceil_mode=True)  # noise is no colour
    strays = (calm - _brightness(calm) * shade[:, None, None]).abs().amax(1).flatten()
    return float(strays.kthvalue(max(1, round(0.98 * len(strays)))).values)


def _brightness(video: Tensor) -> Tensor:
    """[T, 3, H, W] as [T, 1, H, W]."""
    return torch.einsum("tchw,c->thw", video, torch.tensor(LUMA))[:, None]
