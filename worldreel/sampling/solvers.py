"""Solvers: from one level to the next along the flow, by token. A token whose level stays does not move."""

from typing import Protocol

import torch
from torch import Tensor


class Solver(Protocol):
    """Made anew for each sample, since it may remember."""

    def step(self, tokens: Tensor, clean: Tensor, now: Tensor, then: Tensor) -> Tensor:
        """Tokens [N, C] of levels `now` [N], whose clean ones are believed to be `clean` [N, C], at levels `then` [N]."""


class Euler:
    """First order. dx/dt = (x - x_0) / t, so a step from t to u scales the distance to x_0 by u / t."""

    def step(self, tokens: Tensor, clean: Tensor, now: Tensor, then: Tensor) -> Tensor:
        keep = torch.where(now > 0, then / now.clamp(min=1e-12), torch.ones_like(now))[:, None]
        return torch.where(keep == 1, tokens, clean + (tokens - clean) * keep)


class Multistep:
    """Second order: Adams and Bashforth's two-step method on the velocity, for steps of any lengths, with coefficients by token.

    A token's first step, at the start or after it was held, is Euler's.
    """

    def __init__(self) -> None:
        self.velocity: Tensor | None = None
        self.length: Tensor | None = None

    def step(self, tokens: Tensor, clean: Tensor, now: Tensor, then: Tensor) -> Tensor:
        length = (then - now)[:, None]
        velocity = (tokens - clean) / now.clamp(min=1e-12)[:, None]
        slope = velocity
        if self.velocity is not None and self.length is not None:
            ratio = torch.where(self.length < 0, length / self.length.clamp(max=-1e-12), torch.zeros_like(length))
            slope = velocity + ratio / 2 * (velocity - self.velocity)
        self.velocity, self.length = velocity, length
        return torch.where(length < 0, tokens + length * slope, tokens)
