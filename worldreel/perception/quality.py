"""PSNR and SSIM between two videos or pictures.

Either both are media, uint8 [..., H, W, C], or both are video tensors [B, C, T, H, W] in [-1, 1]. They are measured in
float64 on the CPU, whose figures are the same on every machine.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

Pictures = np.ndarray | Tensor

CEILING = 100.0
"""What PSNR says of equal pictures, in dB, so that means stay finite."""


def psnr(a: Pictures, b: Pictures, mask: Pictures | None = None) -> float:
    """Peak signal-to-noise ratio in dB over everything given, at most `CEILING`.

    `mask` weights the pixels, in [0, 1]; it is laid out as the pictures are, with one channel.
    """
    error = (_unit(a) - _unit(b)).square()
    if mask is None:
        mean = error.mean()
    else:
        weights = _by_channel(mask).double().expand_as(error)
        if not bool(weights.any()):
            raise ValueError("the mask leaves no pixel to measure")
        mean = (error * weights).sum() / weights.sum()
    return min(CEILING, -10 * float(mean.clamp_min(1e-12).log10()))


def ssim(a: Pictures, b: Pictures) -> float:
    """Structural similarity, the mean over pixels, channels (red, green and blue alike) and pictures: 1 means the same.

    Wang, Bovik, Sheikh, Simoncelli, "Image Quality Assessment" (2004): Gaussian window of 11 pixels with deviation 1.5,
    K = (0.01, 0.03), only where the window lies wholly inside the picture.
    """
    x, y = _unit(a).flatten(0, 1)[:, None], _unit(b).flatten(0, 1)[:, None]
    if min(x.shape[-2:]) < 11:
        raise ValueError(f"SSIM needs pictures of 11 pixels or more a side, not {tuple(x.shape[-2:])}")
    mean_x, mean_y = _blur(x), _blur(y)
    both, squares = mean_x * mean_y, mean_x.square() + mean_y.square()
    covariance = _blur(x * y) - both
    variances = _blur(x.square() + y.square()) - squares
    c1, c2 = 0.01**2, 0.03**2
    return float(((2 * both + c1) * (2 * covariance + c2) / ((squares + c1) * (variances + c2))).mean())


def _blur(pictures: Tensor) -> Tensor:
    """[N, 1, H, W] under the window, which is a row and a column one after the other: [N, 1, H - 10, W - 10]."""
    window = torch.exp(-(torch.arange(11.0, dtype=torch.float64) - 5).square() / (2 * 1.5**2))
    window = window / window.sum()
    return F.conv2d(F.conv2d(pictures, window.view(1, 1, 11, 1)), window.view(1, 1, 1, 11))


def _unit(pictures: Pictures) -> Tensor:
    """As float64 [N, C, H, W] in [0, 1]."""
    x = _by_channel(pictures)
    if isinstance(pictures, np.ndarray) and pictures.dtype != np.uint8:
        raise ValueError(f"media are uint8, not {pictures.dtype}")
    return x.double() / 255 if isinstance(pictures, np.ndarray) else (x.double() + 1) / 2


def _by_channel(pictures: Pictures) -> Tensor:
    """As [N, C, H, W], whichever layout it came in."""
    if isinstance(pictures, np.ndarray):
        return torch.from_numpy(np.array(pictures)).reshape(-1, *pictures.shape[-3:]).permute(0, 3, 1, 2)
    return pictures.detach().cpu().transpose(1, 2).flatten(0, 1)
