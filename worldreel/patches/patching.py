"""Spacetime patches: squares of latent cells become tokens, ordered T, H, W."""

from typing import NamedTuple

import torch
from torch import Tensor

from worldreel.shapes import VideoShape

TICKS = 24.0
"""Units of position in a second, unless weights want others: positions in time are seconds x 24, whatever the frame rate."""


class Grid(NamedTuple):
    """The tokens of one run: how many in time and space, and when they are."""

    frames: int
    height: int
    width: int
    seconds: float
    """Time between one latent frame and the next."""
    start: float = 0.0
    """When the run begins, in seconds of its clip."""
    ticks: float = TICKS
    """Units of position in a second."""

    @classmethod
    def of(cls, latent: VideoShape, patch: int, seconds: float, start: float = 0.0, ticks: float = TICKS) -> "Grid":
        return cls(latent.frames, latent.height // patch, latent.width // patch, seconds, start, ticks)

    @property
    def shape(self) -> VideoShape:
        return VideoShape(self.frames, self.height, self.width)

    @property
    def tokens(self) -> int:
        return self.frames * self.height * self.width

    def positions(self) -> Tensor:
        """[N, 3]: time in ticks, row and column in tokens."""
        times = (self.start + torch.arange(self.frames) * self.seconds) * self.ticks
        return self._product(times, torch.arange(self.height), torch.arange(self.width))

    def places(self, duration: float) -> Tensor:
        """[N, 3]: where a token lies in its clip, from -1 to 1: time over the clip's `duration`, row, column.

        Rotary positions tell tokens how far apart they are; places tell them where the frame ends.
        """
        times = (self.start + torch.arange(self.frames) * self.seconds) / max(duration, 1e-6) * 2 - 1
        if duration == 0:
            times = torch.zeros(self.frames)
        rows = (torch.arange(self.height) + 0.5) / self.height * 2 - 1
        columns = (torch.arange(self.width) + 0.5) / self.width * 2 - 1
        return self._product(times, rows, columns)

    def _product(self, times: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        axes = torch.meshgrid(times.float(), rows.float(), columns.float(), indexing="ij")
        return torch.stack(axes, dim=-1).flatten(0, 2)


def to_tokens(latents: Tensor, patch: int) -> Tensor:
    """Latents [C, T, H, W] of one run to tokens [N, patch^2 C]."""
    channels, frames, height, width = latents.shape
    cells = latents.reshape(channels, frames, height // patch, patch, width // patch, patch)
    return cells.permute(1, 2, 4, 3, 5, 0).reshape(-1, patch**2 * channels)


def from_tokens(tokens: Tensor, grid: Grid, patch: int) -> Tensor:
    """Tokens [N, patch^2 C] back to latents [C, T, H, W]."""
    cells = tokens.reshape(grid.frames, grid.height, grid.width, patch, patch, -1)
    return cells.permute(5, 0, 1, 3, 2, 4).reshape(-1, grid.frames, grid.height * patch, grid.width * patch)
