"""A straight path beside the network: every block of pixels to its latent cell and back, linearly.

Fitted to the principal components of real blocks before training, it is the best linear codec of its size; the
convolutions then learn only what a linear map cannot do. With little compute this is worth thousands of steps. It stays as
it was fitted: its rows sum over 768 like values, so that the steps of an optimizer shake all latents at once.
"""

import torch
from torch import Tensor, nn

from worldreel.shapes import Compression


class StraightPath(nn.Module):
    """Blocks of `compression` pixels as `channels` values. The clip's first frame fills a whole block, repeated."""

    def __init__(self, compression: Compression, channels: int) -> None:
        super().__init__()
        self.compression = compression
        size = 3 * compression.time * compression.space**2
        self.analysis, self.synthesis = nn.Linear(size, channels), nn.Linear(channels, size)
        self.requires_grad_(False)

    def down(self, video: Tensor, *, starts: bool) -> Tensor:
        """[B, 3, T, H, W] to [B, C, T', H', W']. `starts`: whether the clip's first frame is here."""
        out: Tensor = self.analysis(self.blocks(video, starts=starts))
        return out.movedim(-1, 1)

    def up(self, latents: Tensor, *, starts: bool) -> Tensor:
        """[B, C, T', H', W'] to [B, 3, T, H, W]."""
        time, space = self.compression
        cells = self.synthesis(latents.movedim(1, -1)).unflatten(-1, (3, time, space, space))
        grown: Tensor = cells.permute(0, 4, 1, 5, 2, 6, 3, 7).flatten(2, 3).flatten(3, 4).flatten(4, 5)
        return grown[:, :, time - 1 :] if starts else grown

    def blocks(self, video: Tensor, *, starts: bool) -> Tensor:
        """[B, T', H', W', 3 x time x space x space]."""
        time, space = self.compression
        if starts:
            video = torch.cat([video[:, :, :1].expand(-1, -1, time - 1, -1, -1), video], dim=2)
        cells = video.unflatten(2, (-1, time)).unflatten(4, (-1, space)).unflatten(6, (-1, space))
        out: Tensor = cells.permute(0, 2, 4, 6, 1, 3, 5, 7).flatten(4)
        return out

    @torch.no_grad()
    def fit(self, blocks: Tensor) -> None:
        """Principal components of blocks [M, size], scaled to unit variance."""
        mean = blocks.mean(dim=0)
        values, vectors = torch.linalg.eigh((blocks - mean).T.double() @ (blocks - mean).double() / len(blocks))
        count = self.analysis.out_features
        components = vectors[:, -count:].flip(1).T.to(blocks)
        deviations = values[-count:].flip(0).clamp(min=1e-8).sqrt().to(blocks)
        self.analysis.weight.copy_(components / deviations[:, None])
        self.analysis.bias.copy_(-self.analysis.weight @ mean)
        self.synthesis.weight.copy_(components.T * deviations)
        self.synthesis.bias.copy_(mean)
