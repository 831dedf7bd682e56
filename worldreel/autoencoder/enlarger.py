"""An enlarger: the latents of a clip that was resized to more pixels, with the detail that belongs there.

What a plain resize lacks can be seen from its latents, cell by cell, and needs no sampling: a small network gives it in one pass
(as the spatial upscaler of LTX-Video does). Blocks are ConvNeXt's (Liu et al. 2022). It looks at one latent frame at a time, so
that memory does not grow with a clip's length.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldreel.autoencoder.layers import PixelNorm
from worldreel.config import Config


class EnlargerConfig(Config):
    channels: int = 16
    """Of latents."""
    width: int = 72
    blocks: int = 4
    kernel: int = 5
    """Cells along a side that a block looks at."""


class EnlargerBlock(nn.Module):
    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.near = nn.Conv2d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm = PixelNorm(width)
        self.wider, self.narrower = nn.Conv2d(width, 4 * width, 1), nn.Conv2d(4 * width, width, 1)
        nn.init.zeros_(self.narrower.weight)  # a block begins as nothing but its shortcut

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.narrower(F.gelu(self.wider(self.norm(self.near(x)))))
        return out


class Enlarger(nn.Module):
    """Begins as the identity: a clip as it was resized."""

    def __init__(self, config: EnlargerConfig) -> None:
        super().__init__()
        self.config = config
        self.first = nn.Conv2d(config.channels, config.width, 3, padding=1)
        self.blocks = nn.ModuleList(EnlargerBlock(config.width, config.kernel) for _ in range(config.blocks))
        self.norm = PixelNorm(config.width)
        self.last = nn.Conv2d(config.width, config.channels, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        if self.last.bias is not None:
            nn.init.zeros_(self.last.bias)

    def forward(self, latents: Tensor) -> Tensor:
        """Normalised latents [B, C, T, H, W] of clips that were resized, as they would be had they been made at this size."""
        return torch.stack([frame + self._lacking(frame) for frame in latents.unbind(dim=2)], dim=2)

    def _lacking(self, frame: Tensor) -> Tensor:
        x = self.first(frame)
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.last(self.norm(x))
        return out
