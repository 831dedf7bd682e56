"""Between media frames [T, H, W, 3] uint8 and video tensors [3, T, H, W] in [-1, 1]."""

import numpy as np
import torch
from torch import Tensor

from worldreel.media.clip import Frame


def to_pixels(video: Tensor) -> Frame:
    """Frames of a video; values a little outside of [-1, 1] are clipped."""
    pixels = ((video.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return pixels.permute(1, 2, 3, 0).cpu().numpy()


def to_video(frames: Frame) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(frames)).permute(3, 0, 1, 2).float() / 127.5 - 1
