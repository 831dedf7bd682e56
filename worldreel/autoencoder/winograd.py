"""Convolutions over three frames by fewer products, on CPUs, where products are what they take their time for."""

import torch
import torch.nn.functional as F
from torch import Tensor

from worldreel.devices import TILES

TAPS = 3


def suits(x: Tensor, weight: Tensor) -> bool:
    """Whether `convolved` is for this: at least two frames come out, nobody wants gradients, and products take longer than the
    sums of frames that save them, as on CPUs without tiles for bf16."""
    slow = x.device.type == "cpu" and not (TILES and weight.dtype == torch.bfloat16)
    return slow and weight.shape[2] == TAPS and x.shape[2] > TAPS and not torch.is_grad_enabled()


def convolved(x: Tensor, weight: Tensor, bias: Tensor | None, border: tuple[int, int]) -> Tensor:
    """The convolution of x [B, C, T + 2, H, W] with kernels [O, C, 3, h, w], padded by `border` pixels: [B, O, T, H, W].

    Two frames at a time, for which four products of a frame and a kernel do instead of six: F(2, 3) of Winograd 1980, as Lavin
    and Gray 2016 write it (section 4.1), along time alone. In exact arithmetic the same; in bf16 sums of two frames are rounded
    once more.
    """
    shape = x.shape[0], weight.shape[0], x.shape[2] - TAPS + 1, *x.shape[3:]
    out = torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=torch.channels_last_3d)
    kernels = _kernels(weight)
    for first in range(0, shape[2] - 1, 2):
        _pair(x[:, :, first : first + 4], kernels, bias, border, out[:, :, first : first + 2])
    if shape[2] % 2:
        out[:, :, -1:] = F.conv3d(x[:, :, -TAPS:], weight, bias, padding=(0, *border))
    return out


def _kernels(weight: Tensor) -> tuple[Tensor, ...]:
    """What each of the four products has of the three taps [O, C, h, w]. Made anew for every chunk, which takes a fiftieth of
    what a chunk takes: kept, they would lie in memory beside what they were made from, and outlive it when weights change."""
    before, here, after = weight.float().unbind(2)
    ends, middle = (before + after) / 2, here / 2
    made = before, ends + middle, ends - middle, -after
    return tuple(kernel.to(weight.dtype) for kernel in made)


def _pair(x: Tensor, kernels: tuple[Tensor, ...], bias: Tensor | None, border: tuple[int, int], out: Tensor) -> None:
    """Writes into `out` [B, O, 2, H, W] what four frames [B, C, 4, H, W] give."""
    one, two, three, four = x.unbind(2)
    early, late = out.unbind(2)
    sums = F.conv2d(two + three, kernels[1], bias, padding=border)
    differences = F.conv2d(three - two, kernels[2], padding=border)
    torch.add(sums, differences, out=early)
    torch.sub(sums, differences, out=late)
    del sums, differences  # memory, not time: what comes now takes their place
    early += F.conv2d(one - three, kernels[0], padding=border)
    late += F.conv2d(two - four, kernels[3], padding=border)
