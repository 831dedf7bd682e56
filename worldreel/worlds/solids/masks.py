"""Where the colours of solids are seen: they alone are vivid, so hue tells one from another and all from floor and sky."""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from worldreel.worlds.solids.kinds import COLOURS

SIDE = 96
"""The shorter side of the picture that is looked at."""
FRAMES = 7
"""Frames that are looked at, at most, evenly in time."""
VIVID, CHROMA = 0.36, 0.12
"""What is vivid: (max - min) / max and max - min of red, green and blue are at least these (floors and skies: up to 0.33)."""
CLOSE = 0.22
"""A hue within so many radians of a named one bears its name (the nearest two, orange and yellow, are 0.44 apart)."""
LEAST = 30
"""Pixels that a solid shows in a frame, at least."""


class Masks(NamedTuple):
    """`picture` [F, 3, h, w] in [0, 1]; `vivid` [F, h, w]: where anything vivid is; `named` [F, C, h, w]: where each of COLOURS
    is, without its thin parts."""

    picture: Tensor
    vivid: Tensor
    named: Tensor

    @property
    def seen(self) -> Tensor:
        """Which colours show in each frame, [F, C]."""
        return self.named.sum((2, 3)) >= LEAST


def shrink(frames: np.ndarray) -> Tensor:
    """Some frames of [T, H, W, 3] uint8 as the picture [F, 3, h, w] in [0, 1]."""
    chosen = np.linspace(0, len(frames) - 1, min(FRAMES, len(frames))).round().astype(int)
    video = torch.from_numpy(np.ascontiguousarray(frames[chosen])).permute(0, 3, 1, 2).float() / 255
    scale = SIDE / min(video.shape[-2:])
    return F.interpolate(video, [round(scale * side) for side in video.shape[-2:]], mode="bilinear", antialias=True)


def find_masks(picture: Tensor) -> Masks:
    """Names every vivid pixel of a picture [F, 3, h, w] by its hue."""
    smooth = F.avg_pool2d(F.pad(picture, (1, 1, 1, 1), mode="replicate"), 3, 1)
    most, least = smooth.amax(1), smooth.amin(1)
    vivid = (most - least > CHROMA) & (most - least > VIVID * most)
    names = _hue(torch.tensor(list(COLOURS.values())).float()[:, :, None, None] / 255)[:, 0, 0]
    away = (_hue(smooth)[:, None] - names[:, None, None] + torch.pi) % (2 * torch.pi) - torch.pi
    nearest = away.abs().amin(1, keepdim=True)
    named = vivid[:, None] & (away.abs() == nearest) & (nearest < CLOSE)
    return Masks(picture, vivid, _opened(named.float()))


def _hue(rgb: Tensor) -> Tensor:
    """The angle of colours [B, 3, H, W] around gray, [B, H, W]."""
    red, green, blue = rgb.unbind(1)
    return torch.atan2(3**0.5 * (green - blue), 2 * red - green - blue)


def _opened(mask: Tensor) -> Tensor:
    """A mask [F, C, h, w] without what is thinner than 3 pixels: edges where two colours mix into a third."""
    return F.max_pool2d(-F.max_pool2d(-mask, 3, 1, 1), 3, 1, 1)
