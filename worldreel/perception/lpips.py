"""LPIPS: how different two pictures look, as the distance between their features in a network trained to recognise things.

Zhang, Isola, Efros, Shechtman, Wang, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric" (2018),
version 0.1 with AlexNet: features of five layers, each scaled to length 1 over its channels, squared differences
weighted by channel, averaged over the picture, summed over the layers.
"""

from functools import lru_cache
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldreel.assets import asset
from worldreel.checkpoints import load_into

WEIGHTS = "lpips-alex.safetensors"
SMALLEST = 31
"""Below this side in pixels the network has no picture left after its last pooling."""


class LPIPS(nn.Module):
    """Frozen, and differentiable in both pictures. 0 means the same; a picture and noise are about 1 apart."""

    shift: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        # ImageNet's mean and deviation, said for pictures in [-1, 1].
        self.register_buffer("shift", torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1), persistent=False)
        self.layers = nn.ModuleList(
            [
                nn.Conv2d(3, 64, 11, stride=4, padding=2),
                nn.Conv2d(64, 192, 5, padding=2),
                nn.Conv2d(192, 384, 3, padding=1),
                nn.Conv2d(384, 256, 3, padding=1),
                nn.Conv2d(256, 256, 3, padding=1),
            ]
        )
        self.heads = nn.ParameterList(torch.zeros(cast(nn.Conv2d, layer).out_channels) for layer in self.layers)
        self.requires_grad_(False)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """The distance of each pair of pictures [N, 3, H, W] in [-1, 1]: [N]."""
        distance = torch.zeros(len(a), device=a.device)
        for head, one, other in zip(self.heads, self.features(a), self.features(b), strict=True):
            square = (one - other).square()
            distance = distance + torch.einsum("nchw,c->n", square, head) / square[0, 0].numel()
        return distance

    def features(self, pictures: Tensor) -> list[Tensor]:
        """The five layers after their ReLU, each of length 1 over channels."""
        if min(pictures.shape[-2:]) < SMALLEST:
            raise ValueError(f"LPIPS needs pictures of {SMALLEST} pixels or more a side, not {tuple(pictures.shape[-2:])}")
        x = (pictures - self.shift) / self.scale
        levels = []
        for number, layer in enumerate(self.layers):
            if number in (1, 2):
                x = F.max_pool2d(x, 3, 2)
            x = F.relu(layer(x))
            # vector_norm, not sqrt of a sum: its gradient is 0, not NaN, where every channel is silent.
            levels.append(x / (torch.linalg.vector_norm(x, dim=1, keepdim=True) + 1e-10))
        return levels


@lru_cache(maxsize=4)
def load_lpips(device: str | torch.device = "cpu") -> LPIPS:
    """The network with its weights, shared. Raises UserError where the asset is missing."""
    network = LPIPS()
    load_into(network, asset(WEIGHTS))
    return network.eval().to(device)


def frames_of(video: Tensor) -> Tensor:
    """The frames of a video [B, C, T, H, W] as pictures [B T, C, H, W]."""
    return video.transpose(1, 2).flatten(0, 1)
