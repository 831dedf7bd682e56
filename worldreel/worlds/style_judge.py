"""A judge of rendered styles: it tells a clip's style from its pixels. Nothing in it is learned."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from worldreel.worlds.scenes import Style
from worldreel.worlds.styles import GREY, LUMA, SEPIA, block_side, brightest, line_reach


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
    block, shares = block_side(*video.shape[-2:]), [0.0]
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
    thick = float((brightest(bright, 3 * line_reach(*video.shape[-2:])) < 0.9).float().mean())
    return thick / dark if dark > 0.01 else 1.0


def _stray(video: Tensor, white: tuple[float, float, float]) -> float:
    """How far colours lie from the shades of one colour: all but 2 % of the picture lies nearer; in [0, 1]."""
    shade = torch.tensor(white) / float(np.dot(white, LUMA))
    calm = F.avg_pool2d(video, 4 * line_reach(*video.shape[-2:]), ceil_mode=True)  # noise is no colour
    strays = (calm - _brightness(calm) * shade[:, None, None]).abs().amax(1).flatten()
    return float(strays.kthvalue(max(1, round(0.98 * len(strays)))).values)


def _brightness(video: Tensor) -> Tensor:
    """[T, 3, H, W] as [T, 1, H, W]."""
    return torch.einsum("tchw,c->thw", video, torch.tensor(LUMA))[:, None]
