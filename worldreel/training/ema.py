"""The exponential moving average of weights, which samples better than the weights themselves."""

import copy

import torch
from torch import Tensor, nn


class Average:
    """A copy of the network whose weights follow the trained ones; early on it follows faster."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).requires_grad_(False).eval()
        self.decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        averaged: list[Tensor] = list(self.network.parameters())
        trained: list[Tensor] = list(network.parameters())
        torch._foreach_lerp_(averaged, trained, 1 - decay)
        for copied, buffer in zip(self.network.buffers(), network.buffers(), strict=True):
            copied.copy_(buffer)
