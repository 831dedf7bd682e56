"""Noise levels: logit-normal (Esser et al. 2024, section 3.1), shifted towards noise for long sequences."""

import math

import torch
from torch import Tensor


def shifted(levels: Tensor, shift: float) -> Tensor:
    """t -> s t / (1 + (s - 1) t) (Esser et al. 2024, equation 23)."""
    return shift * levels / (1 + (shift - 1) * levels)


def length_shift(tokens: int, unshifted: int = 32, most: float = 3.0) -> float:
    """More tokens tell more of the same picture, so they need more noise to hide it: the square root of their ratio."""
    return min(most, max(1.0, math.sqrt(tokens / unshifted)))


def draw_levels(count: int, shift: float, generator: torch.Generator) -> Tensor:
    """[count] levels in (0, 1)."""
    return shifted(torch.randn(count, generator=generator).sigmoid(), shift)
