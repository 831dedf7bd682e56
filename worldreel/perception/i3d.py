"""I3D: a network that recognises what happens in a video, whose answers FVD compares.

Carreira and Zisserman, "Quo Vadis, Action Recognition?" (2017): an Inception network whose kernels were inflated in time, trained
on Kinetics-400. Its batch norms are folded into the kernels before them, so that here it is convolutions, ReLUs and pools.
"""

from collections.abc import Sequence
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldreel.assets import asset
from worldreel.checkpoints import load_into

WEIGHTS = "i3d-kinetics.safetensors"
SIDE = 224
FEWEST = 9
"""Frames: fewer leave nothing after its last pooling."""
CLASSES = 400

MIXED: dict[str, tuple[int, tuple[int, int, int, int, int, int]]] = {
    "3b": (192, (64, 96, 128, 16, 32, 32)),
    "3c": (256, (128, 128, 192, 32, 96, 64)),
    "4b": (480, (192, 96, 208, 16, 48, 64)),
    "4c": (512, (160, 112, 224, 24, 64, 64)),
    "4d": (512, (128, 128, 256, 24, 64, 64)),
    "4e": (512, (112, 144, 288, 32, 64, 64)),
    "4f": (528, (256, 160, 320, 32, 128, 128)),
    "5b": (832, (256, 160, 320, 32, 128, 128)),
    "5c": (832, (384, 192, 384, 48, 128, 128)),
}
"""Channels that come into each Inception module, and those of its branches (the paper's figure 3)."""


class Convolution(nn.Conv3d):
    """Padded so that a stride of s gives ceil(n / s) cells, the odd one at the end (as TensorFlow's SAME), then a ReLU."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(_padded(x, self.kernel_size, self.stride)).relu_()


class Mixed(nn.Module):
    """Four branches side by side: 1, 1 then 3, 1 then 3, pooled then 1."""

    def __init__(self, channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        a, b0, b1, c0, c1, d = widths
        self.one = Convolution(channels, a, 1)
        self.two = nn.Sequential(Convolution(channels, b0, 1), Convolution(b0, b1, 3))
        self.three = nn.Sequential(Convolution(channels, c0, 1), Convolution(c0, c1, 3))
        self.four = Convolution(channels, d, 1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.one(x), self.two(x), self.three(x), self.four(_pooled(x, (3, 3, 3), (1, 1, 1)))], 1)


class I3D(nn.Module):
    """Frozen."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.ModuleList([Convolution(3, 64, 7, 2), Convolution(64, 64, 1), Convolution(64, 192, 3)])
        self.mixed = nn.ModuleDict({name: Mixed(channels, widths) for name, (channels, widths) in MIXED.items()})
        self.logits = nn.Conv3d(1024, CLASSES, 1)
        self.requires_grad_(False)

    def forward(self, videos: Tensor) -> Tensor:
        """Videos [B, 3, T, 224, 224] in [-1, 1], T at least 9: the mean logits of 400 actions [B, 400]."""
        if videos.shape[2] < FEWEST:
            raise ValueError(f"I3D needs {FEWEST} frames or more, not {videos.shape[2]}")
        x = _pooled(self.stem[0](videos), (1, 3, 3), (1, 2, 2))
        x = _pooled(self.stem[2](self.stem[1](x)), (1, 3, 3), (1, 2, 2))
        for name, module in self.mixed.items():
            if name == "4b":
                x = _pooled(x, (3, 3, 3), (2, 2, 2))
            if name == "5b":
                x = _pooled(x, (2, 2, 2), (2, 2, 2))
            x = module(x)
        x = F.avg_pool3d(x, (2, SIDE // 32, SIDE // 32), stride=1)
        logits: Tensor = self.logits(x)
        return logits.mean(dim=(2, 3, 4))


@lru_cache(maxsize=1)
def load_i3d() -> I3D:
    """The network with its weights. Raises UserError if they are not there: `docs/perception.md` says how they are made."""
    network = I3D()
    load_into(network, asset(WEIGHTS))
    return network.eval()


@torch.inference_mode()
def recognised(network: I3D, video: Tensor) -> Tensor:
    """The logits [400] of one video [3, T, H, W] in [-1, 1] of any size; a short one is repeated back and forth."""
    frames = video.transpose(0, 1)
    while len(frames) < FEWEST:
        frames = torch.cat([frames, frames.flip(0)])
    frames = F.interpolate(frames, (SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False)
    out: Tensor = network(frames.transpose(0, 1)[None])[0]
    return out


def frechet(one: Tensor, other: Tensor) -> float:
    """The Fréchet distance of two clouds of features [N, D] and [M, D], each taken for a Gaussian, of means m and n and
    covariances A and B: |m - n|² + tr(A + B - 2 √(A B)) (Dowson and Landau 1982). With I3D's logits it is FVD (Unterthiner et al.
    2018). It falls as clouds grow: compare equal sizes only.
    """
    one, other = one.double(), other.double()
    a, b = torch.cov(one.T), torch.cov(other.T)
    # √A B √A has the eigenvalues of A B, and is symmetric.
    values, vectors = torch.linalg.eigh(a)
    root = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    cross = torch.linalg.eigvalsh(root @ b @ root).clamp(min=0).sqrt().sum()
    return float((one.mean(0) - other.mean(0)).square().sum() + a.trace() + b.trace() - 2 * cross)


def _padded(x: Tensor, kernel: Sequence[int], stride: Sequence[int], value: float = 0.0) -> Tensor:
    edges: list[int] = []
    for size, width, step in zip(x.shape[2:], kernel, stride, strict=True):
        missing = max((-(-size // step) - 1) * step + width - size, 0)
        edges = [missing // 2, missing - missing // 2, *edges]
    return F.pad(x, edges, value=value)


def _pooled(x: Tensor, kernel: tuple[int, int, int], stride: tuple[int, int, int]) -> Tensor:
    """What is pooled comes after a ReLU, so zeros at the edges never win against it."""
    return F.max_pool3d(_padded(x, kernel, stride), kernel, stride)
