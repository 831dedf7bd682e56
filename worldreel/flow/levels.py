"""Noise levels: logit-normal (Esser et al. 2024, section 3.1), shifted towards noise for long sequences."""

import math

import torch
from torch import Tensor

HIGHEST_LEVEL = 1 - 17 * 2.0**-24
"""Stands for pure noise where its log-SNR must be finite: 1 - 1e-6, in single precision, as published samplers have it."""


def shifted(levels: Tensor, shift: float) -> Tensor:
    """t -> s t / (1 + (s - 1) t) (Esser et al. 2024, equation 23)."""
    return shift * levels / (1 + (shift - 1) * levels)


def length_shift(tokens: int, unshifted: int = 16, most: float = 8.0) -> float:
    """More tokens tell more of the same picture, so they need more noise to hide it: the square root of their ratio."""
    return min(most, max(1.0, math.sqrt(tokens / unshifted)))


def draw_levels(count: int, shift: float, generator: torch.Generator, spread: float = 1.6) -> Tensor:
    """[count] levels in (0, 1). `spread`: standard deviation of their logits, wider than 1, since both ends matter: where
    things are and where they go is settled at the highest levels, the finest grain at the lowest."""
    return shifted((spread * torch.randn(count, generator=generator)).sigmoid(), shift)
